#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The data path: small UDP packets from guest 1 and a TCP stream to it, through one bridge, with and without filters.
#
#   ROUNDS=7 MILLISECONDS=1000 BOUND="1 100 1000" BACKENDS="nftables iptables" bench/datapath.sh
#
# Filters take turns within each round, the unfiltered path among them, so that a slow moment meets all alike. A row is
# the median of the rounds; its percentage is of the unfiltered rate of the same block. Run it on a quiet machine.
cd "$(dirname "$0")/.." || exit 1
DATAPATH=$(cd "${SLUICE_BUILD:-build}" && pwd)/bench/datapath
if [ "${SLUICE_SANDBOX:-}" != yes ] || [ $$ != 1 ]; then
	export SLUICE_SANDBOX=yes
	exec unshare --mount --net --pid --fork --kill-child --mount-proc -- bash bench/datapath.sh "$@"
fi
# shellcheck source=tests/netns/lib.sh
. tests/netns/lib.sh
ROUNDS=${ROUNDS:-7} MILLISECONDS=${MILLISECONDS:-1000}
FILTERS=(none clean-traffic beside-learning learned bench-guide bench-100 bench-1000)

# The guide's custom filter (18.11 in tests/netns/guide.sh); for others that many port rules come first.
filter_xml() { # NAME COUNT
	echo "<filter name='$1'><filterref filter='clean-traffic'/>"
	seq -f "<rule action='accept' direction='in'><tcp dstportstart='%g'/></rule>" 1001 2 $((1000 + 2 * $2))
	cat <<-XML
		<rule action='accept' direction='in'><tcp dstportstart='22'/></rule>
		<rule action='accept' direction='in'><tcp dstportstart='80'/></rule>
		<rule action='accept' direction='out'><icmp/></rule>
		<rule action='accept' direction='out'><udp dstportstart='53'/></rule>
		<rule action='drop' direction='inout' priority='1000'><all/></rule></filter>
	XML
}
# clean-traffic, with the address given beside a port that learns, and with the address learned.
bind_beside_learning() {
	bind learns 52:54:00:02:00:01 clean-traffic CTRL_IP_LEARNING=dhcp && bind v1 "$(mac_of 1)" clean-traffic IP=10.9.0.11
}
bind_learned() {
	bind v1 "$(mac_of 1)" clean-traffic CTRL_IP_LEARNING=any || return
	for _ in $(seq 50); do
		in_ns g1 ping -c 1 -W 1 10.9.0.12 >/dev/null && return
	done
	echo "nothing is learned" >&2
	return 1
}
median() { sort -n | sed -n "$((ROUNDS / 2 + 1))p"; }

# One filter's turn: a line each in $WORK/FILTER.udp and .tcp
measure() { # FILTER
	unbind v1 >/dev/null
	case $1 in
	none) ;;
	beside-learning) bind_beside_learning || exit 1 ;;
	learned) bind_learned || exit 1 ;;
	*) bind v1 "$(mac_of 1)" "$1" IP=10.9.0.11 || exit 1 ;;
	esac
	[ "$1" = none ] || forget
	sleep 0.3 # the daemon sweeps, and br_netfilter is off where no filter needs it
	"$DATAPATH" udp g1 g2 10.9.0.12 53 "$MILLISECONDS" >>$WORK/"$1".udp || exit 1
	"$DATAPATH" tcp g2 g1 10.9.0.11 80 "$MILLISECONDS" >>$WORK/"$1".tcp || exit 1
	[ "$1" != beside-learning ] || unbind learns >/dev/null
}
block() { # BACKEND BOUND
	local filter n udp tcp none_udp none_tcp
	rm -f $WORK/*.udp $WORK/*.tcp
	for n in $(seq 2 "$2"); do
		bind "x$n" "$(printf '52:54:00:01:%02x:%02x' $((n / 256)) $((n % 256)))" clean-traffic \
			"IP=10.8.$((n / 256)).$((n % 256))" || exit 1
	done
	for _ in $(seq "$ROUNDS"); do
		for filter in "${FILTERS[@]}"; do
			measure "$filter"
		done
	done
	none_udp=$(median <$WORK/none.udp) none_tcp=$(median <$WORK/none.tcp)
	for filter in "${FILTERS[@]}"; do
		udp=$(median <$WORK/"$filter".udp) tcp=$(median <$WORK/"$filter".tcp)
		awk -v b="$1" -v n="$2" -v f="$filter" -v u="$udp" -v t="$tcp" -v nu="$none_udp" -v nt="$none_tcp" 'BEGIN {
			printf "%-9s %6d  %-15s %9.0f %6.1f %% %9.0f %6.1f %%\n", b, n, f, u, 100 * u / nu, t, 100 * t / nt }'
	done
}

# shellcheck disable=SC2119
make_host
make_guest 1
make_guest 2
echo "Linux $(uname -r), $(nproc) CPUs; medians of $ROUNDS rounds of $MILLISECONDS ms; sender on CPU 0, receiver on CPU 1"
echo "again: ROUNDS=$ROUNDS MILLISECONDS=$MILLISECONDS bench/datapath.sh"
printf '%-9s %6s  %-15s %9s %8s %9s %8s\n' 'back end' bound filter 'UDP pps' '' 'TCP Mb/s' ''
for backend in ${BACKENDS:-nftables iptables}; do
	backend_use "$backend"
	for bound in ${BOUND:-1 100 1000}; do
		daemon_start
		filter_xml bench-guide 0 | define_text >/dev/null || exit 1
		filter_xml bench-100 100 | define_text >/dev/null || exit 1
		filter_xml bench-1000 1000 | define_text >/dev/null || exit 1
		block "$backend" "$bound"
		unbind v1 >/dev/null
		for n in $(seq 2 "$bound"); do
			unbind "x$n" || exit 1
		done
		daemon_stop
	done
done

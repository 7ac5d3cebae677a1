#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What networks cost: starting and destroying one NAT network beside none, 9 and 49 others, and a reload and a restart
# with 30 that did not change. The client is virsh with its own clock (-t), the same for sluiced and for libvirt's
# daemon, where that is installed. A start has ended when dnsmasq serves: it is waited for.
#
#   SAMPLES=5 LEVELS="1 10 50" bench/networks.sh
cd "$(dirname "$0")/.." || exit 1
if [ "${SLUICE_SANDBOX:-}" != yes ] || [ $$ != 1 ]; then
	export SLUICE_SANDBOX=yes
	exec unshare --mount --net --pid --fork --kill-child --mount-proc -- bash bench/networks.sh "$@"
fi
# shellcheck source=tests/netns/lib.sh
. tests/netns/lib.sh
# shellcheck source=tests/netns/lib-net.sh
. tests/netns/lib-net.sh
for tool in virsh dnsmasq; do
	command -v $tool >/dev/null || { echo "networks: not measured, no $tool here" && exit 0; }
done
SAMPLES=${SAMPLES:-5} LEVELS=${LEVELS:-1 10 50}
read -r -a LEVEL_LIST <<<"$LEVELS"
MOST=${LEVEL_LIST[-1]} KEPT=30 MISSED=0
ip link set lo up
quiet_ipv6 host

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# report WHAT VALUE UNIT [TARGET]
report() {
	local verdict=
	if [ -n "${4:-}" ]; then
		verdict=$(awk -v v="$2" -v t="$4" 'BEGIN { print v <= t ? "met" : "MISSED" }')
		[ "$verdict" = met ] || MISSED=$((MISSED + 1))
		verdict=$(printf 'target %8.2f  %s' "$4" "$verdict")
	fi
	printf '%-58s %10.2f %-5s  %s\n' "$1" "$2" "$3" "$verdict"
}
v() { virsh -q -c "$URI" "$@" >$WORK/v.out 2>&1 || { cat $WORK/v.out >&2 && exit 1; }; }
# timed COMMAND NETWORK: milliseconds, without the time to connect
timed() { virsh -t -c "$URI" "net-list; $1 $2" 2>&1 | sed -n 's/.*(Time: \([0-9.]*\) ms).*/\1/p' | tail -1; }
since() { awk -v us="$(($(now_us) - $1))" 'BEGIN { print us / 1000 }'; }
now_us() { echo $(($(date +%s%N) / 1000)); }
xml() {
	echo "<network><name>n$1</name><forward mode='nat'/><bridge name='brn$1' stp='off'/>
		<ip address='10.100.$1.1' prefix='24'><dhcp><range start='10.100.$1.2' end='10.100.$1.254'/></dhcp></ip></network>"
}
# levels WHO [TARGET]
levels() {
	local running=0 level i
	for ((i = 1; i <= MOST; i++)); do
		xml $i >$WORK/n.xml
		v net-define $WORK/n.xml
	done
	for level in "${LEVEL_LIST[@]}"; do
		while [ $running -lt $((level - 1)) ]; do
			running=$((running + 1))
			v net-start n$running
		done
		: >$WORK/start
		: >$WORK/stop
		for ((i = 0; i < SAMPLES; i++)); do
			timed net-start "n$level" >>$WORK/start
			timed net-destroy "n$level" >>$WORK/stop
		done
		report "$1: net-start, $((level - 1)) others running" "$(median <$WORK/start)" ms "${2:-}"
		report "$1: net-destroy" "$(median <$WORK/stop)" ms
	done
	while [ $running -gt $KEPT ]; do
		v net-destroy n$running
		running=$((running - 1))
	done
	while [ $running -lt $KEPT ]; do
		running=$((running + 1))
		[ $running -le "$MOST" ] || { xml $running >$WORK/n.xml && v net-define $WORK/n.xml; }
		v net-start n$running
	done
}
reloads() { grep -c 'networks read again' $WORK/daemon.log; }
messages() { sluice version --verbose | sed -n 's/.*networks: .* \([0-9]*\) changes.*/\1/p'; }

# --- sluiced
mkdir -p $ROOT/etc/sluice
echo "log_level = info" >$ROOT/etc/sluice/sluice.conf
daemon_start
URI="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock"
levels sluice 60
for ((i = 0; i < SAMPLES; i++)); do
	before=$(reloads)
	begin=$(now_us)
	kill -HUP "$DAEMON"
	until [ "$(reloads)" -gt "$before" ]; do :; done
	since "$begin"
done >$WORK/us
report "sluice: reload, $KEPT networks unchanged" "$(median <$WORK/us)" ms 100
report "sluice: rules touched by it" "$(messages)" "" 0
for ((i = 0; i < SAMPLES; i++)); do
	daemon_kill
	begin=$(now_us)
	daemon_start
	since "$begin"
done >$WORK/us
report "sluice: restart, $KEPT networks unchanged" "$(median <$WORK/us)" ms
report "sluice: rules touched by it" "$(messages)" "" 0
daemon_stop

# --- libvirt
if ! libvirtd_start; then
	echo "libvirt: not measured, its daemon is not installed or does not start"
else
	SAMPLES=3 levels libvirt
	accepts() { nsenter -t "$LIBVIRTD" --net -- iptables -S LIBVIRT_FWO | grep -c ACCEPT; }
	begin=$(now_us)
	nsenter -t "$LIBVIRTD" --net -- iptables -F LIBVIRT_FWO
	kill -HUP "$LIBVIRTD"
	until [ "$(accepts)" = $KEPT ] || [ $(($(now_us) - begin)) -gt 60000000 ]; do sleep 0.05; done
	report "libvirt: reload, until all rules are back" $((($(now_us) - begin) / 1000)) ms
	libvirtd_stop
fi
echo "$MISSED targets missed"
exit $((MISSED > 0))

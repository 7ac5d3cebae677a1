#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks on iptables: what libvirt-tck looks for behind its networks (SLUICE_CORPUS/libvirt-tck/network), and the way
# from one back end to the other and back while a guest's connections go on.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq udhcpc iptables-restore ip6tables-restore iptables-save
CORPUS=${SLUICE_CORPUS:-../shared/corpus}/libvirt-tck/network
export LIBVIRT_DEFAULT_URI="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock"

quiet_ipv6 host
ip link set lo up
make_world 0
backend_use iptables
daemon_start

fold() { tr '[:upper:]' '[:lower:]' | sed -E 's/[[:space:]]+/ /g; s/ $//'; }
# listing FILE: its commands, each with its output
listing() {
	local line
	grep '^#' "$1" | while IFS= read -r line; do
		printf '%s\n' "$line"
		line=${line//gawk/awk} # any will do
		bash -c "${line#\#}" 2>/dev/null </dev/null
	done
}
if [ ! -d "$CORPUS" ]; then
	skip "libvirt-tck's networks" "$CORPUS is not there (SLUICE_CORPUS names the corpus)"
elif ! command -v virsh >/dev/null; then
	skip "libvirt-tck's networks" "its commands need virsh"
else
	for f in "$CORPUS"/*.dat; do
		name=$(basename "$f" .dat)
		check "$name is created" virsh -q net-create "${f%.dat}.xml"
		same "$name is what libvirt makes of it" "$(fold <"$f")" "$(listing "$f" | fold)"
		check "$name is destroyed" virsh -q net-destroy tck-testnet
		same "$name leaves nothing" "" "$(iptables-save | grep -F 10.1.2.; ip -o link show type bridge; pgrep -x dnsmasq)"
	done
fi

# --- from one back end to the other
cat >$WORK/lab.xml <<'XML'
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <bridge name='virbr7' stp='off'/>
  <ip address='10.7.0.1' prefix='24'><dhcp><host mac='52:54:00:00:07:11' ip='10.7.0.11'/></dhcp></ip>
</network>
XML
serve w0 tcp 80
TITLE=iptables
check "$TITLE: define" sluice net-define $WORK/lab.xml
check "$TITLE: start" sluice net-start lab
station g1 virbr7 52:54:00:00:07:11
same "$TITLE: a lease" 10.7.0.11 "$(dhcp g1)"
sees g1 tcp 192.0.0.2 80 "192.0.0.1 *"
rejected w0 tcp 10.7.0.11 80
check "$TITLE: the rules are there" grep -q LIBVIRT_ <(iptables-save)
same "$TITLE: and not in nftables" "" "$(nft list table inet sluice_networks 2>/dev/null)"
in_ns_exec g1 "$CONN" churn 192.0.0.2 80 $((6 * SLOW)) 3000 >$WORK/churn &
churn=$!
to() { # BACKEND: the next daemon has it; the one before is killed or stopped
	local start=$1
	backend_use "$2"
	"$start"
	daemon_start
}
to daemon_stop nftables
TITLE=nftables
check "$TITLE: the rules are there" nft list table inet sluice_networks
same "$TITLE: and not in iptables" "" "$(iptables-save | grep -E 'LIBVIRT|SLUICE')$(ip6tables-save | grep -E 'LIBVIRT|SLUICE')"
to daemon_kill iptables
TITLE="iptables again"
check "$TITLE: the rules are there" grep -q LIBVIRT_ <(iptables-save)
same "$TITLE: and not in nftables" "" "$(nft list table inet sluice_networks 2>/dev/null)"
wait $churn
read -r made failed longest <$WORK/churn
note "measured: $made connections while the back ends changed, $failed failed, the longest took $longest ms"
check "$TITLE: connections were made" test "$made" -gt 0
same "$TITLE: no connection failed" 0 "$failed"
sees g1 tcp 192.0.0.2 80 "192.0.0.1 *"
check "$TITLE: SIGHUP" kill -HUP "$DAEMON"
sees g1 tcp 192.0.0.2 80 "192.0.0.1 *"
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel held against what it should have: with every golden and shipped filter bound no difference is seen. What
# others change is foreign.sh's matter.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
M1=$(mac_of 1) M2=$(mac_of 2)
daemon_start

healthy() { check "$1: no difference" sluice check; }
# parameters FILE: its NAME=VALUE words
parameters() { [ ! -e "$1" ] || grep -o '[A-Z][A-Z0-9_]*=[^ ]*' "$1"; }

# --- every filter

# Definitions and bindings as a daemon finds them at its start: golden filters and shipped ones, each at a port of its
# own; the interfaces need not be there.
FILTERS=$ROOT/etc/sluice/nwfilter BINDINGS=$ROOT/run/sluice/nwfilter-binding
SHIPPED="IP=10.9.0.11 IPV6=fd00:9::11 DHCPSERVER=10.9.0.1 DHCPSERVERV6=fd00:9::1 GATEWAY_MAC=$HOST_MAC"
SHIPPED+=" ARP_RATE=5 BROADCAST_RATE=5 MULTICAST_RATE=5 ND_RATE=5"
daemon_stop
count=0
for xml in tests/golden/compile/*.xml nwfilter/filters/*.xml; do
	[[ $xml != */refused-* ]] || continue
	name=$(sed -n "s/^<filter name='\([^']*\)'.*/\1/p" "$xml")
	count=$((count + 1))
	if [[ $xml == tests/* ]]; then
		cp "$xml" "$FILTERS/$name.xml"
		mapfile -t with < <(parameters "${xml%.xml}.args")
	else
		read -r -a with <<<"$SHIPPED"
	fi
	binding_xml "port$count" "52:54:00:00:01:$(printf %02x $count)" "$name" "${with[@]}" >"$BINDINGS/port$count.xml"
done
: >$WORK/daemon.log
for optimize in yes no; do
	echo "optimize = $optimize" >$ROOT/etc/sluice/sluice.conf
	daemon_start
	same "optimize = $optimize: all ports are bound" "ports: $count" "$(sluice version --verbose | grep ^ports:)"
	same "optimize = $optimize: none is blocked" "" "$(grep -i 'block' $WORK/daemon.log)"
	healthy "optimize = $optimize"
	daemon_stop
	daemon_start
	healthy "optimize = $optimize, the daemon again"
	daemon_stop
done
rm $ROOT/etc/sluice/sluice.conf
daemon_start
for ((i = 1; i <= count; i += 4)); do unbind "port$i"; done
healthy "some ports are gone"
daemon_stop
rm $BINDINGS/*
daemon_start
healthy "all ports are gone"

# --- learned addresses

bind v2 "$M2" clean-traffic IP=10.9.0.12
bind v1 "$M1" clean-traffic-v6 CTRL_IP_LEARNING=any
healthy "nothing learned yet"
# sluice-snoop may be starting yet.
for _ in $(seq $((50 * SLOW))); do
	sluice nwfilter-lease-list | grep -q 10.9.0.11 && break
	sleep 0.1
	"$FRAME" send g1:eth0 "ether $M1 > ff:ff:ff:ff:ff:ff arp request 10.9.0.11 tell 10.9.0.11" >/dev/null
done
check "an address is learned" grep -q 10.9.0.11 <(sluice nwfilter-lease-list)
healthy "an address learned"

# --- nothing is left of what there was

daemon_stop
nft flush ruleset
daemon_start
healthy "everything deleted while there was no daemon"
probes "everything deleted while there was no daemon" g1:eth0 g2:eth0 <<EOF
pass the guest's address | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
drop another's address | ether $M1 > $M2 udp 10.9.0.99:1 > 10.9.0.12:2
drop another MAC address | ether 52:54:00:00:00:99 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
EOF
finish

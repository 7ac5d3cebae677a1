#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Addresses that a guest under clean-traffic learns by DHCPv4: with real clients and a real server, then every message
# made by hand, with CTRL_IP_LEARNING=dhcp and =any. SLUICE_BACKEND=iptables: the same on that back end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
make_host
make_guest 2
bare_guest 1
bare_guest 3
daemon_start
bind v2 $M2 clean-traffic IP=10.9.0.12 || not_ok "the neighbour is bound"

# --- real clients

cat >$WORK/udhcpc-script <<'XEOF'
#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface"
exit 0
XEOF
cat >$WORK/dhclient-script <<'XEOF'
#!/bin/sh
[ "$reason" = BOUND ] && ip addr add "$new_ip_address/24" dev "$interface"
exit 0
XEOF
chmod +x $WORK/*-script
own_address() { in_ns "g$1" ip -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }
client_udhcpc() {
	in_ns g1 udhcpc -i eth0 -n -q -t 10 -T 1 -s $WORK/udhcpc-script >$WORK/client.out 2>&1
}
client_dhclient() {
	in_ns g1 timeout $((20 * SLOW)) dhclient -1 -4 -cf /dev/null -sf $WORK/dhclient-script -pf $WORK/dhclient.pid -lf $WORK/dhclient.leases eth0 >$WORK/client.out 2>&1
}
release_udhcpc() { # udhcpc gives back what it has when it ends
	in_ns_exec g1 udhcpc -f -R -i eth0 -n -t 10 -T 1 -s $WORK/udhcpc-script >$WORK/client.out 2>&1 &
	local pid=$! i
	for ((i = 0; i < 50 * SLOW; i++)); do
		grep -q 'lease of' $WORK/client.out && break
		sleep 0.1
	done
	kill $pid
	wait $pid
}
release_dhclient() { in_ns g1 timeout $((20 * SLOW)) dhclient -r -4 -cf /dev/null -sf $WORK/dhclient-script -pf $WORK/dhclient.pid -lf $WORK/dhclient.leases eth0 >$WORK/client.out 2>&1; }

real() { # CLIENT METHOD
	local client=$1 method=$2 title="$1, $2" address
	command -v "$client" >/dev/null || { skip "$title" "no $client here" && return; }
	bind_guest 1 clean-traffic CTRL_IP_LEARNING="$method"
	check "$title: a lease" "client_$client"
	address=$(own_address 1)
	learned "$title" v1 "$address"
	only "$title" 1 "$address"
	same "$title: nothing but it is asked for: it answers" 1 "$(in_ns g2 ping -c 1 -W 2 "$address" 2>/dev/null | grep -c '1 received')"
	check "$title: given back" "release_$client"
	learned "$title, released" v1
	nothing "$title, released" 1 "$method" "$address"
	in_ns g1 ip -4 addr flush dev eth0
}
if command -v dnsmasq >/dev/null; then
	touch $WORK/dhclient.leases
	dnsmasq --conf-file=/dev/null --interface=br0 --bind-interfaces --port=0 --leasefile-ro --no-ping --pid-file= --user=root \
		--keep-in-foreground --dhcp-range=10.9.0.100,10.9.0.110,2m --dhcp-authoritative 2>$WORK/dnsmasq.log &
	DNSMASQ=$!
	real udhcpc dhcp
	real dhclient any
	kill $DNSMASQ
else
	skip "real clients" "no dnsmasq here"
fi

# --- each message, by hand

# cycle METHOD: one binding, from nothing to nothing
cycle() {
	local method=$1
	bind_guest 1 clean-traffic CTRL_IP_LEARNING="$method"
	nothing "$method: at first" 1 "$method" 10.9.0.50
	grant 1 10.9.0.50 600
	learned "$method: an ACK" v1 10.9.0.50
	OTHERS=10.9.0.51 only "$method: an ACK" 1 10.9.0.50
	grant 1 10.9.0.51 600
	learned "$method: an ACK for another address" v1 10.9.0.51
	OTHERS=10.9.0.50 only "$method: an ACK for another address" 1 10.9.0.51
	grant 1 10.9.0.52 600 client=01aabbccddeeff
	learned "$method: a second client" v1 10.9.0.51 10.9.0.52
	OTHERS=10.9.0.50 only "$method: a second client" 1 10.9.0.51 10.9.0.52
	ask 1 release ciaddr=10.9.0.52 from=10.9.0.52 to=$SERVER dst=$HOST_MAC server=$SERVER client=01aabbccddeeff
	learned "$method: RELEASE" v1 10.9.0.51
	OTHERS=10.9.0.52 only "$method: RELEASE" 1 10.9.0.51
	ask 1 decline asked=10.9.0.51 server=$SERVER
	learned "$method: DECLINE" v1
	nothing "$method: DECLINE" 1 "$method" 10.9.0.51
	grant 1 10.9.0.53 forever
	learned "$method: an infinite lease" v1 10.9.0.53
	check "$method: an infinite lease is called so" grep -Eq '10\.9\.0\.53.*(never|infinite)' <(sluice nwfilter-lease-list)
	ask 1 request asked=10.9.0.53
	answer 1 nak
	learned "$method: NAK" v1
	nothing "$method: NAK" 1 "$method" 10.9.0.53
}
cycle dhcp
cycle any
finish

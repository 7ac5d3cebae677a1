#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Addresses that a guest under clean-traffic learns by DHCPv4: with real clients and a real server, then every message
# made by hand, with CTRL_IP_LEARNING=dhcp and =any. SLUICE_BACKEND=iptables: the same on that back end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
make_ground 1 3
bind_neighbour clean-traffic

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
	: >$WORK/client.out # or the lease that an earlier one told of would do
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
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method"
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
granted_to() { # MAC ADDRESS: by dnsmasq, soon
	local i
	for ((i = 0; i < 40 * SLOW; i++)); do
		grep -q "DHCPACK(br0) $2 $1" $WORK/dnsmasq.log && return
		sleep 0.05
	done
	cat $WORK/dnsmasq.log
	return 1
}
# theft: a server lets anybody give back another's lease, and then take it. It is not learned by whom it did not belong to.
theft() {
	local address
	if ! command -v udhcpc >/dev/null; then
		skip "another's lease, given back and asked for" "no udhcpc here"
		return
	fi
	fresh 1 clean-traffic CTRL_IP_LEARNING=dhcp DHCPSERVER=$SERVER
	bind_guest 3 clean-traffic CTRL_IP_LEARNING=dhcp DHCPSERVER=$SERVER
	client_udhcpc
	address=$(own_address 1)
	learned "a lease of the server" v1 "$address"
	ask 3 release chaddr=$M1 client=01${M1//:/} ciaddr="$address" server=$SERVER dst=$HOST_MAC
	ask 3 request asked="$address" server=$SERVER
	check "the server grants another what was given back in its holder's name" granted_to $M3 "$address"
	unchanged "who has it keeps it" v1 "$address"
	learned "who took it has nothing" v3
	only "who has it keeps it" 1 "$address"
	unbind v3
	in_ns g1 ip -4 addr flush dev eth0
}
# made_up: dnsmasq answers INFORM by what its client wrote to ciaddr and yiaddr, with a time if that is asked for; no rate
# lets the INFORM be heard, and a request that no server hears has the same transaction.
made_up() {
	local address flood
	command -v udhcpc >/dev/null || { skip "an address that the guest made up" "no udhcpc here" && return; }
	fresh 1 clean-traffic CTRL_IP_LEARNING=dhcp DHCPSERVER=$SERVER
	client_udhcpc
	address=$(own_address 1)
	learned "a lease before INFORM" v1 "$address"
	ask 1 request client=0177 asked=10.9.0.77 dst=$M9
	"$DHCP" g1:eth0 v4 discover xid=1 src=$M1 dst=$M9 count=20000 gap_ms=1 &
	flood=$!
	sleep 0.5
	"$DHCP" g1:eth0 v4 inform xid=$XID src=$M1 dst=$HOST_MAC from="$address" to=$SERVER ciaddr=10.9.0.77 your=10.9.0.77 want=33
	check "the server sends back what the guest made up" granted_to $M1 10.9.0.77
	unchanged "an address that the guest made up" v1 "$address"
	only "an address that the guest made up" 1 "$address"
	kill $flood
	wait $flood 2>/dev/null
	in_ns g1 ip -4 addr flush dev eth0
}
if command -v dnsmasq >/dev/null; then
	touch $WORK/dhclient.leases
	dnsmasq --conf-file=/dev/null --interface=br0 --bind-interfaces --port=0 --leasefile-ro --no-ping --pid-file= --user=root \
		--keep-in-foreground --log-facility=- --dhcp-range=10.9.0.100,10.9.0.110,2m --dhcp-authoritative 2>$WORK/dnsmasq.log &
	DNSMASQ=$!
	real udhcpc dhcp
	real dhclient any
	theft
	made_up
	kill $DNSMASQ
else
	skip "real clients" "no dnsmasq here"
fi

# --- each message, by hand

# cycle METHOD: one binding, from nothing to nothing
cycle() {
	local method=$1
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method"
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

# --- time

renew() { # N ADDRESS SECONDS: as a client that has the address does (RFC 2131 4.3.2)
	ask "$1" request ciaddr="$2" from="$2" to=$SERVER dst=$HOST_MAC
	answer "$1" ack ciaddr="$2" your="$2" lease="$3"
}
# lifetimes METHOD
lifetimes() {
	local method=$1 begin
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method"
	begin=$(date +%s%N)
	grant 1 10.9.0.60 3
	learned "$method: a short lease" v1 10.9.0.60
	lasts "$method: a short lease" v1 10.9.0.60 "$begin" 3
	expired "$method: a short lease" 1 10.9.0.60 $END
	learned "$method: a short lease, expired" v1
	nothing "$method: a short lease, expired" 1 "$method" 10.9.0.60
	grant 1 10.9.0.61 3
	learned "$method: a lease to be renewed" v1 10.9.0.61
	renew 1 10.9.0.61 600
	sleep 3.2
	learned "$method: a renewal" v1 10.9.0.61
	OTHERS=10.9.0.60 only "$method: a renewal" 1 10.9.0.61
	begin=$(date +%s%N)
	renew 1 10.9.0.61 2
	lasts "$method: a renewal for less" v1 10.9.0.61 "$begin" 2
	expired "$method: a renewal for less" 1 10.9.0.61 $END
	learned "$method: a renewal for less, expired" v1
}
lifetimes dhcp
lifetimes any

# --- servers that are not trusted

# Guest 3 is one; its own filter does not know better.
rogue() { "$DHCP" g3:eth0 v4 "$1" xid=$XID "${@:2}" src=$M3 dst=$M1 server=10.9.0.13; }
# trust METHOD
trust() {
	local method=$1
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method" DHCPSERVER=10.9.0.99 DHCPSERVER=$SERVER
	ask 1 request asked=10.9.0.64
	rogue ack your=10.9.0.64 lease=600
	unchanged "$method: an ACK of another server" v1
	answer 1 ack your=10.9.0.64 lease=600 from=$SERVER server=10.9.0.13
	unchanged "$method: an ACK that names another server" v1
	said "$method: that is logged" "port 'v1': the DHCP server 10\.9\.0\.13 is not one of its servers"
	nothing "$method: not trusted" 1 "$method" 10.9.0.64
	answer 1 ack your=10.9.0.65 lease=600
	learned "$method: an ACK of the server" v1 10.9.0.65
	ask 1 request ciaddr=10.9.0.65 from=10.9.0.65
	rogue ack your=10.9.0.66 lease=600
	rogue nak
	unchanged "$method: later answers of another server" v1 10.9.0.65
	OTHERS="10.9.0.64 10.9.0.66" only "$method: trusted" 1 10.9.0.65
}
trust dhcp
trust any
# A filter on the other guest: it cannot answer in the server's name either.
bind_guest 3 clean-traffic IP=10.9.0.13
ask 1 request asked=10.9.0.67
rogue ack from=$SERVER server=$SERVER your=10.9.0.67 lease=600
unchanged "an ACK in the name of the server" v1 10.9.0.65
# Nor by its own address, which its filter lets pass: only the message says that it is the server's.
rogue ack from=10.9.0.13 server=$SERVER your=10.9.0.67 lease=600
rogue nak from=10.9.0.13 server=$SERVER
unchanged "an ACK and a NAK that name the server" v1 10.9.0.65
OTHERS=10.9.0.67 only "an ACK and a NAK that name the server" 1 10.9.0.65
unbind v3

# Who floods the guest with answers does not hide the server's. No guest here has ever begun this transaction.
FOREIGN=4000000000
# not_hidden_by LABEL FROM WORD...: who answers all the time
not_hidden_by() {
	local label=$1 from=$2 others
	shift 2
	fresh 1 clean-traffic CTRL_IP_LEARNING=dhcp DHCPSERVER=$SERVER
	"$DHCP" "$from" v4 ack xid=$FOREIGN your=10.9.0.99 lease=600 "$@" count=20000 gap_ms=1 &
	others=$!
	sleep 0.5
	grant 1 10.9.0.67 600
	learned "$label" v1 10.9.0.67
	kill $others
	wait $others 2>/dev/null
}
not_hidden_by "another guest that answers all the time" g3:eth0 src=$M3 dst=$M1 server=10.9.0.13
# What the server tells others, or all, is not counted as told to this guest: else another could have it told so much
# that this one's own answer is not read. ebtables cannot tell the one from the other.
if on_iptables; then
	skip "a server that answers others all the time" "on this back end it uses up the port's rate"
else
	not_hidden_by "a server that answers others all the time" :br0 src=$HOST_MAC dst=$ALL chaddr=$M9 server=$SERVER
fi

# --- what is no answer to this guest's question

# not_asked METHOD
not_asked() {
	local method=$1
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method"
	XID=$((XID + 1))
	answer 1 ack your=10.9.0.68 lease=600
	unchanged "$method: an ACK that was not asked for" v1
	ask 1 request asked=10.9.0.68
	answer 1 ack your=10.9.0.68 lease=600 chaddr=$M3
	unchanged "$method: an ACK for another chaddr" v1
	ask 1 request asked=10.9.0.68 chaddr=$M9
	answer 1 ack your=10.9.0.68 lease=600
	unchanged "$method: a request for another chaddr" v1
	ask 1 request asked=10.9.0.68 relay=10.9.0.1
	answer 1 ack your=10.9.0.68 lease=600
	unchanged "$method: a request that somebody relayed" v1
	ask 1 discover
	answer 1 ack your=10.9.0.68 lease=600
	unchanged "$method: an ACK to DISCOVER" v1
	ask 1 inform
	answer 1 ack your=10.9.0.68 lease=600
	unchanged "$method: an ACK to INFORM" v1
	ask 1 request asked=10.9.0.68
	answer 1 ack your=10.9.0.68 ciaddr=10.9.0.68 to=10.9.0.50 lease=600
	answer 1 ack your=10.9.0.68 ciaddr=10.9.0.50 lease=600
	answer 1 ack your=10.9.0.68 dst=$M9 chaddr=$M1 lease=600
	unchanged "$method: an ACK that is sent elsewhere than what it grants" v1
	ask 1 request asked=10.9.0.68 vlan=5
	answer 1 ack your=10.9.0.68 lease=600 vlan=5
	unchanged "$method: a lease behind a VLAN tag" v1
	ask 1 request asked=10.9.0.68
	answer 1 ack your=10.9.0.68 lease=600 vlan=5
	"$DHCP" g1:eth0 v4 ack xid=$XID src=$M1 dst=$M1 server=$SERVER your=10.9.0.68 lease=600
	unchanged "$method: an ACK behind a VLAN tag, and one of its own" v1
	nothing "$method: nothing was granted" 1 "$method" 10.9.0.68
	ask 1 discover rapid=1
	answer 1 ack your=10.9.0.69 lease=600 rapid=1
	learned "$method: rapid commit" v1 10.9.0.69
	OTHERS=10.9.0.68 only "$method: rapid commit" 1 10.9.0.69
}
not_asked dhcp
not_asked any

# --- addresses that a guest takes

arp() { "$FRAME" send "g$1:eth0" "ether $(mac_of "$1") > $ALL arp request $2 tell $2" >/dev/null; }
fresh 1 clean-traffic CTRL_IP_LEARNING=any
for address in 10.9.0.12 $SERVER; do arp 1 $address; done
unchanged "any: an address of the neighbour, one of the host" v1
said "any: that is logged" "port 'v1' claims 10\.9\.0\.12, which another port or the host has: not learned"
"$FRAME" send g1:eth0 "ether $M1 > $M2 udp 10.9.0.70:9 > 10.9.0.12:9" 5 >/dev/null
"$FRAME" send g1:eth0 "ether $M1 > $ALL arp request 10.9.0.70 tell 0.0.0.0" >/dev/null
"$FRAME" send g1:eth0 "ether $M1 > $ALL arp request 10.9.0.70 tell 10.9.0.70 sha $M9" >/dev/null
unchanged "any: IP packets, an ARP probe, ARP with another MAC address" v1
nothing "any: nothing is learned from those" 1 any 10.9.0.70 $SERVER
arp 1 10.9.0.70
learned "any: a free address" v1 10.9.0.70
arp 1 10.9.0.71
unchanged "any: a second one" v1 10.9.0.70
OTHERS=10.9.0.71 only "any: a free address" 1 10.9.0.70
grant 1 10.9.0.72 600
learned "any: a lease in its place" v1 10.9.0.72
OTHERS="10.9.0.70 10.9.0.71" only "any: a lease in its place" 1 10.9.0.72
fresh 1 clean-traffic CTRL_IP_LEARNING=dhcp
for address in 10.9.0.12 10.9.0.70; do arp 1 $address; done
unchanged "dhcp: ARP" v1
nothing "dhcp: ARP" 1 dhcp 10.9.0.70
grant 1 10.9.0.12 600
unchanged "dhcp: a lease of what another port has" v1
fresh 3 clean-traffic CTRL_IP_LEARNING=dhcp
grant 3 10.9.0.73 600
learned "another guest's lease" v3 10.9.0.73
grant 1 10.9.0.73 600
unchanged "dhcp: a lease of what another port has learned" v1
ask 3 release ciaddr=10.9.0.73 from=10.9.0.73 to=$SERVER dst=$HOST_MAC server=$SERVER
learned "another guest's lease, given back" v3
grant 1 10.9.0.73 600
learned "dhcp: free again" v1 10.9.0.73
only "dhcp: free again" 1 10.9.0.73
nothing "the other guest" 3 dhcp 10.9.0.73
finish

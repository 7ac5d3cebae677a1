#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Addresses and prefixes that a guest under clean-traffic-v6 learns by DHCPv6 and by neighbour discovery: with real
# clients and a real server, then every message made by hand, with CTRL_IP_LEARNING=dhcp and =any.
# SLUICE_BACKEND=iptables: the same on that back end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
make_ground 1 3
N2=fd00:9::12
bind_neighbour clean-traffic-v6 IPV6=$N2

NODES=33:33:00:00:00:01 SDUID=0003000152540000fefe SERVER6=fe80::5054:ff:fe00:fe
link_local() { echo "fe80::5054:ff:fe00:$1"; }
# ask6 N TYPE [WORD]..., answer6 N [WORD]..., grant6 N ADDRESS SECONDS [IAID]: as ask, answer, grant
ask6() {
	local n=$1 type=$2
	shift 2
	XID=$((XID + 1))
	"$DHCP" "g$n:eth0" v6 "$type" xid=$XID "$@" duid=000300015254000000"0$n" from="$(link_local "$n")" src="$(mac_of "$n")"
}
answer6() {
	local n=$1
	shift
	"$DHCP" :br0 v6 reply xid=$XID "$@" duid=000300015254000000"0$n" sduid=$SDUID src=$HOST_MAC dst="$(mac_of "$n")" \
		from=$SERVER6 to="$(link_local "$n")"
}
grant6() {
	ask6 "$1" request sduid=$SDUID ia="${4:-1},$2"
	answer6 "$1" ia="${4:-1},$2,$3"
}
# only6 TITLE N ADDRESS...: as only
only6() {
	local title=$1 n=$2 m a from= to=
	m=$(mac_of "$n")
	shift 2
	for a in "$@"; do
		from+="pass $a | ether $m > $M2 udp [$a]:9 > [$N2]:9"$'\n'
		from+="pass $a asks | ether $m > $M2 icmp6 $a > $N2 type 135 target $N2 slla $m ttl 255"$'\n'
		from+="pass $a answers | ether $m > $M2 icmp6 $a > $N2 type 136 target $a tlla $m ttl 255"$'\n'
		from+="drop $a with another MAC address | ether $M9 > $M2 udp [$a]:9 > [$N2]:9"$'\n'
		from+="drop $a at another MAC address | ether $m > $M2 icmp6 $a > $N2 type 136 target $a tlla $M9 ttl 255"$'\n'
		to+="pass to $a | ether $M2 > $m udp [$N2]:9 > [$a]:9"$'\n'
	done
	for a in $N2 fd00:9::1 fd00:9::77 ${OTHERS:-}; do
		from+="drop $a, not its own | ether $m > $M2 udp [$a]:9 > [$N2]:9"$'\n'
		from+="drop $a in an answer | ether $m > $M2 icmp6 $(link_local "$n") > $N2 type 136 target $a tlla $m ttl 255"$'\n'
	done
	probes "$title, from the guest" "g$n:eth0" g2:eth0 <<<"$from"
	probes "$title, to the guest" g2:eth0 "g$n:eth0" <<<"$to"
}
# nothing6 TITLE N dhcp|any [ADDRESS]...: as nothing
nothing6() {
	local title=$1 n=$2 method=$3 m ll a from= verdict=drop
	m=$(mac_of "$n") ll=$(link_local "$n")
	shift 3
	[ "$method" = dhcp ] || verdict=pass
	for a in "$@" $N2 fd00:9::77; do
		from+="drop $a | ether $m > $M2 udp [$a]:9 > [$N2]:9"$'\n'
	done
	probes "$title, from the guest" "g$n:eth0" g2:eth0 <<-EOF2
		${from}pass DHCPv6 | ether $m > 33:33:00:01:00:02 udp [$ll]:546 > [ff02::1:2]:547
		drop DHCPv6 of another MAC address | ether $M9 > 33:33:00:01:00:02 udp [$ll]:546 > [ff02::1:2]:547
		pass duplicate address detection | ether $m > 33:33:ff:00:00:0$n icmp6 :: > ff02::1:ff00:$n type 135 target $ll bare ttl 255
		pass a router solicitation | ether $m > 33:33:00:00:00:02 icmp6 $ll > ff02::2 type 133 bare ttl 255
		drop a router advertisement | ether $m > $NODES icmp6 $ll > ff02::1 type 134 ttl 255
		drop an echo request | ether $m > $M2 icmp6 $ll > $N2 echo-request
		drop IPv4 | ether $m > $M2 udp 10.9.0.50:9 > 10.9.0.12:9
	EOF2
	probes "$title, to the guest" g2:eth0 "g$n:eth0" <<-EOF2
		$verdict what is no answer | ether $M2 > $m udp [$N2]:9 > [fd00:9::50]:9
		pass a neighbour's question | ether $M2 > $m icmp6 $N2 > $ll type 135 target $ll slla $M2 ttl 255
	EOF2
	probes "$title, from the server" :br0 "g$n:eth0" <<-EOF2
		pass an answer | ether $HOST_MAC > $m udp [$SERVER6]:547 > [$ll]:546
	EOF2
}

# says6 N ADDRESS: announced as its own
says6() { "$FRAME" send "g$1:eth0" "ether $(mac_of "$1") > $NODES icmp6 $2 > ff02::1 type 136 target $2 tlla $(mac_of "$1") ttl 255" >/dev/null; }

# --- each message, by hand

cycle6() {
	local method=$1 begin beside=
	fresh 1 clean-traffic-v6 CTRL_IP_LEARNING="$method"
	nothing6 "$method: at first" 1 "$method" fd00:9::50
	grant6 1 fd00:9::50 600
	learned "$method: a REPLY" v1 fd00:9::50
	OTHERS=fd00:9::51 only6 "$method: a REPLY" 1 fd00:9::50
	grant6 1 fd00:9::51 600
	learned "$method: a REPLY with another address" v1 fd00:9::51
	OTHERS=fd00:9::50 only6 "$method: a REPLY with another address" 1 fd00:9::51
	grant6 1 fd00:9::52 600 2
	learned "$method: a second association" v1 fd00:9::51 fd00:9::52
	OTHERS=fd00:9::50 only6 "$method: a second association" 1 fd00:9::51 fd00:9::52
	ask6 1 release sduid=$SDUID ia=2,fd00:9::52
	learned "$method: RELEASE" v1 fd00:9::51
	ask6 1 decline sduid=$SDUID ia=1,fd00:9::51
	learned "$method: DECLINE" v1
	nothing6 "$method: DECLINE" 1 "$method" fd00:9::51
	ask6 1 solicit rapid=1 ia=1
	answer6 1 rapid=1 ia=1,fd00:9::53,forever
	learned "$method: rapid commit" v1 fd00:9::53
	ask6 1 renew sduid=$SDUID ia=1,fd00:9::53
	answer6 1 ia=1,fd00:9::53,0
	learned "$method: taken back at RENEW" v1
	# A prefix: every address in it.
	ask6 1 request sduid=$SDUID pd=7
	answer6 1 pd=7,2001:db8:50::/56,600
	learned "$method: a delegated prefix" v1 2001:db8:50::/56
	# A router has an address of its own beside it, which only "any" lets it claim.
	says6 1 fd00:9::55
	[ "$method" = dhcp ] || beside=fd00:9::55
	# shellcheck disable=SC2086 # none, or one
	unchanged "$method: an address beside the prefix" v1 2001:db8:50::/56 $beside
	# shellcheck disable=SC2086
	OTHERS="2001:db8:50:100::1 2001:db8:4f:ffff::1" only6 "$method: a delegated prefix" 1 2001:db8:50::1 2001:db8:50:ff::9 $beside
	ask6 1 release sduid=$SDUID pd=7,2001:db8:50::/56
	# shellcheck disable=SC2086
	learned "$method: a prefix given back" v1 $beside
	# Time.
	begin=$(date +%s%N)
	grant6 1 fd00:9::60 2
	learned "$method: a short lease" v1 fd00:9::60
	lasts "$method: a short lease" v1 fd00:9::60 "$begin" 2
	for _ in $(seq $((60 * SLOW))); do
		[ -n "$(addresses v1)" ] || break
		sleep 0.05
	done
	check "$method: a short lease ends in time" test $(($(date +%s%N) - END)) -lt $((1000000000 * SLOW))
	nothing6 "$method: a short lease, expired" 1 "$method" fd00:9::60
	grant6 1 fd00:9::61 3
	learned "$method: a lease to be renewed" v1 fd00:9::61
	ask6 1 renew sduid=$SDUID ia=1,fd00:9::61
	answer6 1 ia=1,fd00:9::61,600
	sleep 3.1
	learned "$method: RENEW" v1 fd00:9::61
	only6 "$method: RENEW" 1 fd00:9::61
}
cycle6 dhcp
cycle6 any

# --- no answer to this guest's question

refused6() {
	local method=$1
	fresh 1 clean-traffic-v6 CTRL_IP_LEARNING="$method" DHCPSERVERV6=$SERVER6
	XID=$((XID + 1))
	answer6 1 ia=1,fd00:9::64,600
	unchanged "$method: a REPLY that was not asked for" v1
	ask6 1 solicit ia=1
	answer6 1 ia=1,fd00:9::64,600
	unchanged "$method: a REPLY to SOLICIT" v1
	ask6 1 request sduid=$SDUID ia=1
	answer6 1 ia=1,fd00:9::64,600 duid=0003000152540000aaaa
	unchanged "$method: a REPLY for another DUID" v1
	answer6 1 ia=1,fd00:9::64,600 sduid=0003000152540000bbbb
	unchanged "$method: a REPLY of a server that was not asked" v1
	answer6 1 ia=1,fd00:9::64,600 status=1
	unchanged "$method: a REPLY that failed" v1
	ask6 1 request sduid=$SDUID ia=1
	"$DHCP" g3:eth0 v6 reply xid=$XID duid=00030001525400000001 sduid=$SDUID src=$M3 dst=$M1 from=fe80::3 to="$(link_local 1)" ia=1,fd00:9::64,600
	unchanged "$method: a REPLY of a server that is not trusted" v1
	ask6 1 request sduid=$SDUID ia=1 vlan=5
	answer6 1 ia=1,fd00:9::64,600 vlan=5
	unchanged "$method: a lease behind a VLAN tag" v1
	nothing6 "$method: nothing was granted" 1 "$method" fd00:9::64
	grant6 1 $N2 600
	unchanged "$method: what the neighbour has" v1
	grant6 1 fd00:9::64 600
	learned "$method: a REPLY of the server" v1 fd00:9::64
}
refused6 dhcp
refused6 any
# A guest may take any link-local address, the server's, too; its filter does not let it answer.
bind_guest 3 clean-traffic-v6 IP=10.9.0.13 IPV6=fd00:9::13
ask6 1 request sduid=$SDUID ia=1
"$DHCP" g3:eth0 v6 reply xid=$XID duid=00030001525400000001 sduid=$SDUID src=$M3 dst=$M1 from=$SERVER6 to="$(link_local 1)" ia=1,fd00:9::65,600
unchanged "a REPLY in the name of the server" v1 fd00:9::64
unbind v3

# --- neighbour discovery

probe6() { "$FRAME" send g1:eth0 "ether $M1 > 33:33:ff:00:00:${1##*:} icmp6 :: > ff02::1:ff00:${1##*:} type 135 target $1 bare ttl 255" >/dev/null; }
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=any
begin=$(date +%s%N)
probe6 fd00:9::70
learned "any: nobody objects" v1 fd00:9::70
check "any: for a second" test $(($(date +%s%N) - begin)) -ge 1000000000
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=any
probe6 fd00:9::70
sleep 0.3
# Stopped, or the second might pass meanwhile.
kill -STOP "$DAEMON"
nothing6 "any: duplicate address detection: not yet" 1 any fd00:9::70
kill -CONT "$DAEMON"
learned "any: nobody objected meanwhile" v1 fd00:9::70
OTHERS=fd00:9::71 only6 "any: nobody objects" 1 fd00:9::70
says6 1 fd00:9::71
unchanged "any: a second address" v1 fd00:9::70
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=any
probe6 fd00:9::71
sleep 0.2
says6 3 fd00:9::71
sleep 1.1
unchanged "any: another guest objects" v1
says6 1 fd00:9::72
learned "any: an address that is announced" v1 fd00:9::72
OTHERS=fd00:9::71 only6 "any: an address that is announced" 1 fd00:9::72
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=any
"$FRAME" send g1:eth0 "ether $M1 > 33:33:ff:00:00:12 icmp6 fd00:9::73 > ff02::1:ff00:12 type 135 target $N2 slla $M1 ttl 255" >/dev/null
learned "any: an address that asks" v1 fd00:9::73
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=any
says6 1 $N2
says6 1 fd00:9::1
"$FRAME" send g1:eth0 "ether $M1 > $M2 udp [fd00:9::74]:9 > [$N2]:9" 3 >/dev/null
unchanged "any: the neighbour's address, the host's, a packet" v1
said "any: that is logged" "port 'v1' claims fd00:9::1?[12]?, which another port or the host has: not learned"
fresh 1 clean-traffic-v6 CTRL_IP_LEARNING=dhcp
says6 1 fd00:9::74
probe6 fd00:9::74
sleep 1
unchanged "dhcp: neighbour discovery" v1

# --- both families: each by its own state

grant6 1 fd00:9::50 600
learned "IPv6 first" v1 fd00:9::50
only6 "IPv6 first" 1 fd00:9::50
probes "IPv6 first" g1:eth0 g2:eth0 <<-EOF2
	drop IPv4 | ether $M1 > $M2 udp 10.9.0.50:9 > 10.9.0.12:9
	drop ARP | ether $M1 > $ALL arp request 10.9.0.12 tell 10.9.0.50
	pass DHCP | ether $M1 > $ALL udp 0.0.0.0:68 > 255.255.255.255:67
EOF2
grant 1 10.9.0.50 600
learned "both" v1 10.9.0.50 fd00:9::50
only6 "both" 1 fd00:9::50
only "both" 1 10.9.0.50
ask6 1 release sduid=$SDUID ia=1,fd00:9::50
learned "IPv4 alone" v1 10.9.0.50
only "IPv4 alone" 1 10.9.0.50
probes "IPv4 alone" g1:eth0 g2:eth0 <<-EOF2
	drop IPv6 | ether $M1 > $M2 udp [fd00:9::50]:9 > [$N2]:9
	pass DHCPv6 | ether $M1 > 33:33:00:01:00:02 udp [$(link_local 1)]:546 > [ff02::1:2]:547
EOF2

# --- real clients

cat >$WORK/dhclient-script <<'XEOF'
#!/bin/sh
[ "$reason" = BOUND6 ] && ip -6 addr add "$new_ip6_address/128" dev "$interface" nodad
exit 0
XEOF
chmod +x $WORK/dhclient-script
printf 'duid ll\nnoipv6rs\nipv6only\nnohook resolv.conf\ninterface eth0\n\tia_na 1\n' >$WORK/dhcpcd.conf
touch $WORK/dhclient.leases
own_address() { in_ns g3 ip -6 -o addr show dev eth0 scope global | awk '{ sub("/.*", "", $4); print $4 }'; }
dhclient6() {
	in_ns g3 timeout $((20 * SLOW)) dhclient -6 "$@" -D LL -cf /dev/null -sf $WORK/dhclient-script -pf $WORK/dhclient.pid -lf $WORK/dhclient.leases eth0
}
start_dhclient() { dhclient6 -1; }
end_dhclient() { dhclient6 -r; }
start_dhcpcd() {
	in_ns_exec g3 dhcpcd -6 -B -f $WORK/dhcpcd.conf eth0 >$WORK/dhcpcd.out 2>&1 &
	CLIENT=$!
	for _ in $(seq $((100 * SLOW))); do
		[ -z "$(own_address)" ] || return 0
		sleep 0.1
	done
	cat $WORK/dhcpcd.out
	return 1
}
end_dhcpcd() { # gives its lease back
	kill -ALRM $CLIENT
	wait $CLIENT
	return 0
}
real6() { # CLIENT METHOD
	local title="$1, $2" address
	command -v "$1" >/dev/null || { skip "$title" "no $1 here" && return; }
	fresh 3 clean-traffic-v6 CTRL_IP_LEARNING="$2"
	"start_$1" >$WORK/client.out 2>&1
	check_status "$title: a lease" $?
	address=$(own_address)
	learned "$title" v3 "$address"
	only6 "$title" 3 "$address"
	"end_$1" >$WORK/client.out 2>&1
	check_status "$title: given back" $?
	learned "$title, released" v3
	nothing6 "$title, released" 3 "$2" "$address"
	in_ns g3 ip -6 addr flush dev eth0 scope global
}
if command -v dnsmasq >/dev/null; then
	in_ns g3 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
	in_ns g3 ip -6 addr flush dev eth0 scope global
	dnsmasq --conf-file=/dev/null --interface=br0 --bind-interfaces --port=0 --leasefile-ro --no-ping --pid-file= --user=root \
		--keep-in-foreground --dhcp-range=fd00:9::100,fd00:9::1ff,64,2m --dhcp-authoritative 2>$WORK/dnsmasq.log &
	DNSMASQ=$!
	real6 dhclient dhcp
	real6 dhcpcd dhcp
	kill $DNSMASQ
else
	skip "real clients" "no dnsmasq here"
fi
finish

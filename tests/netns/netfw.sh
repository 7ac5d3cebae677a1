#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The firewall of networks: what passes in each mode, whose address the other side sees, port forwards, and that no
# connection is lost and no packet leaves untranslated while the rules change and the program that changes them dies.
#
# The host's own namespace has the bridges virbr0 (10.1.0.1/24, guests a1, a2) and virbr1 (10.2.0.1/24, guest b1); the
# namespace "out" lies behind its interface up0 and knows the way to the guests' networks, so that only rules keep it out.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
NETFW=$BUILD/tests/netfw
BACKEND=nft

make_bridge() { # NAME NUMBER
	ip link add "$1" type bridge mcast_snooping 0
	ip addr add "10.$2.0.1/24" dev "$1"
	ip addr add "fd0$2::1/64" dev "$1" nodad
	ip link set "$1" up
}
make_station() { # NAME BRIDGE NUMBER HOST-PART
	ip netns add "$1"
	quiet_ipv6 "$1"
	in_ns "$1" ip link set lo up
	ip link add "t-$1" type veth peer name eth0 netns "$1"
	in_ns "$1" ip addr add "10.$3.0.$4/24" dev eth0
	in_ns "$1" ip addr add "fd0$3::$4/64" dev eth0 nodad
	in_ns "$1" ip link set eth0 up
	in_ns "$1" ip route add default via "10.$3.0.1"
	in_ns "$1" ip route add default via "fd0$3::1"
	ip link set "t-$1" master "$2" up
	sysctl -qw "net.ipv6.conf.t-$1.disable_ipv6=1" 2>/dev/null
}
quiet_ipv6 host
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
make_bridge virbr0 1
make_bridge virbr1 2
make_station a1 virbr0 1 11
make_station a2 virbr0 1 12
make_station b1 virbr1 2 11
ip netns add out
quiet_ipv6 out
in_ns out ip link set lo up
ip link add up0 type veth peer name eth0 netns out
for address in 192.0.2.1/24 192.0.2.50/24 192.0.2.51/24; do ip addr add $address dev up0; done
ip addr add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
in_ns out ip addr add 192.0.2.2/24 dev eth0
in_ns out ip addr add 2001:db8::2/64 dev eth0 nodad
in_ns out ip link set eth0 up
for n in 1 2; do
	in_ns out ip route add 10.$n.0.0/24 via 192.0.2.1
	in_ns out ip route add fd0$n::/64 via 2001:db8::1
done
for station in a1 a2 b1; do serve $station tcp 80 81 82 5000 udp 80 5000 5001 5009; done
serve out tcp 80 udp 80
serve host tcp 53 udp 53

# spec LINE…: into a file, then into the kernel
spec() { printf '%s\n' "$@" >$WORK/spec; }
apply() {
	spec "$@"
	TITLE="$BACKEND $LABEL"
	"$NETFW" apply $BACKEND $WORK/spec >$WORK/sent 2>&1 || not_ok "$TITLE: apply: $(cat $WORK/sent)"
	forget_connections
}
# A new case must not live on connections of the one before: sources and identifiers are new, so nothing is to be done
# but to let neighbours be learned.
forget_connections() { ip neigh flush all 2>/dev/null; }
mac_in() { in_ns "$1" ip -o link show "$2" | sed 's/.*ether \([^ ]*\) .*/\1/'; }
# stray VERDICT: packets that belong to no connection
stray() {
	cat <<-END
		$1 a reset of no connection | ether $(mac_in a1 eth0) > $(mac_in host virbr0) tcp 10.1.0.11:4000 > 192.0.2.2:80 rst
		$1 flags that cannot be | ether $(mac_in a1 eth0) > $(mac_in host virbr0) tcp 10.1.0.11:4001 > 192.0.2.2:80 syn fin
	END
}
A4="subnet 10.1.0.1/24" A6="subnet fd01::1/64" B4="subnet 10.2.0.1/24" B6="subnet fd02::1/64"

LABEL="no networks"
apply
sees a1 tcp 192.0.2.2 80 "10.1.0.11 *"
sees out tcp 10.1.0.11 80 "192.0.2.2 *"
sees a1 tcp 10.2.0.11 80 "10.1.0.11 *"
sees a1 tcp fd02::11 80 "fd01::11 *"
probes "$TITLE" a1:eth0 out:eth0 < <(stray pass)

modes() {
	LABEL="nat"
	apply "a virbr0 nat $A4 $A6 dhcp4 dns" "b virbr1 nat $B4 $B6 dhcp4 dns"
	sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
	sees a1 udp 192.0.2.2 80 "192.0.2.1 *"
	connects a1 icmp 192.0.2.2
	sees a1 tcp 2001:db8::2 80 "fd01::11 *"
	sees out tcp fd01::11 80 "2001:db8::2 *"
	rejected out tcp 10.1.0.11 80
	rejected out udp 10.1.0.11 80
	rejected a1 tcp 10.2.0.11 80
	rejected a1 udp 10.2.0.11 80
	sees a1 tcp 10.1.0.12 80 "10.1.0.11 *"
	sees a1 tcp fd01::12 80 "fd01::11 *"
	sees a1 tcp 10.1.0.1 53 "10.1.0.11 *"
	sees host tcp 10.1.0.11 80 "10.1.0.1 *"
	in_ns a1 ip addr add 10.9.9.9/32 dev eth0
	in_ns a1 ip route add 192.0.2.2/32 via 10.1.0.1 src 10.9.9.9
	in_ns out ip route add 10.9.9.9/32 via 192.0.2.1
	blocked a1 tcp 192.0.2.2 80
	in_ns a1 ip route del 192.0.2.2/32
	in_ns a1 ip addr del 10.9.9.9/32 dev eth0
	in_ns out ip route del 10.9.9.9/32

	# iptables keeps libvirt's rules, which let it out with the guest's address.
	[ $BACKEND = iptables ] || probes "$TITLE" a1:eth0 out:eth0 < <(stray drop)

	LABEL="nat66"
	apply "a virbr0 nat nat66 $A4 $A6"
	sees a1 tcp 2001:db8::2 80 "2001:db8::1 *"
	rejected out tcp fd01::11 80

	LABEL="nat to addresses and ports"
	apply "a virbr0 nat $A4 nat 192.0.2.50 192.0.2.51 ports 5000 5099"
	sees a1 tcp 192.0.2.2 80 "192.0.2.5[01] 50[0-9][0-9]"
	sees a1 udp 192.0.2.2 80 "192.0.2.5[01] 50[0-9][0-9]"
	connects a1 icmp 192.0.2.2

	LABEL="nat through dev"
	apply "a virbr0 nat dev up0 $A4" "b virbr1 nat dev up1 $B4"
	sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
	rejected b1 tcp 192.0.2.2 80

	LABEL="two subnets"
	in_ns a2 ip addr add 10.3.0.12/24 dev eth0
	ip addr add 10.3.0.1/24 dev virbr0
	in_ns a2 ip route replace default via 10.3.0.1 src 10.3.0.12
	in_ns out ip route add 10.3.0.0/24 via 192.0.2.1
	apply "a virbr0 nat $A4 subnet 10.3.0.1/24"
	sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
	sees a2 tcp 192.0.2.2 80 "192.0.2.1 *"
	rejected out tcp 10.3.0.12 80
	in_ns a2 ip route replace default via 10.1.0.1
	in_ns a2 ip addr del 10.3.0.12/24 dev eth0
	in_ns out ip route del 10.3.0.0/24
	ip addr del 10.3.0.1/24 dev virbr0

	LABEL="route"
	apply "a virbr0 route $A4 $A6" "b virbr1 none $B4 $B6"
	sees a1 tcp 192.0.2.2 80 "10.1.0.11 *"
	sees a1 tcp 2001:db8::2 80 "fd01::11 *"
	sees out tcp 10.1.0.11 80 "192.0.2.2 *"
	sees out tcp fd01::11 80 "2001:db8::2 *"

	LABEL="isolated"
	rejected a1 tcp 10.2.0.11 80
	rejected a1 tcp fd02::11 80
	rejected out tcp 10.2.0.11 80
	rejected b1 tcp 192.0.2.2 80
	rejected b1 tcp 2001:db8::2 80
	sees b1 tcp 10.2.0.1 53 "10.2.0.11 *"
	# iptables keeps libvirt's order, where a routed network's accept comes before the isolated one's reject.
	[ $BACKEND = iptables ] || rejected b1 tcp 10.1.0.11 80
	apply "a virbr0 none $A4 $A6"
	sees a1 tcp 10.1.0.12 80 "10.1.0.11 *"
	sees a1 tcp fd01::12 80 "fd01::11 *"

	LABEL="open"
	apply "a virbr0 open $A4 $A6" "b virbr1 open $B4"
	sees a1 tcp 192.0.2.2 80 "10.1.0.11 *"
	sees out tcp 10.1.0.11 80 "192.0.2.2 *"
	sees a1 tcp 10.2.0.11 80 "10.1.0.11 *"

	LABEL="allow"
	apply "a virbr0 nat $A4 nat66 $A6" "b virbr1 nat $B4 nat66 $B6 allow a"
	sees a1 tcp 10.2.0.11 80 "10.1.0.11 *"
	sees a1 udp 10.2.0.11 80 "10.1.0.11 *"
	sees a1 tcp fd02::11 80 "fd01::11 *"
	rejected b1 tcp 10.1.0.11 80
	rejected b1 udp 10.1.0.11 80
	sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"

	LABEL="allow, an isolated network"
	in_ns b1 ip route del default
	apply "a virbr0 nat $A4" "b virbr1 none $B4 allow a allow gone"
	sees a1 tcp 10.2.0.11 80 "10.2.0.1 *"
	in_ns b1 ip route add default via 10.2.0.1
	rejected b1 tcp 10.1.0.11 80
	rejected b1 tcp 192.0.2.2 80
}

forwards() {
	LABEL="port forwards"
	apply "a virbr0 nat $A4 $A6 dns forward tcp any 8080 8080 10.1.0.11 80 forward udp any 5000 5009 10.1.0.11 5000 \
		forward tcp any 9000 9002 10.1.0.11 80 forward tcp any 8080 8080 fd01::11 80 forward tcp 192.0.2.50 5000 5000 10.1.0.12 5000 \
		forward tcp any 53 53 10.1.0.11 81" "b virbr1 nat $B4"
	sees out tcp 192.0.2.1 8080 "192.0.2.2 *"
	sees out tcp 192.0.2.50 8080 "192.0.2.2 *"
	sees out udp 192.0.2.1 5001 "192.0.2.2 *"
	sees out udp 192.0.2.1 5009 "192.0.2.2 *"
	sees out tcp 192.0.2.1 9000 "192.0.2.2 *"
	sees out tcp 192.0.2.1 9002 "192.0.2.2 *"
	sees out tcp 2001:db8::1 8080 "2001:db8::2 *"
	sees out tcp 192.0.2.50 5000 "192.0.2.2 *"
	rejected out tcp 192.0.2.1 5000
	rejected out tcp 192.0.2.1 9003
	rejected out tcp 10.1.0.11 80
	local call before
	before=$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)
	for call in ${before:+1} 0; do
		[ -z "$before" ] || sysctl -qw net.bridge.bridge-nf-call-iptables="$call" net.bridge.bridge-nf-call-ip6tables="$call"
		TITLE="$BACKEND hairpin, bridge-nf-call-iptables=$call"
		sees a2 tcp 192.0.2.1 8080 "10.1.0.1 *"
		sees a2 udp 192.0.2.1 $((5001 + call * 8)) "10.1.0.1 *"
		sees a2 tcp 2001:db8::1 8080 "fd01::1 *"
		# With br_netfilter the bridge would have to send the frame back through the port that it came from.
		[ "$call" = 1 ] || sees a1 tcp 192.0.2.1 8080 "10.1.0.1 *"
	done
	[ -z "$before" ] || sysctl -qw net.bridge.bridge-nf-call-iptables="$before" net.bridge.bridge-nf-call-ip6tables="$before"
	TITLE="$BACKEND port forwards for another network"
	sees b1 tcp 192.0.2.1 8080 "10.1.0.1 *"
	rejected b1 tcp 10.1.0.11 80
	TITLE="$BACKEND port forwards from the host"
	sees host tcp 192.0.2.1 8080 "192.0.2.1 *"
	sees host tcp 2001:db8::1 8080 "2001:db8::1 *"
	rejected host tcp 127.0.0.1 8080
	rejected host tcp ::1 8080
	TITLE="$BACKEND the bridges' own services"
	sees a2 tcp 10.1.0.1 53 "10.1.0.12 *"
	sees out tcp 192.0.2.1 53 "192.0.2.2 *"

	LABEL="port forwards with dev"
	apply "a virbr0 nat dev up0 $A4 forward tcp any 8080 8080 10.1.0.11 80" "b virbr1 nat dev virbr0 $B4 forward tcp any 8081 8081 10.2.0.11 80"
	sees out tcp 192.0.2.1 8080 "192.0.2.2 *"
	sees a2 tcp 192.0.2.1 8080 "10.1.0.1 *"
	rejected out tcp 192.0.2.1 8081
	sees host tcp 192.0.2.1 8081 "192.0.2.1 *"

	LABEL="a port forward goes while a connection is open"
	apply "a virbr0 nat $A4 forward tcp any 8080 8080 10.1.0.11 80"
	in_ns_exec out "$CONN" talk 192.0.2.1 8080 2 >$WORK/talk &
	local talk=$! status
	sleep 0.5
	apply "a virbr0 nat $A4"
	rejected out tcp 192.0.2.1 8080
	wait $talk
	status=$?
	same "$TITLE: the connection lives" 0 "$status"
}

# Guests connect through NAT and in through port forwards, while specifications change as fast as they can.
changes() { # SECONDS KILLS
	local i pids=() programs result f latest longest="" ok=0 failed=0 changer
	LABEL="changes"
	spec "a virbr0 nat $A4 $A6 nat66 dns forward tcp any 8080 8080 10.1.0.11 80"
	cp $WORK/spec $WORK/one
	spec "a virbr0 nat $A4 $A6 nat66 dns dhcp4 forward tcp any 7000 7003 10.1.0.11 5000 forward tcp any 8080 8080 10.1.0.11 80" "b virbr1 nat $B4 allow a"
	cp $WORK/spec $WORK/two
	spec "b virbr1 none $B4" "a virbr0 nat $A4 $A6 nat66 ports 2000 60000 tftp forward udp any 7000 7003 10.1.0.11 5000 forward tcp any 8080 8080 10.1.0.11 80"
	cp $WORK/spec $WORK/three
	cp $WORK/one $WORK/spec
	TITLE="$BACKEND $LABEL"
	"$NETFW" apply $BACKEND $WORK/one >/dev/null
	in_ns out nft -f - <<-'END'
		table inet watch
		delete table inet watch
		table inet watch {
			counter private { }
			chain prerouting {
				type filter hook prerouting priority -300
				ip saddr 10.0.0.0/8 counter name private
				ip6 saddr fd00::/8 counter name private
			}
		}
	END
	in_ns a1 "$CONN" churn 192.0.2.2 80 "$1" 3000 >$WORK/churn.1 & pids+=($!)
	in_ns a2 "$CONN" churn 2001:db8::2 80 "$1" 3000 >$WORK/churn.2 & pids+=($!)
	in_ns out "$CONN" churn 192.0.2.1 8080 "$1" 3000 >$WORK/churn.3 & pids+=($!)
	programs=0
	if [ "$2" = 0 ]; then
		"$NETFW" loop $BACKEND "$1" $WORK/one $WORK/two $WORK/three >$WORK/loop
	else
		for ((i = 0; i < $2; i++)); do
			"$NETFW" loop $BACKEND "$1" $WORK/one $WORK/two $WORK/three >/dev/null &
			changer=$!
			sleep "0.$((RANDOM % 80 + 10))"
			kill -9 $changer
			wait $changer 2>/dev/null
			programs=$((programs + 1))
		done
		echo "an unknown number of" >$WORK/loop
	fi
	wait "${pids[@]}"
	for i in 1 2 3; do
		read -r result f latest <$WORK/churn.$i
		longest="$longest $result/$latest"
		[ "$result" -gt 0 ] || not_ok "$TITLE: no connections at all: $i"
		ok=$((ok + result)) failed=$((failed + f))
	done
	note "measured: $BACKEND: $ok connections, $failed failed, counts and longest ms$longest, $(cat $WORK/loop) changes, $programs programs killed"
	same "$TITLE: no connection fails" 0 "$failed"
	# A first packet that is lost is sent again after a second (RFC 6298).
	check "$TITLE: no connection waits for a lost packet" test "$(tr ' ' '\n' <<<"$longest" | cut -d/ -f2 | sort -n | tail -1)" -lt $((900 * SLOW))
	same "$TITLE: no packet leaves with a guest's address" 0 \
		"$(in_ns out nft list counter inet watch private | sed -n 's/.*packets \([0-9]*\).*/\1/p')"
}

modes
forwards
changes 10 0
changes 5 6

# --- nft only: what is sent
LABEL="the difference"
apply "a virbr0 nat $A4 forward tcp any 8080 8080 10.1.0.11 80" "b virbr1 nat $B4"
TITLE="nft the difference"
same "$TITLE: nothing changed, nothing sent" 0 "$("$NETFW" apply nft $WORK/spec)"
nft add rule inet sluice_networks to-virbr0 accept 2>/dev/null
same "$TITLE: a foreign rule goes" refused "$("$NETFW" apply nft $WORK/spec >/dev/null; in_ns out "$CONN" who tcp 10.1.0.11 80 $WAIT_PASS)"
nft flush chain inet sluice_networks nat-virbr0
"$NETFW" apply nft $WORK/spec >$WORK/sent
sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
nft delete table inet sluice_networks
"$NETFW" apply nft $WORK/spec >$WORK/sent
sees a1 tcp 192.0.2.2 80 "192.0.2.1 *"
"$NETFW" text nft $WORK/spec >$WORK/text
list() { nft -s list table inet sluice_networks | sed '/^\tflags/,/^$/d; /chain layout/,/^$/d'; }
list >$WORK/messages
nft delete table inet sluice_networks
check "the text loads" nft -f $WORK/text
same "the text says what the messages do" "$(cat $WORK/messages)" "$(list)"
nft delete table inet sluice_networks

LABEL="fifty networks"
for i in $(seq 50); do echo "n$i br$i nat subnet 10.100.$i.1/24 dhcp4 dns"; done >$WORK/many
"$NETFW" apply nft $WORK/many >$WORK/sent
sed 's/^n7 .*/& forward tcp any 8080 8080 10.100.7.2 80/' $WORK/many >$WORK/many7
begin=$(date +%s%N)
"$NETFW" apply nft $WORK/many7 >$WORK/sent7
note "measured: fifty networks are $(cat $WORK/sent) messages, one more port forward $(cat $WORK/sent7), $((($(date +%s%N) - begin) / 1000000)) ms with the program's start"
check "one port forward among fifty networks changes little" test "$(cat $WORK/sent7)" -lt 120

# --- a host that drops at the input hook
LABEL="input drop"
apply "a virbr0 nat $A4 dns"
nft -f - <<'END'
table inet admin {
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
	}
}
END
blocked a1 tcp 10.1.0.1 53
note "an accept of one table does not undo a drop of another: DNS needs the administrator's accept"
nft insert rule inet admin input iifname virbr0 udp dport 53 accept
nft insert rule inet admin input iifname virbr0 tcp dport 53 accept
connects a1 tcp 10.1.0.1 53
nft delete table inet admin
apply
same "nft: without networks nothing of ours stays" "" "$(nft list tables)"
same "nft: and nothing is sent" 0 "$("$NETFW" apply nft /dev/null)"

# --- the other back end
if ! command -v iptables-restore >/dev/null; then
	skip "the iptables back end" "iptables is not installed"
	finish
fi
BACKEND=iptables
modes
forwards
changes 5 0
LABEL="what is sent"
apply "a virbr0 nat $A4 dhcp4 dns"
same "iptables: nothing changed, nothing sent" 0 "$("$NETFW" apply iptables $WORK/spec)"
iptables -P INPUT DROP
connects a1 tcp 10.1.0.1 53
blocked a1 tcp 10.1.0.1 80
iptables -P INPUT ACCEPT
"$NETFW" apply iptables /dev/null >/dev/null
same "iptables: without networks nothing of ours stays" "" "$(iptables-save | grep -E 'LIBVIRT|SLUICE')$(ip6tables-save | grep -E 'LIBVIRT|SLUICE')"

# What a DHCP client that reads raw packets sees of a server's answer.
ready() {
	for _ in $(seq 200); do
		grep -qs ready "$1" && return
		sleep 0.02
	done
}
"$CONN" serve udp 67 >$WORK/server &
server=$!
ready $WORK/server
raw_checksum() {
	rm -f $WORK/sum
	in_ns a1 "$CONN" checksum eth0 68 $WAIT_PASS >$WORK/sum &
	local reader=$!
	ready $WORK/sum
	in_ns a1 "$CONN" try udp 10.1.0.1 67 $WAIT_PASS 68
	wait $reader
	sed 1d $WORK/sum
}
note "measured: the UDP checksum of an answer, with offload: $(raw_checksum)"
check "a DHCP server without checksums" "$NETFW" dhcp-checksum-off $server
same "a raw reader sees that there is none" absent "$(raw_checksum)"
check_refused "checksums of what is no DHCP server" "has no DHCP socket" "$NETFW" dhcp-checksum-off $$
kill $server
wait $server 2>/dev/null
"$CONN" serve udp 67 >$WORK/server &
ready $WORK/server
check "a bridge without checksum offload" "$NETFW" checksum-off virbr0
same "a raw reader sees a good checksum" good "$(raw_checksum)"
check_refused "the checksums of no bridge" "No such device" "$NETFW" checksum-off virbr9
finish

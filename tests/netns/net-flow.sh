#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests open TCP connections through NAT, NAT of IPv6 and a port forward while the network changes without a pause:
# DHCP hosts, port forwards, whole definitions, other networks; then with the daemon killed again and again. No
# connection fails, no packet leaves with a guest's address. SLUICE_FLOW_SECONDS says how long (10).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq udhcpc
SECONDS_LONG=${SLUICE_FLOW_SECONDS:-10}

quiet_ipv6 host
ip link set lo up
make_world 0
daemon_start

# lab NUMBER: a definition; the number makes it another one
lab() {
	cat <<-XML
		<network $XMLNS>
		  <name>lab</name>
		  <forward mode='nat'>
		    <nat ipv6='yes'>
		      <port start='1024' end='$((60000 + $1 % 100))'/>
		      <sluice:portForward proto='tcp' start='8080' to='10.1.0.11' toStart='80'/>
		      <sluice:portForward proto='udp' start='$((7000 + $1 % 50))' to='10.1.0.12'/>
		    </nat>
		  </forward>
		  <bridge name='virbr1' stp='off'/>
		  <ip address='10.1.0.1' prefix='24'>
		    <dhcp>
		      <range start='10.1.0.100' end='10.1.0.1$((10 + $1 % 30))'/>
		      <host mac='52:54:00:00:01:11' name='a1' ip='10.1.0.11'/>
		      <host mac='52:54:00:00:01:12' name='a2' ip='10.1.0.12'/>
		    </dhcp>
		  </ip>
		  <ip family='ipv6' address='fd01::1' prefix='64'/>
		</network>
	XML
}
lab 0 >$WORK/lab.xml
check "define" sluice net-define $WORK/lab.xml
check "start" sluice net-start lab
station a1 virbr1 52:54:00:00:01:11
station a2 virbr1 52:54:00:00:01:12
slaac a1 fd01: >/dev/null
A2_6=$(slaac a2 fd01:)
same "a1 has its address" 10.1.0.11 "$(dhcp a1)"
same "a2 has its address" 10.1.0.12 "$(dhcp a2)"
check "a2 has an IPv6 address: $A2_6" grep -q fd01 <<<"$A2_6"
serve a1 tcp 80
serve w0 tcp 80
in_ns w0 nft -f - <<-'END'
	table inet watch {
		counter private { }
		counter translated { }
		chain prerouting {
			type filter hook prerouting priority -300
			tcp dport 80 ip saddr 192.0.0.1 counter name translated
			tcp dport 80 ip6 saddr 2001:db8::1 counter name translated
			ip saddr 10.0.0.0/8 counter name private
			ip6 saddr fd00::/8 counter name private
		}
	}
	END
counter() { in_ns w0 nft list counter inet watch "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
cat >$WORK/side.xml <<'XML'
<network><name>side</name><forward mode='nat'/><bridge name='virbr2' stp='off'/><ip address='10.2.0.1' prefix='24'/></network>
XML

step() {
	if "$@" >$WORK/step.out 2>&1; then
		changes=$((changes + 1))
	else
		refused=$((refused + 1))
		sed "s/^/refused: $2: /" $WORK/step.out >>$WORK/refused
	fi
}
# One round of changes; each that was acknowledged counts.
round() {
	local n=$1 host
	host="<host mac='52:54:00:00:02:$(printf %02x $((n % 200)))' name='h$((n % 200))' ip='10.1.0.$((20 + n % 60))'/>"
	step sluice net-update lab add ip-dhcp-host "$host" --live
	step sluice net-update lab delete ip-dhcp-host "$host" --live
	lab "$n" >$WORK/lab.xml
	step sluice net-define --apply $WORK/lab.xml
	if [ $((n % 4)) = 0 ]; then
		step sluice net-create $WORK/side.xml
		step sluice net-destroy side
	fi
	[ $((n % 5)) != 0 ] || kill -HUP "$DAEMON"
}
# flow LABEL EVERY: guests connect, the network changes; in each EVERYth round the daemon is killed (0: never)
flow() {
	local label=$1 every=$2 n=0 kills=0 i made failed longest all=0 lost=0 late=0 end rounder pids=()
	changes=0 refused=0
	: >$WORK/refused
	in_ns a1 "$CONN" churn 192.0.0.2 80 "$SECONDS_LONG" 3000 >$WORK/churn.1 & pids+=($!)
	in_ns a2 "$CONN" churn 2001:db8:0::2 80 "$SECONDS_LONG" 3000 >$WORK/churn.2 & pids+=($!)
	in_ns w0 "$CONN" churn 192.0.0.1 8080 "$SECONDS_LONG" 3000 >$WORK/churn.3 & pids+=($!)
	end=$((SECONDS + SECONDS_LONG))
	while [ $SECONDS -lt $end ]; do
		n=$((n + 1))
		if [ "$every" != 0 ] && [ $((n % every)) = 0 ]; then
			# In the middle of a change, wherever that is.
			round $n 2>/dev/null &
			rounder=$!
			sleep "0.0$((RANDOM % 9 + 1))"
			daemon_kill
			wait $rounder
			daemon_start
			kills=$((kills + 1))
			# What the change left is there as a whole or not at all.
			sluice net-destroy side >/dev/null 2>&1
		else
			round $n
		fi
	done
	wait "${pids[@]}"
	for i in 1 2 3; do
		read -r made failed longest <$WORK/churn.$i
		check "$label: client $i connected ($made times, the longest took $longest ms)" test "${made:-0}" -gt 0
		all=$((all + made)) lost=$((lost + failed))
		[ "$longest" -le "$late" ] || late=$longest
	done
	note "measured: $label: $all connections in $SECONDS_LONG s, $lost failed, the longest $late ms; $changes changes, $kills daemons killed; packets on the uplink: $(counter translated) translated, $(counter private) not"
	same "$label: no connection failed" 0 "$lost"
	same "$label: no packet left with a guest's address" 0 "$(counter private)"
	check "$label: packets were counted" test "$(counter translated)" -gt 0
	check "$label: changes were made" test $changes -gt 0
	[ "$every" != 0 ] || same "$label: no change was refused" "" "$(sort $WORK/refused | uniq -c | head -5)"
}
flow changes 0
flow "changes and kills" 2
same "the network still runs" lab "$(sluice net-list --name | grep -x lab)"
same "a1 still gets its address" 10.1.0.11 "$(dhcp a1)"
finish

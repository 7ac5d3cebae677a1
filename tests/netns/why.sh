#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluice why: what is dropped, by which rule, with a sample; while it runs the filter decides the same; when it ends,
# however it ends, nothing is left of it; and a flood does not make it dear.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
nflog_or_skip
FLOOD_RATE=${SLUICE_WHY_RATE:-25000}
make_host
make_guest 1
make_guest 2
daemon_start
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
for n in 1 2; do in_ns g$n sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; done
sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
cat >$WORK/mine.xml <<'X'
<filter name='mine'>
  <filterref filter='no-mac-spoofing'/>
  <rule action='drop' direction='out'><udp dstportstart='7777'/></rule>
  <rule action='drop' direction='out'><udp dstportstart='7778'/></rule>
  <rule action='drop' direction='in'><udp dstportstart='7779'/></rule>
</filter>
X
check "a filter" sluice nwfilter-define $WORK/mine.xml
bind_guest 1 mine
check "the other port has another" bind v2 $M2 clean-traffic IP=10.9.0.12
# Which sweeps what binding left.
check "before: no difference" sluice check
# What is in the kernel, but for numbers that only ever grow: of templates, generations, the elements that name them.
layout() {
	on_iptables && { sluice_rules | sort; return; }
	nft list table bridge sluice | sed '/counter packets/d; /^\tflags/d; s/elements = {//; s/[{}]//g' | tr , '\n' |
		sed 's/\.[0-9][0-9]*/.G/g; s/\bt[0-9][0-9]*-/tN-/g; s/0x0000000[0-9a-f]\b/N/g; s/0x000000[0-9a-f]*\b/N/g; s/^[ \t]*//; s/[ \t]*$//; /^$/d' | sort
}
plain=$(layout)

WHY=
# why_start ARGUMENT...: in the background, once it watches
why_start() {
	: >$WORK/why.err
	"$BUILD/sluice" --root $ROOT why "$@" >$WORK/why.out 2>$WORK/why.err &
	WHY=$!
	for _ in $(seq $((100 * SLOW))); do grep -q Watching $WORK/why.err && return; sleep 0.05; done
	not_ok "sluice why $*: it watches"
	sed 's/^/# /' $WORK/why.err
}
WATCHED=$((3 * SLOW)) # seconds: enough for what is sent meanwhile
# told LABEL PATTERN: by who follows, soon
told() {
	local _
	for _ in $(seq $((50 * SLOW))); do grep -q "$2" $WORK/why.out && break; sleep 0.1; done
	check "$1" grep -q "$2" $WORK/why.out
}
# still_watches LABEL: all that was sent was sent in its time
still_watches() { kill -0 $WHY 2>/dev/null || not_ok "$1: it watched too short a time for this machine"; }
# left_nothing LABEL: soon all is as before
left_nothing() {
	local i
	for ((i = 0; i < 80 * SLOW; i++)); do [ "$(layout)" = "$plain" ] && break; sleep 0.1; done
	same "$1: the rules are the plain ones again" "$plain" "$(layout)"
	check "$1: sluice check finds no difference" sluice check
	for ((i = 0; i < 50 * SLOW; i++)); do pgrep -x sluice-snoop >/dev/null || break; sleep 0.1; done
	same "$1: nobody listens to samples" "" "$(pgrep -x sluice-snoop)"
}
table() {
	probes "$1" g1:eth0 g2:eth0 <<-X
		pass an honest frame | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9
		drop a spoofed MAC | ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9
		drop a port | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7777
		drop another port | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7778
	X
}

# --- what it says
check_refused "a port that is not bound" "no nwfilter binding" sluice why v7
check_refused "not over the read-only socket" "read only|forbidden" sluice --readonly why v1
check_refused "a wrong number" "seconds" sluice why v1 --seconds 0
why_start v1 --seconds $WATCHED
table "while it runs"
check "while it runs: no difference" sluice check
"$FRAME" probe g2:eth0 g1:eth0 $WAIT_DROP "ether $M2 > $M1 udp 10.9.0.12:9 > 10.9.0.11:7779 size 900" >/dev/null
"$FRAME" probe br0 g2:eth0 $WAIT_DROP "ether $HOST_MAC > $M2 type 0x4242" >/dev/null
still_watches "what it says"
wait $WHY
check_status "it ends" $?
sed 's/^/# /' $WORK/why.out
mine=$ROOT/etc/sluice/nwfilter/mine.xml
line() { grep -n "$1" "$mine" | cut -d: -f1; }
same "the rule of the spoofed MAC" 1 "$(grep -A1 '^v1 from-guest: 1 packet,.*: mac-spoof$' $WORK/why.out | grep -c "filter no-mac-spoofing, .*no-mac-spoofing.xml:[0-9]*: ")"
for port in 7777 7778; do
	same "the rule of port $port, apart" 1 "$(grep -A1 '^v1 from-guest: 1 packet,.*: policy$' $WORK/why.out | grep -c "filter mine, $mine:$(($(line "$port") - 1)): .*$port")"
done
same "the rule of the other way" 1 "$(grep -A1 '^v1 to-guest: 1 packet,' $WORK/why.out | grep -c "filter mine, $mine:[0-9]*: .*7779")"
check "a sample" grep -Fq "such as: ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9" $WORK/why.out
check "a sample of a packet that was cut" grep -Fq "such as: ether $M2 > $M1 udp 10.9.0.12:9 > 10.9.0.11:7779" $WORK/why.out
check "a sample of the network stage" grep -Fq "such as: ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7777" $WORK/why.out
same "nothing of the other port" "" "$(grep v2 $WORK/why.out)"
left_nothing "at its end"
table "afterwards"

why_start --seconds $WATCHED --json
"$FRAME" probe br0 g2:eth0 $WAIT_DROP "ether $HOST_MAC > $M2 type 0x4242" >/dev/null
"$FRAME" probe g2:eth0 br0 $WAIT_DROP "ether $M2 > $HOST_MAC vlan 5 udp 10.9.0.12:9 > 10.9.0.1:9" >/dev/null
still_watches "all ports"
wait $WHY
check "all ports, JSON" python3 - $WORK/why.out <<'X'
import json, sys
rules = {(r["port"], r["direction"], r["filter"], r["reason"]): r for r in json.load(open(sys.argv[1]))}
one = rules["v2", "to-guest", "no-other-l2-traffic", "policy"]
assert one["packets"] >= 1 and "type 0x4242" in one["sample"], one
tag = rules["v2", "from-guest", "clean-traffic", "vlan"]
assert "vlan 5" in tag["sample"], tag
X
left_nothing "all ports"

# --- however it ends
why_start v1 --follow
table "followed"
told "each second what came" '^v1 from-guest: 1 packet'
check "a redefinition meanwhile" sluice nwfilter-define <(sed "s|<filter name='mine'>|&$(sluice nwfilter-dumpxml mine | grep uuid)|; s/7777/7776/" $WORK/mine.xml)
"$FRAME" probe g1:eth0 g2:eth0 $WAIT_DROP "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7776" >/dev/null
told "the new rule is told" 'filter mine, .*7776'
check "and back" sluice nwfilter-define <(sed "s|<filter name='mine'>|&$(sluice nwfilter-dumpxml mine | grep uuid)|" $WORK/mine.xml)
kill $WHY
wait $WHY 2>/dev/null
left_nothing "killed"
why_start v1 --follow
kill -STOP $WHY
left_nothing "a client that says no more"
kill -9 $WHY
wait $WHY 2>/dev/null
why_start v1 --follow
daemon_kill
daemon_start
wait $WHY 2>/dev/null
left_nothing "the daemon killed"
why_start v1 --follow
check "unbound meanwhile" unbind v1
kill $WHY
wait $WHY 2>/dev/null
bind_guest 1 mine
check "bound again: no difference" sluice check
plain=$(layout)

# --- tools that take longer than an ask lasts: it stays on all the same
if on_iptables; then
	mkdir -p $WORK/bin
	printf '#!/bin/sh\necho loaded >>%s/loads\nsleep 3.5\nexec %s "$@"\n' "$WORK" "$(command -v ebtables-restore)" >$WORK/bin/ebtables-restore
	chmod +x $WORK/bin/ebtables-restore
	daemon_stop
	PATH=$WORK/bin:$PATH daemon_start
	: >$WORK/loads
	"$BUILD/sluice" --root $ROOT why v1 --follow >$WORK/why.out 2>$WORK/why.err &
	WHY=$!
	# It asks again a second behind the answer.
	for _ in $(seq 200); do [ -s $WORK/loads ] && break; sleep 0.05; done
	kill -STOP $WHY
	for _ in $(seq 200); do ebtables -t nat -L I.w1-v1 >/dev/null 2>&1 && break; sleep 0.05; done
	sleep 1
	kill -CONT $WHY
	for _ in $(seq 600); do grep -q Watching $WORK/why.err && break; sleep 0.05; done
	same "slow tools: loaded once" 1 "$(wc -l <$WORK/loads)"
	check "slow tools: it watches" grep -q Watching $WORK/why.err
	kill $WHY
	wait $WHY 2>/dev/null
	for _ in $(seq 300); do [ "$(layout)" = "$plain" ] && break; sleep 0.1; done
	daemon_stop
	daemon_start
	left_nothing "slow tools"
fi

# --- foreign hands, where tables have no owner
if ! on_iptables; then
	start_unowned
	plain=$(layout)
	why_start v1 --follow
	chain=$(nft list table bridge sluice | awk '/chain t[0-9]*-why-/ { print $2; exit }')
	check "a chain of a rule that is asked about" test -n "$chain"
	check "somebody flushes it" nft flush chain bridge sluice "$chain"
	for _ in $(seq $((100 * SLOW))); do grep -q "rule deleted from bridge sluice $chain.*mended in" $WORK/daemon.log && break || sleep 0.1; done
	check "it is told of and mended" grep -q "rule deleted from bridge sluice $chain.*mended in" $WORK/daemon.log
	check "by name" grep -q "missing: rule bridge $chain" $WORK/daemon.log
	check "nothing differs" sluice check
	table "mended"
	sleep 1.5
	check "what is dropped is told" grep -q '^v1 from-guest: 1 packet' $WORK/why.out
	kill $WHY
	wait $WHY 2>/dev/null
	left_nothing "mended"
	daemon_stop
	unset DAEMON_ARGS
	daemon_start
	plain=$(layout)
fi

# --- in a flood
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }
"$FRAME" sink g2:eth0 FLOODED! >$WORK/sink &
sink=$!
for i in 1 2; do
	"$FRAME" flood g1:eth0 "ether $M9 > $M2 udp 10.9.0.11:$i > 10.9.0.12:9 marker FLOODED!" "$FLOOD_RATE" 3600 >$WORK/flood.$i &
	floods[i]=$!
done
# The other stage drops this one.
"$FRAME" flood g1:eth0 "ether $M1 > $M2 udp 10.9.0.11:3 > 10.9.0.12:7777 marker FLOODED!" 2000 3600 >$WORK/flood.3 &
floods[3]=$!
why_start v1 --seconds $((5 * SLOW))
spoofed() { sluice nwfilter-stats v1 --prometheus | sed -n 's/^sluice_port_dropped_packets_total{port="v1",reason="mac-spoof",direction="from-guest"} //p'; }
spoofed_before=$(spoofed) before=$(cpu_ms "$DAEMON")
snoop=$(pgrep -x sluice-snoop) snoop_before=$(cpu_ms "$snoop")
begin=$(date +%s%N)
sleep 3
ms=$((($(date +%s%N) - begin) / 1000000))
daemon_ms=$(($(cpu_ms "$DAEMON") - before)) snoop_ms=$(($(cpu_ms "$snoop") - snoop_before))
spoofed=$(($(spoofed) - spoofed_before))
still_watches "in a flood"
wait $WHY
count=$(sed -n 's/^v1 from-guest: \([0-9]*\) packets.*mac-spoof/\1/p' $WORK/why.out)
note "in $ms ms of flood the daemon took $daemon_ms ms, sluice-snoop $snoop_ms ms; ${count:-0} packets counted in $((5 * SLOW)) s, $spoofed of them in these"
if [ $((daemon_ms * 10)) -lt $((ms * SLOW)) ]; then ok "in a flood the daemon takes under 10 % of a CPU"; else not_ok "in a flood the daemon takes 10 % of a CPU or more"; fi
check "the flood is one: $spoofed packets" test "$spoofed" -gt 2000
check "all of the flood is counted" test "${count:-0}" -ge "$spoofed"
for i in $(seq 10); do
	why_start v1 --follow
	sleep "0.$((RANDOM % 5))"
	kill $WHY
	wait $WHY 2>/dev/null
done
for i in 1 2 3; do kill "${floods[i]}"; wait "${floods[i]}"; done
sleep 0.3
kill $sink
wait $sink 2>/dev/null
sleep 0.2
note "sent $(awk '{ n += $1 } END { print n }' $WORK/flood.*), the sink: $(tail -1 $WORK/sink)"
same "switched on and off in a flood, nothing passed" 0 "$(awk '/^[0-9]+ [0-9]+$/ { n += $1 } END { print n + 0 }' $WORK/sink)"
left_nothing "after the flood"
finish

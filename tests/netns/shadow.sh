#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Definitions that are tried behind the filters in force: nwfilter-define --shadow, nwfilter-shadow.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

if on_iptables; then
	echo "SKIP: a definition is tried with nftables only"
	exit 77
fi
make_host
make_guest 1
make_guest 2
make_guest 3
daemon_start
note "connection state: $(mode)"

# one RULES: filter "one", which in force drops port 7 from the guest
one() {
	{
		echo "<filter name='one'>"
		echo "  <rule action='drop' direction='out'><udp dstportstart='7'/></rule>"
		echo "$1"
		echo "</filter>"
	} >$WORK/one.xml
}
# Lines 3 to 5
TRIED="<rule action='drop' direction='out'><udp dstportstart='8'/></rule>
  <rule action='reject' direction='in'><udp dstportstart='9'/></rule>
  <rule action='drop' direction='out'><mac srcmacaddr='52:54:00:00:00:77'/></rule>"
try() { sluice nwfilter-define $WORK/one.xml --shadow; }
# report EXPRESSION: in Python, of the report and of its rules: "FILTER:LINE DIRECTION PORT" -> packets
report() {
	sluice nwfilter-shadow one --json >$WORK/report.json || return 1
	python3 -c '
import json, sys
report = json.load(open(sys.argv[2]))
rules = {"%s:%s %s %s" % (r["filter"], r["line"], r["direction"], p["port"]): p["packets"]
	for r in report["rules"] for p in r["ports"]}
print(eval(sys.argv[1]))' "$1" $WORK/report.json
}
all_rules() { report '"; ".join("%s %d" % each for each in sorted(rules.items()))'; }
udp() { echo "ether $(mac_of "$1") > $(mac_of "$2") udp 10.9.0.1$1:1 > 10.9.0.1$2:$3"; }
probe_table() {
	echo "drop port 7, by the filter in force | $(udp 1 2 7)"
	echo "pass port 8, which is tried | $(udp 1 2 8)"
	echo "pass port 9, which is tried on the way to guest 2 | $(udp 1 2 9)"
	echo "pass another | $(udp 1 2 10)"
}
in_kernel() { nft list tables | grep -c sluice_shadow; }
clean() { sluice check >$WORK/check.out || { cat $WORK/check.out && return 1; }; }
none_left() {
	same "$1: no table in the kernel" 0 "$(in_kernel)"
	check "$1: the kernel has what it should have" clean
	same "$1: nothing is listed" 0 "$(sluice nwfilter-guarded | grep -c '^ one ')"
}

one ""
cp $WORK/one.xml $WORK/before.xml
sluice nwfilter-define $WORK/one.xml >/dev/null
bind_guest 1 one
bind_guest 2 one
none_left "before"
check_refused "nothing is tried yet" "no definition of filter 'one' is tried" sluice nwfilter-shadow one

# --- counted, not dropped

one "$TRIED"
check "a definition is tried" try
same "it is listed" 1 "$(sluice nwfilter-guarded | grep -Ec '^ one +shadow +-')"
nft -a list ruleset >$WORK/ruleset 2>&1
check_status "nft lists it" $?
same "its rules drop nothing" 0 "$(nft list table bridge sluice_shadow1 | grep -Ec '\b(drop|reject)\b')"
probes "while it is tried" g1:eth0 g2:eth0 < <(probe_table)
same "both rules, each for its port" "one:3 out v1 1; one:4 in v2 1" "$(all_rules)"
same "the sum" 2 "$(report 'report["packets"]')"
same "ports" 2 "$(report 'report["port-count"]')"
probes "again" g1:eth0 g2:eth0 <<-PROBES
	pass port 8 | $(udp 1 2 8)
	pass a MAC address that is tried | ether 52:54:00:00:00:77 > $(mac_of 2) udp 10.9.0.11:2 > 10.9.0.12:8
PROBES
# The last once, by the first rule that would have dropped it.
same "counted" "one:3 out v1 2; one:4 in v2 1; one:5 out v1 1" "$(all_rules)"
"$FRAME" send g1:eth0 "$(udp 1 2 8)" 500 200 >$WORK/sent
same "many" "$((2 + $(cat $WORK/sent)))" "$(report 'rules["one:3 out v1"]')"
# A link-local frame for the bridge itself goes past the other hooks.
"$FRAME" send g1:eth0 "ether 52:54:00:00:00:77 > 01:80:c2:00:00:03 type 0x888e" >$WORK/sent
same "counted, too" 2 "$(report 'rules["one:5 out v1"]')"
same "the filter in force is the same" 1 "$(sluice nwfilter-dumpxml one | grep -c '<rule')"
check "the kernel has what it should have" clean
sluice nwfilter-shadow one | sed 's/^/# /'

# --- ports come and go

bind_guest 3 one
same "a port that came" 3 "$(report 'report["port-count"]')"
probes "from the port that came" g3:eth0 g2:eth0 <<-PROBES
	pass port 8 | $(udp 3 2 8)
PROBES
same "counted for it" 1 "$(report 'rules.get("one:3 out v3")')"
unbind v3
same "a port that went" 2 "$(report 'report["port-count"]')"
echo "<filter name='outer'><filterref filter='one'/></filter>" | define_text >/dev/null
bind_guest 3 outer
same "a port that has it through another filter" 3 "$(report 'report["port-count"]')"
echo "<filter name='outer'><rule action='drop' direction='out'><udp dstportstart='11'/></rule></filter>" |
	define_text >/dev/null
same "that filter lets go of it" 2 "$(report 'report["port-count"]')"
unbind v3

# --- discard, restart

check "discarded" sluice nwfilter-discard one
none_left "discarded"
probes "discarded" g1:eth0 g2:eth0 < <(probe_table)
check "tried again" try
daemon_kill
daemon_start
same "a daemon that starts anew: one table" 1 "$(in_kernel)"
probes "after a restart" g1:eth0 g2:eth0 < <(probe_table)
same "it counts anew" "one:3 out v1 1; one:4 in v2 1" "$(all_rules)"
daemon_stop
same "a table goes with its daemon" 0 "$(in_kernel)"
daemon_start

# --- while ports and filters change, and frames flow that nobody drops, or all do

"$FRAME" sink g2:eth0 PASSING! >$WORK/sink.pass &
SINKS=($!)
"$FRAME" sink g2:eth0 DROPPED! >$WORK/sink.drop &
SINKS+=($!)
until grep -q ready $WORK/sink.pass && grep -q ready $WORK/sink.drop; do sleep 0.05; done
"$FRAME" flood g1:eth0 "$(udp 1 2 10) marker PASSING!" 4000 60 >$WORK/flood.pass &
FLOODS=($!)
"$FRAME" flood g1:eth0 "$(udp 1 2 7) marker DROPPED!" 4000 60 >$WORK/flood.drop &
FLOODS+=($!)
bad=0
for i in 1 2 3 4 5 6; do
	sluice nwfilter-discard one >/dev/null || bad=$((bad + 1))
	sluice nwfilter-define $WORK/one.xml --shadow >/dev/null || bad=$((bad + 1))
	bind v3 "$(mac_of 3)" one || bad=$((bad + 1))
	echo "<filter name='outer'><filterref filter='one'/><rule action='drop' direction='out'><udp dstportstart='$i'/></rule></filter>" |
		define_text >/dev/null || bad=$((bad + 1))
	unbind v3 || bad=$((bad + 1))
	sluice nwfilter-shadow one >/dev/null || bad=$((bad + 1))
	sluice nwfilter-confirm one >/dev/null || bad=$((bad + 1))
	sluice nwfilter-define $WORK/before.xml >/dev/null || bad=$((bad + 1))
	sluice nwfilter-define $WORK/one.xml --shadow >/dev/null || bad=$((bad + 1))
done
same "tried, confirmed and discarded under a flood" 0 $bad
kill "${FLOODS[@]}"
wait "${FLOODS[@]}"
sleep 0.3
kill "${SINKS[@]}"
wait "${SINKS[@]}"
note "sent $(cat $WORK/flood.pass) and $(cat $WORK/flood.drop), received $(tail -1 $WORK/sink.pass) and $(tail -1 $WORK/sink.drop)"
same "what nobody drops passed" "$(cat $WORK/flood.pass) 0" "$(tail -1 $WORK/sink.pass)"
same "what both drop did not" "0 0" "$(tail -1 $WORK/sink.drop)"

check "confirmed" sluice nwfilter-confirm one
none_left "confirmed"
probes "confirmed" g1:eth0 g2:eth0 <<-PROBES
	drop port 7 | $(udp 1 2 7)
	drop port 8 | $(udp 1 2 8)
	drop port 9 | $(udp 1 2 9)
	pass another | $(udp 1 2 10)
PROBES
check_refused "confirmed twice" 'waits for no confirmation' sluice nwfilter-confirm one

# --- connections

sluice nwfilter-define $WORK/before.xml >/dev/null
called() { cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null || echo none; }
CALLED=$(called)
one "<rule action='accept' direction='out'><tcp dstportstart='80'/></rule>
  <rule action='drop' direction='inout'><tcp/></rule>"
check "a definition that looks at connections" try
serve g2 tcp 80 81
serve g1 tcp 22
TITLE="while it is tried" connects g1 tcp 10.9.0.12 80
same "what it would let through is not counted" "" "$(report '"; ".join(k for k in rules if "v1" in k)')"
TITLE="while it is tried" connects g2 tcp 10.9.0.11 22
same "a connection to the guest is" True "$(report 'rules.get("one:4 in v1", 0) > 0 and rules.get("one:4 out v1", 0) > 0')"
check "discarded" sluice nwfilter-discard one
same "the host's settings are as before" "$CALLED" "$(called)"
none_left "discarded"

# The filter in force looks at connections too: its settings stay.
cp $WORK/one.xml $WORK/stateful.xml
sluice nwfilter-define $WORK/stateful.xml >/dev/null
one "<rule action='accept' direction='out'><tcp dstportstart='81'/></rule>
  <rule action='drop' direction='inout'><tcp/></rule>"
check "tried behind one that looks at connections" try
unbind v2
TITLE="while it is tried" connects g1 tcp 10.9.0.12 80
TITLE="while it is tried" blocked g1 tcp 10.9.0.12 81
same "counted" True "$(report 'rules.get("one:4 out v1", 0) > 0')"
check "discarded" sluice nwfilter-discard one
TITLE="discarded" connects g1 tcp 10.9.0.12 80
TITLE="discarded" blocked g1 tcp 10.9.0.12 81
none_left "discarded"

# --- rates, IP sets, addresses that are learned

sluice nwfilter-define $WORK/before.xml >/dev/null
one "<rule action='drop' direction='out'><ip protocol='udp' dstportstart='12' rate-above='5' rate-burst='10'/></rule>"
check "a rate" try
"$FRAME" send g1:eth0 "$(udp 1 2 12)" 100 100 >$WORK/sent
got=$(report 'rules["one:3 out v1"]')
if [ "$got" -ge 80 ] && [ "$got" -le 90 ]; then ok "what is above it is counted"; else not_ok "counted $got of 100"; fi
probes "above it" g1:eth0 g2:eth0 <<-PROBES
	pass what is above the rate that is tried | $(udp 1 2 12)
PROBES
if command -v ipset >/dev/null && ipset create tried hash:ip 2>/dev/null; then
	ipset add tried 10.9.0.12
	one "<rule action='drop' direction='out'><udp dstportstart='13' ipset='tried' ipsetflags='dst'/></rule>"
	check "an IP set" try
	"$FRAME" send g1:eth0 "$(udp 1 2 13)" 3 100 >$WORK/sent
	same "what is in it is counted" "one:3 out v1 3" "$(all_rules)"
	ipset del tried 10.9.0.12
	for _ in $(seq $((50 * SLOW))); do
		nft list ruleset 2>/dev/null | sed -n '/^table bridge sluice_shadow/,/^}/p' | grep -Fq 10.9.0.12 || break
		sleep 0.1
	done
	"$FRAME" send g1:eth0 "$(udp 1 2 13)" 3 100 >$WORK/sent
	same "what is in it no more is not" "one:3 out v1 3" "$(all_rules)"
else
	skip "an IP set" "no ipset here"
fi
bind_guest 3 one CTRL_IP_LEARNING=any
one "<rule action='drop' direction='out' priority='600'><udp dstportstart='14'/></rule>
  <rule action='return' direction='out' priority='500'><ip srcipaddr='\$IP'/></rule>
  <rule action='drop' direction='out' priority='510'><ip/></rule>"
unbind v1
check "one that learns" try
same "the port that has no address yet is not looked at" "0 ['v3: it waits for an address']" \
	"$(report 'str(report["port-count"]) + " " + str(report["not-looked-at"])')"
check "discarded" sluice nwfilter-discard one
none_left "discarded"

# --- what is refused

one "<rule action='drop' direction='out'><tcp connlimit-above='3'/></rule>"
check_refused "a limit of connections" "one.xml:3: a limit of connections cannot be tried" try
one "<rule action='drop' direction='out'><ip srcipaddr='\$NONE'/></rule>"
check_refused "a variable that a port lacks" "NONE" try
one "<rule action='dorp'/>"
check_refused "a malformed one" "one.xml:3: " try
echo "<filter name='unheard-of'/>" >$WORK/unheard.xml
check_refused "one that is not defined" "not defined" sluice nwfilter-define $WORK/unheard.xml --shadow
one ""
check_refused "with --confirm" "exclude each other" sluice nwfilter-define $WORK/one.xml --shadow --confirm 60s
check "one that waits for a confirmation" sluice nwfilter-define $WORK/one.xml --confirm 60s
check_refused "cannot be tried" "waits for a confirmation" try
check "it is confirmed" sluice nwfilter-confirm one
for i in 1 2 3 4 5; do
	echo "<filter name='f$i'/>" | define_text >/dev/null
	sluice nwfilter-define $WORK/define.xml --shadow >$WORK/try.$i 2>&1
done
same "no more than four" 1 "$(grep -l 'more than 4 definitions are tried' $WORK/try.* | wc -l)"
for i in 1 2 3 4; do sluice nwfilter-discard f$i >/dev/null; done
none_left "in the end"

# --- foreign hands, where tables have no owner

start_unowned
bind_guest 1 one
bind_guest 2 one
one "$TRIED"
check "tried, not owned" try
sleep 0.3
# Chains are listed in the order in which they were made; counters are what packets made of them.
plain_rules() { nft -a list table bridge "$1" | sed 's/ progname sluiced$//; /counter packets/d; s/ # handle [0-9]*//' | sort; }
LIVE=$(nft -a list table bridge sluice | sed '/counter packets/d')
SHADOW=$(plain_rules sluice_shadow1)
chain=$(nft list table bridge sluice_shadow1 | awk '/chain t1-from-/ { print $2; exit }')
# heals LABEL PATTERN COMMAND...: the log says what was done, and all is as before
heals() {
	local label=$1 pattern=$2 from
	shift 2
	from=$(stat -c %s $WORK/daemon.log)
	"$@" || not_ok "$label: the damage itself"
	for _ in $(seq $((100 * SLOW))); do tail -c +$((from + 1)) $WORK/daemon.log | grep -q "mended in" && break || sleep 0.1; done
	check "$label: told of" grep -Eq "$pattern" <(tail -c +$((from + 1)) $WORK/daemon.log)
	same "$label: the rules are what they were" "$SHADOW" "$(plain_rules sluice_shadow1)"
	same "$label: the filters in force were left alone" "$LIVE" "$(nft -a list table bridge sluice | sed '/counter packets/d')"
	check "$label: nothing differs" clean
}
heals "a chain that counts is flushed" "rule bridge sluice_shadow1 $chain" nft flush chain bridge sluice_shadow1 "$chain"
heals "its table is deleted" "table deleted bridge sluice_shadow1.*mended in" nft delete table bridge sluice_shadow1
heals "a rule is put in front" "not ours: rule bridge sluice_shadow1|other: rule bridge sluice_shadow1" \
	nft insert rule bridge sluice_shadow1 prerouting-net drop
probes "after all that" g1:eth0 g2:eth0 < <(probe_table)
same "it counts" "one:3 out v1 1; one:4 in v2 1" "$(all_rules)"
check "discarded" sluice nwfilter-discard one
none_left "discarded, not owned"
daemon_stop
unset DAEMON_ARGS
daemon_start

if command -v ebtables-restore >/dev/null && ebtables -t nat -L >/dev/null 2>&1; then
	daemon_stop
	backend_use iptables
	daemon_start
	one "$TRIED"
	check_refused "the back end iptables" "with nftables only" try
	same "nothing waits" "" "$(sluice nwfilter-guarded | grep one)"
else
	skip "the back end iptables" "no ebtables here"
fi
finish

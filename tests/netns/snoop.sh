#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluice-snoop alone, as the daemon starts it (tests/netns/snoop-print.c): packets that rules of nft and of ebtables log
# become events with the right port and direction; what the process is left with; what happens when it dies, when it
# is not listened to, and in a flood.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
PRINT=$BUILD/tests/snoop-print LOCK=$BUILD/tests/snoop-lock SNOOP=$BUILD/sluice-snoop
for tool in "$PRINT" "$LOCK" "$SNOOP"; do
	[ -x "$tool" ] || { echo "not ok 1 - $tool is missing: make test-programs" && exit 1; }
done
nflog_or_skip
GROUP=29548
OUT=$WORK/snoop.out LOG=$WORK/snoop.log
PRINTER=

# printer_start [quiet] [USER]
printer_start() {
	: >$OUT
	: >$LOG
	"$PRINT" "$SNOOP" $GROUP "$@" >>$OUT 2>>$LOG &
	PRINTER=$!
	wait_lines $OUT '^ready' 1 || { not_ok "sluice-snoop is ready" && sed 's/^/# /' $LOG; }
}
printer_stop() {
	kill $PRINTER 2>/dev/null
	wait $PRINTER
	PRINTER=
}
# wait_lines FILE PATTERN COUNT [TENTHS]: so many lines match
wait_lines() {
	local i
	for ((i = 0; i < ${4:-50} * SLOW; i++)); do
		[ "$(grep -Ec -- "$2" "$1")" -ge "$3" ] && return
		sleep 0.1
	done
	return 1
}
# event LABEL PATTERN: comes
event() {
	if wait_lines $OUT "$2" 1; then
		ok "$1"
	else
		not_ok "$1"
		sed 's/^/# /' $OUT | tail -20
	fi
}
child() { pgrep -P "$1" -x sluice-snoop; }
status_of() { awk -v key="$2:" '$1 == key { $1 = ""; print }' "/proc/$1/status" | xargs; }
# tell: the printer's two lines
tell() {
	local before
	before=$(grep -c '^events' $OUT)
	kill -USR1 $PRINTER
	wait_lines $OUT '^events' $((before + 1))
	grep -E '^(snoop|events)' $OUT | tail -2
}
number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" | head -1; }
# told_number NAME LEAST: soon at least; into GOT. What was read is told once a second.
told_number() {
	local _
	for _ in $(seq $((50 * SLOW))); do
		GOT=$(tell | number "$1")
		[ "${GOT:-0}" -lt "$2" ] || break
		sleep 0.1
	done
}

make_host
make_guest 1
make_guest 2

rules_nft() {
	nft -f - <<-XEOF
		table bridge snoop {
		 chain pre { type filter hook prerouting priority -300;
		  iifname v1 log prefix "sluice-from" group $GROUP snaplen 1500
		  iifname v2 log prefix "somebody-else" group $GROUP snaplen 1500
		 }
		 chain post { type filter hook postrouting priority 300;
		  oifname v1 log prefix "sluice-to" group $GROUP snaplen 1500
		 }
		}
	XEOF
}
rules_ebtables() {
	ebtables -t nat -A PREROUTING -i v1 --nflog-group $GROUP --nflog-prefix sluice-from -j CONTINUE &&
		ebtables -t nat -A PREROUTING -i v2 --nflog-group $GROUP --nflog-prefix somebody-else -j CONTINUE &&
		ebtables -t nat -A POSTROUTING -o v1 --nflog-group $GROUP --nflog-prefix sluice-to -j CONTINUE
}

# --- what the process is left with

logger=$(cat /proc/sys/net/netfilter/nf_log/2)
printer_start
same "the kernel's own logger is as it was" "$logger" "$(cat /proc/sys/net/netfilter/nf_log/2)"
pid=$(child $PRINTER)
same "it runs as nobody, or as its own user" "1 1" \
	"$(status_of "$pid" Uid | awk '{ print ($1 > 0 && $1 == $2 && $2 == $3 && $3 == $4) }') $(status_of "$pid" Gid | awk '{ print ($1 > 0) }')"
same "no other groups" "" "$(status_of "$pid" Groups)"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	same "no capability is left: $set" 0000000000000000 "$(status_of "$pid" $set)"
done
same "no new privileges" 1 "$(status_of "$pid" NoNewPrivs)"
same "system calls by a list" 2 "$(status_of "$pid" Seccomp)"
same "an empty root without a name" 0 "$(find "/proc/$pid/root/" -mindepth 1 | wc -l)"
check "which is gone" grep -q '(deleted)$' <(readlink "/proc/$pid/root")
same "descriptors: the standard ones, the daemon, nflog" "0 1 2 3 4" "$(cd "/proc/$pid/fd" && echo *)"
limit() { sed -n "s/^$1  *\([0-9]*\) .*/\1/p" "/proc/$pid/limits"; }
same "no further descriptor, no process, no core" "5 0 0" "$(limit 'Max open files') $(limit 'Max processes') $(limit 'Max core file size')"
for what in execve socket open fork send kill; do
	"$LOCK" $what
	got=$?
	same "the same process is killed for: $what" $((128 + $(kill -l SYS))) $got
done 2>/dev/null
check "and not for what the loop does" "$LOCK" nothing
check_refused "it never stays root" "is root" "$LOCK" nothing root
check_refused "nor runs as nobody knows whom" "no user 'no-such'" "$LOCK" nothing no-such

# --- events, from both kinds of rules

if command -v dnsmasq >/dev/null && command -v udhcpc >/dev/null; then
	dnsmasq --conf-file=/dev/null --interface=br0 --bind-interfaces --port=0 --leasefile-ro --no-ping --pid-file= \
		--user=root --keep-in-foreground --dhcp-range=10.9.0.100,10.9.0.110,2m --dhcp-authoritative 2>$WORK/dnsmasq.log &
	SERVER=$!
else
	SERVER=
fi
# events_by TITLE
events_by() {
	local title=$1 m1 before after i
	m1=$(mac_of 1)
	: >$OUT
	"$FRAME" send g1:eth0 "arp request 10.9.0.1 tell 10.9.0.11" >/dev/null
	event "$title: ARP from a guest" "^arp from v1 message 1 source $m1 "
	event "$title: the host's answer to it" "^arp to v1 message 2 source $HOST_MAC "
	"$FRAME" send g2:eth0 "ether $(mac_of 2) > $m1 arp reply 10.9.0.12 is-at $(mac_of 2)" >/dev/null
	event "$title: ARP from another guest to it" "^arp to v1 message 2 source $(mac_of 2) "
	same "$title: another prefix is somebody else's" 0 "$(grep -c ' v2 ' $OUT)"
	if [ -n "$SERVER" ]; then
		in_ns g1 udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/true >/dev/null 2>&1
		event "$title: DISCOVER" "^dhcpv4 from v1 message 1 source $m1 "
		event "$title: OFFER, whose checksum the kernel leaves to the card" "^dhcpv4 to v1 message 2 .* address 10.9.0.1"
		event "$title: REQUEST" "^dhcpv4 from v1 message 3 source $m1 "
		event "$title: ACK" "^dhcpv4 to v1 message 5 .* address 10.9.0.1"
	else
		skip "$title: DHCP" "no dnsmasq or udhcpc here"
	fi
	sleep 1.2 # until the frames before are told
	before=$(tell | number frames)
	: >$OUT
	"$FRAME" send g1:eth0 "vlan 5 arp request 10.9.0.99 tell 10.9.0.66" >/dev/null
	"$FRAME" send g1:eth0 "qinq 5.6 arp request 10.9.0.99 tell 10.9.0.66" >/dev/null
	told_number frames $((before + 2))
	check "$title: tagged frames are read" test "$GOT" -ge $((before + 2))
	same "$title: and not believed" 0 "$(grep -c '10.9.0.66' $OUT)"
	# The time from the start of the program that sends it: its own is in it.
	for ((i = 0; i < 20; i++)); do
		: >$OUT
		before=$(date +%s%6N)
		"$FRAME" send g1:eth0 "arp request 10.9.0.1 tell 10.9.0.11" >/dev/null
		wait_lines $OUT '^arp from' 1
		sed -n 's/^arp from.* at //p' $OUT | head -1 | awk -v from="$before" '{ print $1 - from }'
	done | sort -n >$WORK/delays
	note "$title: from the start of a program that sends to the event, of 20: median $(sed -n 10p $WORK/delays) us, most $(tail -1 $WORK/delays) us"
	check "$title: an event comes at once" test "$(sed -n 10p $WORK/delays)" -lt $((100000 * SLOW))
}
rules_nft
events_by nft
nft delete table bridge snoop
if command -v ebtables >/dev/null && rules_ebtables 2>/dev/null; then
	events_by ebtables
else
	skip "rules of ebtables" "no ebtables with nflog here"
fi
ebtables -t nat -F 2>/dev/null
[ -z "$SERVER" ] || kill $SERVER
rules_nft

# --- it dies

old=$(child $PRINTER)
: >$OUT
kill -9 "$old"
event "killed, it is started again" '^ready'
check "which the log says, with the signal" grep -Eq 'sluice-snoop was ended by signal 9 .*started again in 100 ms' $LOG
check "by another process" test "$(child $PRINTER)" != "$old"
"$FRAME" send g1:eth0 "arp request 10.9.0.1 tell 10.9.0.11" >/dev/null
event "and events come again" '^arp from v1'
check "it says so of itself" grep -Eq "^snoop: running, pid $(child $PRINTER), restarts 1, frames [1-9]" <(tell)
# Whoever has the group keeps it.
timeout 8 "$PRINT" "$SNOOP" $GROUP >$WORK/second.out 2>$WORK/second.log
check "a group that is taken: it says so and ends, and is tried again" \
	grep -q "cannot listen to nflog group $GROUP" $WORK/second.log
check "with its status" grep -q 'sluice-snoop ended with status 1; it is started again' $WORK/second.log
check "the first one listens on" test "$(child $PRINTER)" != ""
printer_stop
printer_start nobody
same "a user of our choice" "$(id -u nobody)" "$(status_of "$(child $PRINTER)" Uid | awk '{ print $1 }')"

# --- nobody listens, and too much

pid=$(child $PRINTER)
kill -STOP $PRINTER
"$FRAME" flood g1:eth0 "arp request 10.9.0.99 tell 10.9.0.11" 20000 2 >/dev/null
before=$(status_of "$pid" VmRSS)
"$FRAME" flood g1:eth0 "arp request 10.9.0.99 tell 10.9.0.11" 20000 2 >/dev/null
same "a daemon that does not read: sluice-snoop does not grow" "$before" "$(status_of "$pid" VmRSS)"
kill -CONT $PRINTER
told_number dropped 1001
check "drops and counts: $GOT" test "${GOT:-0}" -gt 1000
: >$OUT
"$FRAME" send g1:eth0 "arp request 10.9.0.1 tell 10.9.0.11" >/dev/null
event "and the next event comes" '^arp from v1'
kill -9 $PRINTER
wait $PRINTER 2>/dev/null
for _ in $(seq 50); do [ -e "/proc/$pid" ] || break; sleep 0.1; done
check "when the daemon is killed, it ends" test ! -e "/proc/$pid"

printer_start quiet
pid=$(child $PRINTER)
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
before_self=$(ticks "$pid")
before=$(tell | number cpu-ms)
sent=$("$FRAME" flood g1:eth0 "arp request 10.9.0.99 tell 10.9.0.11" 50000 6)
sleep 2
tell >$WORK/flood
used=$(($(number cpu-ms <$WORK/flood) - before))
note "flood of $((sent / 6)) frames a second for 6 s, not limited by any rule: daemon's side $((used / 60)).$((used % 60 * 10 / 60)) % of a core," \
	"sluice-snoop $((($(ticks "$pid") - before_self) * 10 / 60)) %"
sed 's/^/# /' $WORK/flood
check "a flood is bounded: at most 6,400 events a second" test "$(number events <$WORK/flood)" -lt 45000
check "and costs the daemon's side less than a tenth of a core" test $used -lt 600
sleep 1.5
: >$OUT
printer_stop
check "sluice-snoop lived through it" grep -q "pid $pid, restarts 0" $OUT
if grep -Eq 'ERROR: (Address|Leak|Undefined)|runtime error' $LOG; then
	not_ok "the sanitizers are silent"
	sed 's/^/# /' $LOG | tail -40
fi
finish

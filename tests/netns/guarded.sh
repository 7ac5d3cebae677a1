#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Definitions that hold for a time only: nwfilter-define --confirm, -confirm, -discard.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

make_host
make_guest 1
make_guest 2
daemon_start

port_filter() { echo "<filter name='one'><rule action='drop' direction='out'><udp dstportstart='$1'/></rule></filter>"; }
guard() { # PORT TIME: what it says
	port_filter "$1" >$WORK/one.xml
	sluice nwfilter-define $WORK/one.xml --confirm "$2"
}
T=$((SLOW > 1 ? 5 * SLOW : 4)) # seconds: enough to look at what waits, or to start another daemon
# drops TITLE PORT: the guest's packets to PORT are dropped, those to the other one pass
drops() {
	local other=$((7 + 8 - $2))
	probes "$1" g1:eth0 g2:eth0 <<-EOF
		drop port $2 | ether $(mac_of 1) > $(mac_of 2) udp 10.9.0.11:1 > 10.9.0.12:$2
		pass port $other | ether $(mac_of 1) > $(mac_of 2) udp 10.9.0.11:1 > 10.9.0.12:$other
	EOF
}
waits() { sluice nwfilter-guarded | grep -c '^ one '; }
# until_gone SECONDS: nothing waits any more
until_gone() {
	local _
	for _ in $(seq $((10 * $1 * SLOW))); do
		[ "$(waits)" = 0 ] && return 0
		sleep 0.1
	done
	return 1
}

port_filter 7 | define_text >/dev/null
bind_guest 1 one
drops "before" 7
check "a definition for seconds" guard 8 ${T}s
drops "while it waits" 8
same "it is listed" 1 "$(waits)"
check "time passes" until_gone 8
drops "it was not confirmed" 7

check "another, confirmed" guard 8 $T
check "confirmed" sluice nwfilter-confirm one
sleep $((T + 1))
drops "it stays" 8
check_refused "confirmed twice" 'waits for no confirmation' sluice nwfilter-confirm one

check "one that is discarded" guard 7 5m
drops "while it waits" 7
check "again, for longer" guard 7 1h
check "discarded" sluice nwfilter-discard one
drops "discarded: what it was before" 8

check "one that a plain definition ends" guard 7 $T
port_filter 7 | define_text >/dev/null
same "nothing waits" 0 "$(waits)"
sleep $((T + 1))
drops "the last word" 7

check_refused "no time" 'expected a time' guard 8 soon
check_refused "too long" '1 to 86400 seconds' guard 8 100h
check_refused "a definition that is none" 'one.xml:[0-9]' eval "echo '<filter name=\"one\"><rule/></filter>' >$WORK/one.xml; sluice nwfilter-define $WORK/one.xml --confirm 9"
same "nothing waits after a refusal" 0 "$(waits)"
drops "and nothing changed" 7

# --- a daemon that dies

check "a definition for seconds" guard 8 $T
daemon_kill
daemon_start
same "the next daemon goes on waiting" 1 "$(waits)"
check "time passes" until_gone 8
drops "and brings it back" 7
check "a definition for one second" guard 8 1
daemon_kill
sleep 1.5
daemon_start
same "overdue: it is back at once" 0 "$(waits)"
drops "overdue" 7

# --- a filter that was not there

echo "<filter name='new'><rule action='drop' direction='in'/></filter>" >$WORK/new.xml
check "a new filter" sluice nwfilter-define $WORK/new.xml --confirm 1
for _ in $(seq $((50 * SLOW))); do
	sluice nwfilter-dumpxml new >/dev/null 2>&1 || break
	sleep 0.1
done
check_refused "goes again" 'new' sluice nwfilter-dumpxml new
check "the kernel has what it should have" sluice check
finish

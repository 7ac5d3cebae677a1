#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Floods around learning: not one frame may leak at a change of state, not one honest frame may be lost at a refresh, and
# a guest that floods what is learned from costs the daemon little, other guests nothing, and itself no later lease.
# SLUICE_BACKEND=iptables: the same on that back end. SLUICE_FLOOD_RATE (12000 for each of two streams), SLUICE_LEARN_ROUNDS (6),
# SLUICE_LEARN_FLOOD (50000 frames a second).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
RATE=${SLUICE_FLOOD_RATE:-12000} ROUNDS=${SLUICE_LEARN_ROUNDS:-6} FLOOD=${SLUICE_LEARN_FLOOD:-50000}
LEAKED=FLOODED! HONEST=HONESTLY
make_ground 1 3
bind_neighbour clean-traffic

# sink MARKER: counts at guest 2 until sink_stop; then GOT is "RECEIVED MISSED"
sink() {
	"$FRAME" sink g2:eth0 "$1" >$WORK/sink &
	SINK=$!
	until grep -q ready $WORK/sink; do sleep 0.05; done
}
sink_stop() {
	sleep 0.3
	kill $SINK
	wait $SINK
	GOT=$(tail -1 $WORK/sink)
}
stop() { # PID...: and wait
	kill "$@"
	wait "$@" 2>/dev/null
}
# becomes PORT ADDRESS...: without a result; what was lost is for the caller to send again
becomes() {
	local port=$1 i
	shift
	for ((i = 0; i < 10 * SLOW; i++)); do
		[ "$(addresses "$port")" != "$*" ] || return 0
		sleep 0.03
	done
	return 1
}
# change LABEL "ADDRESS..." COMMAND...: until it is so; each message of a guest is heard ten times a second only
change() {
	local label=$1 wanted=$2 i
	shift 2
	for ((i = 0; i < 8; i++)); do
		"$@"
		# shellcheck disable=SC2086
		becomes v1 $wanted && CHANGES=$((CHANGES + 1)) && return
	done
	not_ok "$label"
}
give_back() { ask 1 "$1" ciaddr=10.9.0.52 asked=10.9.0.52 server=$SERVER client=01aa; }
refuse() {
	ask 1 request
	answer 1 nak
}
CHANGES=0
through() { # every state, once
	change "learned" 10.9.0.50 grant 1 10.9.0.50 600
	change "changed" 10.9.0.51 grant 1 10.9.0.51 600
	change "a second" "10.9.0.51 10.9.0.52" grant 1 10.9.0.52 600 client=01aa
	change "one given back" 10.9.0.51 give_back decline
	change "refused" "" refuse
	change "a lease of a second" 10.9.0.53 grant 1 10.9.0.53 2
	change "expired" "" sleep 0.5
}

# --- no frame leaks

streams=("ether $M1 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9" "ether $M1 > $M2 arp reply 10.9.0.12 is-at $M1")
leaks() { # METHOD
	local line floods=() p ms begin sent i
	# What is claimed under any is learned: there the second stream is of another MAC address.
	[ "$1" = dhcp ] || streams[1]="ether $M9 > $M2 udp 10.9.0.50:9 > 10.9.0.12:9"
	fresh 1 clean-traffic CTRL_IP_LEARNING="$1"
	sink $LEAKED
	rm -f $WORK/flood.*
	CHANGES=0 begin=$(date +%s%N)
	for line in "${streams[@]}"; do
		"$FRAME" flood g1:eth0 "$line marker $LEAKED" "$RATE" 3600 >$WORK/flood.${#floods[@]} &
		floods+=("$!")
	done
	sleep 0.2
	for ((i = 0; i < ROUNDS; i++)); do
		through
		[ $((i % 4)) != 3 ] || { daemon_kill && daemon_start; }
	done
	stop "${floods[@]}"
	ms=$((($(date +%s%N) - begin) / 1000000))
	sink_stop
	sent=$(awk '{ n += $1 } END { print n + 0 }' $WORK/flood.*)
	note "sent $sent frames in $ms ms ($((sent * 1000 / ms)) a second) over $CHANGES changes of state, leaked ${GOT% *}, missed by the sink ${GOT#* }"
	same "$1: leaked, missed" "0 0" "$GOT"
	same "$1: every change was made" $((7 * ROUNDS)) $CHANGES
	if [ $((sent * 1000 / ms)) -ge 20000 ]; then
		ok "$1: at least 20000 frames a second"
	else
		skip "$1: at least 20000 frames a second" "this machine sent $((sent * 1000 / ms))"
	fi
}
leaks dhcp
ROUNDS=$(((ROUNDS + 1) / 2)) leaks any

# --- an honest flow at refreshes

fresh 1 clean-traffic CTRL_IP_LEARNING=dhcp
grant 1 10.9.0.50 600
learned "the honest guest" v1 10.9.0.50
sink $HONEST
"$FRAME" flood g1:eth0 "ether $M1 > $M2 udp 10.9.0.50:9 > 10.9.0.12:9 marker $HONEST" 2000 3600 >$WORK/honest &
flow=$!
for ((i = 0; i < 30; i++)); do
	grant 1 10.9.0.50 $((600 + i * 7 % 400))
	[ $((i % 3)) != 0 ] || grant 1 10.9.0.54 600 client=01bb
	[ $((i % 3)) != 1 ] || ask 1 release ciaddr=10.9.0.54 from=10.9.0.54 server=$SERVER client=01bb
	sleep 0.1
done
stop $flow
sink_stop
note "an honest flow of $(cat $WORK/honest) frames over 30 refreshes and 20 changes beside it: received ${GOT% *}"
same "an honest flow loses nothing" "$(cat $WORK/honest) 0" "$GOT"

# --- a guest that floods what is learned from

ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
flooding() { # METHOD TITLE LINE
	local method=$1 title=$2 flood sent begin end i snoop before snoop_before ms cpu snoop_cpu
	fresh 1 clean-traffic CTRL_IP_LEARNING="$method"
	fresh 3 clean-traffic CTRL_IP_LEARNING="$method"
	snoop=$(pgrep -P "$DAEMON" -x sluice-snoop)
	"$FRAME" flood g3:eth0 "$3" "$FLOOD" 3600 >$WORK/flooding &
	flood=$!
	sleep 0.5
	before=$(ticks "$DAEMON") snoop_before=$(ticks "$snoop") begin=$(date +%s%N)
	sleep 3
	cpu=$(($(ticks "$DAEMON") - before)) snoop_cpu=$(($(ticks "$snoop") - snoop_before))
	ms=$((($(date +%s%N) - begin) / 1000000))
	begin=$(date +%s%N)
	grant 1 10.9.0.50 600
	learned "$title: another guest's lease" v1 10.9.0.50
	note "measured: $title: another guest's lease is in force after $((($(date +%s%N) - begin) / 1000000)) ms"
	kill $flood
	wait $flood
	end=$(date +%s%N)
	for ((i = 0; i < 25; i++)); do
		grant 3 10.9.0.55 600
		becomes v3 10.9.0.55 && break
		sleep 0.2
	done
	begin=$((($(date +%s%N) - end) / 1000000))
	same "$title: the flooding guest's own lease" 10.9.0.55 "$(addresses v3)"
	check "$title: within 5 seconds after the flood" test $begin -lt $((5000 * SLOW))
	only "$title, afterwards" 3 10.9.0.55
	sent=$(cat $WORK/flooding)
	note "measured: $title: $sent frames; for $ms ms of it the daemon used $((cpu * 1000 / ms)).$((cpu * 10000 / ms % 10)) % of a core, sluice-snoop $((snoop_cpu * 1000 / ms)).$((snoop_cpu * 10000 / ms % 10)) %; its own lease $begin ms after the end"
	# A tick is 10 ms.
	check "$title: the daemon uses less than 5 % of a core" test $((cpu * 1000)) -lt $((5 * ms))
}
flooding dhcp "DHCP flood" "raw $("$DHCP" print v4 discover src=$M3 xid=77)"
flooding any "ARP flood" "ether $M3 > $ALL arp request 10.9.0.12 tell 10.9.0.12"
finish

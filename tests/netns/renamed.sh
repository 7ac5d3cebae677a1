#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces of bound ports that somebody renames: they get their names back, or are set down, and it is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"

index_of() { cat "/sys/class/net/$1/ifindex" 2>/dev/null; }
is_up() { [ $(($(cat "/sys/class/net/$1/flags" 2>/dev/null || echo 0) & 1)) = 1 ]; }
is_named() { [ "$(index_of "$2")" = "$1" ]; }
# rename FROM TO: older kernels rename nothing that is up; in between it may have been named back
rename() {
	ip link set "$1" name "$2" 2>/dev/null && return
	ip -batch - <<<"link set $1 down"$'\n'"link set $1 name $2" && { ip link set "$2" up 2>/dev/null || ip link set "$1" up; }
}
differs() {
	local out
	out=$(sluice check)
	same "$1: sluice check ends with 3" 3 $?
	same "$1: the difference" "$2" "$(grep "bound port" <<<"$out")"
}

make_host
for n in 1 2; do make_guest $n; done
daemon_start
bind_guest 1 clean-traffic IP=10.9.0.11
INDEX=$(index_of v1)

# --- it gets its name back

"$FRAME" flood g1:eth0 "ether 52:54:00:00:00:99 > $(mac_of 2) udp 10.9.0.11:9 > 10.9.0.12:9 marker FLOODED!" 5000 600 >$WORK/flood.out &
FLOOD=$!
sleep 0.3
sink_start
mark
begin=$(date +%s%N)
check "somebody renames it" rename v1 stranger
check "it is v1 again" wait_for is_named "$INDEX" v1
note "measured $((($(date +%s%N) - begin) / 1000)) us, the command that renames included"
check "it is up" is_up v1
says "it is told of" "warning.*interface 'v1' of a bound port was renamed to 'stranger', where its filter does not hold: it is 'v1' again"
check "nothing differs" sluice check
sink_stop
note "frames of 5000 a second that came through in between: $SUNK"
sink_start
sleep 1
sink_stop
same "none comes through afterwards" 0 "$SUNK"

# --- the name is taken: it is held

mark
ip -batch - <<<"link set v1 down"$'\n'"link set v1 name other"$'\n'"link add v1 type veth peer name v1p"$'\n'"link set other up" 2>$WORK/batch
if is_named "$INDEX" other; then
	says "it is set down when another one has its name" "error.*interface 'other' of bound port 'v1' is set down, as its filter does not hold: "
	check "it is down" wait_for eval '! is_up other'
	differs "one that is held" "interface of bound port 'v1' is named 'other', and is down"
	sink_start
	check "that is told of once for each time" test "$(logged "is set down" | wc -l)" -le 2
	ip link set other up
	check "set up again, it is held again" wait_for eval '! is_up other'
	sleep 0.5
	sink_stop
	note "frames that came through in between: $SUNK"
	sink_start
	sleep 0.5
	sink_stop
	same "none comes through afterwards" 0 "$SUNK"
	check_refused "sluice repair says why it cannot" "interface 'other' of bound port 'v1'.*(exist|in use)" sluice repair
	ip link del v1
	check "sluice repair names it back when it can" sluice repair
	check "it is v1 again" is_named "$INDEX" v1
	check "it is up again" is_up v1
else
	# The daemon was between two of the commands.
	same "it has its name" "$INDEX" "$(index_of v1)"
	grep -q "File exists" $WORK/batch || note "$(cat $WORK/batch)"
	ip link del v1p 2>/dev/null
	ip link set v1 up
fi
check "nothing differs" wait_for sluice check

# --- another bound port's name: that filter holds

bind v7 52:54:00:00:00:01 clean-traffic IP=10.9.0.11
mark
rename v1 v7
sleep 0.3
same "under another bound port's name it stays" "$INDEX" "$(index_of v7)"
same "nor is it told of" "" "$(logged "bound port")"
check "nor does it differ" sluice check
sink_start
sleep 0.5
sink_stop
same "that port's filter holds" 0 "$SUNK"
unbind v1
rename v7 v1
check "back to its name, which nobody has bound" wait_for is_named "$INDEX" v7
# The other way round, and nobody asks for differences in between.
bind v1 52:54:00:00:00:01 clean-traffic IP=10.9.0.11
rename v7 v1
sleep 0.3
unbind v7
rename v1 v7
check "the name that it had last is what counts" wait_for is_named "$INDEX" v1
unbind v1
rename v1 v7

# --- not bound: nobody minds

mark
rename v7 v1
sleep 0.3
same "what is not bound may be renamed" "$INDEX" "$(index_of v1)"
bind_guest 1 clean-traffic IP=10.9.0.11

# --- somebody who fights

sleep 10.5 # what was before counts no more
mark
for _ in $(seq 14); do
	rename v1 stranger
	wait_for is_named "$INDEX" v1 || break
done
check "who fights is not fought: it is set down" wait_for eval '! is_up stranger'
says "and told of" "error.*interface 'stranger' of bound port 'v1' is set down, as its filter does not hold: it has been renamed too often"
differs "who fights" "interface of bound port 'v1' is named 'stranger', and is down"
check "sluice repair" sluice repair
check "names it back" is_named "$INDEX" v1
check "it is up again" is_up v1

# --- gone while it is held

kill "$FLOOD"
wait "$FLOOD" 2>/dev/null
for _ in $(seq 14); do
	rename v1 stranger
	wait_for is_named "$INDEX" v1 || break
done
ip link del stranger 2>/dev/null || ip link del v1
check "what is gone is no difference" wait_for sluice check
finish

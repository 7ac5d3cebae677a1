#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon is killed at random moments of whatever it does, and started again: what it acknowledged is there, what was
# under way is there whole or not at all, the kernel equals the state, and no frame of a flood passes all the while.
# KILLS (100) and SEED ask for others. SLUICE_BACKEND=iptables: a tenth of it on that back end.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
KILLS=${KILLS:-100} SEED=${SEED:-$(((RANDOM << 15) + RANDOM))} RATE=${SLUICE_FLOOD_RATE:-1500}
on_iptables && KILLS=$(((KILLS + 9) / 10))
LIMIT=$(((KILLS + 30) * 2 * SLOW)) # seconds
make_host
for n in 1 2 3 4; do make_guest $n; done
for n in 3 4; do in_ns g$n ip addr flush dev eth0; done
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M3=52:54:00:00:00:03 M4=52:54:00:00:00:04 M9=52:54:00:00:00:99
MARKER=SURVIVE!
note "SEED=$SEED KILLS=$KILLS"
STREAMS=(
	"g1:eth0|ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9"
	"g1:eth0|ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7"
	"g1:eth0|ether $M1 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9"
	"g3:eth0|ether $M9 > $M2 udp 10.9.0.13:9 > 10.9.0.12:9"
	"g3:eth0|ether $M3 > $M2 udp 10.9.0.13:9 > 10.9.0.12:7"
	"g4:eth0|ether $M4 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9"
)
for stream in "${STREAMS[@]}"; do
	probes_open "${stream%%:*}" "${stream%%|*}" g2:eth0 <<<"drop it | ${stream#*|}"
done
# Port v3 is plugged by whoever has bound it.
ip link set v3 nomaster

timeout "$LIMIT" "$BUILD/tests/survive" $ROOT "$BUILD" "$KILLS" "$SEED" >$WORK/survive.out 2>&1 &
driver=$!
# Its ports are bound by now.
until grep -qs ready $WORK/survive.out || ! kill -0 $driver; do sleep 0.05; done
# iptables drops behind the place where a sniffer on the bridge sees a frame.
places="g2:eth0"
on_iptables || places+=" br0"
SINKS=() FLOODS=()
for place in $places; do
	"$FRAME" sink "$place" $MARKER >$WORK/sink."${#SINKS[@]}" &
	SINKS+=("$!")
done
until [ "$(cat $WORK/sink.* | grep -c ready)" = ${#SINKS[@]} ]; do sleep 0.05; done
begin=$(date +%s%N)
for stream in "${STREAMS[@]}"; do
	"$FRAME" flood "${stream%%|*}" "${stream#*|} marker $MARKER" "$RATE" 36000 >$WORK/flood.${#FLOODS[@]} &
	FLOODS+=("$!")
done
wait $driver
status=$?
ms=$((($(date +%s%N) - begin) / 1000000))
for p in "${FLOODS[@]}"; do kill "$p"; done
for p in "${FLOODS[@]}"; do wait "$p"; done
sleep 0.3
for p in "${SINKS[@]}"; do kill "$p"; done
for p in "${SINKS[@]}"; do wait "$p"; done
grep '^#' $WORK/survive.out
sent=$(awk '{ n += $1 } END { print n + 0 }' $WORK/flood.*)
received=$(awk '/^[0-9]+ [0-9]+$/ { n += $1 } END { print n + 0 }' $WORK/sink.*)
missed=$(awk '/^[0-9]+ [0-9]+$/ { n += $2 } END { print n + 0 }' $WORK/sink.*)
check_status "$KILLS kills: what was acknowledged is there, what was under way whole or not at all, the kernel equals the state" $status
note "leaked $received of $sent frames in $ms ms ($((sent * 1000 / ms)) a second)"
same "no frame passed" 0 "$received"
same "the sinks missed nothing" 0 "$missed"
same "the sinks lived" ${#SINKS[@]} "$(cat $WORK/sink.* | grep -Ec '^[0-9]+ [0-9]+$')"
if [ $status != 0 ]; then
	grep -v -e 'The kernel has' -e READY $WORK/daemon.log | tail -30 | sed 's/^/# daemon: /'
fi
finish

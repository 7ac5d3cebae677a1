#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the network stage does beside passing and dropping: reject answers where the kernel can, connection limits count
# each source by itself. And the guard against spanning tree messages holds after a guest was plugged in again.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host stp_state 1 forward_delay 200
for n in 1 2 3; do make_guest $n; done
daemon_start
MODE=$(mode)
note "connection state: $MODE"
M1=52:54:00:00:00:01
serve g1 tcp 22
serve g2 tcp 80 81

# A bridge with spanning tree takes its time to forward.
for _ in $(seq 20); do
	in_ns g1 "$CONN" try tcp 10.9.0.12 80 $((1000 * SLOW)) && break
done

# --- reject
define_text >$WORK/out 2>&1 <<'XML' || not_ok "define: $(cat $WORK/out)"
<filter name='rejecting'>
  <rule action='reject' direction='out' priority='100'><tcp dstportstart='81' comment='no "81" here'/></rule>
  <rule action='reject' direction='out' priority='100'><tcp-ipv6 dstportstart='81' comment='no "81" here'/></rule>
</filter>
XML
# answered ADDRESS: how the connection ended: open, refused at once, or silence
answered() {
	local start now limit=$((1000 * SLOW))
	start=$(date +%s%N)
	in_ns g1 "$CONN" try tcp "$1" 81 $((limit * 2)) && echo open && return
	now=$(date +%s%N)
	if [ $(((now - start) / 1000000)) -lt $limit ]; then echo refused; else echo silence; fi
}
wanted=silence
sluice version --verbose | grep -q 'reject: native' && wanted=refused
for to in 10.9.0.12 fd00:9::12; do
	forget
	same "$to is open without a filter" open "$(answered $to)"
done
bind_guest 1 rejecting
for to in 10.9.0.12 fd00:9::12; do
	connects g1 tcp $to 80
	same "reject of $to: $wanted" "$wanted" "$(answered $to)"
done

if command -v nft >/dev/null; then
	same "both rules of it carry file, line and comment" 2 \
		"$(nft list table bridge sluice | grep 'comment "' | grep -c 'rejecting:[0-9,]* no "81" here')"
else
	skip "both rules of it carry file, line and comment" "nft is not installed"
fi

# --- connection limits
define_text >$WORK/out 2>&1 <<'XML' || not_ok "define: $(cat $WORK/out)"
<filter name='limiting'>
  <rule action='drop' direction='in' priority='400'><tcp dstportstart='22' connlimit-above='1'/></rule>
  <rule action='accept' direction='in' priority='500'><tcp dstportstart='22'/></rule>
</filter>
XML
bind_guest 1 limiting
in_ns_exec g2 "$CONN" talk 10.9.0.11 22 $((6 * SLOW)) >$WORK/talk 2>&1 &
TALK=$!
for _ in $(seq 100); do
	grep -q ready $WORK/talk && break
	sleep 0.05
done
blocked g2 tcp 10.9.0.11 22
TITLE="another source"
connects g3 tcp 10.9.0.11 22
TITLE=
wait $TALK
same "the first connection went on" 0 $?
sleep 1
TITLE="when the first has closed"
connects g2 tcp 10.9.0.11 22
TITLE=

# --- the numbers that limits have in the packet mark (mirrored) stay apart over a restart
limit_filter() { # NAME LIMIT
	define_text >$WORK/out 2>&1 <<-XML || not_ok "define $1: $(cat $WORK/out)"
		<filter name='$1'>
		  <rule action='drop' direction='out'><tcp connlimit-above='$2'/></rule>
		</filter>
	XML
}
if [ "$(mode)" = mirrored ] && command -v nft >/dev/null; then
	unbind v1 >/dev/null
	sleep 0.5 # until the limit before is swept, and its number free
	limit_filter limit-a 1 && limit_filter limit-b 2
	bind_guest 1 limit-a
	bind_guest 2 limit-b
	limit_filter limit-a 3 # moves behind b's number, and b in front of it
	limit_filter limit-b 4
	daemon_stop
	sed -i "s/connlimit-above='3'/connlimit-above='5'/" $ROOT/etc/sluice/nwfilter/limit-a.xml
	daemon_start
	numbers=$(nft list chain inet sluice forward-limit | grep -o 'mark 0x[0-9a-f/]* add @t[0-9]*')
	same "a filter that changed while no daemon ran takes no other's number" \
		"$(wc -l <<<"$numbers")" "$(cut -d' ' -f2 <<<"$numbers" | sort -u | wc -l)"
	unbind v2 >/dev/null
else
	skip "limits keep their numbers apart" "no numbers in the packet mark here"
fi

# --- BPDUs of a guest that was plugged in again
mask_of() { cat "/sys/class/net/$1/brport/group_fwd_mask"; }
guarded() { # LABEL
	local got=
	for _ in $(seq $((20 * SLOW))); do
		got=$(mask_of v1 2>/dev/null)
		[ $((${got:-0} & 1)) = 1 ] && break
		sleep 0.1
	done
	same "$1: the port hands BPDUs to the filter" 1 $((${got:-0} & 1))
}
bind_guest 1 clean-traffic IP=10.9.0.11
guarded "bound"
for round in 1 2; do
	unplug_guest 1
	sleep 0.2
	plug_guest 1
	guarded "plugged in again, $round"
	in_ns g1 "$FRAME" send eth0 "ether $M1 > 01:80:c2:00:00:00 stp root 0/$M1" >$WORK/out 2>&1 || note "$(head -1 $WORK/out)"
	sleep 0.3
	same "round $round: the bridge is root still" "$(cat /sys/class/net/br0/bridge/bridge_id)" "$(cat /sys/class/net/br0/bridge/root_id)"
done
finish

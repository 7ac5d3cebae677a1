#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest floods frames that its filter must drop while that filter is redefined, other ports are bound and unbound, and
# the daemon is killed and started again. Not one frame may pass.
# SLUICE_BACKEND=iptables: the same on that back end. SLUICE_FLOOD_ROUNDS (100), SLUICE_FLOOD_KILLS (20), SLUICE_FLOOD_RATE (12000 for each of two streams).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${SLUICE_FLOOD_ROUNDS:-100} KILLS=${SLUICE_FLOOD_KILLS:-20} RATE=${SLUICE_FLOOD_RATE:-12000}
make_host
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
MARKER=FLOODED!
# Where frames must not arrive. iptables drops behind the place where a sniffer on the bridge (and a bridge that is
# sniffed on hands everything up) sees a frame: there the network stage is held to what reaches the other guest.
ALL_SINKS=(guest bridge)

# start_flood LINE...: one stream for each line, for as long as it takes
start_flood() {
	local line sink at
	FLOODS=() SINKS=()
	rm -f $WORK/flood.*
	rm -f $WORK/sink.*
	for sink in "${ALL_SINKS[@]}"; do
		if [ "$sink" = guest ]; then at=g2:eth0; else at=br0; fi
		"$FRAME" sink $at $MARKER >$WORK/sink."$sink" &
		SINKS+=("$!")
		until grep -q ready $WORK/sink."$sink" 2>/dev/null; do sleep 0.05; done
	done
	FLOOD_BEGIN=$(date +%s%N)
	for line in "$@"; do
		"$FRAME" flood g1:eth0 "$line marker $MARKER" "$RATE" 3600 >$WORK/flood.${#FLOODS[@]} &
		FLOODS+=("$!")
	done
	sleep 0.5
}
# stop_flood TITLE: no marker may have arrived anywhere
stop_flood() {
	local p ms sent received missed
	ms=$((($(date +%s%N) - FLOOD_BEGIN) / 1000000))
	for p in "${FLOODS[@]}"; do kill "$p"; done
	for p in "${FLOODS[@]}"; do wait "$p"; done
	sleep 0.3
	for p in "${SINKS[@]}"; do kill "$p"; done
	for p in "${SINKS[@]}"; do wait "$p" 2>/dev/null; done
	sleep 0.2
	sent=$(awk '{ n += $1 } END { print n + 0 }' $WORK/flood.*)
	received=$(awk '/^[0-9]+ [0-9]+$/ { n += $1 } END { print n + 0 }' $WORK/sink.*)
	missed=$(awk '/^[0-9]+ [0-9]+$/ { n += $2 } END { print n + 0 }' $WORK/sink.*)
	note "sent $sent frames in $ms ms ($((sent * 1000 / ms)) a second), leaked $received, missed by the sinks $missed"
	same "$1: leaked" 0 "$received"
	same "$1: the sinks missed nothing" 0 "$missed"
	same "$1: the sinks lived" ${#ALL_SINKS[@]} "$(cat $WORK/sink.* | grep -Ec '^[0-9]+ [0-9]+$')"
	if [ $((sent * 1000 / ms)) -ge 20000 ]; then
		ok "$1: at least 20000 frames a second"
	elif [ "$SLOW" != 1 ] || [ -n "${SLUICE_FLOOD_RATE:-}" ]; then
		skip "$1: at least 20000 frames a second" "asked for less on this machine"
	else
		not_ok "$1: at least 20000 frames a second"
	fi
}

redefinitions() { # TITLE FILE...: in turn
	local title=$1 i bad=0 begin
	shift
	begin=$(date +%s%N)
	for ((i = 0; i < ROUNDS; i++)); do
		local files=("$@")
		sluice nwfilter-define "${files[i % ${#files[@]}]}" >$WORK/out 2>&1 || bad=$((bad + 1))
	done
	[ $bad = 0 ] || sed 's/^/# /' $WORK/out
	same "$title: $ROUNDS redefinitions" 0 $bad
	note "measured $((($(date +%s%N) - begin) / 1000 / ROUNDS)) us for each redefinition, the command included"
}
bindings() { # TITLE FILTER [PARAM]...
	local title=$1 i bad=0
	shift
	for ((i = 0; i < ROUNDS; i++)); do
		bind other$((i % 7)) 52:54:00:00:01:0$((i % 7)) "$@" >$WORK/out || bad=$((bad + 1))
		unbind other$((i % 7)) >$WORK/out || bad=$((bad + 1))
	done
	[ $bad = 0 ] || sed 's/^/# /' $WORK/out
	same "$title: $ROUNDS ports bound and unbound" 0 $bad
}
kills() { # TITLE FILE...: the daemon dies in the middle of a redefinition
	local title=$1 i files
	shift
	files=("$@")
	for ((i = 0; i < KILLS; i++)); do
		sluice nwfilter-define "${files[i % ${#files[@]}]}" >/dev/null 2>&1 &
		sleep "0.0$((RANDOM % 30 + 10))"
		daemon_kill
		wait $! 2>/dev/null
		daemon_start
	done
	ok "$title: $KILLS times killed and started"
	check "$title: the port is still bound" grep -q v1 <(sluice nwfilter-binding-list)
}

# --- layer 2: spoofed MAC and spoofed address
cat >$WORK/a.xml <<'EOF'
<filter name='hold'>
  <filterref filter='clean-traffic'/>
</filter>
EOF
# Negated matches ...
cat >$WORK/b.xml <<'EOF'
<filter name='hold'>
  <rule action='drop' direction='out' priority='100'><mac match='no' srcmacaddr='$MAC'/></rule>
  <rule action='drop' direction='out' priority='200'><ip match='no' srcipaddr='$IP'/></rule>
</filter>
EOF
# ... and positive ones, other rules, another chain.
cat >$WORK/c.xml <<'EOF'
<filter name='hold' chain='ipv4' priority='-650'>
  <rule action='accept' direction='out' priority='100'><ip srcmacaddr='$MAC' srcipaddr='$IP'/></rule>
  <rule action='drop' direction='out' priority='200'/>
</filter>
EOF
# The spoofed stream is IPv4 in both cases, so that every version must drop it.
uuid=$(sluice nwfilter-define $WORK/a.xml >/dev/null; sluice nwfilter-dumpxml hold | sed -n 's/.*<uuid>\(.*\)<\/uuid>.*/<uuid>\1<\/uuid>/p')
for f in a b c; do sed -i "s|\(<filter name='hold'[^>]*>\)|\1$uuid|" $WORK/$f.xml; done
bind_guest 1 hold IP=10.9.0.11
honest() {
	probes "$1" g1:eth0 g2:eth0 <<-EOF
		pass an honest frame | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9
		drop a spoofed MAC | ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9
		drop a spoofed address | ether $M1 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9
	EOF
}
for f in a b c; do
	check "version $f is taken" sluice nwfilter-define $WORK/$f.xml
	honest "version $f"
done
start_flood "ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:9" "ether $M1 > $M2 udp 10.9.0.99:9 > 10.9.0.12:9"
redefinitions "layer 2" $WORK/a.xml $WORK/b.xml $WORK/c.xml $WORK/b.xml
bindings "layer 2" clean-traffic IP=10.9.0.77
bindings "layer 2, the filter in use" hold IP=10.9.0.77 IP=10.9.0.78
kills "layer 2" $WORK/b.xml $WORK/c.xml $WORK/a.xml
stop_flood "layer 2"
honest "afterwards"
unbind v1

# --- both stages: a frame that each version drops, but in another stage: a mixture of the two would let it pass
cat >$WORK/f.xml <<'EOF'
<filter name='crossed'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='7'/></rule>
  <rule action='accept' direction='inout'><udp/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
cat >$WORK/g.xml <<'EOF'
<filter name='crossed'>
  <rule action='drop' direction='out'><arp match='no' arpsrcmacaddr='$MAC'/></rule>
  <rule action='drop' direction='out' priority='100'><udp dstportstart='7'/></rule>
  <rule action='accept' direction='inout' priority='500'><udp/></rule>
  <rule action='accept' direction='inout' priority='500'><tcp/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
# The back end refuses it; of the tools only ip6tables does: what iptables took before has to go again.
cat >$WORK/h.xml <<'EOF'
<filter name='crossed'>
  <rule action='accept' direction='inout' priority='500'><udp/></rule>
  <rule action='accept' direction='out' priority='600'><all-ipv6 ipset='nosuchset' ipsetflags='src'/></rule>
</filter>
EOF
uuid=$(sluice nwfilter-define $WORK/f.xml >/dev/null; sluice nwfilter-dumpxml crossed | sed -n 's/.*<uuid>\(.*\)<\/uuid>.*/<uuid>\1<\/uuid>/p')
for f in f g h; do sed -i "s|\(<filter name='crossed'[^>]*>\)|\1$uuid|" $WORK/$f.xml; done
bind_guest 1 crossed
on_iptables && ALL_SINKS=(guest)
start_flood "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7" "ether $M1 > $M2 udp 10.9.0.11:10 > 10.9.0.12:7"
redefinitions "both stages" $WORK/f.xml $WORK/g.xml
bindings "both stages" crossed
for _ in 1 2 3; do
	check_refused "both stages: a redefinition that fails" 'nosuchset|set' sluice nwfilter-define $WORK/h.xml
done
kill -HUP "$DAEMON"
kills "both stages" $WORK/f.xml $WORK/g.xml
stop_flood "both stages"
probes "both stages, afterwards" g1:eth0 g2:eth0 <<EOF
pass another port | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:8
drop that port | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7
EOF
unbind v1

# --- layer 3: a port that a stateful filter drops
cat >$WORK/d.xml <<'EOF'
<filter name='ports'>
  <rule action='accept' direction='out' priority='100'><udp dstportstart='53'/></rule>
  <rule action='accept' direction='in' priority='100'><tcp dstportstart='80'/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
cat >$WORK/e.xml <<'EOF'
<filter name='ports'>
  <rule action='drop' direction='out' priority='100'><udp dstportstart='7'/></rule>
  <rule action='accept' direction='out' priority='500'><udp/></rule>
  <rule action='accept' direction='inout' priority='500'><tcp/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
uuid=$(sluice nwfilter-define $WORK/d.xml >/dev/null; sluice nwfilter-dumpxml ports | sed -n 's/.*<uuid>\(.*\)<\/uuid>.*/<uuid>\1<\/uuid>/p')
for f in d e; do sed -i "s|\(<filter name='ports'[^>]*>\)|\1$uuid|" $WORK/$f.xml; done
bind_guest 1 ports
serve g2 udp 53 7
serve g1 tcp 80
# One connection talks through it all.
(in_ns_exec g2 "$CONN" talk 10.9.0.11 80 3600 >$WORK/talk) &
talk=$!
sleep 0.5
start_flood "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7" "ether $M1 > $M2 udp 10.9.0.11:10 > 10.9.0.12:7"
redefinitions "layer 3" $WORK/d.xml $WORK/e.xml
bindings "layer 3" ports
kills "layer 3" $WORK/d.xml $WORK/e.xml
stop_flood "layer 3"
check "an established connection talked on all the time" kill -0 $talk
kill $talk 2>/dev/null
TITLE=afterwards
connects g1 udp 10.9.0.12 53
connects g2 tcp 10.9.0.11 80
blocked g1 udp 10.9.0.12 7
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What only the back end on ebtables and iptables does: IP sets, its tools' own words, going from one back end to the
# other while a guest floods, and how many processes it takes.
export SLUICE_BACKEND=iptables
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
make_guest 3
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M3=52:54:00:00:00:03 M9=52:54:00:00:00:99
PORTS=${SLUICE_XT_PORTS:-100}

# --- the daemon's start
echo "firewall_backend = ipchains" >$ROOT/etc/sluice/sluice.conf
check_refused "another word is refused" 'sluice.conf:1: firewall_backend is .ipchains., but must be nftables or iptables' \
	"$BUILD/sluiced" --root $ROOT
backend_use iptables
mkdir -p $WORK/empty
check_refused "without the tools there is no start" "needs 'ebtables-restore', which is not installed" \
	env PATH=$WORK/empty "$BUILD/sluiced" --root $ROOT
# Each process of a tool leaves a line.
mkdir -p $WORK/bin
for tool in {eb,ip,ip6}tables-{save,restore}; do
	printf '#!/bin/sh\necho %s >>%s/tools\nexec %s "$@"\n' "$tool" "$WORK" "$(command -v "$tool")" >"$WORK/bin/$tool"
	chmod +x "$WORK/bin/$tool"
done
TOOLS_PATH=$WORK/bin:$PATH
count_tools() { wc -l <$WORK/tools; }
daemon_start_counted() {
	PATH=$TOOLS_PATH daemon_start
}
: >$WORK/tools
for s in bridge-nf-call-iptables bridge-nf-call-ip6tables; do echo 0 >/proc/sys/net/bridge/$s; done
daemon_start_counted
same "the back end is shown" "back end: iptables (ebtables, iptables, ip6tables)" "$(sluice version --verbose | grep '^back end')"

# --- states, reject, sets: the kernel does them
udp_refused() { # NAMESPACE ADDRESS PORT: an ICMP error reaches the sender
	in_ns "$1" bash -c "exec 3<>/dev/udp/$2/$3; echo x >&3; sleep 0.$((3 * SLOW)); echo x >&3" 2>&1 | grep -q refused
}
tcp_refused() { in_ns "$1" timeout $((2 * SLOW)) bash -c "exec 3<>/dev/tcp/$2/$3" 2>&1 | grep -q refused; }
not() { ! "$@"; }
related() { # NAME RULES
	define_text >$WORK/out <<-EOF
		<filter name='$1'>
		  <rule action='accept' direction='out'><udp/></rule>
		  $2
		  <rule action='reject' direction='out' priority='600'><tcp dstportstart='81'/></rule>
		  <rule action='drop' direction='inout' priority='1000'><all/></rule>
		</filter>
	EOF
}
check "no filter: an ICMP error arrives" udp_refused g1 10.9.0.12 999
related related "<rule action='accept' direction='in'><icmp state='RELATED'/></rule>"
related unrelated ""
bind_guest 1 related
same "bridged packets are handed to iptables" "1 1" "$(cat /proc/sys/net/bridge/bridge-nf-call-ip{,6}tables | paste -sd' ')"
check "RELATED: an ICMP error arrives" udp_refused g1 10.9.0.12 999
bind_guest 1 unrelated
check "without RELATED it does not" not udp_refused g1 10.9.0.12 998
bind_guest 1 related
check "reject answers at once" tcp_refused g1 10.9.0.12 81
check "drop does not" not tcp_refused g1 10.9.0.12 82
unbind v1
sleep 1
same "bridge-nf-call is what it was" "0 0" "$(cat /proc/sys/net/bridge/bridge-nf-call-ip{,6}tables | paste -sd' ')"

rules_before=$(sluice_rules)
define_text >$WORK/out <<'EOF'
<filter name='with-set'>
  <rule action='drop' direction='out'><all ipset='enemies' ipsetflags='dst'/></rule>
  <rule action='drop' direction='out'><udp ipset='services' ipsetflags='dst,dst'/></rule>
</filter>
EOF
if ipset create probe hash:ip 2>/dev/null; then
	check_refused "a set that is not there: the tool's words" "iptables-restore failed.*enemies" bind v1 $M1 with-set
	same "... and nothing changes" "$(grep -v ' libvirt-\|:libvirt-' <<<"$rules_before")" "$(sluice_rules | grep -v ' libvirt-\|:libvirt-')"
	same "... the port is not bound" "" "$(sluice nwfilter-binding-list | grep v1)"
	ipset create enemies hash:ip && ipset create services hash:ip,port
	ipset add enemies 10.9.0.12 && ipset add services 10.9.0.13,udp:7
	bind_guest 1 with-set
	probes "IP sets" g1:eth0 g2:eth0 <<-EOF
		drop the destination is in the set | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
		pass another destination | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.14:2
	EOF
	probes "IP sets" g1:eth0 g3:eth0 <<-EOF
		drop address and port are in the set | ether $M1 > $M3 udp 10.9.0.11:1 > 10.9.0.13:7
		pass another port | ether $M1 > $M3 udp 10.9.0.11:1 > 10.9.0.13:8
	EOF
	probes "IP sets, the flags are turned for the way back" g2:eth0 g1:eth0 <<-EOF
		drop the source is in the set | ether $M2 > $M1 udp 10.9.0.12:1 > 10.9.0.11:2
		pass another source | ether $M2 > $M1 udp 10.9.0.14:1 > 10.9.0.11:2
	EOF
	ipset del enemies 10.9.0.12
	probes "IP sets, an entry is gone" g1:eth0 g2:eth0 <<-EOF
		pass the destination | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
	EOF
	unbind v1
else
	skip "IP sets" "this kernel makes none"
fi

# --- from one back end to the other, under a flood that each stage drops a part of
cat >$WORK/crossed.xml <<'EOF'
<filter name='crossed'>
  <rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC'/></rule>
  <rule action='drop' direction='out' priority='100'><udp dstportstart='7'/></rule>
  <rule action='accept' direction='inout' priority='500'><udp/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
sluice nwfilter-define $WORK/crossed.xml >$WORK/out || not_ok "define crossed"
bind_guest 1 crossed
# libvirt's own rules for a port that we know nothing of.
ebtables-restore --noflush <<'EOF'
*nat
:libvirt-I-vnet9 RETURN
-A PREROUTING -i vnet9 -j libvirt-I-vnet9
EOF
iptables-restore -n <<'EOF'
*filter
:FI-vnet9 - [0:0]
-A FI-vnet9 -j DROP
-A libvirt-in -m physdev --physdev-in vnet9 -g FI-vnet9
COMMIT
EOF
"$FRAME" sink g2:eth0 SWITCHED >$WORK/sink &
sink=$!
until grep -q ready $WORK/sink 2>/dev/null; do sleep 0.05; done
floods=()
for line in "ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:8" "ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7"; do
	"$FRAME" flood g1:eth0 "$line marker SWITCHED" ${SLUICE_FLOOD_RATE:-5000} 3600 >$WORK/switch.${#floods[@]} &
	floods+=("$!")
done
eb_ours() { sluice_rules_iptables | grep -c -- "[ -]v1\b"; }
for round in 1 2 3; do
	[ $round = 2 ] && daemon_kill
	daemon_stop
	backend_use nftables
	daemon_start
	same "to nftables: nothing of ours is left in iptables" 0 "$(eb_ours)"
	check "to nftables: the table is there" nft list table bridge sluice
	[ $round = 2 ] && daemon_kill
	daemon_stop
	backend_use iptables
	daemon_start_counted
	check "to iptables: the table is gone" not nft list table bridge sluice
	check "to iptables: the rules are there" grep -q FI-v1 <(iptables-save)
done
for p in "${floods[@]}"; do kill "$p" && wait "$p"; done
sleep 0.3
kill $sink && wait $sink 2>/dev/null
note "sent $(awk '{ n += $1 } END { print n + 0 }' $WORK/switch.*) frames while the back end changed six times"
same "no frame got past" "0 0" "$(grep -E '^[0-9]+ [0-9]+$' $WORK/sink)"
probes "after the changes" g1:eth0 g2:eth0 <<EOF
pass honest | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:8
drop spoofed | ether $M9 > $M2 udp 10.9.0.11:9 > 10.9.0.12:8
drop that port | ether $M1 > $M2 udp 10.9.0.11:9 > 10.9.0.12:7
EOF
check "libvirt's rules in ebtables are untouched" grep -q -- '-A PREROUTING -i vnet9 -j libvirt-I-vnet9' <(ebtables-save)
check "libvirt's rules in iptables are untouched" grep -q -- '-A libvirt-in -m physdev --physdev-in vnet9 -g FI-vnet9' <(iptables-save)
# The marker is lost: what it would have named is not guessed.
daemon_stop
rm $ROOT/run/sluice/iptables-ports
backend_use nftables
daemon_start
check "without the marker nothing is deleted" grep -q FI-v1 <(iptables-save)
daemon_stop
backend_use iptables
daemon_start_counted
unbind v1
same "rules of a bound port are found again, and go with it" 0 "$(eb_ours)"

# --- how many processes, how long
measure() { # WHAT COMMAND...
	local what=$1 before begin
	shift
	before=$(count_tools) begin=$(date +%s%N)
	"$@" >$WORK/out 2>&1 || { not_ok "$what" && sed 's/^/# /' $WORK/out; }
	sleep 0.3 # the sweep's are counted, its time is not
	note "measured $what: $(($(count_tools) - before)) processes of the tools, $((($(date +%s%N) - begin) / 1000000 - 300)) ms"
}
bind_many() { local i; for ((i = 0; i < PORTS; i++)); do bind "m$i" $M9 "$1" IP=10.9.1.$((i % 250 + 1)) || return 1; done; }
unbind_many() { local i; for ((i = 0; i < PORTS; i++)); do unbind "m$i" || return 1; done; }
measure "bind $PORTS ports to clean-traffic, one by one" bind_many clean-traffic
leaf=$(sluice nwfilter-dumpxml no-mac-spoofing)
sed 's|</filter>|<rule action="drop" direction="out" priority="900"><mac dstmacaddr="52:54:00:00:00:77"/></rule></filter>|' <<<"$leaf" >$WORK/leaf.xml
before=$(grep -c '^ebtables-restore' $WORK/tools)
measure "redefine no-mac-spoofing, used by $PORTS ports" sluice nwfilter-define $WORK/leaf.xml
same "one process for the whole redefinition" 1 $(($(grep -c '^ebtables-restore' $WORK/tools) - before))
same "every port has the new rule" "$PORTS" "$(ebtables-save | grep -ci -- '-d 52:54:00:00:00:77')"
daemon_stop
measure "start with $PORTS ports, nothing to change" daemon_start_counted
daemon_stop
rules_flush
measure "start with $PORTS ports, all to load" daemon_start_counted
same "a port has all its rules again" "$PORTS" "$(ebtables-save | grep -ci -- '-d 52:54:00:00:00:77')"
measure "unbind $PORTS ports, one by one" unbind_many

# --- SIGHUP: what others took away comes back
define_text >$WORK/out 2>&1 <<'EOF' || not_ok "define: $(cat $WORK/out)"
<filter name='hup'>
  <rule action='drop' direction='out' priority='100'><mac srcmacaddr='02:00:00:00:00:09'/></rule>
  <rule action='accept' direction='in'><tcp dstportstart='22'/></rule>
  <rule action='drop' direction='inout' priority='1000'><all/></rule>
</filter>
EOF
bind_guest 1 hup
sleep 0.5
hup() { # LABEL COMMAND...: it takes rules away
	local label=$1 before
	before=$(sluice_rules)
	shift
	# Stopped, or it would see and mend by itself before we look.
	kill -STOP "$DAEMON"
	"$@"
	[ "$before" != "$(sluice_rules)" ] || not_ok "$label: nothing was taken away"
	kill -HUP "$DAEMON"
	kill -CONT "$DAEMON"
	for _ in $(seq 30); do
		[ "$before" = "$(sluice_rules)" ] && break
		sleep 0.2
	done
	same "SIGHUP: $label" "$before" "$(sluice_rules)"
}
hup "all rules" rules_flush
hup "one tool's rules" iptables -F
hup "one chain" ebtables -t nat -F libvirt-I-v1
finish

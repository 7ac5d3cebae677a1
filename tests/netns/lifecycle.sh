#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bindings and filters over time: interfaces that come later, redefinitions that work and that fail, a daemon that dies.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
make_guest 3
daemon_start
note "connection state: $(mode)"

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99

spoof_table() {
	cat <<-EOF
		pass honest | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
		drop MAC spoofed | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:2
		drop IP spoofed | ether $M1 > $M2 udp 10.9.0.99:1 > 10.9.0.12:2
	EOF
}

# --- an interface that does not exist yet
unplug_guest 1
check "bind a port whose interface is not there" bind v1 $M1 clean-traffic IP=10.9.0.11
# Frames wait in the guest before the cable is there: flood from the moment eth0 appears.
"$FRAME" sink g2:eth0 EARLYBRD >$WORK/sink &
sink=$!
sleep 0.3
(
	for _ in $(seq 500); do
		in_ns g1 "$FRAME" flood eth0 "ether $M9 > $M2 udp 10.9.0.99:1 > 10.9.0.12:2 marker EARLYBRD" 20000 1 2>/dev/null && break
	done
) >$WORK/flood &
flood=$!
plug_guest 1
wait $flood
kill $sink
wait $sink
same "no frame gets past a new interface before its filter" "0" "$(sed -n 's/^\([0-9]*\) .*/\1/p' $WORK/sink)"
note "sent $(tr '\n' ' ' <$WORK/flood)"
forget
probes "the interface came later" g1:eth0 g2:eth0 < <(spoof_table)
unplug_guest 1
plug_guest 1
forget
probes "the interface came again" g1:eth0 g2:eth0 < <(spoof_table)

# --- redefinition
define_text >/dev/null <<'EOF'
<filter name='inner' chain='ipv4'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='7'/></rule>
</filter>
EOF
define_text >/dev/null <<'EOF'
<filter name='outer'><filterref filter='inner'/></filter>
EOF
bind_guest 1 outer
bind_guest 2 outer PORT=9
both_guests() { # TITLE VERDICT7 VERDICT8
	probes "$1, guest 1" g1:eth0 g3:eth0 <<-EOF
		$2 port 7 | udp 10.9.0.11:1 > 10.9.0.13:7
		$3 port 8 | udp 10.9.0.11:1 > 10.9.0.13:8
	EOF
	probes "$1, guest 2" g2:eth0 g3:eth0 <<-EOF
		$2 port 7 | udp 10.9.0.12:1 > 10.9.0.13:7
		$3 port 8 | udp 10.9.0.12:1 > 10.9.0.13:8
	EOF
}
both_guests "first definition" drop pass
define_text >/dev/null <<'EOF'
<filter name='inner' chain='ipv4'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='8'/></rule>
</filter>
EOF
both_guests "redefined" pass drop
inner_before=$(sluice nwfilter-dumpxml inner)
cat >$WORK/bad.xml <<'EOF'
<filter name='inner' chain='ipv4'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='$PORT'/></rule>
</filter>
EOF
# Guest 2 has $PORT, guest 1 has not.
rules_before=$(sluice_rules)
check_refused "a redefinition that one port cannot take names the port" 'v1' sluice nwfilter-define $WORK/bad.xml
check_refused "... and the variable" 'PORT' sluice nwfilter-define $WORK/bad.xml
same "... and changes no rule" "$rules_before" "$(sluice_rules)"
same "... and keeps the definition" "$inner_before" "$(sluice nwfilter-dumpxml inner)"
both_guests "after the failed redefinition" pass drop
echo "<filter name='inner'><rule action='drop' direction='out'><tcp dstportstart='70000'/></rule></filter>" >$WORK/bad.xml
check_refused "a value out of range is refused" 'dstportstart|70000' sluice nwfilter-define $WORK/bad.xml
echo "<filter name='inner'><rule action='drop'" >$WORK/bad.xml
check_refused "broken XML is refused with its line" 'bad.xml:1|line 1|:1' sluice nwfilter-define $WORK/bad.xml
echo "<filter name='inner' chain='ipv4'><filterref filter='outer'/></filter>" >$WORK/bad.xml
check_refused "a loop is refused" 'loop' sluice nwfilter-define $WORK/bad.xml
same "the definition still stands" "$inner_before" "$(sluice nwfilter-dumpxml inner)"

# --- in use
check_refused "a filter in use cannot go" 'in use' sluice nwfilter-undefine outer
check_refused "nor one that it refers to" 'in use' sluice nwfilter-undefine inner
check_refused "a port is bound once" 'exist' bind v1 $M1 outer
check_refused "an unknown filter is refused at binding" 'nosuch' bind v9 $M9 nosuch
check_refused "an unresolvable variable is refused at binding" 'DHCPSERVER' bind v9 $M9 allow-dhcp-server
check_refused "an unknown port is refused" 'v77' unbind v77
unbind v1
unbind v2
check "unused: outer goes" sluice nwfilter-undefine outer
check "unused: inner goes" sluice nwfilter-undefine inner
check_refused "it has gone" 'inner' sluice nwfilter-dumpxml inner
probes "unbound" g1:eth0 g3:eth0 <<EOF
pass anything | ether $M9 > 52:54:00:00:00:03 udp 10.9.0.99:1 > 10.9.0.13:8
EOF

# --- restart
stateful_xml() {
	cat <<-'EOF'
		<filter name='stateful'>
		  <filterref filter='clean-traffic'/>
		  <rule action='accept' direction='in'><tcp dstportstart='80'/></rule>
		  <rule action='accept' direction='out'><udp dstportstart='53'/></rule>
		  <rule action='drop' direction='inout' priority='1000'><all/></rule>
		</filter>
	EOF
}
stateful_xml | define_text >/dev/null
bind_guest 1 stateful IP=10.9.0.11
bind_guest 2 clean-traffic IP=10.9.0.12
serve g1 tcp 80 81
serve g2 udp 53 54
still() {
	TITLE=$1
	connects g2 tcp 10.9.0.11 80
	blocked g2 tcp 10.9.0.11 81
	connects g1 udp 10.9.0.12 53
	blocked g1 udp 10.9.0.12 54
	probes "$1" g1:eth0 g2:eth0 <<-EOF
		drop MAC spoofed | ether $M9 > $M2 udp 10.9.0.11:1 > 10.9.0.12:53
		drop IP spoofed | ether $M1 > $M2 udp 10.9.0.99:1 > 10.9.0.12:53
	EOF
}
still "before"
sleep 1 # the daemon sweeps when it is idle, or is asked
check "nothing differs" sluice check
rules_before=$(sluice_rules)
bindings_before=$(sluice nwfilter-binding-list)
filters_before=$(sluice nwfilter-list)
xml_before=$(sluice nwfilter-dumpxml stateful; sluice nwfilter-binding-dumpxml v1)
daemon_kill
same "rules stand without the daemon" "$rules_before" "$(sluice_rules)"
still "daemon killed"
daemon_start
same "the new daemon changed no rule and no handle" "$rules_before" "$(sluice_rules)"
same "bindings are known" "$bindings_before" "$(sluice nwfilter-binding-list)"
same "filters are known" "$filters_before" "$(sluice nwfilter-list)"
same "documents are the same" "$xml_before" "$(sluice nwfilter-dumpxml stateful; sluice nwfilter-binding-dumpxml v1)"
still "restarted"
unbind v2
bind_guest 2 clean-traffic IP=10.9.0.12
still "and it can bind"
rules_before=$(sluice_rules)
daemon_stop
same "rules stand after an orderly end" "$rules_before" "$(sluice_rules)"
still "daemon stopped"
# The filter's definition changed on disk while nobody looked is not our case; rules flushed by others is.
rules_flush
daemon_start
still "rules were deleted while no daemon ran"

# --- everything away
unbind v1
unbind v2
sleep 1
check "nothing differs without ports" sluice check
same "no binding, no element for a port" "" "$(sluice_rules | grep -E '"v[0-9]+"| v[0-9]+|-v[0-9]+')"
finish

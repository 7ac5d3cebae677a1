#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nwfilter-plan against a daemon with ports: what it tells comes true, and it changes nothing. What is wrong with a
# document is told with the user's own file.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02

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
check "bind a port that is not there" bind v9 52:54:00:00:00:09 inner
cat >$WORK/next.xml <<'EOF'
<filter name='inner' chain='ipv4'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='8'/></rule>
</filter>
EOF

# plan STATUS ARGUMENTS...: what it prints is in $WORK/plan.out
plan() {
	local wanted=$1
	shift
	sluice nwfilter-plan "$@" >$WORK/plan.out 2>&1
	same "status of nwfilter-plan ${*//$WORK\//}" "$wanted" $?
}
before=$(sluice_rules) filters=$(sluice nwfilter-dumpxml inner)
plan 3 $WORK/next.xml
same "says what becomes of the filter" "filter inner: defined, ports change" "$(head -1 $WORK/plan.out)"
for ports in "2 ports with outer: v1, v2" "1 port with inner: v9"; do
	same "rules that vanish and appear, $ports" "$ports
  - from-guest link ipv4: ip.protocol udp, l4.dst-port 7 -> drop  # inner:3
  + from-guest link ipv4: ip.protocol udp, l4.dst-port 8 -> drop  # $WORK/next.xml:2" \
		"$(grep -A2 -x "$ports" $WORK/plan.out)"
done
same "and no more" 7 "$(grep -c . $WORK/plan.out)"

# --- a capture: frames of guest 1 to port 7, 8 and 9

# words NUMBER...: 32 bits each, little endian
words() {
	local word byte
	for word; do
		for byte in 0 8 16 24; do
			# shellcheck disable=SC2059
			printf "\\x$(printf %02x $((word >> byte & 255)))"
		done
	done
}
# udp_frame PORT: Ethernet, IPv4 and UDP headers without checksums
udp_frame() {
	local mac='\x52\x54\x00\x00\x00'
	# shellcheck disable=SC2059
	printf "$mac\\x02$mac\\x01\\x08\\x00\\x45\\x00\\x00\\x1c\\x00\\x00\\x00\\x00\\x40\\x11\\x00\\x00"
	# shellcheck disable=SC2059
	printf "\\x0a\\x09\\x00\\x0b\\x0a\\x09\\x00\\x0c\\x00\\x01\\x00\\x0$1\\x00\\x08\\x00\\x00"
}
{
	words 0xa1b2c3d4 0x00040002 0 0 65535 1
	for port in 7 8 9; do
		words 0 0 42 42
		udp_frame $port
	done
} >$WORK/udp.pcap
plan 3 $WORK/next.xml --pcap $WORK/udp.pcap
same "packets that would fare differently" "packet 1, port v1, from-guest: ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:7
  drop by inner:3 -> accept, no rule decided
packet 2, port v1, from-guest: ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:8
  accept, no rule decided -> drop by $WORK/next.xml:2
3 packets: 2 verdicts change" "$(sed -n '/^packet/,$p' $WORK/plan.out)"
sluice --json nwfilter-plan $WORK/next.xml --pcap $WORK/udp.pcap >$WORK/plan.json
check "the same as JSON" grep -q '"verdict-changes": 2' $WORK/plan.json
plan 2 $WORK/next.xml --in
check_refused "a capture that is none" "next.xml: " sluice nwfilter-plan $WORK/next.xml --pcap $WORK/next.xml

# --- what would be refused
cat >$WORK/bad.xml <<'EOF'
<filter name='inner' chain='ipv4'>
  <rule action='drop' direction='out'><ip protocol='udp' dstportstart='$PORT'/></rule>
</filter>
EOF
check_refused "a variable that a port does not have" "port 'v[19]'.*PORT" sluice nwfilter-plan $WORK/bad.xml
check_refused "nwfilter-define refuses it too" "PORT" sluice nwfilter-define $WORK/bad.xml
echo "<filter name='inner'><rule action='drop' direction='sideways'/></filter>" >$WORK/wrong.xml
check_refused "a document that is wrong, planned" "$WORK/wrong.xml:1: " sluice nwfilter-plan $WORK/wrong.xml
check_refused "a document that is wrong, defined, is called by its own name" "$WORK/wrong.xml:1: " \
	sluice nwfilter-define $WORK/wrong.xml
echo "<filterbinding><portdev/></filterbinding>" >$WORK/wrong-binding.xml
check_refused "a binding that is wrong is called by its own name" "$WORK/wrong-binding.xml:1: " \
	sluice nwfilter-binding-create $WORK/wrong-binding.xml
same "nothing changed in the kernel" "$before" "$(sluice_rules)"
same "nothing changed in the daemon" "$filters" "$(sluice nwfilter-dumpxml inner)"

# --- it comes true
probes "before" g1:eth0 g2:eth0 <<-EOF
	drop port 7 | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:7
	pass port 8 | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:8
EOF
check "define it" sluice nwfilter-define $WORK/next.xml
probes "after" g1:eth0 g2:eth0 <<-EOF
	pass port 7 | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:7
	drop port 8 | ether $M1 > $M2 udp 10.9.0.11:1 > 10.9.0.12:8
EOF
plan 0 $WORK/next.xml
echo "<filter name='lonely'><rule action='drop' direction='in'/></filter>" >$WORK/lonely.xml
plan 0 $WORK/lonely.xml
same "a filter that no port uses" "filter lonely: new, no port uses it" "$(cat $WORK/plan.out)"

# --- a packet that the lint shows does pass
cat >$WORK/early.xml <<'EOF'
<filter name='early'>
  <rule action='accept' direction='out' priority='-900'><ip protocol='udp' dstportstart='53'/></rule>
  <filterref filter='clean-traffic'/>
</filter>
EOF
packet=$(sluice nwfilter-lint $WORK/early.xml --param IP=10.9.0.11 --prove | sed -n '/^ipv4/,/^arp/s/^ *passes: //p')
note "shown: $packet"
sluice nwfilter-define $WORK/early.xml >/dev/null
bind_guest 1 early IP=10.9.0.11
probes "the packet that refutes the order" g1:eth0 g2:eth0 <<-EOF
	pass as shown | ${packet/02:00:00:00:00:fe/$M2}
	drop a later fragment, which has no port | ${packet/02:00:00:00:00:fe/$M2} frag 8
EOF
finish

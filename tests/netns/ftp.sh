#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Example 18.13 of the guide: FTP, whose data connections are RELATED, from guest to guest, to the host, and routed.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
FTP=$BUILD/tests/ftp
make_host
make_guest 1
make_guest 2
make_far
daemon_start
note "connection state: $(mode)"
helper=$(sluice version --verbose | sed -n 's/^connection helper: //p')
if [ "$helper" != ftp ]; then
	skip "FTP" "no helper: $helper"
	finish
fi

ftp_serve() {
	local out=$WORK/ftp.$1
	in_ns "$1" "$FTP" serve >"$out" &
	for _ in $(seq 100); do
		grep -q ready "$out" && return
		sleep 0.05
	done
	not_ok "an FTP server in $1"
}
# ftp WANTED NAMESPACE passive|active ADDRESS: "file", or "none" when the control connection works and the data's not
ftp() {
	local wanted=$1 wait=$WAIT_PASS status=0
	[ "$wanted" = file ] || wait=$((WAIT_DROP * 4))
	in_ns "$2" "$FTP" get "$3" "$4" $wait 2>$WORK/ftp.err || status=$?
	case $status in
	0) same "$TITLE: $2 -> $4 $3: $wanted" "$wanted" file ;;
	1) same "$TITLE: $2 -> $4 $3: $wanted" "$wanted" none ;;
	*) not_ok "$TITLE: $2 -> $4 $3: $(cat $WORK/ftp.err)" ;;
	esac
}
# libvirt's chains see bridged packets only on the way to a guest: what the host sends or routes there, filters by
# state do not stop, as the replies are let out.
is_filtered() { ! on_iptables || [ "$1" = g2 ]; }
helper_tables() { nft list tables | grep -c sluice_helpers; }
for ns in g1 g2 host far; do ftp_serve $ns; done
serve g1 tcp 12345
serve g2 tcp 12345
serve host tcp 12345

TITLE="no filter"
ftp file g2 passive 10.9.0.11
ftp file far active fd00:9::11
same "no table without a filter that asks for RELATED" 0 "$(helper_tables)"

ND="<rule action='accept' direction='inout' priority='100'><icmpv6 type='135'/></rule>
  <rule action='accept' direction='inout' priority='100'><icmpv6 type='136'/></rule>"
define_filter() { # NAME RULES
	define_text <<-XML >$WORK/out 2>&1 || not_ok "define $1: $(cat $WORK/out)"
		<filter name='$1'>
		  $2
		  <rule action='drop' direction='inout' priority='1000'><all/></rule>
		  <rule action='drop' direction='inout' priority='1000'><all-ipv6/></rule>
		</filter>
	XML
}

# --- the guide's first filter: its server may open data connections from port 20
TITLE="18.13 by RELATED"
define_filter ftp-active "<filterref filter='clean-traffic'/>
  <rule action='accept' direction='in'><tcp dstportstart='21'/></rule>
  <rule action='accept' direction='out'><tcp srcportstart='20' state='RELATED,ESTABLISHED'/></rule>
  <rule action='accept' direction='in'><tcp dstportstart='20' state='ESTABLISHED'/></rule>"
bind_guest 1 ftp-active IP=10.9.0.11
for from in g2 host far; do
	ftp file $from active 10.9.0.11
	ftp none $from passive 10.9.0.11
	blocked $from tcp 10.9.0.11 12345
done
blocked g1 tcp 10.9.0.12 12345 20
blocked g1 tcp 10.9.0.1 12345 20

# --- its second: by states alone
TITLE="18.13 by states"
define_filter ftp-active "<filterref filter='clean-traffic'/>
  <rule action='accept' direction='in'><all state='ESTABLISHED'/></rule>
  <rule action='accept' direction='out'><all state='ESTABLISHED,RELATED'/></rule>
  <rule action='accept' direction='in'><tcp dstportstart='21' dstportend='22' state='NEW'/></rule>"
forget
for from in g2 host far; do
	ftp file $from active 10.9.0.11
	is_filtered $from && ftp none $from passive 10.9.0.11
done
blocked g1 tcp 10.9.0.12 12345 20

# --- a passive server, both versions of IP
TITLE="passive"
define_filter ftp-passive "$ND
  <rule action='accept' direction='in'><all state='ESTABLISHED,RELATED'/></rule>
  <rule action='accept' direction='out'><all state='ESTABLISHED'/></rule>
  <rule action='accept' direction='in'><tcp dstportstart='21' state='NEW'/></rule>
  <rule action='accept' direction='in'><all-ipv6 state='ESTABLISHED,RELATED'/></rule>
  <rule action='accept' direction='out'><all-ipv6 state='ESTABLISHED'/></rule>
  <rule action='accept' direction='in'><tcp-ipv6 dstportstart='21' state='NEW'/></rule>"
bind_guest 1 ftp-passive
for from in g2 host far; do
	for to in 10.9.0.11 fd00:9::11; do
		ftp file $from passive $to
		ftp none $from active $to
		is_filtered $from && blocked $from tcp $to 12345
	done
done

# --- the guest as a client
TITLE="client"
define_filter ftp-client "$ND
  <rule action='accept' direction='inout'><all state='ESTABLISHED,RELATED'/></rule>
  <rule action='accept' direction='out'><tcp dstportstart='21' state='NEW'/></rule>
  <rule action='accept' direction='inout'><all-ipv6 state='ESTABLISHED,RELATED'/></rule>
  <rule action='accept' direction='out'><tcp-ipv6 dstportstart='21' state='NEW'/></rule>"
bind_guest 1 ftp-client
for to in 10.9.0.12 10.9.0.1 10.8.0.2 fd00:9::12 fd00:9::1 fd00:8::2; do
	ftp file g1 passive $to
	ftp file g1 active $to
done
blocked g1 tcp 10.9.0.12 12345
blocked g1 tcp 10.9.0.1 12345

# --- the tables' life
TITLE="tables"
there=$(helper_tables)
[ "$there" != 0 ] && ok "they are there" || not_ok "they are there"
# Of these tables alone: others count what passes.
of_helpers() { nft -a list ruleset 2>/dev/null | sed 's/ progname .*//' | awk '/^table/ { ours = /sluice_helpers/ } ours'; }
of_helpers >$WORK/before
daemon_kill
daemon_start
of_helpers >$WORK/after
same "a restart leaves them" "$(cat $WORK/before)" "$(cat $WORK/after)"
daemon_stop
nft delete table inet sluice_helpers
daemon_start
same "a restart makes anew what was taken away" "$there" "$(helper_tables)"
ftp file g1 passive 10.9.0.12
bind_guest 2 ftp-client
unbind v1
sleep 0.5
same "they stay while one port needs them" "$there" "$(helper_tables)"
unbind v2
for _ in $(seq 20); do
	[ "$(helper_tables)" = 0 ] && break
	sleep 0.1
done
same "they go with the last" 0 "$(helper_tables)"
finish

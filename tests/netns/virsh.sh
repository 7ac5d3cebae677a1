#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unmodified virsh as a client: every nwfilter command, over a named socket and over the default one.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v virsh >/dev/null; then
	skip "virsh" "libvirt-clients is not installed"
	finish
fi
make_host
make_guest 1
M1=52:54:00:00:00:01

virsh_run() { timeout 20 virsh -q -c "$URI" "$@"; }

suite() {
	local out
	TITLE=$1
	check "$1: nwfilter-list" virsh_run nwfilter-list
	out=$(virsh_run nwfilter-list)
	check "$1: clean-traffic is listed" grep -q 'clean-traffic$' <(sed 's/ *$//' <<<"$out")
	cat >$WORK/virsh.xml <<-'EOF'
		<filter name='virsh-test' chain='ipv4' priority='-700'>
		  <uuid>7e0a4d52-2a8c-4c1e-9f0e-111111111111</uuid>
		  <rule action='drop' direction='out' priority='500'><ip match='no' srcipaddr='$IP'/></rule>
		</filter>
	EOF
	check "$1: nwfilter-define" virsh_run nwfilter-define $WORK/virsh.xml
	check "$1: it is listed" grep -q virsh-test <(virsh_run nwfilter-list)
	check "$1: nwfilter-dumpxml by name" grep -q "srcipaddr='\$IP'" <(virsh_run nwfilter-dumpxml virsh-test)
	check "$1: nwfilter-dumpxml by uuid" grep -q "name='virsh-test'" <(virsh_run nwfilter-dumpxml 7e0a4d52-2a8c-4c1e-9f0e-111111111111)
	same "$1: sluice and virsh show the same" "$(sluice_at nwfilter-dumpxml virsh-test | grep .)" "$(virsh_run nwfilter-dumpxml virsh-test | grep .)"
	virsh_run nwfilter-dumpxml virsh-test >$WORK/again.xml
	check "$1: what it dumps it takes" virsh_run nwfilter-define $WORK/again.xml
	binding_xml v1 $M1 virsh-test IP=10.9.0.11 >$WORK/binding.xml
	check "$1: nwfilter-binding-create" virsh_run nwfilter-binding-create $WORK/binding.xml
	check "$1: nwfilter-binding-list" grep -Eq 'v1 +virsh-test' <(virsh_run nwfilter-binding-list)
	check "$1: nwfilter-binding-dumpxml" grep -q "value='10.9.0.11'" <(virsh_run nwfilter-binding-dumpxml v1)
	check_refused "$1: undefine in use" 'in use' virsh_run nwfilter-undefine virsh-test
	check_refused "$1: bound twice" 'exist' virsh_run nwfilter-binding-create $WORK/binding.xml
	check_refused "$1: unknown filter" 'not found|no nwfilter|failed to get' virsh_run nwfilter-dumpxml nosuch
	echo "<filter name='x'" >$WORK/bad.xml
	check_refused "$1: broken XML" 'error' virsh_run nwfilter-define $WORK/bad.xml
	check "$1: read-only list" virsh_run -r nwfilter-list
	check "$1: read-only dumpxml" virsh_run -r nwfilter-dumpxml virsh-test
	check_refused "$1: read-only define" 'read.only|denied|forbidden' virsh_run -r nwfilter-define $WORK/virsh.xml
	check_refused "$1: read-only undefine" 'read.only|denied|forbidden' virsh_run -r nwfilter-undefine virsh-test
	check_refused "$1: read-only binding-create" 'read.only|denied|forbidden' virsh_run -r nwfilter-binding-create $WORK/binding.xml
	check_refused "$1: read-only binding-delete" 'read.only|denied|forbidden' virsh_run -r nwfilter-binding-delete v1
	check "$1: nwfilter-binding-delete" virsh_run nwfilter-binding-delete v1
	check "$1: nwfilter-undefine" virsh_run nwfilter-undefine virsh-test
	check_refused "$1: it has gone" 'not found|no nwfilter|failed to get' virsh_run nwfilter-dumpxml virsh-test
	check "$1: several commands on one connection" virsh_run "nwfilter-list; nwfilter-binding-list; nwfilter-dumpxml clean-traffic"
}

daemon_start
sluice_at() { sluice "$@"; }
URI="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock"
# virsh takes the read-only socket from the URI too.
virsh_run() {
	local uri=$URI
	[ "$1" = -r ] && uri="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock-ro"
	timeout 20 virsh -q -c "$uri" "$@"
}
suite "socket named"
daemon_stop

# The default places: /run is ours here; /etc becomes a copy and /var/lib an empty layer, so the machine's own stay
# untouched.
if cp -a /etc /run/etc && mount --bind /run/etc /etc && mount -t tmpfs tmpfs /var/lib; then
	DAEMON_ARGS='' daemon_start
	sluice_at() { "$BUILD/sluice" "$@"; }
	URI=sluice:///system
	virsh_run() { timeout 20 virsh -q -c "$URI" "$@"; }
	suite "default socket"
else
	skip "default socket" "no copy of /etc"
fi
finish

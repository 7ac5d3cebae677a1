#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where reject can only drop, the log says so once, and explain on the rule.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
make_host
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"

define() { # NAME RULE
	define_text <<<"<filter name='$1'>$2</filter>" >$WORK/out 2>&1 || not_ok "define $1: $(cat $WORK/out)"
}
said() { grep -c "filter '$1'.*reject drops" $WORK/daemon.log; }
define link "<rule action='reject' direction='out'><arp opcode='Request'/></rule>"
bind_guest 1 link
bind_guest 2 link
same "a rule of the link stage: said once" 1 "$(said link)"
check "explain notes it" grep -q 'note: reject drops in the link stage' \
	<(sluice nwfilter-explain --port v1 --out "ether 52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff arp request 10.9.0.2 tell 10.9.0.11")
check "explain --json has it too" grep -q '"note"' \
	<(sluice --json nwfilter-explain --port v1 --out "ether 52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff arp request 10.9.0.2 tell 10.9.0.11")

define to-guest "<rule action='reject' direction='in'><tcp dstportstart='80'/></rule>"
define from-guest "<rule action='reject' direction='out'><tcp dstportstart='80'/></rule>"
define plain "<rule action='drop' direction='in'><tcp dstportstart='80'/></rule>"
bind_guest 1 plain
same "drop is drop" 0 "$(said plain)"
bind_guest 1 to-guest
bind_guest 2 from-guest
if on_iptables; then
	same "iptables rejects to the guest" 0 "$(said to-guest)"
	same "iptables rejects from the guest" 0 "$(said from-guest)"
else
	same "to the guest: said" 1 "$(said to-guest)"
	wanted=1
	sluice version --verbose | grep -q '^reject: native' && wanted=0
	same "from the guest: said where the kernel has no reject in bridges" $wanted "$(said from-guest)"
fi
finish

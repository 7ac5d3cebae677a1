#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sockets where libvirt's own daemons would listen: found by an unchanged virsh, never taken from another daemon.
. "$(dirname "$0")/lib.sh"
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
ip link set lo up
mkdir -p $ROOT/etc/sluice $ROOT/run/sluice
SOCKETS=$ROOT/run/sluice
ln -sfn $SOCKETS /run/libvirt
daemon_start
[ ! -e $SOCKETS/virtnetworkd-sock ] && [ ! -e $SOCKETS/virtnwfilterd-sock ]
check_status "without the setting there are none" $?
daemon_stop
echo "drop_in_sockets = perhaps" >$ROOT/etc/sluice/sluice.conf
check_refused "a bad value" "sluice.conf:1: drop_in_sockets is 'perhaps', but must be yes or no" "$BUILD/sluiced" --root $ROOT
echo "drop_in_sockets = yes" >$ROOT/etc/sluice/sluice.conf
daemon_start
for name in virtsluiced virtnetworkd virtnwfilterd; do
	[ "$(stat -c %a $SOCKETS/$name-sock)" = 660 ] && [ "$(stat -c %a $SOCKETS/$name-sock-ro)" = 666 ]
	check_status "$name-sock and its read-only one are there" $?
done
if command -v virsh >/dev/null; then
	virsh -c network:///system net-list --all 2>&1 | grep -q default
	check_status "virsh finds networks by network:///system" $?
	virsh -c nwfilter:///system nwfilter-list 2>&1 | grep -q clean-traffic
	check_status "and filters by nwfilter:///system" $?
	check_refused "a read-only connection changes nothing" "read.only|forbidden" virsh -r -c network:///system net-start default
else
	skip "virsh finds them" "no virsh here"
fi

# --- another daemon ---
OTHER=/run/other
mkdir -p $OTHER/etc/sluice $OTHER/run/sluice
cp $ROOT/etc/sluice/sluice.conf $OTHER/etc/sluice/
ln $SOCKETS/virtnwfilterd-sock $OTHER/run/sluice/virtnwfilterd-sock
check_refused "where another daemon listens it does not start" "another daemon listens on '$OTHER/run/sluice/virtnwfilterd-sock'" \
	timeout 20 "$BUILD/sluiced" --root $OTHER --no-kernel
[ -S $OTHER/run/sluice/virtnwfilterd-sock ] && [ ! -e $OTHER/run/sluice/virtnetworkd-sock ]
check_status "it touches none of them" $?
# The same path, seen without connecting: a daemon whose lock somebody removed.
rm $SOCKETS/sluiced.lock
check_refused "nor where the list of sockets says so" "another daemon listens on '$SOCKETS/virtnetworkd-sock'" \
	timeout 20 "$BUILD/sluiced" --root $ROOT --no-kernel
daemon_kill
daemon_start
[ -S $SOCKETS/virtnetworkd-sock ]
check_status "what a daemon that was killed left behind is replaced" $?
daemon_stop
[ -z "$(ls $SOCKETS | grep -e '-sock')" ]
check_status "and gone when it ends" $?
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may do what, as users that are not root find it: the group's socket, everybody's, and polkit where it is to be asked.
. "$(dirname "$0")/lib.sh"
for tool in setpriv getent; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool here" && exit 77; }
done
NOBODY=65534 MEMBER=64123
SOCKET=$ROOT/run/sluice/virtsluiced-sock
# as UID GID COMMAND...
as() {
	local uid=$1 gid=$2
	shift 2
	setpriv --reuid "$uid" --regid "$gid" --clear-groups --bounding-set -all -- "$@"
}
rights() { stat -c '%a %u %g' "$1"; }
conf() {
	mkdir -p $ROOT/etc/sluice
	printf '%s\n' "$@" >$ROOT/etc/sluice/sluice.conf
	daemon_stop
	daemon_start
}
echo "<filter name='f'><rule action='drop' direction='in'/></filter>" >$WORK/f.xml
chmod 755 $WORK

# --- no group, and one ---
daemon_start
if getent group sluice >/dev/null; then
	skip "the socket is root's alone" "there is a group sluice here"
else
	same "without a group the socket is root's alone" "660 0 0" "$(rights $SOCKET)"
fi
same "the other is everybody's" "666 0 0" "$(rights $SOCKET-ro)"
# A group of the test's own, seen in this mount namespace only.
cp /etc/group $WORK/group
grep -q '^sluice:' $WORK/group || echo "sluice:x:$MEMBER:" >>$WORK/group
group=$(sed -n 's/^sluice:[^:]*:\([0-9]*\):.*/\1/p' $WORK/group)
mount --bind $WORK/group /etc/group
conf
same "the group sluice has the socket" "660 0 $group" "$(rights $SOCKET)"
check "a member changes things" as $NOBODY "$group" "$BUILD/sluice" --root $ROOT nwfilter-define $WORK/f.xml
check_refused "others cannot connect" "permission denied" as $NOBODY $NOBODY "$BUILD/sluice" --root $ROOT nwfilter-define $WORK/f.xml
check "but may look" as $NOBODY $NOBODY "$BUILD/sluice" --root $ROOT --readonly nwfilter-dumpxml f
check_refused "and no more" "read only" as $NOBODY $NOBODY "$BUILD/sluice" --root $ROOT --readonly nwfilter-undefine f
: >$WORK/daemon.log
conf "log_level = info"
as $NOBODY "$group" "$BUILD/sluice" --root $ROOT nwfilter-define $WORK/f.xml >/dev/null
same "the log has who changed what" 1 "$(grep -Ec "uid $NOBODY pid [0-9]+: filter-define" $WORK/daemon.log)"

# --- polkit is to be asked, and is not there ---
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/no-bus
conf "auth_unix_rw = polkit"
same "everybody may connect" "666 0 0" "$(rights $SOCKET)"
check_refused "but is let in by polkit alone" "polkit cannot be asked" as $NOBODY "$group" "$BUILD/sluice" --root $ROOT nwfilter-list
check "root needs nobody's leave" sluice nwfilter-list
check "nor is polkit asked about who looks" as $NOBODY $NOBODY "$BUILD/sluice" --root $ROOT --readonly nwfilter-list
if command -v virsh >/dev/null; then
	check_refused "virsh is told the same" "polkit cannot be asked" as $NOBODY $NOBODY virsh -c "sluice:///system?socket=$SOCKET" nwfilter-list
else
	skip "virsh is told the same" "no virsh here"
fi
conf "auth_unix_ro = polkit"
same "each socket has its own key" "660 0 $group" "$(rights $SOCKET)"
check_refused "who looks is asked about then" "polkit cannot be asked" as $NOBODY $NOBODY "$BUILD/sluice" --root $ROOT --readonly nwfilter-list
conf
finish

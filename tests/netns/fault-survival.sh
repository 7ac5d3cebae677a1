#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every operation on filters, bindings and leases with each of its calls failing that writes, syncs, renames, removes or
# speaks to the kernel by netlink. SLUICE_FAULTS=networks-faults: those on networks.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
SEED=${SEED:-$(((RANDOM << 15) + RANDOM))} WHAT=${SLUICE_FAULTS:-faults}
if grep -qa __asan_init "$BUILD/sluiced"; then
	skip "$WHAT" "the sanitizers' library must be the first that is loaded"
	finish
fi
make_host
for n in 1 3 4; do make_guest $n; done
in_ns g4 ip addr flush dev eth0
note "SEED=$SEED"
timeout $((400 * SLOW)) "$BUILD/tests/survive" $ROOT "$BUILD" 0 "$SEED" "$WHAT" >$WORK/survive.out 2>&1
status=$?
grep -v ready $WORK/survive.out
check_status "$WHAT: each operation fails whole or succeeds whole" $status
[ $status = 0 ] || grep -v -e 'The kernel has' -e READY $WORK/daemon.log | tail -40 | sed 's/^/# daemon: /'
finish

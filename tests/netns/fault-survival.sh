#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every operation on filters, bindings and leases with each of its calls failing that writes, syncs, renames, removes or
# speaks to the kernel by netlink; then those on networks. SLUICE_FAULTS: faults or networks-faults, one of the two;
# crashes, networks-crashes: crash-survival.sh.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
SEED=${SEED:-$(((RANDOM << 15) + RANDOM))} WHAT=${SLUICE_FAULTS:-faults networks-faults}
if grep -qa __asan_init "$BUILD/sluiced"; then
	skip "$WHAT" "the sanitizers' library must be the first that is loaded"
	finish
fi
make_host
for n in 1 3 4; do make_guest $n; done
in_ns g4 ip addr flush dev eth0
note "SEED=$SEED"
for what in $WHAT; do
	timeout $((400 * SLOW)) "$BUILD/tests/survive" $ROOT "$BUILD" 0 "$SEED" "$what" >$WORK/$what.out 2>&1
	status=$?
	grep -v ready $WORK/$what.out
	check_status "$what: each operation is done whole or not at all" $status
	[ $status = 0 ] || grep -v -e 'The kernel has' -e READY $WORK/daemon.log | tail -40 | sed 's/^/# daemon: /'
done
finish

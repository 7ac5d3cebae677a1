#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 32 clients at once, 10,000 operations, while others send half a call, 32 MiB of nothing, or never read.
# SLUICE_LOAD="CLIENTS OPERATIONS SEED" asks for other numbers.
. "$(dirname "$0")/lib.sh"
read -r clients operations seed <<<"${SLUICE_LOAD:-32 10000 1}"
LIMIT=$((150 * SLOW)) # seconds; a quiet machine needs less than twenty
resident() { awk '$1 == "VmRSS:" { print $2 }' /proc/$DAEMON/status; }

daemon_start
before=$(resident)
timeout $LIMIT "$BUILD/tests/load" $ROOT "$clients" "$operations" "$seed" >$WORK/load.out
status=$?
grep '^#' $WORK/load.out
check_status "$clients clients, $operations operations: nothing fails that is not the client's own doing" $status
check "the daemon serves others as before" timeout 10 "$BUILD/sluice" --root $ROOT nwfilter-list
bound=$(sluice nwfilter-binding-list | grep -c 'c[0-9]')
same "as many ports are bound in the kernel" "ports: $bound" "$(sluice version --verbose | grep ^ports:)"
# The daemon hears of their ends one after the other.
for _ in $(seq $((50 * SLOW))); do
	clients=$(sluice version --verbose | grep ^clients:)
	[ "$clients" != "clients: 1" ] || break
	sleep 0.1
done
same "nobody is left connected" "clients: 1" "$clients"
after=$(resident)
note "measured daemon: $before KiB before, $after KiB after"
[ "$after" -lt $((before + 65536)) ]
check_status "what clients left behind takes no memory" $?
# What the last changes left is cleared away before it is counted: the check waits for that.
check "nothing differs" sluice check
sluice_rules >$WORK/before
daemon_kill
daemon_start
sluice_rules >$WORK/after
same "a daemon that is started again finds all as it was" "$(grep -c . <$WORK/before)" "$(grep -c . <$WORK/after)"
[ "$(grep -c . <$WORK/before)" = "$(grep -c . <$WORK/after)" ] || diff $WORK/before $WORK/after | sed 's/^/# /' | head -60
finish

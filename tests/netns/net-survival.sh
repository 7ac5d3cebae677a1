#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# survival.sh for networks: the daemon is killed while they are defined, started, changed and stopped. What is
# acknowledged is there afterwards, with its bridge and its DHCP server, and nothing else. A quarter of KILLS (100).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq
KILLS=$(((${KILLS:-100} + 3) / 4)) SEED=${SEED:-$(((RANDOM << 15) + RANDOM))}
LIMIT=$(((KILLS + 30) * 4 * SLOW)) # seconds
note "SEED=$SEED KILLS=$KILLS"
timeout "$LIMIT" "$BUILD/tests/survive" $ROOT "$BUILD" "$KILLS" "$SEED" networks >$WORK/survive.out 2>&1
status=$?
grep '^[# ]' $WORK/survive.out
check_status "networks, $KILLS kills: what was acknowledged is there, what was under way whole or not at all" $status
[ $status = 0 ] || grep -v -e 'The kernel has' -e READY $WORK/daemon.log | tail -40 | sed 's/^/# daemon: /'
finish

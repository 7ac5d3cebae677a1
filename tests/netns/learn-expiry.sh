#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A lease ends while the daemon is stopped, or not there: the kernel itself takes the address out of force. Only nft can.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
on_iptables && echo "SKIP: rules of eb/iptables have no time; the daemon ends a lease" && exit 77
make_ground 1 3
bind_neighbour clean-traffic
bind v1 $M1 clean-traffic CTRL_IP_LEARNING=dhcp
bind v3 $M3 clean-traffic CTRL_IP_LEARNING=any
T=$((SLOW > 1 ? 15 * SLOW : 5)) # seconds: what is looked at before a lease ends takes less

begin=$(date +%s%N)
grant 1 10.9.0.50 $T
grant 1 10.9.0.51 600 client=01aabbccddeeff
grant 3 10.9.0.60 $T
learned "leases" v1 10.9.0.50 10.9.0.51
learned "leases" v3 10.9.0.60
lasts "a lease by DHCP" v1 10.9.0.50 "$begin" $T
DHCP_END=$END
lasts "a lease under any" v3 10.9.0.60 "$begin" $T
kill -STOP "$DAEMON"
only "the daemon is stopped" 1 10.9.0.50 10.9.0.51
expired "the daemon is stopped, dhcp" 1 10.9.0.50 $DHCP_END
expired "the daemon is stopped, any" 3 10.9.0.60 $END
OTHERS=10.9.0.50 only "the other lease" 1 10.9.0.51
kill -CONT "$DAEMON"
learned "it goes on" v1 10.9.0.51
learned "it goes on" v3
OTHERS=10.9.0.50 only "it goes on" 1 10.9.0.51
nothing "it goes on" 3 any 10.9.0.60

begin=$(date +%s%N)
grant 1 10.9.0.52 $T
grant 3 10.9.0.61 $T
learned "other short leases" v1 10.9.0.51 10.9.0.52
learned "other short leases" v3 10.9.0.61
lasts "another lease by DHCP" v1 10.9.0.52 "$begin" $T
DHCP_END=$END
lasts "another lease under any" v3 10.9.0.61 "$begin" $T
daemon_kill
expired "the daemon was killed, dhcp" 1 10.9.0.52 $DHCP_END
expired "the daemon was killed, any" 3 10.9.0.61 $END
OTHERS=10.9.0.52 only "the other lease" 1 10.9.0.51
daemon_start
learned "it is there again" v1 10.9.0.51
learned "it is there again" v3
OTHERS=10.9.0.52 only "it is there again" 1 10.9.0.51
nothing "it is there again" 3 any 10.9.0.61
finish

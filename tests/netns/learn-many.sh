#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon starts again with 1,000 leases on 500 ports: all are in force, and nothing is sent that is there already.
# SLUICE_BACKEND=iptables: the same on that back end. SLUICE_LEARN_PORTS (500).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
PORTS=${SLUICE_LEARN_PORTS:-500}
make_ground 1
bind_neighbour clean-traffic
bind v1 $M1 clean-traffic CTRL_IP_LEARNING=dhcp
grant 1 10.9.0.50 600
grant 1 10.9.0.51 forever client=01aabbccddeeff
learned "the port that has a guest" v1 10.9.0.50 10.9.0.51
sluice nwfilter-binding-export v1 >$WORK/v1.json

# The others are bound as if they had moved here: each is what v1 is, under other names.
begin=$(date +%s%N) bad=0
for ((i = 1; i < PORTS; i++)); do
	mac=$(printf '52:54:00:00:%02x:%02x' $((i / 256 + 1)) $((i % 256)))
	a=10.$((20 + i / 250)).$((i % 250)).1 b=10.$((20 + i / 250)).$((i % 250)).2
	sed "s/$M1/$mac/g; s/v1/p$i/g; s/10\.9\.0\.50/$a/g; s/10\.9\.0\.51/$b/g; s/[0-9a-f]\{8\}-[0-9a-f-]\{27\}/$(printf '%08x' $i)-0000-4000-8000-000000000000/g" \
		$WORK/v1.json >$WORK/p.json
	sluice nwfilter-binding-import $WORK/p.json >$WORK/out 2>&1 || bad=$((bad + 1))
done
[ $bad = 0 ] || sed 's/^/# /' $WORK/out
same "$((PORTS - 1)) more are imported" 0 $bad
note "measured: an import takes $((($(date +%s%N) - begin) / 1000000 / PORTS)) ms, the command included"
in_force() { sluice nwfilter-lease-list | grep -Ec ' yes *$'; }
same "leases in force" $((2 * PORTS)) "$(in_force)"

# What the kernel has, without the time that is left.
kernel() { sluice_rules | sed 's/ expires [0-9a-z]*//g'; }
check "nothing differs" sluice check
kernel >$WORK/before
on_iptables || same "in the kernel" $((PORTS - 1)) "$(grep -oE '10\.2[0-9]\.[0-9]+\.1\b' $WORK/before | sort -u | wc -l)"
counter() { sluice version --verbose | awk -v name="$1:" '$1 == name { print $2 }'; }
again() { # TITLE
	local begin
	begin=$(date +%s%N)
	daemon_start
	note "measured: $1: $((($(date +%s%N) - begin) / 1000000)) ms until it is ready with $((2 * PORTS)) leases on $PORTS ports"
	same "$1: leases in force" $((2 * PORTS)) "$(in_force)"
	if on_iptables; then
		same "$1: no rule is changed" 0 "$(counter commits)"
	else
		same "$1: commits and messages to the kernel" "0 0" "$(counter commits) $(counter messages)"
	fi
	kernel >$WORK/after
	check "$1: the kernel has what it had" cmp $WORK/before $WORK/after
	only "$1" 1 10.9.0.50 10.9.0.51
}
daemon_stop
again "stopped and started"
daemon_kill
again "killed and started"
begin=$(date +%s%N)
check "flush all" sluice nwfilter-lease-flush --all
note "measured: all are forgotten in $((($(date +%s%N) - begin) / 1000000)) ms"
same "none is in force" 0 "$(in_force)"
nothing "flush all" 1 dhcp 10.9.0.50
finish

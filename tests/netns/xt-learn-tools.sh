#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Learned addresses on ebtables and iptables: processes that a change takes, a restart with leases unchanged, and no frame
# with a foreign address between the temporary rules, the filter, and back.
export SLUICE_BACKEND=iptables
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-learn.sh
. "$(dirname "$0")/lib-learn.sh"
make_host
make_guest 2
bare_guest 1
bare_guest 3
# Each process of a tool leaves a line, but for a question for its version.
mkdir -p $WORK/bin
for tool in {eb,ip,ip6}tables-restore; do
	printf '#!/bin/sh\n[ "$1" = --version ] || echo %s >>%s/tools\nexec %s "$@"\n' "$tool" "$WORK" "$(command -v "$tool")" \
		>"$WORK/bin/$tool"
	chmod +x "$WORK/bin/$tool"
done
: >$WORK/tools
ran() { # LABEL TOOL...: these since the last look
	local label=$1
	shift
	same "$label" "$*" "$(xargs <$WORK/tools)"
	: >$WORK/tools
}
PATH=$WORK/bin:$PATH daemon_start
bind_neighbour clean-traffic
for n in 1 3; do bind_guest $n clean-traffic CTRL_IP_LEARNING=dhcp; done
: >$WORK/tools
grant 1 10.9.0.50 600
learned "a lease" v1 10.9.0.50
ran "a lease is one run of ebtables" ebtables-restore
grant 1 10.9.0.50 600
sleep 0.3
ran "a renewal is none"

# --- restart
daemon_stop
PATH=$WORK/bin:$PATH daemon_start
sluice version >/dev/null
ran "a restart with the lease as it was changes no rule"
learned "the lease is known" v1 10.9.0.50
only "after the restart" 1 10.9.0.50
nothing "after the restart, the other port" 3 dhcp

# --- foreign frames while the state changes
MARKER=FOREIGN!
"$FRAME" sink g2:eth0 $MARKER >$WORK/sink &
SINK=$!
until grep -q ready $WORK/sink; do sleep 0.05; done
"$FRAME" flood g1:eth0 "ether $M1 > $M2 udp 10.9.0.77:9 > 10.9.0.12:9 marker $MARKER" 10000 3600 >$WORK/flood &
FLOOD=$!
for ((i = 0; i < 10; i++)); do
	grant 1 10.9.0.$((60 + i)) 600
	learned "flood: address $i" v1 10.9.0.$((60 + i))
	((i % 3)) && continue
	ask 1 release ciaddr=10.9.0.$((60 + i)) from=10.9.0.$((60 + i)) to=$SERVER dst=$HOST_MAC server=$SERVER
	learned "flood: released" v1
done
kill $FLOOD && wait $FLOOD
sleep 0.3
kill $SINK && wait $SINK 2>/dev/null
read -r sent _ <$WORK/flood
read -r leaked missed < <(grep -E '^[0-9]+ [0-9]+$' $WORK/sink)
note "sent $sent frames, leaked ${leaked:-?}, missed by the sink ${missed:-?}"
same "flood: leaked and missed" "0 0" "${leaked:-} ${missed:-}"
check "flood: frames were sent" test "$sent" -gt 1000
finish

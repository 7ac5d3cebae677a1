#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel decides as the evaluator does: the written packets of tests/golden/explain are sent, each group under its
# filter. Left out are packets whose connection has a past (ct), and those a bridge keeps for itself (stp).
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
GOLDEN=$(cd "$(dirname "$0")/../golden" && pwd)
make_host
make_guest 1
make_guest 2
daemon_start
note "connection state: $(mode)"
# A filter is found by the name in its file; those it refers to must be known first.
for _ in 1 2; do
	for xml in "$GOLDEN"/explain/*.xml "$GOLDEN"/compile/*.xml; do
		sluice nwfilter-define "$xml" >/dev/null 2>&1
	done
done

M1=52:54:00:00:00:01 M2=52:54:00:00:00:02
group= table=() left_out=0 sent=0

# Bind the group's filter to guest 1 and send all its packets.
send_group() {
	local source params way name from=g1:eth0 to=g2:eth0
	[ ${#table[@]} = 0 ] && return
	IFS='|' read -r source params way <<<"$group"
	name=$source
	[ "${source%.xml}" != "$source" ] && name=$(sed -n "s/.*<filter name='\([^']*\)'.*/\1/p" "$GOLDEN/$source" | head -1)
	[ "$way" = in ] && from=g2:eth0 to=g1:eth0
	# shellcheck disable=SC2086
	bind_guest 1 "$name" $params || return
	probes "$name${params:+ $params}, $way" $from $to < <(printf '%s\n' "${table[@]}")
	sent=$((sent + ${#table[@]}))
	table=()
}

while IFS='|' read -r source params way packet verdict decider differs; do
	source=${source// /} way=${way// /} verdict=${verdict// /} decider=${decider// /}
	packet=$(sed 's/^ *//; s/ *$//' <<<"$packet") params=$(sed 's/^ *//; s/ *$//' <<<"$params")
	case "$source $packet" in
	'#'* | ' ') continue ;;
	*' ct '* | *' stp '*)
		left_out=$((left_out + 1))
		continue
		;;
	esac
	if [ -n "$differs" ]; then
		skip "$packet" "$(sed 's/^ *//' <<<"$differs")"
		continue
	fi
	if [ "$group" != "$source|$params|$way" ]; then
		send_group
		group="$source|$params|$way"
	fi
	options=()
	for p in $params; do options+=(--param "$p"); done
	file=$source
	[ -e "$GOLDEN/$source" ] && file=$GOLDEN/$source
	if [ "$way" = in ]; then ether="ether $M2 > $M1"; else ether="ether $M1 > $M2"; fi
	case $packet in
	ether*) line=$packet ;;
	*) line="$ether $packet" ;;
	esac
	# The evaluator's own word, not the list's: that one is checked in tests/unit/test_explain.c.
	said=$("$BUILD/sluice" nwfilter-explain "${options[@]}" --mac $M1 --"$way" "$file" "$line" 2>&1 | tail -1)
	case $said in
	"verdict: accept"*) table+=("pass $decider | $line") ;;
	"verdict: drop"* | "verdict: reject"*) table+=("drop $decider | $line") ;;
	*) not_ok "explain $line: $said" ;;
	esac
done <"$GOLDEN/explain/packets.list"
send_group

# A port that stands: binding and filters are asked of the daemon.
bind_guest 1 clean-traffic IP=10.9.0.11
explain_port() { sluice nwfilter-explain --port v1 --out "udp $1:1 > 10.9.0.12:2" --check "$2"; }
check "--port: own address" explain_port 10.9.0.11 accept
check "--port: another's address" explain_port 10.9.0.99 drop
check_refused "--port: a wrong --check" 'no-ip-spoofing:[0-9]+ ' explain_port 10.9.0.99 accept
check_refused "--port: what the daemon knows is not to be said" 'are not for --port' \
	sluice nwfilter-explain --port v1 --mac 52:54:00:00:00:09 --out "udp 10.9.0.11:1 > 10.9.0.12:2"
check_refused "--port: no such port" 'v9' sluice nwfilter-explain --port v9 --out "udp 10.9.0.11:1 > 10.9.0.12:2"
note "sent $sent packets, left out $left_out"
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What bench/libvirt.sh measured, as Markdown: libvirt-table.sh RESULTS. The folder's files have a line a round: median
# time, CPU time, processes, calls; or "failed". Its file settings has what the run was made with.
set -u
RESULTS=$1 SIDES=(libvirt sluice)
# shellcheck disable=SC1091 # written by the run
. "$RESULTS"/settings

# column KEY SIDE N: the median of a column; "failed" where no round ended, nothing where none was made
column() {
	[ -e "$RESULTS/$1.$2" ] || return 0
	awk -v c="$3" '$1 == "failed" { next } { print $c }' "$RESULTS/$1.$2" | sort -n |
		awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "failed" }'
}
total() { awk '{ n += $4 } END { print n + 0 }' "$RESULTS/$1.$2"; }
# ms MICROSECONDS: three digits that count
ms() {
	case $1 in
	'' | -) echo "" ;;
	failed) echo failed ;;
	*) awk -v v="$1" 'BEGIN {
		v /= 1000
		printf((v >= 1e4 ? "%.0f s" : v >= 1e3 ? "%.1f s" : v >= 100 ? "%.0f ms" : v >= 10 ? "%.1f ms" : "%.2f ms") "\n",
			v >= 1e3 ? v / 1000 : v) }' ;;
	esac
}
count() {
	case $1 in
	'' | -) echo "" ;;
	*) awk -v v="$1" 'BEGIN { printf "%.0f\n", v }' ;;
	esac
}
ratio() { # A B
	awk -v a="$1" -v b="$2" 'BEGIN { if (a + 0 > 0 && b + 0 > 0) printf((a / b >= 10 ? "%.0f" : "%.2f") "\n", a / b); else print "" }'
}
# row KEY WHAT
row() {
	[ -e "$RESULTS/$1.libvirt" ] || return 0
	local theirs ours
	theirs=$(column "$1" libvirt 1) ours=$(column "$1" sluice 1)
	echo "| $2 | $(ms "$theirs") | $(ms "$ours") | $(ratio "$theirs" "$ours") | $(ms "$(column "$1" libvirt 2)") |" \
		"$(ms "$(column "$1" sluice 2)") | $(count "$(column "$1" libvirt 3)") | $(count "$(column "$1" sluice 3)") |" \
		"$(total "$1" libvirt), $(total "$1" sluice) |"
}
fill_row() {
	local side
	for side in "${SIDES[@]}"; do
		cat "$RESULTS"/fill-[0-9]*."$side" | awk '$1 == "failed" { print; exit } { w += $1; c += $2; t += $3; n++ }
			END { if (n == NR) print w, c, t, 1 }' >"$RESULTS"/filled."$side"
	done
	row filled "bind $PORTS ports, one after the other"
}
virsh_row() { # KEY WHAT
	local theirs ours
	theirs=$(column "$1" libvirt 1) ours=$(column "$1" sluice 1)
	echo "| $2 | $(ms "$theirs") | $(ms "$ours") | $(ratio "$theirs" "$ours") |"
}
memory_row() { # PORTS
	echo "| $1 | $(for side in libvirt sluice; do column "rss-$1" $side 1 | awk '{ printf "%.1f MB | ", $1 / 1048576 }'; done)"
}
# leak_row KEY WHAT
leak_row() {
	local side
	for side in "${SIDES[@]}"; do
		awk -v w="$2" -v s="$side" -v t="$(ms "$(column "$1" "$side" 1)")" -v n="$(total "$1" "$side")" \
			'{ printf "| %s | %s | %d times, %s each | %d | %d |\n", w, s, n, t, $1, $2 }' "$RESULTS/$1-leaks.$side"
	done
}
packet_row() { # METRIC BOUND WHAT
	local none theirs ours
	none=$(column "$1-$2" none 1) theirs=$(column "$1-$2" libvirt 1) ours=$(column "$1-$2" sluice 1)
	echo "| $3 | $2 | $(count "$none") | $(count "$theirs") | $(count "$ours") | $(ratio "$ours" "$theirs") |"
}
plural() { [ "$1" = 1 ] && echo "1 port" || echo "$1 ports"; }
# figure KEY WHAT AT_LEAST
figure() {
	local got
	got=$(ratio "$(column "$1" libvirt 1)" "$(column "$1" sluice 1)")
	awk -v w="$2" -v g="$got" -v t="$3" \
		'BEGIN { printf "| %s | at least %d times as fast | %s | %s |\n", w, t, (g == "" ? "failed" : g " times"), (g + 0 >= t ? "met" : "missed") }'
}

# sum SIDE FIELD: of both floods
sum() { awk -v f="$2" '{ n += $f } END { print n + 0 }' "$RESULTS"/flood-{redefine,bind}-leaks."$1"; }
leak_figure() {
	local verdict=missed
	[ "$(sum sluice 1)" = 0 ] || [ "$(sum sluice 2)" != 0 ] || verdict=met
	echo "| frames that pass in a flood | 0 | $(sum sluice 2) of $(sum sluice 1); libvirt $(sum libvirt 2) of $(sum libvirt 1) | $verdict |"
}

cat <<MD
# Beside libvirt

Written by \`make bench-libvirt PORTS=$PORTS ROUNDS=$ROUNDS SLOW_ROUNDS=$SLOW_ROUNDS BOUND=$BOUND REDEFINITIONS=$REDEFINITIONS MILLISECONDS=$MILLISECONDS\`
on $WHEN, in $MINUTES minutes. $MACHINE; load average $LOAD_BEFORE at its begin, $LOAD_AFTER at its end.
$VERSIONS.

Each daemon lives in network, mount and process namespaces of its own, with the same bridge, the same taps and the same
documents: libvirt is given the filters that sluice ships under libvirt's names. libvirtd runs with its drivers of
filters and networks alone. Within a round one daemon is measured, then the other. The client is ours for both and speaks
libvirt's RPC, because a start of \`virsh\` (some 10 to 20 ms) would hide what sluice takes; the second table has \`virsh\`.

- *time*: from the call to its answer; the median. *n*: how many calls, libvirt's and sluice's. A call that takes less than a second
  is repeated; slow rows are made SLOW_ROUNDS times.
- *CPU*: the daemon and the children it waited for, user and system, until 0.25 s behind the answer; children count in ticks of
  10 ms. *processes*: what was begun meanwhile in the daemon's process namespace, threads as well.
- A ratio is libvirt's time by sluice's: more is better for sluice. Where the load average is above the
  number of CPUs, others were at work: read the ratios, not the times, and measure packets again.
- The ports' filter is \`clean-traffic\`; redefined is \`no-mac-spoofing\`, one of its leaves, each time with another rule.

## What was asked

| | asked | measured | |
|---|---|---|---|
$(figure "redefine-$PORTS" "redefine a filter that $(plural "$PORTS") use" 1000)
$(figure "bind-$PORTS" "bind a port beside $((PORTS - 1)) others" 100)
$(figure "restart-$PORTS" "restart with $(plural "$PORTS")" 500)
$(leak_figure)

## Changes

| | libvirt | sluice | ratio | CPU, libvirt | CPU, sluice | processes, libvirt | processes, sluice | n |
|---|---|---|---|---|---|---|---|---|
$(for n in "${LEVELS[@]}"; do
	row "bind-$n" "bind a port, $((n - 1)) others bound"
	row "unbind-$n" "unbind it"
done
fill_row
for n in "${LEVELS[@]}"; do row "redefine-$n" "redefine a leaf filter, $(plural "$n")"; done
row start "start with nothing bound, until the first answer"
row "restart-$PORTS" "restart with $(plural "$PORTS"), until the first answer"
row net-start "net-start, NAT and DHCP, $NETWORKS others running"
row net-stop "net-destroy"
row net-host "net-update: add a DHCP host"
row net-unhost "net-update: delete it"
row reload "reload (SIGHUP), 10 ports, $NETWORKS networks, nothing changed")

The end of a reload is the last moment in which the daemon used CPU time, to about 10 ms; sluiced sweeps 100 ms behind the change.

The same by the unmodified \`virsh\`, from the start of the command to its end:

| | libvirt | sluice | ratio |
|---|---|---|---|
$(for n in "${LEVELS[@]}"; do
	virsh_row "virsh-bind-$n" "bind a port, $((n - 1)) others bound"
	virsh_row "virsh-unbind-$n" "unbind it"
done)

## Memory

Resident size of the daemon (VmRSS), its children not counted.

| ports bound | libvirt | sluice |
|---|---|---|
$(for n in 0 "${LEVELS[@]}" "$BOUND"; do memory_row "$n"; done | awk '{ sub(/ $/, "") } !seen[$0]++')

## Floods

Guest 1 sends $((RATE * 2)) frames a second that its filters drop, before a change and after it: half with another MAC address, half to
a UDP port that is not open. Meanwhile the filter with its ports is redefined, or another guest is bound to the same filters
and unbound. Counted is what arrives at guest 2; frames are sent 64 at a time.

| | | change | sent | leaked |
|---|---|---|---|---|
$(leak_row flood-redefine "redefine"
leak_row flood-bind "bind and unbind another guest")

## Packets

Guest 1 is bound to \`clean-traffic\` and a filter of four port rules behind connection tracking, all other ports to \`clean-traffic\`;
guest 2 to none. Of $BOUND ports guest 1 was bound as number $((BOUND / 2)): libvirt's chains go through them one by one. Both daemons' rules
work on bridged packets through br_netfilter here, because this kernel's bridge tracks no connections itself; without a filter it is off.
UDP: 18 bytes of payload from guest 1. TCP: one stream to guest 1. Connections: opened to guest 1 one after the other, with a
question and an answer each. Medians of $ROUNDS rounds, $MILLISECONDS ms each.

| | ports bound | no filter | libvirt | sluice | sluice to libvirt |
|---|---|---|---|---|---|
$(for n in 1 "$BOUND"; do
	packet_row udp "$n" "UDP packets a second"
	packet_row tcp "$n" "TCP, Mbit/s"
	packet_row connects "$n" "TCP connections a second"
done)
MD

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `sluice nwfilter-compile --backend iptables` prints, loaded by the tools themselves: the kernel's listing equals
# what libvirt-tck expects of libvirt (SLUICE_CORPUS/libvirt-tck/nwfilter), all filters that come with sluice load, and
# frames are decided as the rules say. With SLUICE_BACKEND=iptables the daemon loads libvirt-tck's cases, and only those.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
CORPUS=${SLUICE_CORPUS:-../shared/corpus}/libvirt-tck/nwfilter
PORT=vnet0 MAC=52:54:00:00:00:70
# As libvirt's own test gives them: no MAC, no IP.
PARAMS=(IPSETNAME=tck_test A=1.1.1.1 A=2.2.2.2 A=3.3.3.3 A=3.3.3.3 B=80 B=90 B=80 B=80 C=1080 C=1090 C=1100 C=1110)

eb_iptables_or_skip
has_ipset=
ipset create tck_test hash:ip 2>/dev/null && ipset create blocked hash:ip && ipset create "a b" hash:ip && has_ipset=yes

# compile NAME|FILE [PARAM]...: one file for each tool in $WORK/in
compile() {
	local filter=$1 p
	local -a args=()
	shift
	for p in "$@"; do
		case $p in
		--*) args+=("$p") ;;
		*) args+=(--param "$p") ;;
		esac
	done
	rm -rf $WORK/in && mkdir -p $WORK/in
	sluice nwfilter-compile "$filter" --backend iptables --ifname $PORT --lenient "${args[@]}" \
		>$WORK/compiled 2> >(tee $WORK/compile.err >&2) || return 1
	awk -v dir=$WORK/in '/^# (eb|ip6?)tables-restore / { out = dir "/" $2; next } { print > out }' $WORK/compiled
}
empty_tables() {
	local tool
	for tool in iptables ip6tables "ebtables -t nat"; do
		$tool -F && $tool -X || return 1
	done
}
# load: into the tables of this namespace, made empty before
load() {
	local tool
	empty_tables || return 1
	for tool in "$WORK"/in/*; do
		[ -e "$tool" ] || continue
		case $(basename "$tool") in
		ebtables-restore) ebtables-restore --noflush <"$tool" ;;
		iptables-restore) iptables-restore -n <"$tool" ;;
		ip6tables-restore) ip6tables-restore -n <"$tool" ;;
		esac || return 1
	done
}
# The corpus is in lower case; the tools differ in spaces: a sed of its commands eats one of the two that the older
# ebtables printed behind an address.
fold() { tr '[:upper:]' '[:lower:]' | sed -E 's/[[:space:]]+/ /g; s/^ //; s/ $//; /^$/d; s,/128--,/128 --,g'; }
# listing FWALL: its commands, each with its output
listing() {
	local line
	grep '^#' "$1" | while IFS= read -r line; do
		printf '%s\n' "$line"
		bash -c "${line#\#}" 2>/dev/null </dev/null
	done
}
# defects CASE: the expected text without libvirt's defects. Each is named when it is met.
defects() {
	local tos
	case $1 in
	vlan-test)
		# ebtables reads and prints hexadecimal: 2054 is 0x2054, not ARP (0x0806); 4660 is not 0x1234.
		sed -E 's/--vlan-encap 2054 /--vlan-encap 0806 /; s/--vlan-encap 4660 /--vlan-encap 1234 /'
		;;
	ip-test | comment-test)
		# dscp is the upper six bits of the type of service, whatever the two below say.
		while IFS= read -r line; do
			if [[ $line =~ --ip-tos\ 0x([0-9a-f]+) ]]; then
				for tos in 0 1 2 3; do
					echo "${line/--ip-tos 0x${BASH_REMATCH[1]}/--ip-tos $(printf '0x%02x' $((0x${BASH_REMATCH[1]} << 2 | tos)))}"
				done
			else
				printf '%s\n' "$line"
			fi
		done
		;;
	*) cat ;;
	esac
}
defect_reason() {
	case $1 in
	vlan-test) echo "libvirt prints vlan encap-protocol in decimal where ebtables reads hexadecimal" ;;
	ip-test | comment-test) echo "libvirt gives ebtables the dscp as the whole type of service" ;;
	esac
}
# load_case LABEL NAME|FILE [PARAM]...: compile and load
load_case() {
	local label=$1
	shift
	if ! compile "$@" 2>/dev/null; then
		not_ok "$label: compile"
		sed 's/^/# /' $WORK/compile.err
		return 1
	elif ! load >$WORK/load.out 2>&1; then
		not_ok "$label: load"
		sed 's/^/# /' $WORK/load.out $WORK/compiled
		return 1
	fi
}

# bind_case LABEL FILE [PARAM]...: the same through the daemon
bind_case() {
	local label=$1 file=$2
	shift 2
	unbind $PORT >/dev/null
	sluice nwfilter-undefine tck-testcase >/dev/null 2>&1
	# libvirt passes over what it does not know, a daemon of ours refuses it.
	case $label in
	arp-test | rarp-test) sed "s/ protocolid='[^']*'//" "$file" ;;
	*) cat "$file" ;;
	esac >$WORK/case.xml
	if ! sluice nwfilter-define $WORK/case.xml >$WORK/case.out 2>&1 || ! bind $PORT $MAC tck-testcase "$@" >$WORK/case.out; then
		not_ok "$label: bind"
		sed 's/^/# /' $WORK/case.out
		return 1
	fi
}

# --- libvirt's expectations

tck_case() {
	local fwall=$1 name expected got
	name=$(basename "$fwall" .fwall)
	if grep -q ipset "${fwall%.fwall}.xml" && [ -z "$has_ipset" ]; then
		skip "$name lists as libvirt's" "this kernel makes no IP sets"
		return
	fi
	if on_iptables; then
		bind_case "$name" "${fwall%.fwall}.xml" "${PARAMS[@]}" || return
	else
		load_case "$name" "${fwall%.fwall}.xml" "${PARAMS[@]}" || return
	fi
	expected=$(fold <"$fwall")
	got=$(listing "$fwall" | fold)
	if [ "$expected" != "$got" ] && [ -n "$(defect_reason "$name")" ]; then
		expected=$(defects "$name" <<<"$expected")
		note "$name differs from libvirt: $(defect_reason "$name")"
	fi
	same "$name lists as libvirt's" "$expected" "$got"
}
if on_iptables; then
	daemon_start
fi
if [ -d "$CORPUS" ]; then
	for f in "$CORPUS"/*.fwall; do
		tck_case "$f"
	done
else
	skip "libvirt-tck's listings" "$CORPUS is not there (SLUICE_CORPUS names the corpus)"
fi

if on_iptables; then
	unbind $PORT
	same "nothing of the port is left" "" "$(sluice_rules | grep -- $PORT)"
	finish
fi

# --- what comes with sluice, and what its tests read

loads() {
	local name
	name=$(basename "$1" .xml)
	load_case "$name" "$@" && ok "$name loads"
}
for f in nwfilter/filters/*.xml; do
	loads "$f" IP=10.9.0.11 IP=10.9.0.12 IPV6=fd00:9::11 DHCPSERVER=10.9.0.1 DHCPSERVERV6=fd00:9::1 \
		GATEWAY_MAC=52:54:00:00:00:fe BROADCAST_RATE=10 MULTICAST_RATE=10 ARP_RATE=10 ND_RATE=10
done
# What the tools cannot say is refused with file and line; nothing else is.
refused() {
	case $1 in
	proto-icmp.in | proto-icmpv6.in | proto-icmp | proto-icmpv6) echo "an ICMP code without its type" ;;
	proto-ip) echo "a dscp that is not" ;;
	proto-vlan.in) echo "VLAN 4095" ;;
	esac
}
# loads_or_refused FILE [PARAM]...
loads_or_refused() {
	local name family=inet
	name=$(basename "$1" .xml)
	if [ -n "$(refused "$name")" ]; then
		check_refused "$name is refused" ":[0-9]+: .* cannot say $(refused "$name")" compile "$@"
	elif grep -q ipset "$1" && [ -z "$has_ipset" ]; then
		skip "$name loads" "this kernel makes no IP sets"
	else
		# A set is of one family.
		grep -q -- '-ipv6' "$1" && family=inet6
		empty_tables && for set in blocked "a b"; do
			[ -z "$has_ipset" ] || { ipset destroy "$set" && ipset create "$set" hash:ip family $family; }
		done
		loads "$@"
	fi
}
for f in tests/golden/xml/*.in.xml; do
	name=$(basename "$f" .xml)
	params=(FROM=10.0.0.1)
	[[ $name == *v6.in ]] && params=(FROM=2001:db8::1)
	params+=(TO=10.0.0.7 TO=10.0.0.8 TO=10.0.0.9 TYPE=8 IP=10.0.0.5 IPV6=2001:db8::5 PORT=80 BRIDGE=00:01:02:03:04:05 ID=5 RATE=10 BURST=20)
	case $name in
	variables.in) skip "$name loads" "its variables are addresses and ports at once" ;;
	vlan-policy.in) skip "$name loads" "it asks to inspect tagged frames, which is refused everywhere" ;;
	references.in) skip "$name loads" "it refers to filters that are not defined" ;;
	*) loads_or_refused "$f" "${params[@]}" ;;
	esac
done
for f in tests/golden/compile/*.xml; do
	args=()
	[ -e "${f%.xml}.args" ] && read -r -a args <"${f%.xml}.args"
	case $(basename "$f") in
	refused-*) continue ;;
	esac
	mapfile -t params < <(printf '%s\n' "${args[@]}" | grep -F =)
	if ! compile "$f" "${params[@]}" 2>/dev/null && [ -z "$(refused "$(basename "$f" .xml)")" ] &&
		grep -Eq ' cannot (say|look behind) ' $WORK/compile.err; then
		skip "$(basename "$f" .xml) loads" "$(head -1 $WORK/compile.err)"
		continue
	fi
	loads_or_refused "$f" "${params[@]}"
done

# --- frames: the tools' rules decide

PORT=v1
make_host
make_guest 1
make_guest 2
# The ports carry frames a moment after they are up.
for _ in $(seq 100); do
	[ "$(bridge link | grep -c 'state forwarding')" = 2 ] && break
	sleep 0.05
done
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M9=52:54:00:00:00:99
BC=ff:ff:ff:ff:ff:ff
E="ether $M1 > $M2"
# A request for 10.9.0.12 with that sender address, and one of M1 whose hardware addresses claim 8 bytes.
arp_raw() { echo "raw ffffffffffff${M1//:/}08060001080006040001${1//:/}0a09000b0000000000000a09000c"; }
arp_odd() { echo "raw ffffffffffff${M1//:/}08060001080008040001${M1//:/}00000a09000b00000000000000000a09000c"; }
probes_open "no filter" g1:eth0 g2:eth0 <<EOF
pass ARP | $(arp_raw $M1)
pass odd ARP | $(arp_odd)
EOF
compile clean-traffic --mac=$M1 IP=10.9.0.11 && check "clean-traffic on v1" load
probes clean-traffic g1:eth0 g2:eth0 <<EOF
pass UDP | $E udp 10.9.0.11:1000 > 10.9.0.12:2000
drop UDP, source IP spoofed | $E udp 10.9.0.99:1000 > 10.9.0.12:2000
drop UDP, source MAC spoofed | ether $M9 > $M2 udp 10.9.0.11:1000 > 10.9.0.12:2000
pass ARP request | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.11
drop ARP, sender IP spoofed | ether $M1 > $BC arp request 10.9.0.12 tell 10.9.0.99
drop ARP, odd length | $(arp_odd)
EOF
cat >$WORK/not-mac.xml <<'EOF'
<filter name='not-mac'>
	<rule action='drop' direction='out'><arp match='no' arpsrcmacaddr='$MAC'/></rule>
</filter>
EOF
compile $WORK/not-mac.xml --mac=$M1 && check "an address that is not, on v1" load
probes "an address that is not" g1:eth0 g2:eth0 <<EOF
pass own | $(arp_raw $M1)
drop other | $(arp_raw $M9)
drop odd length | $(arp_odd)
EOF
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Foreign hands: rules, bridges, interfaces and processes that somebody else takes away come back by themselves.
. "$(dirname "$0")/lib.sh"
FAST=$((1000 * SLOW)) # a second; emulated machines have more

make_host
for n in 1 2; do make_guest $n; done

now_ms() { echo $(($(date +%s%N) / 1000000)); }
# heals LABEL PATTERN COMMAND...: the command damages, and within a second the log says so and nothing differs
heals() {
	local label=$1 pattern=$2 start
	shift 2
	mark
	start=$(now_ms)
	if ! "$@" >$WORK/damage.out 2>&1; then
		not_ok "$label: the damage itself: $(head -1 $WORK/damage.out)"
		return
	fi
	while ! logged "mended in" >/dev/null && [ $(($(now_ms) - start)) -lt $((3 * FAST)) ]; do sleep 0.01; done
	local took=$(($(now_ms) - start))
	if [ $took -lt $FAST ] && logged "$pattern" >/dev/null; then
		ok "$label: mended after $took ms"
		note "$(logged "$pattern" | head -1 | cut -c1-200)"
	else
		not_ok "$label: not mended within a second, or not said"
		tail -c +$((log_from + 1)) $WORK/daemon.log | sed 's/^/# /' | tail -5
	fi
	check "$label: nothing differs afterwards" sluice check
}
# Chains are listed in the order in which they were made.
sluice_rules_plain() { nft -t list table bridge sluice | sed 's/ progname sluiced$//' | sort; }
# More repairs within ten seconds than are made at once must not be asked for.
quiet() { sleep 10.5; }

if ! on_iptables; then
	# --- owned: nobody else can
	daemon_start
	bind_guest 1 clean-traffic IP=10.9.0.11
	check "nothing differs" sluice check
	if sluice version --verbose | grep -q 'table: owned'; then
		check_refused "an owned table cannot be deleted" 'not permitted|denied' nft delete table bridge sluice
		nft flush ruleset
		check "an owned table survives a flush of all rules" sluice check
		before=$(sluice version --verbose | sed -n 's/^commits: //p')
		for _ in 1 2 3; do sluice check >/dev/null && sluice repair >/dev/null; done
		same "checks and repairs send nothing when all is well" "$before" "$(sluice version --verbose | sed -n 's/^commits: //p')"
		note "transactions: $before"
	else
		skip "an owned table" "this kernel knows no owners"
	fi
	unbind v1

	# --- not owned
	start_unowned
	define_text >/dev/null <<-'EOF'
	<filter name='stateful' chain='root'>
	  <filterref filter='clean-traffic'/>
	  <rule action='accept' direction='out' priority='500'><tcp state='NEW'/></rule>
	  <rule action='drop' direction='out' priority='400'><tcp dstportstart='25' connlimit-above='2'/></rule>
	  <rule action='accept' direction='inout' priority='500'><all state='ESTABLISHED,RELATED'/></rule>
	  <rule action='drop' direction='inout' priority='1000'><all/></rule>
	</filter>
	EOF
	bind_guest 1 clean-traffic IP=10.9.0.11
	bind_guest 2 stateful IP=10.9.0.12
	sleep 0.5
	check "nothing differs" sluice check
	RULES=$(sluice_rules_plain)
	bridge=$(nft list table bridge sluice | awk '/chain t1-from-link/ { print $2; exit }')
	map=$(nft list table bridge sluice | awk '/map ports/ { print $2; exit }')
	rule_of() { nft -a list chain bridge sluice "$1" | sed -n 's/.*# handle \([0-9]*\)$/\1/p' | sed -n 2p; }

	heals "nft flush ruleset" 'deleted.*by "nft"|missing' nft flush ruleset
	heals "the table is deleted" 'table deleted bridge sluice' nft delete table bridge sluice
	heals "a rule is deleted" 'rule deleted from bridge sluice' nft delete rule bridge sluice "$bridge" handle "$(rule_of "$bridge")"
	heals "a rule is inserted in front" 'rule added to bridge sluice prerouting-link' nft insert rule bridge sluice prerouting-link accept
	heals "a chain is flushed" 'rule deleted from bridge sluice' nft flush chain bridge sluice "$bridge"
	heals "a base chain is flushed" 'prerouting-link' nft flush chain bridge sluice prerouting-link
	heals "a base chain is deleted" 'chain deleted bridge sluice postrouting-link' nft 'flush chain bridge sluice postrouting-link; delete chain bridge sluice postrouting-link'
	quiet
	heals "a chain's policy is changed" 'chain (added|changed) bridge sluice prerouting-link' nft 'chain bridge sluice prerouting-link { policy drop; }'
	heals "an element is removed" 'element deleted from bridge sluice' nft 'flush set bridge sluice ip4-IP'
	heals "an element is added" 'element added to bridge sluice' nft 'add element bridge sluice ip4-IP { "v1" . 10.9.0.77 }'
	heals "a port is removed from the map" 'element deleted from bridge sluice' nft "delete element bridge sluice $map { \"v1\" }"
	heals "the table sleeps" 'table changed bridge sluice' nft 'add table bridge sluice { flags dormant; }'
	[ "$(mode)" = native ] || heals "the state's table is deleted" 'table deleted inet sluice' nft delete table inet sluice
	same "the rules are what they were" "$RULES" "$(sluice_rules_plain)"
	check "a filter is bound after all that" bind_guest 1 clean-traffic IP=10.9.0.11

	quiet
	# Between the flush and the repair there is a moment without a filter; afterwards there is none.
	"$FRAME" flood g1:eth0 "ether 52:54:00:00:00:99 > $(mac_of 2) udp 10.9.0.11:9 > 10.9.0.12:9 marker FLOODED!" 5000 600 \
		>$WORK/flood.out &
	flood=$!
	unbind v2 # it would drop the frames, too
	sleep 0.5
	sink_start
	heals "nft flush ruleset during a flood" 'by "nft"|missing' nft flush ruleset
	sink_stop
	note "frames that came through in between: $SUNK"
	sink_start
	sleep 1
	sink_stop
	same "no frame comes through afterwards" 0 "$SUNK"
	kill "$flood"
	wait "$flood" 2>/dev/null

	# --- somebody who fights
	mark
	for _ in $(seq 30); do
		nft flush chain bridge sluice prerouting-link 2>/dev/null
		sleep 0.1
	done
	if logged 'keeps changing' >/dev/null; then ok "who fights is waited for"; else not_ok "who fights is waited for"; fi
	note "$(logged 'keeps changing' | head -1)"
	same "the log says so rarely" 1 "$(($(logged 'keeps changing' | wc -l) <= 3))"
else
	daemon_start
	bind_guest 1 clean-traffic IP=10.9.0.11
	bind_guest 2 no-mac-spoofing
	sleep 0.5
	check "nothing differs" sluice check
	RULES=$(sluice_rules | sort)
	heals "ebtables -t nat -F" 'ebtables-save, port' ebtables -t nat -F
	same "the rules are what they were" "$RULES" "$(sluice_rules | sort)"
	heals "ebtables-restore of a foreign file" 'ebtables-save, port' ebtables-restore <<<'*nat'
	heals "nft flush ruleset" 'by "nft"' nft flush ruleset
	same "the rules are what they were again" "$RULES" "$(sluice_rules | sort)"
fi
daemon_stop

# --- networks
if command -v dnsmasq >/dev/null; then
	DAEMON_ARGS="--root $ROOT --no-owner"
	daemon_start
	quiet
	cat >$WORK/net.xml <<-'EOF'
	<network><name>foreign</name><forward mode='nat'/><bridge name='virbr7'/>
	<ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.10' end='10.77.0.20'/></dhcp></ip>
	<ip family='ipv6' address='fd77::1' prefix='64'/></network>
	EOF
	check "a network" sluice net-create $WORK/net.xml
	ip link add tap7 type veth peer name tap7p
	ip link set tap7 master virbr7 up
	sleep 0.5
	check "nothing differs" sluice check
	heals "the network's rules are deleted" 'the firewall of networks' \
		bash -c "if [ $BACKEND = iptables ]; then iptables -F LIBVIRT_FWO && iptables -X LIBVIRT_x 2>/dev/null; iptables -F FORWARD; else nft delete table inet sluice_networks; fi"
	heals "the bridge is down" "bridge 'virbr7' is down" ip link set virbr7 down
	heals "the bridge's MAC address is another" "another MAC" ip link set virbr7 address 52:54:00:77:77:77
	heals "the bridge is deleted" "bridge 'virbr7' is missing" ip link del virbr7
	check "its address is back" grep -q 10.77.0.1 <<<"$(ip -4 addr show dev virbr7)"
	check "its port is back" grep -q 'master virbr7' <<<"$(ip link show dev tap7)"
	quiet
	heals "an address is removed" "lacks the address 10.77.0.1/24" ip addr del 10.77.0.1/24 dev virbr7
	check "it is back" grep -q 'inet 10.77.0.1/24 brd 10.77.0.255' <<<"$(ip -4 addr show dev virbr7)"
	heals "an address of IPv6 is removed" "lacks the address fd77::1/64" ip addr del fd77::1/64 dev virbr7
	heals "all addresses are removed" "lacks the address" ip addr flush dev virbr7
	heals "IPv6 is turned off" "ipv6/conf/virbr7/disable_ipv6 is 1" sysctl -qw net.ipv6.conf.virbr7.disable_ipv6=1
	check "and on again, with its address" grep -q 'inet6 fd77::1/64' <<<"$(ip -6 addr show dev virbr7)"
	# What we take away ourselves, and what is none of ours, brings no repair.
	mark
	sed "s/fd77::1/fd78::1/" $WORK/net.xml >$WORK/other.xml
	check "the network gets another address" sluice net-define --apply $WORK/other.xml
	ip addr add 10.77.9.1/24 dev virbr7
	ip addr del 10.77.9.1/24 dev virbr7
	sleep 0.5
	check "it has that one" grep -q 'inet6 fd78::1/64' <<<"$(ip -6 addr show dev virbr7)"
	check_refused "and not the other" '^$' grep fd77::1 <<<"$(ip -6 addr show dev virbr7)"
	same "nothing was mended" "" "$(logged 'mended in')"
	pid=$(cat $ROOT/run/sluice/network/foreign.pid 2>/dev/null || pgrep -f 'dnsmasq.*foreign' | head -1)
	mark
	start=$(now_ms)
	kill -9 "$pid"
	# It is the daemon's until it hears of its end, on a busy machine a while later.
	until [ -n "$(logged "dnsmasq, pid $pid, died")" ] || [ $(($(now_ms) - start)) -gt $((10 * FAST)) ]; do sleep 0.02; done
	until sluice check >/dev/null || [ $(($(now_ms) - start)) -gt $((10 * FAST)) ]; do sleep 0.02; done
	check "dnsmasq that was killed runs again after $(($(now_ms) - start)) ms" sluice check
fi
finish

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The ground of tests of learning, behind lib.sh: DHCP messages made by hand, leases as the daemon lists them, and what
# may pass in each state.
#
# Guest 2 is the neighbour that has its own address (10.9.0.12, fd00:9::12) by its binding; the host is the DHCP server
# 10.9.0.1. A guest under test has no address but what a test gives it.
DHCP=$BUILD/tests/dhcp-send
[ -x "$DHCP" ] || { echo "not ok 1 - $DHCP is missing: make test-programs" && exit 1; }
nflog_or_skip
M1=52:54:00:00:00:01 M2=52:54:00:00:00:02 M3=52:54:00:00:00:03 M9=52:54:00:00:00:99 ALL=ff:ff:ff:ff:ff:ff
# shellcheck disable=SC2034 # for who reads this
SERVER=10.9.0.1 XID=$((RANDOM * 100))

# bare_guest N: it says nothing by itself
bare_guest() {
	make_guest "$1"
	in_ns "g$1" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	in_ns "g$1" ip -4 addr flush dev eth0
}
# make_ground N...: the host, the neighbour and bare guests, and the daemon
make_ground() {
	local n
	make_host
	make_guest 2
	for n in "$@"; do
		bare_guest "$n"
	done
	daemon_start
}
# bind_neighbour FILTER [NAME=VALUE]...: with its IPv4 address
bind_neighbour() { bind v2 $M2 "$1" IP=10.9.0.12 "${@:2}" || not_ok "the neighbour is bound"; }
# reader_ready: sluice-snoop listens; what is sent before is not learned from. Asked once of each daemon.
READER_OF=
reader_ready() {
	local i
	[ "$READER_OF" != "$DAEMON" ] || return 0
	for ((i = 0; i < 100 * SLOW; i++)); do
		sluice version --verbose | grep -q '^snoop: running' && READER_OF=$DAEMON && return
		sleep 0.05
	done
	not_ok "sluice-snoop listens"
}
# fresh N FILTER [NAME=VALUE]...: as bind_guest, with nothing that was learned before
fresh() {
	sluice nwfilter-lease-flush --all >/dev/null
	bind_guest "$@" && reader_ready
}
# ask N TYPE [WORD]..., answer N TYPE [WORD]...: version 4; the transaction is the last ask's
ask() {
	local n=$1 type=$2
	shift 2
	reader_ready
	XID=$((XID + 1))
	"$DHCP" "g$n:eth0" v4 "$type" xid=$XID "$@" src="$(mac_of "$n")"
}
answer() {
	local n=$1 type=$2
	shift 2
	"$DHCP" :br0 v4 "$type" xid=$XID "$@" src=$HOST_MAC dst="$(mac_of "$n")" server=$SERVER
}
# grant N ADDRESS SECONDS [WORD]...: asked and granted; the words go to both messages
grant() {
	local n=$1 address=$2 lease=$3
	shift 3
	ask "$n" request asked="$address" "$@"
	answer "$n" ack your="$address" lease="$lease" "$@"
}
# addresses PORT: those in force, sorted, in one line
addresses() { sluice nwfilter-lease-list --port "$1" | awk -v p="$1" '$1 == p && $NF == "yes" { sub("/(32|128)$", "", $3); print $3 }' | sort | xargs; }
# tools_end: on eb/iptables the rules are there when the last tool of a change has run
tools_end() {
	local i idle=0
	for ((i = 0; i < 60 * SLOW && idle < 3; i++)); do
		if pgrep -P "$DAEMON" tables >/dev/null; then idle=0; else idle=$((idle + 1)); fi
		sleep 0.05
	done
}
# learned LABEL PORT ADDRESS...: these alone, soon
learned() {
	local label=$1 port=$2 got i
	shift 2
	for ((i = 0; i < 80 * SLOW; i++)); do
		got=$(addresses "$port")
		[ "$got" != "$*" ] || break
		sleep 0.05
	done
	# The rules follow in the daemon's same turn: whoever is answered next comes after.
	sluice nwfilter-lease-list >/dev/null
	on_iptables && tools_end
	same "$label: the list has ${*:-nothing}" "$*" "$got"
}
# unchanged LABEL PORT ADDRESS...: still these alone, when what was sent has been read
unchanged() {
	sleep 0.3
	learned "$@"
}
said() { # LABEL PATTERN: the daemon's log
	local i
	for ((i = 0; i < 80 * SLOW; i++)); do
		grep -Eq -- "$2" $WORK/daemon.log && ok "$1" && return
		sleep 0.05
	done
	not_ok "$1: the log does not say /$2/"
}
# only TITLE N ADDRESS...: these pass, from and to the guest; the neighbour's and unused ones do not
only() {
	local title=$1 n=$2 m a from= to=
	m=$(mac_of "$n")
	shift 2
	for a in "$@"; do
		from+="pass $a | ether $m > $M2 udp $a:9 > 10.9.0.12:9"$'\n'
		from+="pass $a asks by ARP | ether $m > $ALL arp request 10.9.0.12 tell $a"$'\n'
		from+="pass $a answers by ARP | ether $m > $M2 arp reply $a is-at $m"$'\n'
		from+="drop $a with another MAC address | ether $M9 > $M2 udp $a:9 > 10.9.0.12:9"$'\n'
		to+="pass to $a | ether $M2 > $m udp 10.9.0.12:9 > $a:9"$'\n'
		to+="pass to $a by ARP | ether $M2 > $m arp request $a tell 10.9.0.12"$'\n'
	done
	for a in 10.9.0.12 10.9.0.1 10.9.0.77 ${OTHERS:-}; do
		from+="drop $a, not its own | ether $m > $M2 udp $a:9 > 10.9.0.12:9"$'\n'
		from+="drop $a by ARP | ether $m > $M2 arp reply $a is-at $m"$'\n'
	done
	probes "$title, from the guest" "${GUEST:-g}$n:eth0" "${GUEST:-g}2:eth0" <<<"$from"
	probes "$title, to the guest" "${GUEST:-g}2:eth0" "${GUEST:-g}$n:eth0" <<<"$to"
}
# nothing TITLE N dhcp|any [ADDRESS]...: only DHCP passes; with any all to the guest, and probes by ARP
nothing() {
	local title=$1 n=$2 method=$3 m a from= verdict=drop
	m=$(mac_of "$n")
	shift 3
	[ "$method" = dhcp ] || verdict=pass
	for a in "$@" 10.9.0.12 10.9.0.77; do
		from+="drop $a | ether $m > $M2 udp $a:9 > 10.9.0.12:9"$'\n'
		# What is claimed under any is learned.
		[ "$method" != dhcp ] || from+="drop $a by ARP | ether $m > $ALL arp request 10.9.0.12 tell $a"$'\n'
	done
	probes "$title, from the guest" "${GUEST:-g}$n:eth0" "${GUEST:-g}2:eth0" <<-EOF2
		${from}pass DHCP | ether $m > $ALL udp 0.0.0.0:68 > 255.255.255.255:67
		drop DHCP of another MAC address | ether $M9 > $ALL udp 0.0.0.0:68 > 255.255.255.255:67
		drop DNS instead of DHCP | ether $m > $M2 udp 0.0.0.0:68 > 255.255.255.255:53
		$verdict an ARP probe | ether $m > $ALL arp request 10.9.0.77 tell 0.0.0.0
		drop IPv6 | ether $m > $M2 udp [fe80::1]:9 > [fd00:9::12]:9
	EOF2
	probes "$title, to the guest" "${GUEST:-g}2:eth0" "${GUEST:-g}$n:eth0" <<-EOF2
		$verdict what is no answer | ether $M2 > $m udp 10.9.0.12:9 > 10.9.0.50:9
		$verdict ARP | ether $M2 > $ALL arp request 10.9.0.50 tell 10.9.0.12
	EOF2
	probes "$title, from the server" :br0 "${GUEST:-g}$n:eth0" <<-EOF2
		pass an answer | ether $HOST_MAC > $m udp $SERVER:67 > 10.9.0.50:68
		pass an answer to all | ether $HOST_MAC > $ALL udp $SERVER:67 > 255.255.255.255:68
	EOF2
}
# lasts TITLE PORT ADDRESS GRANTED_NS SECONDS: listed with an end that is so long after the grant, soon; END is that end. The
# daemon's clock counts whole seconds.
lasts() {
	local title=$1 port=$2 address=$3 granted=$4 ns=$(($5 * 1000000000)) when i
	END=0
	for ((i = 0; i < 80 * SLOW; i++)); do
		when=$(sluice nwfilter-lease-list --port "$port" | awk -v a="$address" '$NF == "yes" && index($3 "/", a "/") == 1' | grep -oE '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}')
		END=$(($(date -d "${when:-1970-01-02}" +%s) * 1000000000))
		[ $END -le $((granted + ns - 1000000000)) ] || [ $END -gt $(($(date +%s%N) + ns)) ] || break
		sleep 0.05
	done
	check "$title: it ends $5 s after its grant" test $END -gt $((granted + ns - 1000000000)) -a $END -le $(($(date +%s%N) + ns))
}
# expired TITLE N ADDRESS END_NS: passes until its time, and is gone within a second of it; waits
expired() {
	local title=$1 n=$2 address=$3 end=$4 m begin after passed=0 got=
	m=$(mac_of "$n")
	while begin=$(date +%s%N) && [ "$begin" -lt $((end + 6000000000 * SLOW)) ]; do
		got=$("$FRAME" probe "${GUEST:-g}$n:eth0" "${GUEST:-g}2:eth0" 150 "ether $m > $M2 udp $address:9 > 10.9.0.12:9")
		after=$(date +%s%N)
		[ "$got" = + ] || break
		passed=$begin
		sleep 0.05
	done
	note "measured: $title: no longer $(((begin - end) / 1000000)) ms after its time"
	# What got lost was sent 150 ms before the probe ended, or earlier.
	check "$title: passes until its time" test "$got" = - -a $((after - 150000000)) -ge "$end"
	check "$title: stops within a second of its time" test "$got" = - -a $((passed - end)) -lt $((1000000000 * SLOW))
}

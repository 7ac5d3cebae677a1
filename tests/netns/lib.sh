# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The ground of every packet test: source this first. The script starts again inside namespaces of its own (network,
# mount, process), with an empty /run; when it ends, however it ends, the kernel takes all of it away.
#
# The host is the script's own network namespace: bridge br0, 10.9.0.1 and fd00:9::1. Guest N is the namespace gN:
# its eth0 (52:54:00:00:00:0N, 10.9.0.1N, fd00:9::1N) is the peer of vN on the bridge.
set -u
if [ "$(id -u)" != 0 ]; then
	echo "SKIP: network namespaces need root"
	exit 77
fi
if [ "${SLUICE_SANDBOX:-}" != yes ] || [ $$ != 1 ]; then
	export SLUICE_SANDBOX=yes
	exec unshare --mount --net --pid --fork --kill-child --mount-proc -- bash "$0" "$@"
fi
trap 'exit 130' INT
trap 'exit 143' TERM

BUILD=$(cd "${SLUICE_BUILD:-build}" && pwd) || exit 1
FRAME=$BUILD/tests/frame CONN=$BUILD/tests/conn
for tool in "$BUILD/sluiced" "$BUILD/sluice" "$FRAME" "$CONN"; do
	[ -x "$tool" ] || { echo "not ok 1 - $tool is missing: make test-programs" && exit 1; }
done
mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys 2>/dev/null
WORK=/run/work ROOT=/run/root
mkdir -p $WORK $ROOT /run/netns
export HOME=$WORK XDG_CONFIG_HOME=$WORK XDG_CACHE_HOME=$WORK

# How long to wait before a frame counts as lost, and for one that must come. Emulated machines are slow.
SLOW=${SLUICE_SLOW:-1}
WAIT_DROP=$((150 * SLOW)) WAIT_PASS=$((2500 * SLOW))

HOST_MAC=52:54:00:00:00:fe
GUESTS=()
TESTS=0 FAILURES=0
DAEMON=

# --- results

ok() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $*"
}
not_ok() {
	TESTS=$((TESTS + 1)) FAILURES=$((FAILURES + 1))
	echo "not ok $TESTS - $*"
}
note() { echo "# $*"; }
skip() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $1 # SKIP $2"
}
# check LABEL COMMAND...: it succeeds
check() {
	local label=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$label"
	else
		not_ok "$label"
		note "$* said: ${out//$'\n'/$'\n'# }"
	fi
}
# check_refused LABEL PATTERN COMMAND...: it fails and its words match the pattern
check_refused() {
	local label=$1 pattern=$2 out
	shift 2
	if out=$("$@" 2>&1); then
		not_ok "$label: not refused"
	elif grep -Eqi -- "$pattern" <<<"$out"; then
		ok "$label"
	else
		not_ok "$label: refused with other words"
		note "wanted /$pattern/, got: ${out//$'\n'/$'\n'# }"
	fi
}
# check_status LABEL STATUS: it is 0
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
# same LABEL EXPECTED GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		diff <(echo "$2") <(echo "$3") | sed 's/^/# /' | head -40
	fi
}
finish() {
	if [ -n "$DAEMON" ] && ! kill -0 "$DAEMON" 2>/dev/null; then
		not_ok "the daemon still runs"
		tail -40 $WORK/daemon.log | sed 's/^/# /'
	elif [ -n "$DAEMON" ] && [ -z "${NO_LAST_CHECK:-}" ]; then
		# Whatever the script did, in the end the kernel has what it should have.
		local root=()
		[ ! -S $ROOT/run/sluice/virtsluiced-sock ] || root=(--root $ROOT)
		check "nothing differs in the end" "$BUILD/sluice" "${root[@]}" check
	fi
	daemon_stop
	if grep -Eq 'ERROR: (Address|Leak|Undefined)|runtime error' $WORK/daemon.log 2>/dev/null; then
		not_ok "the sanitizers are silent"
		sed 's/^/# /' $WORK/daemon.log | tail -60
	fi
	[ $FAILURES = 0 ] || tail -20 $WORK/daemon.log 2>/dev/null | sed 's/^/# daemon: /'
	echo "1..$TESTS"
	exit $((FAILURES > 0))
}

# --- the network

# in_ns NAME COMMAND...: "host" or "" is the script's own namespace
in_ns() {
	local ns=$1
	shift
	if [ -z "$ns" ] || [ "$ns" = host ]; then
		"$@"
	else
		nsenter --net=/run/netns/"$ns" -- "$@"
	fi
}
# The same without a shell in between, to be sent to the background and killed by its process id.
in_ns_exec() {
	local ns=$1
	shift
	exec nsenter --net=/run/netns/"$ns" -- "$@"
}
quiet_ipv6() {
	in_ns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.router_solicitations=0 2>/dev/null
}
# wait_for COMMAND...: until it succeeds, ten seconds at most
wait_for() {
	for _ in $(seq $((100 * SLOW))); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}
# ipv6_ready NAMESPACE INTERFACE: it hears neighbour solicitations. A busy kernel may take seconds for that behind "up".
ipv6_ready() { in_ns "$1" ip -6 route show table local type multicast dev "$2" | grep -q .; }
make_host() {
	quiet_ipv6 host
	ip link set lo up
	ip link add br0 address $HOST_MAC type bridge mcast_snooping 0 "$@"
	ip addr add 10.9.0.1/24 dev br0
	ip addr add fd00:9::1/64 dev br0 nodad
	ip link set br0 up
}
make_guest() {
	local n=$1
	ip netns add "g$n"
	quiet_ipv6 "g$n"
	in_ns "g$n" ip link set lo up
	GUESTS+=("$n")
	plug_guest "$n"
}
# make_far: a machine behind the host, which routes between it and the guests that are there
make_far() {
	local n
	ip netns add far
	quiet_ipv6 far
	in_ns far ip link set lo up
	ip link add far0 type veth peer name eth0 netns far
	ip addr add 10.8.0.1/24 dev far0
	ip addr add fd00:8::1/64 dev far0 nodad
	ip link set far0 up
	in_ns far ip addr add 10.8.0.2/24 dev eth0
	in_ns far ip addr add fd00:8::2/64 dev eth0 nodad
	in_ns far ip link set eth0 up
	wait_for ipv6_ready far eth0
	in_ns far ip route add default via 10.8.0.1
	in_ns far ip -6 route add default via fd00:8::1
	for n in "${GUESTS[@]}"; do
		in_ns "g$n" ip route add default via 10.9.0.1
		in_ns "g$n" ip -6 route add default via fd00:9::1
	done
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}
# port_enabled PORT: its bridge has heard that the cable is plugged in, which a busy kernel tells it late, too
port_enabled() { grep -q '[1-9]' "/sys/class/net/$1/brport/state"; }
# The cable of a guest: also after unplug_guest, as a VMM that starts again makes its tap again.
plug_guest() {
	local n=$1
	ip link add "v$n" type veth peer name eth0 netns "g$n" address "52:54:00:00:00:0$n"
	sysctl -qw "net.ipv6.conf.v$n.disable_ipv6=1" 2>/dev/null
	in_ns "g$n" ip addr add "10.9.0.1$n/24" dev eth0
	in_ns "g$n" ip addr add "fd00:9::1$n/64" dev eth0 nodad
	in_ns "g$n" ip link set eth0 up
	ip link set "v$n" master br0 up
	wait_for port_enabled "v$n"
}
unplug_guest() { ip link del "v$1"; }
# Forget what neighbours and bridge ports were learned: a test must not live on what an earlier one saw.
forget() {
	local n
	ip neigh flush dev br0 2>/dev/null
	for n in "${GUESTS[@]}"; do
		in_ns "g$n" ip neigh flush dev eth0 2>/dev/null
	done
	ip link set br0 type bridge fdb_flush
}
mac_of() { echo "52:54:00:00:00:0$1"; }

# sink_start, sink_stop: frames of a flood with the marker FLOODED! that reach guest 2, into SUNK
sink_start() {
	: >$WORK/sink
	"$FRAME" sink g2:eth0 FLOODED! >$WORK/sink &
	sink=$!
	until grep -q ready $WORK/sink; do sleep 0.02; done
}
sink_stop() {
	kill $sink
	wait $sink 2>/dev/null
	SUNK=$(awk '/^[0-9]+ [0-9]+$/ { n += $1 } END { print n + 0 }' $WORK/sink)
}

# --- the daemon

# mark; logged PATTERN: lines of the daemon's log since then
log_from=0
mark() { log_from=$(stat -c %s $WORK/daemon.log); }
logged() { tail -c +$((log_from + 1)) $WORK/daemon.log | grep -E "$1"; }

# SLUICE_BACKEND=iptables runs the same script on the other back end.
BACKEND=${SLUICE_BACKEND:-nftables}
on_iptables() { [ "$BACKEND" = iptables ]; }
backend_use() {
	BACKEND=$1
	mkdir -p $ROOT/etc/sluice
	{
		sed '/^firewall_backend/d' $ROOT/etc/sluice/sluice.conf 2>/dev/null
		echo "firewall_backend = $BACKEND"
	} >$WORK/sluice.conf
	mv $WORK/sluice.conf $ROOT/etc/sluice/sluice.conf
}
[ -z "${SLUICE_BACKEND:-}" ] || backend_use "$SLUICE_BACKEND"
# eb_iptables_or_skip: the tools, and a kernel with the matches that the rules need: one rule with all of them
eb_iptables_or_skip() {
	local tool
	for tool in ebtables-restore iptables-restore ip6tables-restore ebtables-save iptables-save ip6tables-save; do
		command -v $tool >/dev/null || { echo "SKIP: $tool is not installed" && exit 77; }
	done
	if ! ebtables -t nat -L >/dev/null 2>&1 || ! iptables-restore -n 2>/dev/null <<-'EOF'; then
		*filter
		-N libvirt-probe
		-A libvirt-probe -p tcp -m mac --mac-source 1:2:3:4:5:6 -m iprange --src-range 1.1.1.1-1.1.1.2 -m dscp --dscp 1 -m conntrack --ctstate NEW -m connlimit --connlimit-above 1 -m comment --comment x -m physdev --physdev-in x -j REJECT
		-F libvirt-probe
		-X libvirt-probe
		COMMIT
	EOF
		echo "SKIP: this kernel lacks matches of eb/iptables"
		exit 77
	fi
}
! on_iptables || eb_iptables_or_skip

# nflog_or_skip: the kernel copies packets to programs, or will load what does when it is first asked
nflog_or_skip() {
	[ -e /proc/net/netfilter/nfnetlink_log ] || modprobe -qn nfnetlink_log 2>/dev/null ||
		{ echo "SKIP: this kernel has no nfnetlink_log" && exit 77; }
}

sluice() { "$BUILD/sluice" --root $ROOT "$@"; }
daemon_start() {
	local line=
	rm -f $WORK/ready
	mkfifo $WORK/ready
	"$BUILD/sluiced" ${DAEMON_ARGS---root $ROOT} --ready-fd 9 9>$WORK/ready >>$WORK/daemon.log 2>&1 &
	DAEMON=$!
	read -r -t $((20 * SLOW)) line <$WORK/ready
	if [ "$line" != READY=1 ]; then
		not_ok "the daemon starts"
		sed 's/^/# /' $WORK/daemon.log | tail -30
		DAEMON=
		finish
	fi
}
daemon_stop() {
	[ -n "$DAEMON" ] || return 0
	kill "$DAEMON" 2>/dev/null
	wait "$DAEMON" 2>/dev/null
	DAEMON=
}
daemon_kill() {
	kill -9 "$DAEMON" 2>/dev/null
	wait "$DAEMON" 2>/dev/null
	DAEMON=
}
# start_unowned: the daemon anew, with tables that it does not own, as on kernels before 6.9; nothing of before is left
start_unowned() {
	daemon_stop
	nft flush ruleset
	nft delete table bridge sluice 2>/dev/null
	nft delete table inet sluice 2>/dev/null
	DAEMON_ARGS="--root $ROOT --no-owner"
	daemon_start
}
mode() { on_iptables && echo iptables && return; sluice version --verbose | grep -Eio 'native|mirrored' | head -1 | tr '[:upper:]' '[:lower:]'; }

# define_text: a filter from standard input
define_text() {
	cat >$WORK/define.xml
	sluice nwfilter-define $WORK/define.xml
}
binding_xml() {
	local port=$1 mac=$2 filter=$3 p
	shift 3
	echo "<filterbinding><owner><name>$port-guest</name><uuid>$(cat /proc/sys/kernel/random/uuid)</uuid></owner>"
	echo "<portdev name='$port'/><mac address='$mac'/><filterref filter='$filter'>"
	for p in "$@"; do
		echo "<parameter name='${p%%=*}' value='${p#*=}'/>"
	done
	echo "</filterref></filterbinding>"
}
# bind PORT MAC FILTER [NAME=VALUE]...
bind() {
	binding_xml "$@" >$WORK/binding-"$1".xml
	sluice nwfilter-binding-create $WORK/binding-"$1".xml >$WORK/bind.out 2>&1 || { cat $WORK/bind.out && return 1; }
}
unbind() { sluice nwfilter-binding-delete "$1" >$WORK/unbind.out 2>&1 || { cat $WORK/unbind.out && return 1; }; }
# bind_guest N FILTER [NAME=VALUE]...: in place of what the guest had
bind_guest() {
	local n=$1
	shift
	unbind "v$n" >/dev/null
	if ! bind "v$n" "$(mac_of "$n")" "$@"; then
		not_ok "bind v$n to $1"
		return 1
	fi
	forget
}
# rules_flush: somebody else throws all rules away
rules_flush() {
	if on_iptables; then
		local tool
		for tool in iptables ip6tables "ebtables -t nat"; do $tool -F && $tool -X; done
	else
		nft delete table bridge sluice 2>/dev/null
		nft delete table inet sluice 2>/dev/null
	fi
}
sluice_rules_iptables() {
	{ ebtables-save && iptables-save -t filter && ip6tables-save -t filter; } | grep '^[-:*]' | sed 's/ \[.*\]$//'
}
# The kernel says itself whether the owner of a table lives: that is no rule of ours. Nor is what it counts.
sluice_rules() {
	if on_iptables; then
		sluice_rules_iptables
		return
	fi
	nft -a list table bridge sluice >$WORK/rules 2>&1 || echo "nft cannot list the table: status $?"
	sed 's/ progname sluiced$//; /^\tflags/d; /counter packets/d' $WORK/rules
}

# --- frames

# probes TITLE FROM TO: a table on standard input, lines "pass LABEL | FRAME" or "drop LABEL | FRAME".
# FROM and TO are [NAMESPACE:]INTERFACE.
probes() {
	local title=$1 from=$2 to=$3 verdict label frame got i wait=$WAIT_DROP
	local -a verdicts=() labels=() frames=()
	while IFS='|' read -r label frame; do
		verdict=${label%% *}
		[ -n "$verdict" ] || continue
		verdicts+=("$verdict") labels+=("${label#* }") frames+=("${frame# }")
	done
	# With nothing to be dropped the wait ends early anyway.
	[[ " ${verdicts[*]} " == *" drop "* ]] || wait=$WAIT_PASS
	got=$("$FRAME" probe "$from" "$to" $wait "${frames[@]}") || {
		not_ok "$title: the probe itself"
		return 1
	}
	for i in "${!frames[@]}"; do
		case ${verdicts[i]}${got:i:1} in
		pass+ | drop-) ok "$title: ${labels[i]% } (${verdicts[i]})" ;;
		pass-) not_ok "$title: ${labels[i]% }: lost: ${frames[i]}" ;;
		*) not_ok "$title: ${labels[i]% }: leaked: ${frames[i]}" ;;
		esac
	done
}
# probes_open TITLE FROM TO: the same table before a filter stands: everything arrives, so a later loss is the filter's
probes_open() {
	local title=$1 from=$2 to=$3 label frame got
	local -a frames=()
	while IFS='|' read -r label frame; do
		[ -n "$frame" ] && frames+=("${frame# }")
	done
	got=$("$FRAME" probe "$from" "$to" $WAIT_PASS "${frames[@]}")
	if [[ $got == *-* || -z $got ]]; then
		not_ok "$title: without a filter all arrive: $got"
	else
		ok "$title: without a filter all ${#frames[@]} arrive"
	fi
}
# both TITLE FROM TO N FILTER [NAME=VALUE]...: the table before and after guest N is bound
both() {
	local title=$1 from=$2 to=$3 n=$4 table
	shift 4
	table=$(cat)
	unbind "v$n" >/dev/null
	forget
	probes_open "$title" "$from" "$to" <<<"$table"
	bind_guest "$n" "$@" || return 1
	probes "$title" "$from" "$to" <<<"$table"
}

# --- connections

# serve NAMESPACE tcp PORT... udp PORT...: until the script ends
serve() {
	local ns=$1 out=$WORK/serve.$RANDOM
	shift
	in_ns "$ns" "$CONN" serve "$@" >$out &
	for _ in $(seq 100); do
		grep -qs ready $out && return
		sleep 0.05
	done
	not_ok "a server in $ns: $*"
}
PING_ID=$((RANDOM % 30000 + 1000))
attempt() {
	local wait=$1 ns=$2 proto=$3 address=$4 port=${5:-0}
	shift 5
	if [ "$proto" = icmp ]; then
		PING_ID=$((PING_ID + 1))
		port=$PING_ID
	fi
	in_ns "$ns" "$CONN" try "$proto" "$address" "$port" "$wait" "$@"
}
# connects NAMESPACE tcp|udp|icmp ADDRESS PORT [SOURCE_PORT]; blocked likewise
connects() {
	if attempt $WAIT_PASS "$@"; then ok "${TITLE:+$TITLE: }$1 -> $2 $3 ${4:-} works"; else not_ok "${TITLE:+$TITLE: }$1 -> $2 $3 ${4:-} does not work"; fi
}
blocked() {
	if attempt $((WAIT_DROP * 2)) "$@"; then not_ok "${TITLE:+$TITLE: }$1 -> $2 $3 ${4:-} is not blocked"; else ok "${TITLE:+$TITLE: }$1 -> $2 $3 ${4:-} is blocked"; fi
}
# sees FROM PROTO ADDRESS PORT PATTERN: the server sees a client of this address (and port)
sees() {
	local got
	got=$(in_ns "$1" "$CONN" who "$2" "$3" "$4" $WAIT_PASS)
	# shellcheck disable=SC2053 # a pattern
	if [[ $got == $5 ]]; then ok "$TITLE: $1 -> $3 $2 $4 comes from ${got% *}"; else not_ok "$TITLE: $1 -> $3 $2 $4: wanted $5, got $got"; fi
}
# rejected FROM PROTO ADDRESS PORT: at once, by ICMP port unreachable
rejected() {
	local got
	got=$(in_ns "$1" "$CONN" who "$2" "$3" "$4" $WAIT_PASS)
	if [ "$got" = refused ]; then ok "$TITLE: $1 -> $3 $2 $4 is rejected"; else not_ok "$TITLE: $1 -> $3 $2 $4 is not rejected: $got"; fi
}
TITLE=

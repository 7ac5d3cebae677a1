#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluiced beside libvirt's own daemon: the same taps, the same bridge, the same documents, the same client, in turn. The
# table goes to docs/benchmarks.md.
#
#   PORTS=100 ROUNDS=3 SLOW_ROUNDS=1 BOUND=300 REDEFINITIONS=50 MILLISECONDS=1000 bench/libvirt.sh
#
# PORTS=10 ROUNDS=1 is done in some minutes. With 100 ports libvirt takes minutes for one redefinition: SLOW_ROUNDS.
cd "$(dirname "$0")/.." || exit 1
if [ "$(id -u)" != 0 ]; then
	echo "bench-libvirt: making network namespaces needs root" >&2
	exit 1
fi
if [ "${SLUICE_SANDBOX:-}" != yes ] || [ $$ != 1 ]; then
	export SLUICE_SANDBOX=yes
	exec unshare --mount --net --pid --fork --kill-child --mount-proc -- bash bench/libvirt.sh "$@"
fi
set -u
for tool in libvirtd virsh dnsmasq iptables ebtables; do
	command -v $tool >/dev/null || { echo "bench-libvirt: no $tool here" >&2 && exit 1; }
done
BUILD=$(cd "${SLUICE_BUILD:-build}" && pwd) || exit 1
STEP=$BUILD/bench/libvirt DATAPATH=$BUILD/bench/datapath FRAME=$BUILD/tests/frame CONN=$BUILD/tests/conn
PORTS=${PORTS:-100} ROUNDS=${ROUNDS:-3} SLOW_ROUNDS=${SLOW_ROUNDS:-1} BOUND=${BOUND:-$((PORTS * 3))}
REDEFINITIONS=${REDEFINITIONS:-$((PORTS / 2))} MILLISECONDS=${MILLISECONDS:-1000} OUT=${OUT:-docs/benchmarks.md}
RATE=${RATE:-2000} NETWORKS=9 CALLS=11 MARKER=FLOODED!
SIDES=(libvirt sluice) WORLDS=(none libvirt sluice)
mount -t tmpfs tmpfs /run || exit 1
WORK=/run/bench
mkdir -p $WORK/results /run/netns
export HOME=$WORK XDG_CONFIG_HOME=$WORK XDG_CACHE_HOME=$WORK
declare -A HOLDER DAEMON URI
BEGIN=$SECONDS

note() { printf '# %4d s  %s\n' $((SECONDS - BEGIN)) "$*"; }
die() { echo "bench-libvirt: $*" >&2 && exit 1; }

# --- a world for each daemon, and one without: bridge br0, guests 1 and 2 behind v1 and v2, taps t1 ... for the others

world_script() { # runs as the world's first process
	cat <<-'EOS'
		ip link set lo up
		mount -t sysfs sysfs /sys
		if [ "$1" = libvirt ]; then
			dir=$2/libvirt
			mkdir -p "$dir"/{run/libvirt,lib/dnsmasq,etc,log,cache,drivers} /etc/libvirt /var/{lib,log,cache}/libvirt
			# What sluiced does and no more: not the drivers of machines and storage.
			drivers=$(dirname "$(find /usr/lib* -name libvirt_driver_nwfilter.so | head -1)")
			cp "$drivers"/libvirt_driver_{network,nwfilter}.so "$dir"/drivers
			mount --bind "$dir"/drivers "$drivers"
			echo 'auth_unix_rw="none"' >"$dir"/etc/libvirtd.conf
			mount --bind "$dir"/etc /etc/libvirt
			for folder in lib log cache; do mount --bind "$dir"/$folder /var/$folder/libvirt; done
			mount --bind "$dir"/run /run
		fi
		exec "$3" hold
	EOS
}
make_world() { # NAME
	local world=$1 n tries
	unshare --net --mount --pid --fork --kill-child --mount-proc -- \
		bash -c "$(world_script)" world "$world" $WORK "$STEP" &
	for tries in $(seq 100); do
		HOLDER[$world]=$(tr -d ' ' <"/proc/$!/task/$!/children")
		[ -n "${HOLDER[$world]}" ] && grep -qs '^libvirt$' "/proc/${HOLDER[$world]}/comm" && break
		[ "$tries" != 100 ] || die "the world of $world does not come up"
		sleep 0.05
	done
	ip netns attach "$world" "${HOLDER[$world]}"
	# The machine's modules may be there already; where br_netfilter is not, libvirt would not filter above Ethernet.
	modprobe -q br_netfilter 2>/dev/null
	in_world "$world" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.netfilter.nf_conntrack_tcp_timeout_close=1
	in_world "$world" sysctl -qw net.bridge.bridge-nf-call-{ip,ip6}tables="$([ "$world" = libvirt ] && echo 1 || echo 0)"
	ip -n "$world" link add br0 address 52:54:00:00:00:fe up type bridge mcast_snooping 0
	for n in 1 2; do
		ip netns add "$world-g$n"
		ip netns exec "$world-g$n" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
		ip -n "$world" link add v$n up master br0 type veth peer name eth0 netns "$world-g$n" address 52:54:00:00:00:0$n
		ip -n "$world-g$n" addr add 10.9.0.1$n/24 dev eth0
		ip -n "$world-g$n" link set eth0 up
	done
	for n in $(seq "$BOUND"); do
		echo "tuntap add dev t$n mode tap"
		echo "link set t$n master br0 up"
	done | ip -n "$world" -batch - || die "no taps"
	ip netns exec "$world-g1" "$CONN" serve tcp 81 >/dev/null &
}
in_world() { # WORLD COMMAND...
	local world=$1
	shift
	nsenter --net=/run/netns/"$world" -- "$@"
}

# --- the daemons

# daemon_start SIDE KEY: its time goes to the results under KEY
daemon_start() {
	local side=$1 line program
	if [ "$side" = libvirt ]; then
		program=(libvirtd -f /etc/libvirt/libvirtd.conf)
	else
		program=("$BUILD/sluiced" --root "$WORK"/sluice)
	fi
	if line=$("$STEP" start "${HOLDER[$side]}" "$(uri "$side" nwfilter)" 1200 $WORK/"$side".log "${program[@]}"); then
		DAEMON[$side]=${line##* }
		echo "${line% *}" >>$WORK/results/"$2.$side"
	else
		tail -5 $WORK/"$side".log >&2
		die "$side does not start"
	fi
}
daemon_stop() {
	kill "${DAEMON[$1]}"
	while [ -d "/proc/${DAEMON[$1]}" ]; do sleep 0.05; done
}
uri() { echo "$2:///system?socket=${URI[$1]}"; }
rss() { awk '/^VmRSS/ { print $2 * 1024, 0, 0, 1 }' "/proc/${DAEMON[$1]}/status" >>"$WORK/results/$2.$1"; }

# step SIDE LIMIT KEY[,KEY] CALLS COMMAND...: one measured step; a second key is for the way back
step() {
	local side=$1 limit=$2 keys=$3 calls=$4 driver=nwfilter out key
	shift 4
	[[ $1 != net-* ]] || driver=network
	if ! out=$(timeout $((limit * 2)) "$STEP" call "${HOLDER[$side]}" "${DAEMON[$side]}" "$(uri "$side" $driver)" \
		"$limit" "$calls" "$@" 2>&1); then
		note "$side: $* failed: ${out##*$'\n'}"
		for key in ${keys//,/ }; do echo failed >>"$WORK/results/$key.$side"; done
		return 1
	fi
	for key in ${keys//,/ }; do
		echo "${out%%$'\n'*}" >>"$WORK/results/$key.$side"
		out=${out#*$'\n'}
	done
}
# The same by the unmodified virsh, from the start of the command to its end.
virsh_step() { # SIDE KEY COMMAND...
	local side=$1 key=$2 begin
	shift 2
	begin=$(date +%s%N)
	if timeout 600 virsh -q -c "$(uri "$side" nwfilter)" "$@" >$WORK/virsh.out 2>&1; then
		echo "$((($(date +%s%N) - begin) / 1000)) - - 1" >>"$WORK/results/$key.$side"
	else
		note "$side: virsh $1 failed: $(tail -1 $WORK/virsh.out)"
		echo failed >>"$WORK/results/$key.$side"
	fi
}

# --- documents

# give_filter NAME: to libvirt, with those that it refers to
give_filter() {
	local file=$WORK/filters/$1.xml other
	[ ! -e "$file" ] || return 0
	"$BUILD/sluice" --root $WORK/sluice nwfilter-dumpxml "$1" >"$file"
	for other in $(sed -n "s/.*<filterref filter='\([^']*\)'.*/\1/p" "$file"); do give_filter "$other"; done
	step libvirt 60 setup =1 define "$file" || exit 1
}
documents() {
	local filter uuid
	mkdir -p $WORK/filters
	give_filter clean-traffic
	sed "s|</filter>|<rule action='drop' direction='out' priority='300'><mac srcmacaddr='@MAC@'/></rule>&|" \
		$WORK/filters/no-mac-spoofing.xml >$WORK/leaf.xml
	uuid='<uuid>b0000000-0000-4000-8000-00000000000'
	cat >$WORK/web.xml <<-XML
		<filter name='bench-web'>${uuid}1</uuid>
		<rule action='accept' direction='in'><tcp dstportstart='80' dstportend='81'/></rule>
		<rule action='accept' direction='out'><icmp/></rule>
		<rule action='accept' direction='out'><udp dstportstart='53'/></rule>
		<rule action='accept' direction='in'><tcp dstportstart='@PORT@'/></rule>
		<rule action='drop' direction='inout' priority='1000'><all/></rule>
		</filter>
	XML
	echo "<filter name='bench-guest'>${uuid}2</uuid><filterref filter='clean-traffic'/><filterref filter='bench-web'/></filter>" \
		>$WORK/guest.xml
	for n in $(seq 0 $NETWORKS); do
		cat >$WORK/net"$n".xml <<-XML
			<network><name>n$n</name><uuid>b0000000-0000-4000-8000-0000000001${n}0</uuid><forward mode='nat'/>
			<bridge name='brn$n' stp='off'/><ip address='10.100.$n.1' prefix='24'>
			<dhcp><range start='10.100.$n.2' end='10.100.$n.99'/></dhcp></ip></network>
		XML
	done
	for side in "${SIDES[@]}"; do
		for filter in web guest leaf; do
			step "$side" 60 setup =1 define $WORK/$filter.xml || exit 1
		done
		for n in $(seq 0 $NETWORKS); do
			step "$side" 60 setup =1 net-define $WORK/net"$n".xml || exit 1
		done
	done
	cat >$WORK/virsh-port.xml <<-XML
		<filterbinding><owner><name>v2</name><uuid>00000000-0000-4000-8000-000000000002</uuid></owner><portdev name='v2'/>
		<mac address='52:54:00:00:00:02'/><filterref filter='clean-traffic'><parameter name='IP' value='10.9.0.12'/></filterref>
		</filterbinding>
	XML
}

# --- data path

# packets BOUND: each world in turn; the guest that is measured is guest 1
packets() {
	local round world
	for ((round = 0; round < ROUNDS; round++)); do
		for world in "${WORLDS[@]}"; do
			{ timeout 60 "$DATAPATH" udp "$world-g1" "$world-g2" 10.9.0.12 53 "$MILLISECONDS" || echo failed; } \
				>>"$WORK/results/udp-$1.$world"
			{ timeout 60 "$DATAPATH" tcp "$world-g2" "$world-g1" 10.9.0.11 80 "$MILLISECONDS" || echo failed; } \
				>>"$WORK/results/tcp-$1.$world"
			timeout 60 nsenter --net=/run/netns/"$world-g2" -- "$CONN" churn 10.9.0.11 81 2 1000 |
				awk '$2 == 0 { print $1 / 2; ok = 1 } END { if (!ok) print "failed" }' >>"$WORK/results/connects-$1.$world"
		done
	done
}

# --- floods

# flood SIDE KEY CALLS COMMAND...: guest 1 sends what each of its filters drops while the command is repeated
flood() {
	local side=$1 key=$2 calls=$3 sink pids=() p ours=52:54:00:00:00:01 theirs=52:54:00:00:00:02
	shift 3
	rm -f $WORK/sent.* $WORK/sink
	"$FRAME" sink "$side-g2:eth0" $MARKER >$WORK/sink &
	sink=$!
	until grep -qs ready $WORK/sink; do sleep 0.05; done
	"$FRAME" flood "$side-g1:eth0" "ether 52:54:00:00:00:99 > $theirs udp 10.9.0.11:9 > 10.9.0.12:9 marker $MARKER" "$RATE" 3600 >$WORK/sent.1 &
	pids+=($!)
	"$FRAME" flood "$side-g1:eth0" "ether $ours > $theirs udp 10.9.0.11:9 > 10.9.0.12:7 marker $MARKER" "$RATE" 3600 >$WORK/sent.2 &
	pids+=($!)
	sleep 0.5
	step "$side" 900 "$key" "=$calls" "$@"
	for p in "${pids[@]}"; do kill "$p" && wait "$p"; done
	sleep 0.3
	kill $sink && wait $sink
	{ cat $WORK/sent.* | awk '{ n += $1 } END { printf "%d ", n }' && tail -1 $WORK/sink; } >"$WORK/results/$key-leaks.$side"
	note "$side: $key: sent, arrived, missed by the sink: $(cat "$WORK/results/$key-leaks.$side")"
}

# --- the run

run_flood() {
	local side
	for side in "${SIDES[@]}"; do
		flood "$side" flood-redefine "$REDEFINITIONS" define $WORK/web.xml
		flood "$side" flood-bind "$(((REDEFINITIONS + 4) / 5))" bind-unbind t1 257 bench-guest 10.8.0.1
	done
}
# level COUNT: so many ports are bound, the last of them again and again
level() {
	local count=$1 side round rounds=$ROUNDS key
	for side in "${SIDES[@]}"; do
		[ $((count - 1)) -le "$FILLED" ] || step "$side" 1800 "fill-$count" =1 fill $((FILLED + 1)) $((count - 1)) clean-traffic
	done
	FILLED=$count
	for ((round = 0; round < rounds; round++)); do
		for side in "${SIDES[@]}"; do
			step "$side" 120 "bind-$count,unbind-$count" $CALLS bind-unbind "t$count" $((256 + count)) clean-traffic 10.8.9.9
			virsh_step "$side" "virsh-bind-$count" nwfilter-binding-create $WORK/virsh-port.xml
			virsh_step "$side" "virsh-unbind-$count" nwfilter-binding-delete v2
		done
	done
	note "$count ports: bound and unbound"
	for side in "${SIDES[@]}"; do
		step "$side" 120 "fill-$count" =1 fill "$count" "$count" clean-traffic
		rss "$side" "rss-$count"
	done
	[ "$count" -lt 100 ] || rounds=$SLOW_ROUNDS
	for ((round = 0; round < rounds; round++)); do
		for side in "${SIDES[@]}"; do
			step "$side" 1200 "redefine-$count" $CALLS define $WORK/leaf.xml
		done
	done
	note "$count ports: a filter redefined"
}
run_networks() {
	local side round n
	for side in "${SIDES[@]}"; do
		for n in $(seq $NETWORKS); do step "$side" 60 setup =1 net-start "n$n"; done
	done
	for ((round = 0; round < ROUNDS; round++)); do
		for side in "${SIDES[@]}"; do
			step "$side" 60 net-start,net-stop 5 net-start-stop n0
			step "$side" 60 net-host,net-unhost $CALLS net-host n1 10.100.1
			"$STEP" reload "${HOLDER[$side]}" "${DAEMON[$side]}" 600 >>"$WORK/results/reload.$side" ||
				echo failed >>"$WORK/results/reload.$side"
		done
	done
	for side in "${SIDES[@]}"; do
		for n in $(seq $NETWORKS); do step "$side" 60 setup =1 net-stop "n$n"; done
	done
	note "networks started, changed, stopped, read again"
}
run_restart() { # COUNT
	local round side
	for ((round = 0; round < SLOW_ROUNDS; round++)); do
		for side in "${SIDES[@]}"; do
			daemon_stop "$side"
			daemon_start "$side" "restart-$1"
		done
	done
	note "$1 ports: started again"
}

# What the table says of the run
settings() {
	local MINUTES=$(((SECONDS - BEGIN + 30) / 60)) LOAD_AFTER WHEN MACHINE VERSIONS
	LOAD_AFTER=$(cut -d' ' -f1-3 /proc/loadavg) WHEN=$(date -u '+%Y-%m-%d')
	MACHINE="Linux $(uname -r), $(nproc) CPUs, $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GB"
	VERSIONS="libvirtd $(libvirtd --version | awk '{ print $NF }')\
 (Debian $(dpkg-query -W -f '${Version}' libvirt-daemon 2>/dev/null)), $(iptables --version),\
 dnsmasq $(dnsmasq --version | awk 'NR == 1 { print $3 }'); $("$BUILD/sluice" version | head -1),\
 commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
	declare -p PORTS ROUNDS SLOW_ROUNDS BOUND REDEFINITIONS MILLISECONDS RATE NETWORKS LEVELS MINUTES LOAD_BEFORE LOAD_AFTER \
		WHEN MACHINE VERSIONS
}

LEVELS=(1)
for n in 10 100; do [ "$n" -gt "$PORTS" ] || LEVELS+=("$n"); done
[ "${LEVELS[-1]}" = "$PORTS" ] || LEVELS+=("$PORTS")
FILLED=0 LOAD_BEFORE=$(cut -d" " -f1-3 /proc/loadavg)
mkdir -p $WORK/sluice/etc/sluice
echo "log_level = info" >$WORK/sluice/etc/sluice/sluice.conf
for world in "${WORLDS[@]}"; do make_world "$world"; done
URI=([libvirt]=$WORK/libvirt/run/libvirt/libvirt-sock [sluice]=$WORK/sluice/run/sluice/virtsluiced-sock)
for side in "${SIDES[@]}"; do
	daemon_start "$side" start
	rss "$side" rss-0
done
documents
note "$(libvirtd --version), $("$BUILD/sluice" version | head -1); ${LEVELS[*]} and $BOUND ports"
for side in "${SIDES[@]}"; do step "$side" 60 setup =1 bind v1 1 bench-guest 10.9.0.11; done
packets 1
note "packets, 1 port bound"
run_flood
for side in "${SIDES[@]}"; do step "$side" 60 setup =1 unbind v1 1 bench-guest 10.9.0.11; done
for count in "${LEVELS[@]}"; do
	level "$count"
	[ "$count" != 10 ] || run_networks
done
run_restart "$PORTS"
middle=$((BOUND / 2))
for side in "${SIDES[@]}"; do
	# The guest that is measured stands in the middle of those that libvirt's chains go through one by one.
	[ $middle -le "$FILLED" ] || step "$side" 3000 fill =1 fill $((FILLED + 1)) $middle clean-traffic
	step "$side" 60 setup =1 bind v1 1 bench-guest 10.9.0.11
	step "$side" 3000 fill =1 fill $((middle > FILLED ? middle + 1 : FILLED + 1)) "$BOUND" clean-traffic
	rss "$side" "rss-$BOUND"
done
note "$BOUND ports bound"
packets "$BOUND"
note "packets, $BOUND ports bound"
for side in "${SIDES[@]}"; do daemon_stop "$side"; done
settings >$WORK/results/settings
rm -rf "$BUILD"/bench/results && cp -r $WORK/results "$BUILD"/bench/results
bench/libvirt-table.sh "$BUILD"/bench/results >$WORK/table.md || die "no table of $BUILD/bench/results"
cat $WORK/table.md >"$OUT"
note "done: $OUT"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluice doctor: each fault is made, found, and it alone; the printed fix is run, and it is gone. What the firewalls of
# others do to guests is seen on packets, too.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-net.sh"
need nft iptables udhcpc dnsmasq python3 sysctl

# found: checks that found something, but for the notes that any test machine has
found() { sluice --json "$@" doctor | python3 -c '
import json, sys
print(" ".join(f["id"] for f in json.load(sys.stdin)["findings"] if f["id"] not in ("clock-free", "lowering")))'; }
# fixes: the commands of all findings, but for that of a daemon that is stopped
fixes() { sluice --json doctor | python3 -c '
import json, sys
for f in json.load(sys.stdin)["findings"]:
	if f["id"] not in ("clock-free", "lowering", "daemon"):
		print("\n".join(f["fix"]))'; }
status() {
	sluice doctor >"$WORK"/doctor.out 2>&1
	echo $?
}
# sick LABEL ID...: just these are found
sick() {
	local label=$1
	shift
	same "$label: $*" "$*" "$(found)"
}
# is_ended PID: what it held is free
is_ended() { ! [ "$(ls "/proc/$1/fd" 2>/dev/null)" ]; }
# fix LABEL: the printed commands are run as they are
fix() {
	local label=$1 line
	while read -r line; do
		note "$line"
		[ "${line%% *}" != sluice ] || line="$BUILD/sluice --root $ROOT ${line#sluice }"
		bash -c "$line" >>"$WORK"/fix.out 2>&1 || not_ok "$label: the fix fails: $line: $(tail -1 "$WORK"/fix.out)"
		[ "${line% *}" != kill ] || wait_for is_ended "${line#kill }"
	done < <(fixes)
}
# mend LABEL: then nothing is found
mend() {
	fix "$1"
	same "$1: gone" "" "$(found)"
	same "$1: status 0" 0 "$(status)"
}
# fault LABEL ID COMMAND...
fault() {
	local label=$1 id=$2
	shift 2
	"$@" || not_ok "$label: the fault itself"
	sick "$label" "$id"
	mend "$label"
}
# fault_unseen LABEL ID COMMAND...: one that the daemon would see and mend before the doctor looks: it is stopped
fault_unseen() {
	local label=$1 id=$2
	shift 2
	daemon_stop
	"$@" || not_ok "$label: the fault itself"
	sick "$label" daemon "$id"
	fix "$label"
	same "$label: gone" daemon "$(found)"
	"$@" || not_ok "$label: the fault again"
	daemon_start
	same "$label: a daemon that starts mends it" "" "$(found)"
}
pings() { in_ns a ping -c 1 -W 2 192.0.2.2 >/dev/null 2>&1; }

make_world 2
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8:2::2
# What this kernel sets anew in each namespace.
sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null
for sysctl in all/rp_filter default/rp_filter all/route_localnet; do echo 0 >/proc/sys/net/ipv4/conf/$sysctl; done
daemon_start
cat >"$WORK"/lab.xml <<'EOL'
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <bridge name='lab0' stp='off'/>
  <ip address='10.9.0.1' prefix='24'>
    <dhcp><range start='10.9.0.100' end='10.9.0.200'/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00:9::1' prefix='64'/>
</network>
EOL
check "define" sluice net-define "$WORK"/lab.xml
check "start" sluice net-start lab
station a lab0 52:54:00:00:00:01
station b lab0 52:54:00:00:00:02
bind t-a 52:54:00:00:00:01 no-mac-spoofing

# --- a healthy host

same "healthy: nothing found" "" "$(found)"
same "healthy: status 0" 0 "$(status)"
if [ -n "$(dhcp a)" ] && pings; then ok "healthy: a guest has an address and reaches the world"; else not_ok "healthy: DHCP and ping"; fi

# --- firewalls of others

docker_like() {
	iptables -N DOCKER-USER && iptables -N DOCKER &&
		iptables -A FORWARD -j DOCKER-USER &&
		iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT &&
		iptables -A FORWARD -o docker0 -j DOCKER && iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT &&
		iptables -P FORWARD DROP
}
iptables_clear() {
	local tool table
	for tool in iptables ip6tables; do
		for table in filter mangle; do
			$tool -t $table -P FORWARD ACCEPT && $tool -t $table -P INPUT ACCEPT && $tool -t $table -F && $tool -t $table -X
		done
	done
	nft delete table ip filter 2>/dev/null
	nft delete table ip6 filter 2>/dev/null
	nft delete table ip mangle 2>/dev/null
	nft delete table ip6 mangle 2>/dev/null
}
docker_like
sick "Docker" firewall-forward
if pings; then not_ok "Docker: guests reach nobody"; else ok "Docker: guests reach nobody"; fi
check "Docker: named" grep -q '(Docker) \[firewall-forward\]' <(sluice doctor)
same "Docker: status 3" 3 "$(status)"
mend "Docker"
check "Docker: guests reach the world again" pings

# With bridged packets in iptables, guests do not reach each other either.
if sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null; then
	iptables -D DOCKER-USER -i lab0 -j ACCEPT
	iptables -D DOCKER-USER -o lab0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -I DOCKER-USER -i lab0 -o up2 -j ACCEPT
	iptables -I DOCKER-USER -i up2 -o lab0 -j ACCEPT
	sick "Docker, bridged" firewall-bridged bridge-nf-on
	mend "Docker, bridged"
else
	skip "Docker, bridged" "br_netfilter is not loaded"
fi
iptables_clear

ufw_like() {
	iptables -N ufw-user-input && iptables -N ufw-user-forward && iptables -N ufw-not-local && iptables -N ufw-before-input &&
		iptables -A INPUT -j ufw-before-input &&
		iptables -A ufw-before-input -i lo -j ACCEPT &&
		iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT &&
		iptables -A ufw-before-input -m conntrack --ctstate INVALID -j DROP &&
		iptables -A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT &&
		iptables -A ufw-before-input -j ufw-not-local &&
		iptables -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN &&
		iptables -A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN &&
		iptables -A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN &&
		iptables -A ufw-not-local -m limit --limit 3/min -j LOG &&
		iptables -A ufw-not-local -j DROP &&
		iptables -A ufw-before-input -j ufw-user-input &&
		iptables -A FORWARD -j ufw-user-forward &&
		iptables -P INPUT DROP && iptables -P FORWARD DROP
}
# ufw itself is not here: what its commands do to its chains.
cat >"$WORK"/ufw <<'EOL'
#!/bin/bash
case $* in
"route allow in on "*) iptables -A ufw-user-forward -i "$5" -j ACCEPT ;;
"route allow out on "*) iptables -A ufw-user-forward -o "$5" -j ACCEPT ;;
"allow in on "*" to any port "*" proto udp") iptables -A ufw-user-input -i "$4" -p udp --dport "$8" -j ACCEPT ;;
"allow in on "*" to any port "*) iptables -A ufw-user-input -i "$4" -p udp --dport "$8" -j ACCEPT ;;
*) exit 1 ;;
esac
EOL
chmod +x "$WORK"/ufw
PATH=$PATH:$WORK
ufw_like
sick "ufw" firewall-host firewall-forward
same "ufw: no address" "" "$(dhcp b)"
mend "ufw"
if [ -n "$(dhcp b)" ]; then ok "ufw: a guest gets an address again"; else not_ok "ufw: a guest gets no address"; fi
iptables_clear

nft_like() {
	nft -f - <<-'EOL'
		table inet host {
			set open { type inet_service; elements = { 22, 80 } }
			chain in {
				type filter hook input priority 0; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				iifname { "lo", "up2" } accept
				tcp dport @open accept
				ip6 nexthdr icmpv6 accept
			}
		}
	EOL
}
fault "nftables, input" firewall-host nft_like
if [ -n "$(dhcp b)" ]; then ok "nftables, input: a guest gets an address"; else not_ok "nftables, input: a guest gets no address"; fi
nft delete table inet host
fault "nftables, reject at the end" firewall-forward nft -f - <<'EOL'
table inet host {
	chain zone { iifname "docker0" accept; reject with icmpx admin-prohibited; }
	chain through { type filter hook forward priority 10; ct state established,related accept; jump zone; }
}
EOL
nft delete table inet host
fault "nftables, bridge family" firewall-bridged nft -f - <<'EOL'
table bridge host {
	chain through { type filter hook forward priority 0; policy drop; ether type arp accept; }
}
EOL
nft delete table bridge host
nft -f - <<'EOL'
table ip host { chain in { type filter hook input priority 0; policy drop; meta mark 1 accept; iifname "lab0" limit rate 100/second accept; }; }
EOL
same "what cannot be foreseen is not told" "" "$(found)"
nft delete table ip host
fault "iptables, input" firewall-host iptables -P INPUT DROP
iptables_clear
fault "iptables, mangle" firewall-forward iptables -t mangle -P FORWARD DROP
iptables_clear
if iptables-legacy -P FORWARD DROP 2>/dev/null; then
	sick "legacy iptables" firewall-forward
	if pings; then not_ok "legacy iptables: guests reach nobody"; else ok "legacy iptables: guests reach nobody"; fi
	mend "legacy iptables"
	check "legacy iptables: guests reach the world again" pings
	iptables-legacy -F
	iptables-legacy -P FORWARD ACCEPT
	iptables-legacy -N deep
	iptables-legacy -A FORWARD -i lab+ ! -s 10.8.0.0/16 -p tcp -m tcp --dport 400:500 -g deep
	iptables-legacy -A deep -j REJECT
	sick "legacy iptables, goto" firewall-forward
	mend "legacy iptables, goto"
	iptables-legacy -F
	iptables-legacy -X
	iptables-legacy -P FORWARD ACCEPT
else
	skip "legacy iptables" "this kernel has none"
fi

# --- settings

fault "ip_forward" forwarding sysctl -qw net.ipv4.ip_forward=0
fault "IPv6 forwarding" forwarding sysctl -qw net.ipv6.conf.all.forwarding=0
fault "forwarding of the bridge" forwarding sysctl -qw net.ipv4.conf.lab0.forwarding=0
fault "route_localnet" route-localnet sysctl -qw net.ipv4.conf.lab0.route_localnet=1
fault_unseen "accept_ra of the bridge" accept-ra-bridge sysctl -qw net.ipv6.conf.lab0.accept_ra=2
fault_unseen "IPv6 off" ipv6-off sysctl -qw net.ipv6.conf.lab0.disable_ipv6=1
fault_unseen "bridge down" bridge ip link set lab0 down
fault_unseen "address removed" bridge ip addr del 10.9.0.1/24 dev lab0
fault "MTU of a port" mtu-port ip link set t-a mtu 1400
fault "port off its bridge" binding-off-bridge ip link set t-a nomaster
second_uplink() {
	make_world 3
	ip route add default via 192.0.3.2 metric 100
	sysctl -qw net.ipv4.conf.up3.rp_filter=1
}
fault "rp_filter" rp-filter second_uplink
advertised() {
	sysctl -qw net.ipv6.conf.up3.accept_ra=1
	ip -6 route add default via 2001:db8:3::2 dev up3 metric 2000 proto ra
}
fault "accept_ra of an uplink" accept-ra-uplink advertised

# --- addresses, ports, programs

ip addr add 10.9.0.77/16 dev up3
sick "overlap" overlap
check "overlap: named" grep -q "10.9.0.0/24: it overlaps 10.9.0.0/16, on interface 'up3'" <(sluice doctor)
ip addr del 10.9.0.77/16 dev up3
same "overlap: gone" "" "$(found)"
sed -e "s/<name>lab/<name>twin/; s/lab0/twin0/" "$WORK"/lab.xml >"$WORK"/twin.xml
check "define a twin" sluice net-define "$WORK"/twin.xml
sick "overlap of networks" overlap
sluice net-undefine twin >/dev/null
sed -e "s/<name>lab/<name>far/; s/lab0/far0/; s/10.9.0/10.77.0/g; s/fd00:9/fd00:77/; s/mode='nat'/mode='route' dev='up9'/" \
	"$WORK"/lab.xml >"$WORK"/far.xml
check "define one that forwards to nowhere" sluice net-define "$WORK"/far.xml
sick "uplink missing" forward-dev
ip link add up9 type veth peer name up9-far
sick "uplink down" forward-dev
ip link set up9-far up
mend "uplink down"
sluice net-undefine far >/dev/null
ip link del up9

cat >"$WORK"/hold.py <<'EOL'
import socket, sys, time
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if len(sys.argv) > 2:
    held.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
held.bind(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
time.sleep(600)
EOL
hold() {
	python3 "$WORK"/hold.py "$@" >"$WORK"/hold.out &
	HOLDER=$!
	wait_for grep -q ready "$WORK"/hold.out
}
for port in 67 53; do
	fault "UDP $port held" service-port hold $port
	wait $HOLDER 2>/dev/null
done
hold 67 up3
same "UDP 67 held elsewhere is none of ours" "" "$(found)"
kill $HOLDER
wait $HOLDER 2>/dev/null

program=$(command -v dnsmasq)
mount --bind /dev/null "$program"
sick "no dnsmasq" dnsmasq
umount "$program"

fault "libvirt's table left" libvirt-chains nft add table ip libvirt_network
libvirt_like() {
	iptables -N LIBVIRT_INP && iptables -A LIBVIRT_INP -i virbr9 -p udp --dport 53 -j ACCEPT && iptables -I INPUT -j LIBVIRT_INP
}
fault "libvirt's chains left" libvirt-chains libvirt_like
iptables_clear
nwfilter_like() {
	ebtables -t nat -N libvirt-J-t-a && ebtables -t nat -A PREROUTING -i t-a -j libvirt-J-t-a
}
if command -v ebtables >/dev/null && ebtables -t nat -L >/dev/null 2>&1; then
	fault "libvirt's filter on a port of ours" libvirt-port nwfilter_like
	nft delete table bridge nat
else
	skip "libvirt's filter on a port of ours" "no ebtables here"
fi

# --- notes, clock, the daemon itself

unbind t-a
bind t-zzz 52:54:00:00:00:09 no-mac-spoofing
same "a binding without an interface is a note" "binding-no-link 0" "$(found) $(status)"
unbind t-zzz
lease=$(find $ROOT/var/lib/sluice/leases -type f | head -1)
touch -d '+1 hour' "$lease"
sick "clock set back" clock-jumped
touch "$lease"
same "clock right again" "" "$(found)"

if command -v setpriv >/dev/null; then
	setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/sluice" --root $ROOT doctor >"$WORK"/user.out 2>&1
	same "without root: status" 0 $?
	check "without root: what is skipped, and why" \
		grep -Eq '^skipped: firewall-host: .*Operation not permitted \(needs root\)$' "$WORK"/user.out
	note "$(tr '\n' ';' <"$WORK"/user.out)"
	sysctl -qw net.ipv4.ip_forward=0
	check "without root: settings are looked at" grep -q '\[forwarding\]' <(setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/sluice" --root $ROOT doctor)
	sysctl -qw net.ipv4.ip_forward=1
fi

daemon_kill
sick "no daemon" daemon
same "no daemon: its networks are known all the same" "forwarding" \
	"$(sysctl -qw net.ipv4.ip_forward=0 && sluice --json doctor --host-only | python3 -c '
import json, sys
print(" ".join(f["id"] for f in json.load(sys.stdin)["findings"] if f["severity"] == "error"))')"
sysctl -qw net.ipv4.ip_forward=1
sluice doctor --host-only >"$WORK"/doctor.out
same "host only: status 0" 0 $?
echo '<network><name>' >$ROOT/etc/sluice/network/bad.xml
check "a damaged file" grep -q 'bad.xml:.*\[damaged-file\]' <(sluice doctor --host-only)
rm $ROOT/etc/sluice/network/bad.xml
check_refused "an unknown check" "no check 'nonsense'" sluice doctor nonsense
check "one check alone" sluice doctor route-localnet
daemon_start
same "the daemon again" "" "$(found)"
finish

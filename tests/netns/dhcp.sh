#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DHCP, DNS, router advertisements and TFTP of networks, with real clients: udhcpc, dhclient, the kernel's own SLAAC.
#
# Network lab (10.1.0.0/24, fd01::/64 with DHCPv6; NAT) has a name with quotes and blanks, and the guests a1 (its <host>),
# a2 and a3; network inner (10.2.0.0/24, fd02::/64 without DHCPv6) is isolated and has b1. World 0 runs a name server
# that writes down what it is asked.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq udhcpc busybox

LAB="lab \"one\", it's #1" LAB_XML="lab &quot;one&quot;, it's #1"
A1=52:54:00:00:01:11 A2=52:54:00:00:01:12 A3=52:54:00:00:01:13 A4=52:54:00:00:01:14 B1=52:54:00:00:02:11
quiet_ipv6 host
ip link set lo up
make_world 0
mkdir -p $WORK/tftp
head -c 20000 /dev/urandom >"$WORK/tftp/boot file.img"
chmod -R a+rX $WORK
echo "nameserver 192.0.0.2" >$WORK/resolv.conf
mount --bind $WORK/resolv.conf /etc/resolv.conf

# The world's name server: it knows every name under example. and corp.test.
touch $WORK/asked
in_ns_exec w0 dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port=53 --listen-address=192.0.0.2 \
	--bind-interfaces --address=/example/198.51.100.1 --address=/corp.test/198.51.100.2 --log-queries \
	--log-facility=$WORK/asked --pid-file= --user=root &
WORLD=$!
asked() { grep -Ec "query\[[A-Z]+\] $1 " $WORK/asked; }

documents() {
	cat >$WORK/lab.xml <<-XML
		<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
		  <name>$LAB_XML</name>
		  <forward mode='nat'/>
		  <bridge name='virbr1' stp='off'/>
		  <mtu size='1400'/>
		  <domain name='lab.test' localOnly='yes'/>
		  <dns forwardPlainNames='no'>
		    <forwarder domain='corp.test' addr='192.0.0.2'/>
		    <txt name='note.lab.test' value='a, b; "c" \\ # d'/>
		    <srv service='ldap' protocol='tcp' domain='lab.test' target='dir.lab.test' port='389' priority='3' weight='4'/>
		    <host ip='10.1.0.7'><hostname>dir</hostname><hostname>dir.lab.test</hostname></host>
		    <host ip='fd01::7'><hostname>dir.lab.test</hostname></host>
		  </dns>
		  <ip address='10.1.0.1' prefix='24' localPtr='yes'>
		    <tftp root='$WORK/tftp'/>
		    <dhcp>
		      <range start='10.1.0.100' end='10.1.0.110'><lease expiry='120' unit='seconds'/></range>
		      <host mac='$A1' name='12h' ip='10.1.0.11'><lease expiry='0'/></host>
		      <bootp file='boot file.img' server='10.1.0.1'/>
		    </dhcp>
		  </ip>
		  <ip family='ipv6' address='fd01::1' prefix='64'>
		    <dhcp>
		      <range start='fd01::1000' end='fd01::10ff'/>
		      <host id='00:03:00:01:$A4' name='six' ip='fd01::66'/>
		    </dhcp>
		  </ip>
		  <dnsmasq:options><dnsmasq:option value='cname=www.lab.test,dir.lab.test'/></dnsmasq:options>
		</network>
	XML
	cat >$WORK/inner.xml <<-XML
		<network>
		  <name>inner</name>
		  <bridge name='virbr2' stp='off'/>
		  <ip address='10.2.0.1' prefix='24'>
		    <dhcp><range start='10.2.0.100' end='10.2.0.110'/></dhcp>
		  </ip>
		  <ip family='ipv6' address='fd02::1' prefix='64'/>
		</network>
	XML
}
documents
# Rules of the iptables back end stand in front of the host's own: what the network serves passes where the host drops
# all but what it asked for, and IPv6's own.
if on_iptables; then
	for tool in iptables ip6tables; do
		$tool -P INPUT DROP
		$tool -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
	done
	ip6tables -A INPUT -p icmpv6 -j ACCEPT
fi
daemon_start
for network in lab inner; do
	check "$network is defined" sluice net-define $WORK/$network.xml
done
started() {
	local begin
	begin=$(date +%s%N)
	check "$1 starts" sluice net-start "$1"
	note "measured: started in $((($(date +%s%N) - begin) / 1000000)) ms"
}
started "$LAB"
started inner
station a1 virbr1 $A1
station a2 virbr1 $A2
station a3 virbr1 $A3
station a4 virbr1 $A4
station b1 virbr2 $B1

# --- DHCP
cat >"$WORK"/dhcp-script <<'XEOF'
#!/bin/sh
[ "$1" = bound ] || exit 0
set >"${0%/*}/got.$hostname_of"
ip -4 addr flush dev "$interface"
ip addr add "$ip/$mask" dev "$interface"
for r in $router; do ip route replace default via "$r"; done
XEOF
# ask NAMESPACE [NAME]: the address that udhcpc gets, saying that its name is NAME
ask() {
	in_ns "$1" env hostname_of="$1" udhcpc -i eth0 -n -q -t 10 -T 1 -O mtu -O bootfile -O search -s "$WORK"/dhcp-script \
		-x "hostname:${2:-$1}" >/dev/null 2>&1
	in_ns "$1" ip -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'
}
got() { sed -n "s/^$2='\(.*\)'$/\1/p" $WORK/got."$1"; }
leases() { sluice net-dhcp-leases "$LAB"; }
# dnsmasq says after the client what it gave.
has_lease() { leases | grep -Eq "$1"; }
in_range() { grep -Eqx '10\.1\.0\.1(0[0-9]|10)' <<<"$1"; }

same "a1 gets the address of its <host>" 10.1.0.11 "$(ask a1 anything)"
check "its lease has no end" wait_for has_lease "infinite.*$A1.*10\.1\.0\.11/24"
check "and the name of the <host>, though that looks like a time" wait_for has_lease "10\.1\.0\.11/24 +12h "
same "it is told the MTU" 1400 "$(got a1 mtu)"
same "and the file to boot" "boot file.img 10.1.0.1" "$(got a1 boot_file) $(got a1 siaddr)"
same "the domain" lab.test "$(got a1 domain)"
same "the router and the name server" "10.1.0.1 10.1.0.1" "$(got a1 router) $(got a1 dns)"
second=$(ask a2)
check "a2 gets one of the range: $second" in_range "$second"
same "for two minutes" 120 "$(got a2 lease)"
check "the list says the day it ends" wait_for has_lease "$(date +%Y)-.*$A2.*$second/24"
# Whoever claims the name of another does not get it.
ask a2 12h >/dev/null
same "a guest that claims the name of a <host> keeps its own" "$second a2" \
	"$(leases | awk -v a="$second/24" '$0 ~ a { sub("/.*", "", $5); print $5, $6 }')"
ask a2 >/dev/null

if command -v dhclient >/dev/null; then
	cat >"$WORK"/dhclient-script <<-'XEOF'
		#!/bin/sh
		set >"${0%/*}/dhclient.$reason"
		case $reason in
		BOUND) ip addr add "$new_ip_address/24" dev "$interface" ;;
		BOUND6) ip -6 addr add "$new_ip6_address/128" dev "$interface" nodad ;;
		PREINIT6) for _ in 1 2 3 4 5 6 7 8 9 10; do ip -6 addr show dev "$interface" scope link | grep -q tentative || break; sleep 0.2; done ;;
		esac
		exit 0
	XEOF
	chmod +x "$WORK"/dhclient-script
	echo 'request subnet-mask, interface-mtu, routers; send host-name "a3";' >$WORK/dhclient.conf
	client() { # NAMESPACE WORD...: dhclient; what it learned is in $WORK/dhclient.REASON
		local ns=$1
		shift
		in_ns "$ns" timeout $((40 * SLOW)) dhclient -1 -cf $WORK/dhclient.conf -sf $WORK/dhclient-script -pf "$WORK/$ns.pid" \
			-lf "$WORK/$ns.leases" "$@" eth0 >$WORK/dhclient.out 2>&1 || note "$(tail -3 $WORK/dhclient.out)"
	}
	learned() { sed -n "s/^$2='\{0,1\}\([^']*\)'\{0,1\}$/\1/p" $WORK/dhclient."$1"; }
	touch $WORK/a3.leases $WORK/a4.leases
	client a3 -4
	third=$(learned BOUND new_ip_address)
	check "dhclient gets an address: $third" in_range "$third"
	same "and the MTU, which only it asks for" 1400 "$(learned BOUND new_interface_mtu)"
	client a3 -4 -r
	check "a lease that is given back is gone from the list" wait_for eval "! has_lease '$third/24'"
	client a3 -6
	six=$(learned BOUND6 new_ip6_address)
	check "dhclient -6 gets an address of the range: $six" grep -Eqx 'fd01::10[0-9a-f]{2}' <<<"$six"
	check "the list has it by its DUID" wait_for has_lease "ipv6 +$six/64.* [0-9a-f:]{20,}"
	client a4 -6 -D LL
	same "a <host> by DUID gets its address" fd01::66 "$(learned BOUND6 new_ip6_address)"
	check "and its name" wait_for has_lease "fd01::66/64 +six +00:03:00:01:$A4"
	for pid in "$WORK"/*.pid; do kill "$(cat "$pid")" 2>/dev/null; done
else
	skip "dhclient" "no dhclient here"
	six=
fi

# --- DNS: to NAMESPACE SERVER NAME [TYPE]
dns() { in_ns "$1" busybox nslookup ${4:+-type=$4} "$3" "$2" 2>&1; }
address_of() { dns "$@" | sed -n '/^Name:/,$s/^Address[^:]*: \([^ ]*\).*/\1/p' | sort | tr '\n' ' ' | sed 's/ $//'; }
same "a guest by its name and the domain" "$second" "$(address_of a1 10.1.0.1 a2.lab.test a)"
same "by its plain name" "$second" "$(address_of a1 10.1.0.1 a2 a)"
same "a <host> by its name" 10.1.0.11 "$(address_of a2 10.1.0.1 12h.lab.test a)"
same "a name of <dns>, IPv4" 10.1.0.7 "$(address_of a1 10.1.0.1 dir.lab.test a)"
same "and IPv6" fd01::7 "$(address_of a1 10.1.0.1 dir.lab.test aaaa)"
same "asked over IPv6" 10.1.0.7 "$(in_ns a1 ip -6 addr add fd01::a1/64 dev eth0 nodad && address_of a1 fd01::1 dir.lab.test a)"
[ -z "$six" ] || same "a guest with DHCPv6 by its name" fd01::66 "$(address_of a1 10.1.0.1 six.lab.test aaaa)"
check "an option of the document's own" grep -q "dir.lab.test" <<<"$(dns a1 10.1.0.1 www.lab.test)"
check "the name of an address" grep -q "name = a2.lab.test" <<<"$(dns a1 10.1.0.1 "$second")"
check "TXT as it is written" grep -qF 'text = "a, b; "c" \ # d"' <<<"$(dns a1 10.1.0.1 note.lab.test txt)"
check "SRV" grep -Eq "service = 3 4 389 dir.lab.test" <<<"$(dns a1 10.1.0.1 _ldap._tcp.lab.test srv)"
same "names of the world are asked for there" 198.51.100.1 "$(address_of a1 10.1.0.1 www.example a)"
same "those of a forwarder's domain by the forwarder" 198.51.100.2 "$(address_of a1 10.1.0.1 intra.corp.test a)"
dns a1 10.1.0.1 nobody.lab.test a >$WORK/nobody
dns a1 10.1.0.1 plainname a >/dev/null
dns a1 10.1.0.1 10.1.0.99 >/dev/null
check "a name of the domain that nobody has is none" grep -q NXDOMAIN $WORK/nobody
same "and never leaves (localOnly)" 0 "$(asked nobody.lab.test)"
same "nor does a plain name (forwardPlainNames)" 0 "$(asked plainname)"
same "nor an address of the subnet (localPtr)" 0 "$(asked 99.0.1.10.in-addr.arpa)"
same "one of the world did" 1 $(($(asked www.example) > 0))

# --- an isolated network beside it
third=$(ask b1)
check "b1 gets an address of its own network: $third" grep -Eqx '10\.2\.0\.1(0[0-9]|10)' <<<"$third"
same "no router" "" "$(got b1 router)"
check "the other network's list does not have it" eval "! has_lease '$B1'"
dns b1 10.2.0.1 from-inner.example a >$WORK/inner.out
same "its questions never leave" 0 "$(asked from-inner.example)"
check "they are answered: no" grep -Eq "NXDOMAIN|REFUSED|SERVFAIL" $WORK/inner.out
same "it makes itself an address by the router advertisement" 1 "$([ -n "$(slaac b1 fd02:)" ] && echo 1)"
same "which tells no way out" 0 "$(in_ns b1 ip -6 route show default | grep -c default)"
check "in the network with NAT it does" wait_for eval "in_ns a1 ip -6 route show default | grep -q default"

# --- TFTP
(cd $WORK && in_ns a1 busybox tftp -g -r "boot file.img" -l fetched 10.1.0.1) >$WORK/tftp.out 2>&1
check "a file comes by TFTP" cmp "$WORK/tftp/boot file.img" $WORK/fetched
(cd $WORK && in_ns a1 busybox tftp -g -r ../../etc/passwd -l stolen 10.1.0.1) >$WORK/tftp.out 2>&1
check "none of outside its folder" test ! -s $WORK/stolen

# --- changes while it runs
pid_of() { head -1 "$ROOT/run/sluice/network/$1.pid"; }
pid=$(pid_of "$LAB")
before=$(leases)
kill -HUP "$DAEMON"
sleep 0.5
same "SIGHUP to the daemon keeps the leases" "$before" "$(leases)"
same "and dnsmasq" "$pid" "$(pid_of "$LAB")"
measure() {
	local begin label=$1
	begin=$(date +%s%N)
	shift
	check "$label" "$@"
	note "measured: $label: $((($(date +%s%N) - begin) / 1000000)) ms"
}
measure "a host comes by a signal" sluice net-update "$LAB" add ip-dhcp-host "<host mac='$A2' name='moved' ip='10.1.0.60'/>" --live
same "to the same dnsmasq" "$pid" "$(pid_of "$LAB")"
same "a2 moves there" 10.1.0.60 "$(ask a2)"
same "its old address is nobody's now" 1 "$(wait_for eval "! has_lease '$second/24'" && echo 1)"
same "DNS follows" 10.1.0.60 "$(address_of a1 10.1.0.1 moved.lab.test a)"
before=$(leases | wc -l)
measure "a TXT record by another dnsmasq" sluice net-update "$LAB" add dns-txt "<txt name='later' value='yes'/>" --live
check "which is another" test "$pid" != "$(pid_of "$LAB")"
same "with all leases" "$before" "$(leases | wc -l)"
check "and their names" grep -q 10.1.0.60 <<<"$(address_of a1 10.1.0.1 moved.lab.test a)"
check "the record is there" grep -q 'text = "yes"' <<<"$(dns a1 10.1.0.1 later txt)"

# --- what dnsmasq does not take is refused where it stands, and nothing changes
pid=$(pid_of "$LAB")
sed "s|value='cname=.*'|value='no-such-word=5'|" $WORK/lab.xml >$WORK/bad.xml
check_refused "an option that dnsmasq does not know" 'bad.xml:[0-9]+: dnsmasq does not take .no-such-word=5.: bad option' \
	sluice net-define --apply $WORK/bad.xml
same "the running one is the same" "$pid" "$(pid_of "$LAB")"
# One that would never go into the background.
cat >$WORK/hang.xml <<-'XML'
	<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
	  <name>hang</name>
	  <bridge name='virbr3'/>
	  <ip address='10.3.0.1' prefix='24'/>
	  <dnsmasq:options><dnsmasq:option value='keep-in-foreground'/></dnsmasq:options>
	</network>
XML
sluice net-define $WORK/hang.xml >/dev/null
check_refused "one that stays in the foreground is ended in time" 'did not end within' sluice net-start hang
check "with all that was made for it" eval "! ip link show virbr3 && ! pgrep -f dnsmasq/hang.conf"
check "the others serve on" grep -q 10.1.0.60 <<<"$(address_of a1 10.1.0.1 moved.lab.test a)"

# --- dnsmasq dies: all comes back, leases of both families with their names
before=$(leases | sort)
kill -9 "$pid"
is_new() { [ "$(pid_of "$LAB")" != "$pid" ] && kill -0 "$(pid_of "$LAB")"; }
wait_for is_new
same "dnsmasq was killed: the leases are there" "$before" "$(leases | sort)"
same "and the names" 10.1.0.60 "$(address_of a1 10.1.0.1 moved.lab.test a)"
[ -z "$six" ] || same "of IPv6 too" fd01::66 "$(address_of a1 10.1.0.1 six.lab.test aaaa)"
same "a2 has its address again" 10.1.0.60 "$(ask a2)"
# A daemon that was killed, and its dnsmasq lost the pid file: the old one does not keep the address from the new one.
daemon_kill
rm -f "$ROOT/run/sluice/network/$LAB.pid"
daemon_start
check "an orphan gives way to a new one" grep -q 10.1.0.60 <<<"$(address_of a1 10.1.0.1 moved.lab.test a)"
same "one main process serves the network" 2 "$(pgrep -fc 'conf-file=.*lab "one"')"

# --- leases that ended while the network was down; a store that is none
sluice net-destroy "$LAB" --force >/dev/null
store="$ROOT/var/lib/sluice/leases/$LAB.leases"
check "the leases stay" grep -q "$A1" "$store"
sed -i "s/\"expiry\": [1-9][0-9]*/\"expiry\": 1000/" "$store"
sluice net-start "$LAB" >/dev/null
same "those that ended are not listed, the one without end is" "$A1" "$(leases | grep -o 52:54:00:00:01:.. | sort -u)"
sluice net-destroy "$LAB" --force >/dev/null
echo '[ {' >"$store"
check "a damaged store does not keep the network from starting" sluice net-start "$LAB"
same "and is kept beside the new one" '[ {' "$(cat "${store%.leases}.damaged")"
same "a1 gets its address again" 10.1.0.11 "$(ask a1)"
sluice net-destroy "$LAB" --force >/dev/null
sluice net-undefine "$LAB" >/dev/null
check "undefining forgets the leases" eval "! ls $ROOT/var/lib/sluice/leases | grep -q lab"
sluice net-destroy inner --force >/dev/null
check "no dnsmasq of ours is left" eval "! pgrep -f conf-file=$ROOT"
kill $WORLD
finish

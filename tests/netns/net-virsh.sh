#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole life of networks through the unmodified virsh, then through libvirt-python for events and error codes. The
# same session runs against libvirt's own daemon, where it is installed, and what the two print is compared line by
# line. Where they differ on purpose, the difference stands in net-virsh.differences with its reason.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/lib-net.sh
. "$(dirname "$0")/lib-net.sh"
need dnsmasq udhcpc virsh
SESSION=$(cd "$(dirname "$0")" && pwd)

quiet_ipv6 host
ip link set lo up

# --- documents

mkdir $WORK/session
cd $WORK/session || exit 1
cat >lab.xml <<'XML'
<network>
  <name>lab</name>
  <uuid>6f9c6b5a-1111-4000-8000-000000000001</uuid>
  <forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>
  <bridge name='virbr7' stp='on' delay='0'/>
  <mac address='52:54:00:77:00:01'/>
  <domain name='lab.test'/>
  <dns><host ip='10.77.0.9'><hostname>nine</hostname></host></dns>
  <ip address='10.77.0.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='10.77.0.100' end='10.77.0.110'/>
      <host mac='52:54:00:00:00:71' name='fixed' ip='10.77.0.50'/>
    </dhcp>
  </ip>
</network>
XML
sed "s/<name>lab/<name>two/; s/0001</0002</; s/virbr7/virbr8/; s/:77:00:01/:77:00:02/; s/10\.77/10.78/; s/lab\.test/two.test/" lab.xml >two.xml
sed "s/10\.77/10.78/g; s/lab\.test/two.test/" -i two.xml
sed "s/<name>lab/<name>other/; s/virbr7/virbr9/" lab.xml >same-uuid.xml
sed "s/0001</0009</" lab.xml >same-name.xml
sed "s/<name>lab/<name>a\/b/; s/0001</0008</" lab.xml >slash.xml
sed "s/mode='nat'/mode='zz'/; s/<name>lab/<name>bad/; s/0001</0008</" lab.xml >mode.xml
sed "s/<name>lab<\/name>//" lab.xml >unnamed.xml
sed "s/10.77.0.110/10.77.1.110/; s/<name>lab/<name>bad/; s/0001</0008</" lab.xml >range.xml
echo "<network><name>x" >broken.xml
echo "<domain/>" >root.xml
cat >port.xml <<'XML'
<networkport>
  <uuid>6f9c6b5a-2222-4000-8000-000000000001</uuid>
  <owner><name>guest</name><uuid>6f9c6b5a-3333-4000-8000-000000000001</uuid></owner>
  <mac address='52:54:00:00:00:71'/>
</networkport>
XML
sed 's/-2222-/-2223-/; s/<networkport>/&<plug type="network" bridge="virbr7"\/>/' port.xml >plugged.xml
sed '/<mac/d' port.xml >macless.xml

# --- the session: "$ COMMAND", what it prints, "= STATUS"

v() {
	echo "\$ $*"
	timeout 20 virsh -c "$URI" "$@" 2>&1 </dev/null
	echo "= $?"
}
LAB=6f9c6b5a-1111-4000-8000-000000000001 PORT=6f9c6b5a-2222-4000-8000-000000000001
lists() {
	v net-list
	v net-list --all
	v net-list --inactive
	v net-list --all --persistent
	v net-list --all --transient
	v net-list --all --autostart
	v net-list --all --no-autostart
	v net-list --all --name
	v net-list --all --uuid
}
h() { echo "<host mac='52:54:00:00:00:$1' name='n$1' ip='10.77.0.$2'/>"; }
session() { # NAMESPACE-COMMAND...
	v net-list --all
	for f in broken root unnamed slash mode range; do v net-define $f.xml; done
	v net-define nosuch.xml
	v net-define lab.xml
	v net-define --validate lab.xml
	v net-define same-uuid.xml
	v net-define same-name.xml
	v net-info lab
	v net-info nosuch
	v net-info 6f9c6b5a-9999-4000-8000-000000000001
	v net-uuid lab
	v net-name $LAB
	v net-dumpxml lab
	v net-destroy lab
	v net-port-create lab port.xml
	v net-dhcp-leases lab
	v net-update lab add ip-dhcp-host "$(h 72 60)" --live
	v net-start nosuch
	v net-start lab
	v net-start lab
	v net-create two.xml
	v net-create two.xml
	lists
	v net-autostart lab
	v net-autostart two
	lists
	v net-autostart lab --disable
	v net-info lab
	v net-info two
	v net-dumpxml two
	v net-dumpxml --inactive lab
	v net-dumpxml --inactive two
	v net-undefine two

	v net-update lab add ip-dhcp-host "$(h 72 60)" --live --config
	v net-update lab add ip-dhcp-host "$(h 72 60)" --live
	v net-update lab modify ip-dhcp-host "$(h 72 61)" --live --config
	v net-update lab modify ip-dhcp-host "$(h 79 69)" --live
	v net-update lab delete ip-dhcp-host "<host mac='52:54:00:00:00:79'/>" --config
	v net-update lab delete ip-dhcp-host "<host mac='52:54:00:00:00:72'/>" --live --config
	v net-update lab add-last ip-dhcp-range "<range start='10.77.0.120' end='10.77.0.130'/>" --live
	v net-update lab add ip-dhcp-range "<range start='10.77.0.120' end='10.77.0.130'/>" --live
	v net-update lab modify ip-dhcp-range "<range start='10.77.0.120' end='10.77.0.131'/>" --live
	v net-update lab delete ip-dhcp-range "<range start='10.77.0.120' end='10.77.0.130'/>" --live
	v net-update lab add dns-host "<host ip='10.77.0.8'><hostname>eight</hostname></host>" --live
	v net-update lab add dns-host "<host ip='10.77.0.8'><hostname>eight</hostname></host>" --live
	v net-update lab delete dns-host "<host ip='10.77.0.8'/>" --live
	v net-update lab add dns-txt "<txt name='t' value='v'/>" --config
	v net-update lab add dns-txt "<txt name='t' value='v'/>" --config
	v net-update lab delete dns-txt "<txt name='t'/>" --config
	v net-update lab add dns-srv "<srv service='s' protocol='tcp' domain='d' target='t' port='5' priority='1' weight='1'/>" --config
	v net-update lab delete dns-srv "<srv service='s' protocol='tcp'/>" --config
	v net-update lab add portgroup "<portgroup name='g' default='yes'/>" --live --config
	v net-update lab add portgroup "<portgroup name='g'/>" --live
	v net-update lab delete portgroup "<portgroup name='g'/>" --live --config
	v net-update lab add bridge "<bridge name='x'/>" --live
	v net-update lab add domain "<domain name='x'/>" --config
	v net-update lab add ip "<ip address='10.1.1.1'/>" --config
	v net-update lab add forward "<forward/>" --config
	v net-update lab add ip-dhcp-host "<hst/>" --live
	v net-update lab bogus ip-dhcp-host "<host/>" --live
	v net-update lab add bogus "<host/>" --live
	v net-update lab add ip-dhcp-host "$(h 75 65)" --live --current
	v net-update lab add ip-dhcp-host "$(h 75 65)" --parent-index 7 --live
	v net-update two add ip-dhcp-host "$(h 75 65)" --config
	v net-dumpxml lab

	v net-port-list lab
	v net-port-create lab macless.xml
	v net-port-create lab plugged.xml
	v net-port-create lab port.xml
	v net-port-create lab port.xml
	v net-port-list lab
	v net-port-list lab --uuid
	v net-port-dumpxml lab $PORT
	v net-port-dumpxml lab 6f9c6b5a-2222-4000-8000-000000000009
	v net-dumpxml lab --inactive
	v net-port-delete lab $PORT
	v net-port-delete lab $PORT

	"$@" ip netns add g
	"$@" ip link add tap0 type veth peer name eth0 netns g address 52:54:00:00:00:71
	"$@" ip link set tap0 master virbr7 up
	"$@" ip -n g link set eth0 up
	"$@" timeout 20 ip netns exec g udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/true -x hostname:guest >/dev/null 2>&1
	v net-dhcp-leases lab
	v net-dhcp-leases lab 52:54:00:00:00:71
	v net-dhcp-leases lab --mac 52:54:00:00:00:99
	v net-dhcp-leases lab zz
	"$@" ip link del tap0
	"$@" ip netns del g

	v net-destroy two
	v net-info two
	v net-undefine lab
	v net-list --all
	v net-define lab.xml
	v net-info lab
	v net-destroy lab
	v net-destroy lab
	v net-dumpxml lab
	v net-undefine lab
	v net-undefine lab
	v net-list --all
}
# Events of one network's life, as virsh prints them.
events() {
	virsh -c "$URI" net-event --event lifecycle --loop --timeout 15 >events.out 2>&1 &
	local watcher=$!
	sleep 1
	{
		virsh -c "$URI" net-define lab.xml
		virsh -c "$URI" net-start lab
		virsh -c "$URI" net-destroy lab
		virsh -c "$URI" net-create two.xml
		virsh -c "$URI" net-destroy two
		virsh -c "$URI" net-undefine lab
	} >/dev/null 2>&1
	for _ in $(seq 50); do
		grep -q Undefined events.out && break
		sleep 0.1
	done
	kill $watcher
	wait $watcher 2>/dev/null
	grep '^event' events.out
}
python_errors() { timeout 60 "$PYTHON" "$SESSION/net-errors.py" "$URI" lab.xml two.xml port.xml 2>&1; }
# The distribution's own, which has the package.
PYTHON=/usr/bin/python3
has_python() { $PYTHON -c 'import libvirt' 2>/dev/null; }
all_of() {
	session "$@"
	echo "events"
	events
	if has_python; then
		echo "libvirt-python"
		python_errors
	fi
}
# What differs from run to run, and the words of errors: clients go by the codes, which libvirt-python shows below.
plain() {
	sed -E 's/^ [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} /DATE TIME /; s/[[:space:]]+$//; s/^error: .*/error/; /^\(null\)$/d; /^ *\^$/d; /^$/d'
}
# steps FILE: each step on one line: "HEAD<tab>WHAT IT PRINTS"
steps() {
	awk '
		/^libvirt-python$/ { python = 1 }
		python && split($0, part, ": ") == 2 { text = text "\n" part[1] "\t" part[2]; next }
		/^\$ / || python || /^event/ { text = text "\n" $0 "\t"; next }
		{ text = text "|" $0 }
		END { print substr(text, 2) }' "$1"
}

# --- ours

daemon_start
sluice net-undefine default >/dev/null
URI="sluice:///system?socket=$ROOT/run/sluice/virtsluiced-sock"
# g's folder of namespaces is shared
all_of env >$WORK/ours.raw
plain <$WORK/ours.raw >$WORK/ours
same "nothing is left behind" "" "$(ip -o link show type bridge; pgrep -x dnsmasq; nft list tables)"
# A few that must hold whoever is compared with.
for line in "Network lab defined from lab.xml" "Network lab started" "Network two created from two.xml" \
	"Network lab destroyed" "Network lab has been undefined" "event 'lifecycle' for network lab: Started"; do
	check "virsh says: $line" grep -qxF "$line" $WORK/ours
done
check "virsh lists a lease" grep -Eq "52:54:00:00:00:71 +ipv4 +10.77.0.50/24 +(guest|fixed)" $WORK/ours
has_python || skip "events and error codes in libvirt-python" "python3-libvirt is not installed"

# --- libvirt's own daemon

if ! libvirtd_start; then
	skip "the same as libvirt's daemon" "$(tail -1 $WORK/libvirt.out)"
	finish
fi
all_of nsenter -t "$LIBVIRTD" --net --mount -- >$WORK/theirs.raw
plain <$WORK/theirs.raw >$WORK/theirs
libvirtd_stop

# Every difference stands in the list, and what stands there differs.
declare -A reasons=()
declare -a met=()
while IFS='|' read -r head reason; do
	[[ $head == \#* || -z $head ]] || reasons[${head%% }]=${reason# }
done <"$SESSION/net-virsh.differences"
mapfile -t ours < <(steps $WORK/ours)
mapfile -t theirs < <(steps $WORK/theirs)
same "both sessions have the same steps" "${#theirs[@]}" "${#ours[@]}"
equal=0
for i in "${!ours[@]}"; do
	head=${ours[i]%%$'\t'*}
	if [ "${ours[i]}" = "${theirs[i]:-}" ]; then
		equal=$((equal + 1))
	elif [ -n "${reasons[$head]:-}" ]; then
		note "differs from libvirt's: $head: ${reasons[$head]}"
		met[i]=$head
	else
		same "as libvirt's: $head" "$(tr '|' '\n' <<<"${theirs[i]#*$'\t'}")" "$(tr '|' '\n' <<<"${ours[i]#*$'\t'}")"
	fi
done
note "measured: $equal of ${#ours[@]} steps print what libvirt's daemon makes them print"
check "most steps are equal" test $equal -gt $((${#ours[@]} * 8 / 10))
for head in "${!reasons[@]}"; do
	printf '%s\n' "${met[@]}" | grep -qxF -- "$head" || not_ok "listed, but no difference: $head"
done
finish

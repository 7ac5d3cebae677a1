#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What dnsmasq gets, beside what libvirt's own daemon writes for the same documents (tests/golden/dnsmasq). Lines that
# differ stand in dnsmasq-libvirt.differences with the reason; any other is a failure.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
for tool in libvirtd virsh dnsmasq; do
	command -v $tool >/dev/null || { skip "the same as libvirt's daemon" "no $tool here" && finish; }
done
LV=$WORK/libvirt CASES=$PWD/tests/golden/dnsmasq KNOWN=$PWD/tests/netns/dnsmasq-libvirt.differences
for folder in /srv /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
	[ -d $folder ] || { skip "the same as libvirt's daemon" "no $folder here" && finish; }
done
mkdir -p $LV/etc $LV/srv/tftp $LV/log $LV/cache $LV/lib/dnsmasq
echo 'auth_unix_rw="none"' >$LV/etc/libvirtd.conf
for file in passwd group; do
	cp /etc/$file $LV/$file
	grep -q '^libvirt-qemu:' $LV/$file || echo "libvirt-qemu:x:64055:64055::/:/bin/false" >>$LV/$file
done
sed -i 's/^\(libvirt-qemu:x:64055:\).*/\1/' $LV/group
ip link set lo up
mkdir -p /run/libvirt
mount --bind $LV/srv /srv
mount --bind $LV/etc /etc/libvirt
for folder in lib log cache; do mount --bind $LV/$folder /var/$folder/libvirt; done
mount --bind $LV/passwd /etc/passwd
mount --bind $LV/group /etc/group
libvirtd -f /etc/libvirt/libvirtd.conf >$LV/out 2>&1 &
LIBVIRTD=$!
for _ in $(seq $((100 * SLOW))); do
	virsh -q -c network:///system uri >/dev/null 2>&1 && break
	sleep 0.1
done
if ! virsh -q -c network:///system uri >/dev/null 2>&1; then
	skip "the same as libvirt's daemon" "libvirtd does not start here: $(tail -1 $LV/out)"
	finish
fi
# Not compared: comments; files that each keeps where it does; dhcp-lease-max, which is the number of addresses in all
# ranges with libvirt, so that hosts outside them may get none.
LEFT_OUT='^#\|^pid-file=\|^dhcp-hostsfile=\|^addn-hosts=\|^dhcp-lease-max='
theirs() {
	grep -v "$LEFT_OUT" "/var/lib/libvirt/dnsmasq/$1.conf"
	sed 's/^/host: /' "/var/lib/libvirt/dnsmasq/$1.hostsfile" 2>/dev/null
	sed 's/^/name: /; s/[[:space:]]*$//' "/var/lib/libvirt/dnsmasq/$1.addnhosts" 2>/dev/null
}
ours() {
	grep -v "$LEFT_OUT" "$CASES/$1.conf"
	sed 's/^/host: /' "$CASES/$1.hosts"
	sed 's/^/name: /; s/[[:space:]]*$//' "$CASES/$1.names"
}
for document in "$CASES"/*.xml; do
	case=$(basename "$document" .xml)
	# Under the case's name: libvirt names its files by it.
	sed "s|<name>.*</name>|<name>$case</name>|" "$document" >$WORK/document.xml
	virsh -q -c network:///system net-create $WORK/document.xml >$WORK/create.out 2>&1
	if [ ! -e "/var/lib/libvirt/dnsmasq/$case.conf" ]; then
		echo "$case: ! $(tr '\n' ' ' <$WORK/create.out)" >>$WORK/differences
	else
		diff <(theirs "$case") <(ours "$case") | sed -n "s/^\([<>]\)/$case: \1/p" >>$WORK/differences
	fi
	virsh -q -c network:///system net-destroy "$case" >/dev/null 2>&1
done
kill $LIBVIRTD
wait $LIBVIRTD 2>/dev/null
cp $WORK/differences "${SLUICE_KEEP:-/dev/null}"
same "27 networks, but for what is listed" "$(grep -v '^#' "$KNOWN")" "$(cat $WORK/differences)"
finish

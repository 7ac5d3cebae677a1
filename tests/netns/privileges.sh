#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What of root's power the daemon and its children hold, as the kernel says; and that a daemon which is started again in
# a mount namespace of its own, as systemd does it, knows the dnsmasq that the one before had started.
. "$(dirname "$0")/lib.sh"

# caps FIELD PID: names, as of /proc/PID/status
caps() {
	local bits names
	bits=$(awk -v f="$1:" '$1 == f { print $2 }' "/proc/$2/status")
	names=$(capsh --decode="$bits") || return
	tr , ' ' <<<"${names#*=}" | sed 's/cap_//g'
}
status_of() { awk -v f="$1:" '$1 == f { print $2 }' "/proc/$2/status"; }
command -v capsh >/dev/null || { echo "SKIP: no capsh here" && exit 77; }

daemon_start
OURS="chown dac_override kill net_admin sys_ptrace"
CHILDREN="chown dac_override setgid setuid setpcap net_bind_service net_admin net_raw sys_chroot"
same "the daemon's effective capabilities" "$OURS" "$(caps CapEff $DAEMON)"
same "what its children may have" "$CHILDREN" "$(caps CapBnd $DAEMON)"
same "what it holds for them or itself" "chown dac_override kill setgid setuid setpcap net_bind_service net_admin net_raw sys_chroot sys_ptrace" \
	"$(caps CapPrm $DAEMON)"
same "nothing is inherited past that" "0000000000000000 0000000000000000" "$(status_of CapInh $DAEMON) $(status_of CapAmb $DAEMON)"
same "no new privileges" 1 "$(status_of NoNewPrivs $DAEMON)"
same "every thread of it" 1 "$(cat /proc/$DAEMON/task/*/status | grep ^CapEff | sort -u | wc -l)"
same "sluice version --verbose says it" "capabilities: $OURS; children: $CHILDREN; no new privileges" \
	"$(sluice version --verbose | grep ^capabilities:)"
daemon_stop
: >$WORK/daemon.log
DAEMON_ARGS="--root $ROOT --verbose" daemon_start
same "so does the log" 1 "$(grep -c "capabilities: $OURS; children: $CHILDREN; no new privileges" $WORK/daemon.log)"
daemon_stop

# --- what a service manager is told ---
if command -v python3 >/dev/null; then
	python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(60)
print("bound")
while True:
    words = s.recv(4096).decode()
    print(words.split("\n")[0])
    if words == "STOPPING=1":
        break' $WORK/notify >$WORK/notified &
	listener=$!
	for _ in $(seq 100); do grep -qs bound $WORK/notified && break; sleep 0.05; done
	NOTIFY_SOCKET=$WORK/notify daemon_start
	kill -HUP $DAEMON
	for _ in $(seq 100); do [ "$(grep -c READY $WORK/notified)" = 2 ] && break; sleep 0.05; done
	daemon_stop
	wait $listener
	same "it tells that it is ready, reads again, and stops" "bound READY=1 RELOADING=1 READY=1 STOPPING=1" \
		"$(tr '\n' ' ' <$WORK/notified | sed 's/ $//')"
else
	skip "what a service manager is told" "no python3 here"
fi

# --- less than that: named, and what needs it fails with its own error ---
: >$WORK/daemon.log
mkdir -p $WORK/less && cp "$BUILD/sluice" $WORK/less
printf '#!/bin/sh\nexec setpriv --bounding-set -sys_ptrace -- %s "$@"\n' "$BUILD/sluiced" >$WORK/less/sluiced
chmod +x $WORK/less/sluiced
whole=$BUILD BUILD=$WORK/less
daemon_start
BUILD=$whole
same "a capability that is missing from the start is named" 1 \
	"$(grep -c 'started without the capability sys_ptrace: ' $WORK/daemon.log)"
daemon_stop

# --- dnsmasq ---
if ! command -v dnsmasq >/dev/null; then
	skip "dnsmasq" "no dnsmasq here"
	finish
fi
ip link set lo up
daemon_start
cat >$WORK/lab.xml <<'XML'
<network><name>lab</name><bridge name='virbr7' stp='off'/>
  <ip address='10.77.0.1' prefix='24'><dhcp><range start='10.77.0.10' end='10.77.0.20'/></dhcp></ip></network>
XML
check "a network with DHCP" sluice net-define $WORK/lab.xml
check "it starts" sluice net-start lab
pid=$(cat $ROOT/run/sluice/network/lab.pid)
same "dnsmasq runs as another user" 0 "$(awk '$1 == "Uid:" { print $2 == 0 }' "/proc/$pid/status")"
same "and holds only what it keeps itself" "net_bind_service net_admin net_raw" "$(caps CapEff "$pid")"
same "it can never gain more" "$CHILDREN" "$(caps CapBnd "$pid")"
same "nor by a program with the set-user-id bit" 1 "$(status_of NoNewPrivs "$pid")"

# Its files are the same ones, its mount namespace is another.
daemon_kill
# As the service's ProtectSystem=strict has it: all is read-only but the daemon's own folders.
cat >$WORK/less/sluiced <<-SH
	#!/bin/bash
	[ "\$1" != inside ] && exec unshare --mount --propagation slave -- "\$0" inside "\$@"
	shift
	for dir in etc/sluice run/sluice var/lib/sluice; do mount --bind $ROOT/\$dir $ROOT/\$dir; done
	for mount in /run /; do mount -o remount,bind,ro \$mount; done
	touch $ROOT/x $WORK/x /x 2>/dev/null && exit 1
	exec $whole/sluiced "\$@"
SH
BUILD=$WORK/less
daemon_start
BUILD=$whole
same "the daemon has a mount namespace of its own" 0 \
	"$([ "$(readlink /proc/$DAEMON/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ] && echo 1 || echo 0)"
same "dnsmasq is taken over" "$pid" "$(cat $ROOT/run/sluice/network/lab.pid)"
check "and runs" kill -0 "$pid"
check "a change reaches it" sluice net-update lab add ip-dhcp-host \
	"<host mac='52:54:00:00:00:01' ip='10.77.0.11'/>" --live
same "by a signal" "$pid" "$(cat $ROOT/run/sluice/network/lab.pid)"
check "another network starts" sh -c "sed 's/lab/two/; s/virbr7/virbr8/; s/10.77/10.78/g' $WORK/lab.xml >$WORK/two.xml
	$BUILD/sluice --root $ROOT net-define $WORK/two.xml && $BUILD/sluice --root $ROOT net-start two"
check "and stops" sluice net-destroy two
check "a filter is defined" sh -c "echo \"<filter name='f'><rule action='drop' direction='in'/></filter>\" >$WORK/f.xml
	$BUILD/sluice --root $ROOT nwfilter-define $WORK/f.xml"
check "the network stops" sluice net-destroy lab
for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
check_refused "dnsmasq has ended" "no such process" kill -0 "$pid"
finish

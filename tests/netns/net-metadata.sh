#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Title, description and metadata of networks, live and kept, and their event.
. "$(dirname "$0")/lib.sh"
check_status() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1"; fi
}
ip link set lo up
daemon_start
cat >$WORK/net.xml <<XML
<network>
  <name>lab</name>
  <title>A &lt;title&gt;</title>
  <metadata><old:app xmlns:old='http://example.com/old'><old:x/></old:app></metadata>
  <bridge name='virbr7'/>
</network>
XML
sluice net-define $WORK/net.xml >/dev/null
same "a title that the document has" "A <title>" "$(sluice net-desc lab --title | head -1)"
same "no description" "No description for network: lab" "$(sluice net-desc lab | head -1)"
check "a description is set, word by word" sluice net-desc lab -- it serves "all & everything"
same "and read" "it serves all & everything" "$(sluice net-desc lab | head -1)"
check_refused "a title has one line" "newlines" sluice net-desc lab --title $'two\nlines'
sluice net-start lab >/dev/null
check "the running network's alone" sluice net-desc lab --live other
same "it says so" "other" "$(sluice net-desc lab | head -1)"
same "its definition does not" "it serves all & everything" "$(sluice net-desc lab --config | head -1)"
check "both" sluice net-desc lab --live --config --title both
sluice net-dumpxml lab --inactive | grep -q '<title>both</title>' && sluice net-dumpxml lab | grep -q '<title>both</title>'
check_status "both say so" $?

same "metadata comes without its namespace" "<app><x/></app>" "$(sluice net-metadata lab http://example.com/old | tr -d ' \n')"
check_refused "there is none of another namespace" "no metadata of namespace" sluice net-metadata lab http://example.com/new
check "metadata is set" sluice net-metadata lab http://example.com/new --key new --set "<app a='1'><y>text</y></app>" --live --config
same "and read" "<appa=\"1\"><y>text</y></app>" "$(sluice net-metadata lab http://example.com/new --config | tr -d ' \n')"
sluice net-dumpxml lab | grep -q '<new:app xmlns:new="http://example.com/new" a="1">'
check_status "the document has the namespace" $?
check "it is set again" sluice net-metadata lab http://example.com/new --key new --set "<b/>"
same "there is one of a namespace" 1 "$(sluice net-dumpxml lab | grep -c example.com/new)"
check_refused "no element" "expected one element" sluice net-metadata lab http://example.com/new --key new --set "text"
check_refused "two elements" "expected one element" sluice net-metadata lab http://example.com/new --key new --set "<a/><b/>"
check_refused "no XML" "metadata.xml:1" sluice net-metadata lab http://example.com/new --key new --set "<a>"
check_refused "an element of another namespace" "another namespace" \
	sluice net-metadata lab http://example.com/new --key new --set "<a xmlns='http://example.com/x'/>"
check_refused "a prefix that is none" "no prefix" sluice net-metadata lab http://example.com/new --key "a b" --set "<a/>"
check_refused "a change needs a key" "key is required" sluice net-metadata lab http://example.com/new --set "<a/>"

# --- the event ---
"$BUILD/sluice" --root $ROOT net-event lab --event metadata-change --timeout $((10 * SLOW)) >$WORK/event &
waiter=$!
for _ in $(seq 20); do
	sleep 0.2
	sluice net-metadata lab http://example.com/new --key new --set "<c/>" >/dev/null
	kill -0 $waiter 2>/dev/null || break
done
wait $waiter
grep -q "event 'metadata-change' for network lab: type element, uri http://example.com/new" $WORK/event
check_status "a change is told" $?
check "it is removed" sluice net-metadata lab http://example.com/new --remove --live --config
sluice net-dumpxml lab | grep -q example.com/new
check_status "and gone" $((!$?))
daemon_kill
daemon_start
same "a restart keeps what is live" "other" "$(sluice net-desc lab | head -1)"
sluice net-destroy lab >/dev/null
same "and what is kept" "it serves all & everything" "$(sluice net-desc lab | head -1)"
check "an empty text removes" sluice net-desc lab ""
same "it" "No description for network: lab" "$(sluice net-desc lab | head -1)"
check_refused "a stopped network has nothing live" "not running" sluice net-desc lab --live x
check_refused "read-only connections change nothing" "read.only" "$BUILD/sluice" --root $ROOT --readonly net-desc lab x
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `sluice nwfilter-compile --backend nft` prints is text that nft loads: every golden, checked by nft itself.
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# Connection state in the bridge family is not in every kernel.
has_ct=yes
nft -c -f - >/dev/null 2>&1 <<'EOF' || has_ct=
table bridge probe {
	chain c {
		type filter hook prerouting priority 0;
		ct state established accept
	}
}
EOF
for f in tests/golden/compile/*.nft tests/golden/compile/*.nft-plain; do
	name=$(basename "$f")
	if grep -q '^error' "$f"; then
		continue
	elif [ -z "$has_ct" ] && grep -Eq 'ct (state|count|direction)|reject' "$f"; then
		skip "nft takes $name" "this kernel's bridge has no connection tracking"
	else
		check "nft takes $name" nft -c -f "$f"
	fi
done
finish

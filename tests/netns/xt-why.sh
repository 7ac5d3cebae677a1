#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# why.sh on ebtables and iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/why.sh"

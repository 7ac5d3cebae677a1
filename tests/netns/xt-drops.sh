#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# drops.sh on ebtables and iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/drops.sh"

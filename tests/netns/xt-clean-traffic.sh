#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# clean-traffic.sh on ebtables and iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/clean-traffic.sh"

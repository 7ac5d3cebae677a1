#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# learn-ipv6.sh on ebtables and iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/learn-ipv6.sh"

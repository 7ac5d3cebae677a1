#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# foreign.sh on eb/iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/foreign.sh"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A tenth of survival.sh on eb/iptables.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/survival.sh" "$@"

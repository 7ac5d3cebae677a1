#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon dies before each call of each operation that writes, syncs, renames, removes or speaks to the kernel by
# netlink; started again it holds the state before the operation or the one after it, and so does the kernel. ROUNDS (2)
# and SEED ask for others; SLUICE_FAULTS=crashes or networks-crashes: one of the two.
SLUICE_FAULTS=${SLUICE_FAULTS:-crashes networks-crashes} exec bash "$(dirname "$0")/fault-survival.sh"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# learn-many.sh on ebtables and iptables, which take their time to bind so many ports.
export SLUICE_LEARN_PORTS=${SLUICE_LEARN_PORTS:-100}
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/learn-many.sh"

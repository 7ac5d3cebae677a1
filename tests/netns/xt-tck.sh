#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tck.sh's cases of libvirt-tck on ebtables and iptables, loaded by the daemon.
SLUICE_BACKEND=iptables exec bash "$(dirname "$0")/tck.sh"

# SPDX-License-Identifier: GPL-2.0-or-later
# All but the programs themselves.
dhcp_SRCS := $(filter-out %main.c,$(wildcard dhcp/*.c))

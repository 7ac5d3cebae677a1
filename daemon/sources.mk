# SPDX-License-Identifier: GPL-2.0-or-later
# All but the programs themselves.
daemon_SRCS := $(filter-out %main.c,$(wildcard daemon/*.c))

# SPDX-License-Identifier: GPL-2.0-or-later
vswitch_SRCS := $(wildcard vswitch/*.c)

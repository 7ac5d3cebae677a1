# SPDX-License-Identifier: GPL-2.0-or-later
# All but the programs themselves.
cli_SRCS := $(filter-out %main.c,$(wildcard cli/*.c))

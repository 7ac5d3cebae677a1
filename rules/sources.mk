# SPDX-License-Identifier: GPL-2.0-or-later
rules_SRCS := $(wildcard rules/*.c)

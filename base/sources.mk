# SPDX-License-Identifier: GPL-2.0-or-later
base_SRCS := $(wildcard base/*.c)

// SPDX-License-Identifier: GPL-2.0-or-later
/* What the driver tells the library that makes calls of the daemon fail, or the daemon die of them: a file that both
 * have mapped. */
#pragma once

#define FAULT_ENV "SLUICE_FAULT"

typedef struct {
	int armed;
	int at;	      /* which call fails, counted from 1; 0: none */
	int is_crash; /* the process is killed instead */
	int code;     /* errno of a call on a file */
	int code_netlink;
	int count; /* calls since it was armed */
	char what[128];
} FaultControl;

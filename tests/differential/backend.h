// SPDX-License-Identifier: GPL-2.0-or-later
/* What turns filters into the kernel's rules: each is given the same filters and the same frames. */
#pragma once

#include "tests/differential/subject.h"

typedef struct {
	const char *name;
	/*
	 * Bind all subjects that are taken; the others' @ret_refused (transfer full) says why.
	 * FALSE, with @error: the back end itself fails.
	 */
	gboolean (*load)(Subject *const *subjects, guint count, char **ret_refused, GError **error);
	/* Take the rules away again. */
	gboolean (*unload)(GError **error);
	guint ports; /* at most this many at once; 0: all */
} Backend;

/* The engine as it is; the engine without its optimiser; what xt_emit() says, loaded by ebtables and iptables. */
extern const Backend backend_nft, backend_nft_plain, backend_iptables, backend_libvirt;

/** backend_command: run a program with this text as its input; Errors: what it says */
gboolean backend_command(const char *const *argv, const char *input, GError **error);

/** backend_set_bridge_nf: whether bridged packets meet iptables, and connection tracking */
gboolean backend_set_bridge_nf(gboolean on, GError **error);

/** backend_next_zones: give every port connections of its own, and none yet */
gboolean backend_next_zones(GError **error);

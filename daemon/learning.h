// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Learning as the daemon does it: events of sluice-snoop go into the table of who may use what, the table is stored,
 * and then the ports' rules follow.
 *
 * The order is always that: a crash in between forgets nothing that a guest was told. All that happens in one turn of
 * the main loop is one write and one transaction.
 */
#pragma once

#include "base/paths.h"
#include "dhcp/learn.h"
#include "dhcp/snoop_child.h"
#include "nwfilter/engine.h"
#include "vswitch/links.h"

#define LEARNING_RETRY_MS      1000
#define LEARNING_LOOK_MS       60000 /* time is looked at at least so often: the clock may be set */
#define LEARNING_REFRESH_MS    250   /* renewals are gathered: a guest may ask for them all the time */
#define LEARNING_SAY_AGAIN_SEC 60    /* the same refusal of the same port is not logged more often */

typedef struct Learning Learning;

typedef struct {
	const SluicePaths *paths;
	Links *links; /* (transfer none) */
	guint16 group;
	const char *snoop_user; /* (nullable) */
	gboolean no_kernel;	/* no sluice-snoop: what is stored holds, nothing new is learned */
	/* the ports' rules were changed: time to tidy up */
	void (*on_changed)(const char *port, gpointer data);
	gpointer data;
} LearningConfig;

/** learning_new: read what is stored; a file that cannot be read is kept aside, and said */
Learning *learning_new(const LearningConfig *config);
void learning_free(Learning *learning);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Learning, learning_free)

/** learning_configure: what an engine needs of it; before nw_engine_new() */
void learning_configure(Learning *learning, NwEngineConfig *config);

/** learning_start: with an engine that has been started */
void learning_start(Learning *learning, NwEngine *engine);

/** learning_link_changed: an interface that may be a port's is there, or plugged in elsewhere */
void learning_link_changed(Learning *learning, const LinkInfo *info);

/** learning_settle: what was just learned is stored and in force afterwards, as whoever asks for it will think */
void learning_settle(Learning *learning);

/** learning_records: as learn_table_records() */
GPtrArray *learning_records(const Learning *learning, const char *port);

/**
 * learning_flush: forget what a port, or with NULL every port, has learned; at once
 *
 * Errors: it could not be stored, or the rules could not be changed: then all is as it was.
 */
gboolean learning_flush(Learning *learning, const char *port, GError **error);

/** learning_restore: take in what another host knew of @port; as learn_table_restore(), then as learning_flush() */
gboolean learning_restore(Learning *learning, const char *port, const GPtrArray *records, gboolean may_replace,
			  GError **error);

/** learning_describe: lines "name: value" (transfer full) */
char *learning_describe(const Learning *learning);

// SPDX-License-Identifier: GPL-2.0-or-later
/* An engine without a kernel, and the filters that it looks up. */
#pragma once

#include "nwfilter/engine_private.h"
#include "tests/unit/filters.h"

typedef struct {
	GHashTable *filters;
	NwEngine *engine;
} Fixture;

static inline void
fixture_up(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	fixture->filters = filters_new();
	NwEngineConfig config = { .lookup = filters_lookup, .lookup_data = fixture->filters, .no_kernel = TRUE };

	fixture->engine = nw_engine_new(&config, &error);
	g_assert_no_error(error);
}

static inline void
fixture_down(Fixture *fixture, gconstpointer data)
{
	nw_engine_free(fixture->engine);
	g_hash_table_unref(fixture->filters);
}

static inline void
port_bind(Fixture *fixture, const char *port, const char *filter, const char *variables)
{
	g_autoptr(NwBinding) binding = binding_new(port, filter, variables);
	g_autoptr(GError) error = NULL;

	g_assert_true(nw_engine_bind(fixture->engine, binding, &error));
	g_assert_no_error(error);
}

/* As the daemon does: first the engine, then the store. */
static inline void
redefine(Fixture *fixture, const char *name, const char *body)
{
	NwFilter *filter = filter_parse(name, "", body);
	g_autoptr(GError) error = NULL;

	g_assert_true(nw_engine_redefine(fixture->engine, filter, &error));
	g_assert_no_error(error);
	g_hash_table_replace(fixture->filters, filter->name, filter);
}

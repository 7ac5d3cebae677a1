// SPDX-License-Identifier: GPL-2.0-or-later
/* A daemon without a kernel below a folder of its own, and frames for it. */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "daemon/daemon.h"
#include "daemon/session.h"
#include "tests/unit/tree.h"

typedef struct {
	char *root;
	SluicePaths *paths;
	Daemon *daemon;
} Fixture;

static inline void
fixture_start(Fixture *fixture)
{
	DaemonConfig config = { .log_level = LOG_LEVEL_ERROR };
	g_autoptr(GError) error = NULL;

	fixture->daemon = daemon_new(fixture->paths, &config, TRUE, &error);
	g_assert_no_error(error);
}

static inline void
fixture_up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	fixture->root = g_dir_make_tmp("sluice-test-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->paths = sluice_paths_new(fixture->root);
	/* A folder that is there already: no shipped filters, so the tests know what is in it. */
	g_assert_cmpint(g_mkdir_with_parents(fixture->paths->filter_dir, 0700), ==, 0);
	fixture_start(fixture);
}

static inline void
fixture_down(Fixture *fixture, gconstpointer data)
{
	daemon_free(fixture->daemon);
	sluice_paths_free(fixture->paths);
	test_remove_tree(fixture->root);
	g_free(fixture->root);
}

/* A filter document; @uuid may be NULL, @body is what stands inside. */
static inline char *
fixture_filter(const char *name, const char *uuid, const char *body)
{
	g_autofree char *element = uuid ? g_strdup_printf("<uuid>%s</uuid>", uuid) : g_strdup("");

	return g_strdup_printf("<filter name='%s'>%s%s</filter>", name, element, body);
}

static inline char *
fixture_binding(const char *port, const char *filter)
{
	return g_strdup_printf("<filterbinding><owner><name>vm</name><uuid>"
			       "0b4a4dbe-c3f9-4c6b-a4a4-7a4f9f2b1c11</uuid></owner><portdev name='%s'/>"
			       "<mac address='52:54:00:00:00:05'/><filterref filter='%s'/></filterbinding>",
			       port, filter);
}

#define FIXTURE_DROP   "<rule action='drop' direction='inout'/>"
#define FIXTURE_ACCEPT "<rule action='accept' direction='inout'/>"

/* A call frame by the procedure's own signature; @args NULL: no payload. */
static inline GByteArray *
fixture_frame(guint32 program, guint32 number, guint32 serial, const RpcValues *args)
{
	g_auto(XdrWriter) writer = { 0 };
	const RpcProcInfo *proc = rpc_proc_find(program, number);
	RpcHeader header = {
		.program = program,
		.version = RPC_PROGRAM_VERSION,
		.procedure = number,
		.type = RPC_TYPE_CALL,
		.serial = serial,
	};

	rpc_frame_begin(&writer, &header);
	if (args)
		rpc_values_put(&writer, proc->args, args);
	return rpc_frame_end(&writer);
}

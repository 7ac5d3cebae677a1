// SPDX-License-Identifier: GPL-2.0-or-later
/* The nf_tables engine and the eb/iptables input as back ends under test. */

#include "tests/differential/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "rules/xt_emit.h"
#include "tests/differential/wire.h"

#define ZONE_MAX 65535

gboolean
backend_command(const char *const *argv, const char *input, GError **error)
{
	g_autoptr(GSubprocess) process = g_subprocess_newv(
		argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
		error);
	g_autofree char *said = NULL;

	if (!process || !g_subprocess_communicate_utf8(process, input, NULL, &said, NULL, error))
		return FALSE;
	if (g_subprocess_get_successful(process))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_INTERNAL, "%s: %s", argv[0], g_strstrip(said));
	return FALSE;
}

static gboolean
nft_text(const char *text, GError **error)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };

	return backend_command(argv, text, error);
}

gboolean
backend_next_zones(GError **error)
{
	static guint zone;
	g_autoptr(GString) text = g_string_new("table inet zones\ndelete table inet zones\ntable inet zones {\n"
					       "chain zones { type filter hook prerouting priority raw\n"
					       "ct zone set iifname map {");

	if (zone + PORTS + 2 > ZONE_MAX)
		zone = 0;
	for (guint i = 0; i <= PORTS; i++)
		g_string_append_printf(text, "%s \"br%u\" : %u", i ? "," : "", i, ++zone);
	g_string_append(text, " }\n}\n}\n");
	return nft_text(text->str, error);
}

/* br_netfilter off: without it bridged packets meet bridge rules only. The engine switches it on where it must. */
gboolean
backend_set_bridge_nf(gboolean on, GError **error)
{
	static const char *const files[] = { "/proc/sys/net/bridge/bridge-nf-call-iptables",
					     "/proc/sys/net/bridge/bridge-nf-call-ip6tables" };

	for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);
		gboolean ok = fd >= 0 && write(fd, on ? "1\n" : "0\n", 2) == 2;

		if (!ok)
			sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s: %s", files[i], g_strerror(errno));
		if (fd >= 0)
			close(fd);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

/* --- nf_tables --- */

static NwEngine *engine;

/* Each batch has an engine of its own, as a daemon that starts again: start is called once in an engine's life. */
static gboolean
engine_load(Subject *const *subjects, guint count, gboolean no_optimize, char **ret_refused, GError **error)
{
	const NwEngineConfig config = {
		.lookup = subject_lookup, .state_dir = "/run", .no_optimize = no_optimize, .learned = subject_learned
	};
	g_autoptr(GPtrArray) bindings = g_ptr_array_new(), failed = NULL;

	if (!backend_set_bridge_nf(FALSE, error))
		return FALSE;
	engine = nw_engine_new(&config, error);
	for (guint i = 0; i < count; i++)
		g_ptr_array_add(bindings, subjects[i]->binding);
	/* Values that a port had under an earlier engine match until they are swept away. */
	if (!engine || !nw_engine_start(engine, bindings, &failed, error) || !nw_engine_sweep(engine, error))
		return FALSE;
	/* The list of what failed does not name ports in a way to rely on: each is asked for again. */
	for (guint i = 0; failed->len && i < count; i++) {
		g_autoptr(GError) refusal = NULL;

		if (!nw_engine_bind(engine, subjects[i]->binding, &refusal))
			ret_refused[i] = g_strdup(refusal->message);
	}
	return TRUE;
}

static gboolean
nft_unload(GError **error)
{
	g_autoptr(GPtrArray) none = g_ptr_array_new(), failed = NULL;
	const NwEngineConfig config = { .lookup = subject_lookup, .state_dir = "/run" };

	g_clear_pointer(&engine, nw_engine_free);
	engine = nw_engine_new(&config, error);
	if (!engine || !nw_engine_start(engine, none, &failed, error) || !nw_engine_sweep(engine, error))
		return FALSE;
	g_clear_pointer(&engine, nw_engine_free);
	return TRUE;
}

static gboolean
nft_load(Subject *const *subjects, guint count, char **ret_refused, GError **error)
{
	return engine_load(subjects, count, FALSE, ret_refused, error);
}

static gboolean
nft_plain_load(Subject *const *subjects, guint count, char **ret_refused, GError **error)
{
	return engine_load(subjects, count, TRUE, ret_refused, error);
}

const Backend backend_nft = { "nft", nft_load, nft_unload, 0 };
const Backend backend_nft_plain = { "nft-plain", nft_plain_load, nft_unload, 0 };

/* --- ebtables and iptables --- */

#define WHY_GROUP 7 /* of nflog: nobody listens */

static gboolean
iptables_load(Subject *const *subjects, guint count, char **ret_refused, GError **error)
{
	static const char *const tools[][4] = { { "ebtables-restore", "--noflush" },
						{ "iptables-restore", "-n" },
						{ "ip6tables-restore", "-n" } };
	g_autoptr(GArray) ports = g_array_new(FALSE, FALSE, sizeof(XtPort));
	g_autoptr(XtInput) input = NULL;

	for (guint i = 0; i < count; i++) {
		/* Every second port as if somebody asked what it drops: it must decide the same. */
		const XtPort port = { .name = subjects[i]->binding->port_dev,
				      .program = subjects[i]->program,
				      .vars = subjects[i]->vars,
				      .why_group = i % 2 ? WHY_GROUP : 0 };
		g_autoptr(GError) refusal = NULL;
		g_autoptr(XtInput) alone = xt_emit(&port, 1, &refusal);

		if (alone)
			g_array_append_val(ports, port);
		else
			ret_refused[i] = g_strdup(refusal->message);
	}
	input = xt_emit((const XtPort *)ports->data, ports->len, error);
	if (!input || !backend_set_bridge_nf(TRUE, error))
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(tools); i++) {
		const char *text = i == 0 ? input->ebtables : i == 1 ? input->iptables : input->ip6tables;

		if (text && !backend_command(tools[i], text, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
iptables_unload(GError **error)
{
	return nft_text("table bridge nat\ndelete table bridge nat\ntable ip filter\ndelete table ip filter\n"
			"table ip6 filter\ndelete table ip6 filter\n",
			error) &&
	       backend_set_bridge_nf(FALSE, error);
}

const Backend backend_iptables = { "iptables", iptables_load, iptables_unload, 0 };

// SPDX-License-Identifier: GPL-2.0-or-later
/* What must be held, and what is. */

#include "tests/survival/survival.h"

#include <stdio.h>
#include <net/if.h>
#include <string.h>

#include "dhcp/learn.h"

#define NETWORK_XML_INACTIVE 1u
#define SHOWN_MAX	     600
#define SERVER_PROCESSES     2
#define SERVER_LOOKS	     100
#define SERVER_LOOK_US	     20000

GHashTable *
survival_map_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

GHashTable *
survival_map_copy(GHashTable *map, GHashTable *changes)
{
	GHashTable *copy = survival_map_new(), *sources[] = { map, changes };

	for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
		GHashTableIter iter;
		gpointer key, text;

		g_hash_table_iter_init(&iter, sources[i]);
		while (g_hash_table_iter_next(&iter, &key, &text)) {
			if (text)
				g_hash_table_replace(copy, g_strdup(key), g_strdup(text));
			else
				g_hash_table_remove(copy, key);
		}
	}
	return copy;
}

static void
put(GHashTable *map, const char *kind, const char *name, char *text)
{
	g_hash_table_replace(map, g_strdup_printf("%s %s", kind, name), text);
}

static void
copy_handle(RpcValues *args, const RpcValue *handle)
{
	args->at[0].text = g_strdup(handle->text);
	args->at[0].text2 = g_strdup(handle->text2);
	memcpy(args->at[0].uuid, handle->uuid, sizeof(handle->uuid));
}

/* One text of the daemon's on a thing. */
static gboolean
ask_text(Survival *survival, guint32 number, const RpcValue *handle, guint32 flags, char **ret_text, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	copy_handle(&args, handle);
	args.at[1].number = flags;
	if (survival_call(survival, RPC_PROGRAM_REMOTE, number, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	*ret_text = g_steal_pointer(&ret.at[0].text);
	return TRUE;
}

static gboolean
ask_number(Survival *survival, guint32 number, const RpcValue *handle, guint64 *ret_number, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	copy_handle(&args, handle);
	if (survival_call(survival, RPC_PROGRAM_REMOTE, number, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	*ret_number = ret.at[0].number;
	return TRUE;
}

static gboolean
read_simple(Survival *survival, GHashTable *map, const char *kind, guint32 list, guint32 xml, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].number = 1;
	if (survival_call(survival, RPC_PROGRAM_REMOTE, list, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *handle = ret.at[0].list->pdata[i];
		char *text = NULL;

		if (!ask_text(survival, xml, handle, 0, &text, error))
			return FALSE;
		put(map, kind, handle->text, text);
	}
	return TRUE;
}

static gboolean
read_leases(Survival *survival, GHashTable *map, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	if (survival_call(survival, RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_LIST, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *text = ret.at[0].list->pdata[i];
		g_autoptr(GPtrArray) records = learn_records_parse(text->text, "leases", error);

		if (!records)
			return FALSE;
		for (guint j = 0; j < records->len; j++) {
			const LearnRecord *record = records->pdata[j];
			g_autofree char *key = g_strdup_printf("lease %s", record->port);
			const char *before = g_hash_table_lookup(map, key);
			char address[IP_TEXT_MAX];

			/* What is kept for a port that may come back is in nobody's rules. */
			if (!record->in_force)
				continue;
			ip_address_format(&record->entry.address, address);
			put(map, "lease", record->port,
			    g_strdup_printf("%s%s%s", before ? before : "", before ? " " : "", address));
		}
	}
	return TRUE;
}

static gboolean
read_guards(Survival *survival, GHashTable *map, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	if (survival_call(survival, RPC_PROGRAM_SLUICE, RPC_SLUICE_GUARD_LIST, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++) {
		const RpcValue *line = ret.at[0].list->pdata[i];
		g_auto(GStrv) words = g_strsplit(line->text, " ", 2);

		put(map, "guard", words[0],
		    g_strdup(g_strcmp0(words[1], SURVIVAL_SHADOW) == 0 ? SURVIVAL_SHADOW : SURVIVAL_WAITS));
	}
	return TRUE;
}

static gboolean
read_network(Survival *survival, GHashTable *map, const RpcValue *handle, GError **error)
{
	guint64 is_active, autostart;
	char *text = NULL;

	if (!ask_text(survival, RPC_PROC_NETWORK_XML, handle, NETWORK_XML_INACTIVE, &text, error))
		return FALSE;
	put(map, "network", handle->text, text);
	if (!ask_number(survival, RPC_PROC_NETWORK_IS_ACTIVE, handle, &is_active, error) ||
	    !ask_number(survival, RPC_PROC_NETWORK_AUTOSTART, handle, &autostart, error))
		return FALSE;
	if (autostart)
		put(map, "autostart", handle->text, g_strdup("yes"));
	if (!is_active)
		return TRUE;
	if (!ask_text(survival, RPC_PROC_NETWORK_XML, handle, 0, &text, error))
		return FALSE;
	put(map, "running", handle->text, text);
	return TRUE;
}

static gboolean
read_networks(Survival *survival, GHashTable *map, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].number = 1;
	if (survival_call(survival, RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_LIST, &args, &ret, error) != OUTCOME_DONE)
		return FALSE;
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++)
		if (!read_network(survival, map, ret.at[0].list->pdata[i], error))
			return FALSE;
	return TRUE;
}

GHashTable *
survival_read(Survival *survival, GError **error)
{
	g_autoptr(GHashTable) map = survival_map_new();

	if (read_simple(survival, map, "filter", RPC_PROC_FILTER_LIST, RPC_PROC_FILTER_XML, error) &&
	    read_simple(survival, map, "binding", RPC_PROC_BINDING_LIST, RPC_PROC_BINDING_XML, error) &&
	    read_guards(survival, map, error) && read_leases(survival, map, error) &&
	    (!survival->networks || read_networks(survival, map, error)))
		return g_steal_pointer(&map);
	return NULL;
}

static void
show_one(GString *text, const char *key, const char *wanted, const char *got)
{
	g_string_append_printf(text, "%s: wanted %.*s\n got %.*s\n", key, SHOWN_MAX, wanted ? wanted : "nothing",
			       SHOWN_MAX, got ? got : "nothing");
}

char *
survival_compare(GHashTable *wanted, GHashTable *got)
{
	g_autoptr(GString) text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, wanted);
	while (g_hash_table_iter_next(&iter, &key, &value))
		if (g_strcmp0(value, g_hash_table_lookup(got, key)) != 0)
			show_one(text, key, value, g_hash_table_lookup(got, key));
	g_hash_table_iter_init(&iter, got);
	while (g_hash_table_iter_next(&iter, &key, &value))
		if (!g_hash_table_contains(wanted, key))
			show_one(text, key, NULL, value);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* Files that a change prepares and that nobody is to find afterwards. */
static void
find_leftovers(const char *path, guint depth, GString *text)
{
	g_autoptr(GDir) dir = depth ? g_dir_open(path, 0, NULL) : NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *entry = g_build_filename(path, name, NULL);

		if (g_str_has_prefix(name, ".sluice-new-"))
			g_string_append_printf(text, "%s is left over\n", entry);
		if (g_file_test(entry, G_FILE_TEST_IS_DIR) && !g_file_test(entry, G_FILE_TEST_IS_SYMLINK))
			find_leftovers(entry, depth - 1, text);
	}
}

/* One is two processes: the second runs the script. What only tries a configuration is on its way out. */
static guint
count_servers(void)
{
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *entry;
	guint count = 0;

	while (proc && (entry = g_dir_read_name(proc))) {
		g_autofree char *path = g_strdup_printf("/proc/%s/comm", entry), *comm = NULL;

		if (g_ascii_isdigit(*entry) && g_file_get_contents(path, &comm, NULL, NULL))
			count += g_str_has_prefix(comm, "dnsmasq\n");
	}
	return count / SERVER_PROCESSES + count % SERVER_PROCESSES;
}

/* A bridge for each network that runs, and for no other; and as many DHCP servers. */
static void
check_networks(Survival *survival, GString *text)
{
	guint running = 0;

	for (guint i = 0; i < SURVIVAL_NETWORKS; i++) {
		g_autofree char *key = g_strdup_printf("running n%u", i), *bridge = NULL;
		gboolean wanted = g_hash_table_contains(survival->model, key);

		bridge = g_strdup_printf("%s%u", SURVIVAL_BRIDGE, i);
		if (wanted != (if_nametoindex(bridge) != 0))
			g_string_append_printf(text, "bridge %s is %s\n", bridge, wanted ? "missing" : "there");
		running += wanted;
	}
	for (guint i = 0; i < SERVER_LOOKS && count_servers() != running; i++)
		g_usleep(SERVER_LOOK_US);
	if (count_servers() != running)
		g_string_append_printf(text, "%u DHCP servers for %u networks\n", count_servers(), running);
}

char *
survival_check(Survival *survival)
{
	g_autofree char *program = g_build_filename(survival->build, "sluice", NULL);
	const char *const argv[] = { program, "--root", survival->root, "check", NULL };
	g_autoptr(GString) text = g_string_new(NULL);
	int status = survival_spawn(survival, argv);

	if (status != 0)
		g_string_append_printf(text, "sluice check ended with %d; its words are in the daemon's log\n", status);
	find_leftovers(survival->root, 10, text);
	if (survival->networks)
		check_networks(survival, text);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

char *
survival_settle(Survival *survival, const Op *cut, gboolean *ret_done)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GHashTable) got = survival_read(survival, &error);
	g_autoptr(GHashTable) after = survival_map_copy(survival->model, cut->after);
	g_autofree char *from_before = NULL, *from_after = NULL;

	*ret_done = FALSE;
	if (!got)
		return g_strdup_printf("cannot read the state: %s", error->message);
	from_before = survival_compare(survival->model, got);
	if (!from_before)
		return NULL;
	from_after = survival_compare(after, got);
	if (from_after)
		return g_strdup_printf("held against the state before: %s\nagainst the state after: %s", from_before,
				       from_after);
	*ret_done = TRUE;
	g_hash_table_unref(survival->model);
	survival->model = g_steal_pointer(&after);
	return NULL;
}

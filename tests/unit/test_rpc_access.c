// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may do what: every procedure over the read-only socket. Those of the table that may change something are refused;
 * those that may not change nothing, whatever they are asked. */

#include "tests/unit/rpc_call.h"

#define LAB                                                                                                            \
	"<network><name>%s</name><bridge name='virbr7'/><ip address='10.77.0.1' prefix='24'>"                          \
	"<dhcp><range start='10.77.0.10' end='10.77.0.20'/></dhcp></ip></network>"
#define PORT                                                                                                           \
	"<networkport><uuid>1b4a4dbe-c3f9-4c6b-a4a4-7a4f9f2b1c12</uuid><owner><name>vm</"                              \
	"name><uuid>0b4a4dbe-c3f9-4c6b-a4a4-7a4f9f2b1c11</uuid></owner>"                                               \
	"<mac address='52:54:00:00:00:07'/></networkport>"

/* What a client could name: each text is tried in place of each argument that takes one. */
typedef struct {
	Fixture fixture;
	GPtrArray *texts;
	guint8 filter_uuid[16], network_uuid[16], port_uuid[16];
} World;

static void
make(Session *session, guint32 number, const char *document, RpcValues *ret)
{
	g_auto(RpcValues) args = { 0 };

	args.at[0].text = g_strdup(document);
	g_assert_cmpint(rpc_call(session, rpc_proc_find(RPC_PROGRAM_REMOTE, number), &args, ret, NULL), ==, 0);
}

static void
make_port(Session *session, World *world)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	const RpcProcInfo *proc = rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_CREATE);

	args.at[0].text = g_strdup("lab");
	memcpy(args.at[0].uuid, world->network_uuid, 16);
	g_assert_cmpint(rpc_call(session, rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_START), &args, NULL, NULL),
			==, 0);
	args.at[1].text = g_strdup(PORT);
	g_assert_cmpint(rpc_call(session, proc, &args, &ret, NULL), ==, 0);
	memcpy(world->port_uuid, ret.at[0].uuid2, 16);
}

static void
add_text(World *world, const char *format, const char *name)
{
	g_autofree char **parts = g_strsplit(format, "%s", 2);

	g_ptr_array_add(world->texts, parts[1] ? g_strconcat(parts[0], name, parts[1], NULL) : g_strdup(parts[0]));
	g_free(parts[0]);
	g_free(parts[1]);
}

static void
world_up(World *world, gconstpointer data)
{
	g_autofree char *binding = fixture_binding("tap0", "drop"), *other = fixture_binding("tap1", "drop");
	g_autofree char *filter = fixture_filter("drop", NULL, FIXTURE_DROP), *lab = NULL;
	g_autofree char *changed = fixture_filter("drop", NULL, FIXTURE_ACCEPT);
	g_auto(RpcValues) filter_ret = { 0 }, network_ret = { 0 };
	g_autoptr(Session) session = NULL;

	fixture_up(&world->fixture, data);
	world->texts = g_ptr_array_new_with_free_func(g_free);
	add_text(world, LAB, "lab");
	lab = g_strdup(world->texts->pdata[0]);
	session = rpc_open(world->fixture.daemon, FALSE, 0);
	make(session, RPC_PROC_FILTER_DEFINE, filter, &filter_ret);
	make(session, RPC_PROC_BINDING_CREATE, binding, NULL);
	make(session, RPC_PROC_NETWORK_DEFINE, lab, &network_ret);
	memcpy(world->filter_uuid, filter_ret.at[0].uuid, 16);
	memcpy(world->network_uuid, network_ret.at[0].uuid, 16);
	make_port(session, world);
	add_text(world, LAB, "other");
	for (guint i = 0; i < 5; i++)
		add_text(world, ((const char *[]){ "lab", "drop", "tap0", "virbr7", PORT })[i], "");
	for (guint i = 0; i < 4; i++)
		add_text(world, ((const char *[]){ filter, changed, binding, other })[i], "");
}

static void
world_down(World *world, gconstpointer data)
{
	g_ptr_array_unref(world->texts);
	fixture_down(&world->fixture, data);
}

/* --- what there is, as text --- */

/* In the folder's own order, which stays while nothing in it changes. */
static void
append_tree(GString *out, const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autofree char *text = NULL;
	const char *name;

	g_string_append_printf(out, "%s\n", path);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		append_tree(out, below);
	}
	if (!dir && g_file_get_contents(path, &text, NULL, NULL))
		g_string_append_printf(out, "%s\n", text);
}

static char *
snapshot(const World *world)
{
	GString *out = g_string_new(NULL);
	NwEngineStats stats = { 0 };

	append_tree(out, world->fixture.root);
	nw_engine_stats(world->fixture.daemon->engine, &stats);
	g_string_append_printf(out, "%u ports, %u templates, %" G_GUINT64_FORMAT " commits\n", stats.port_count,
			       stats.template_count, stats.commit_count);
	return g_string_free(out, FALSE);
}

/* Arguments by a signature's letters, with @text wherever there is one. */
static void
fill(const World *world, const char *signature, const char *text, guint64 number, RpcValues *args)
{
	RpcValue *value = args->at;

	for (const char *letter = signature; *letter; letter++, value++) {
		const guint8 *uuid = world->network_uuid;

		if (*letter == '[') {
			letter++;
			continue;
		}
		if (*letter == 'F' || (*letter == 'U' && number))
			uuid = world->filter_uuid;
		else if (*letter == 'U')
			uuid = world->port_uuid;
		value->number = number;
		value->text = *letter == 'N' || *letter == 'P' || *letter == 'O' ? g_strdup("lab") : g_strdup(text);
		value->text2 = g_strdup("drop");
		memcpy(value->uuid, uuid, 16);
		memcpy(value->uuid2, world->port_uuid, 16);
	}
}

static void
ask(const World *world, const RpcProcInfo *proc, const char *text, guint64 number)
{
	g_autoptr(Session) session = rpc_open(world->fixture.daemon, TRUE, 0);
	g_autofree char *before = snapshot(world), *after = NULL;
	g_auto(RpcValues) args = { 0 };
	int code;

	fill(world, proc->args ? proc->args : "", text, number, &args);
	code = rpc_call(session, proc, proc->args ? &args : NULL, NULL, NULL);
	if (proc->flags & RPC_PROC_WRITE)
		g_assert_cmpint(code, ==, 29);
	else
		g_assert_cmpint(code, !=, 29);
	after = snapshot(world);
	if (!g_str_equal(before, after))
		g_error("%s changed something over the read-only socket, asked with '%s'", proc->name, text);
	g_assert_true(session->is_readonly);
}

static void
test_read_only(World *world, gconstpointer data)
{
	guint refused = 0, served = 0;

	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		if (proc->flags & RPC_PROC_EVENT)
			continue;
		*(proc->flags & RPC_PROC_WRITE ? &refused : &served) += 1;
		for (guint i = 0; i < world->texts->len; i++) {
			for (guint64 number = 0; number < 3; number++)
				ask(world, proc, world->texts->pdata[i], number);
		}
	}
	g_assert_cmpuint(refused, >, 20);
	g_assert_cmpuint(served, >, 40);
}

/* The other way round: what is marked as a write is one. A procedure that is neither in this list nor found to change
 * something above must be looked at by somebody. */
static void
test_writes(void)
{
	static const char *const verbs[] = { "define", "undefine", "create", "destroy", "start",    "delete", "set",
					     "update", "apply",	   "begin",  "commit",	"rollback", "import", "repair",
					     "why",    "flush",	   "guard",  "confirm", "discard",  NULL };
	static const char *const reads[] = { "set-identity", "guard-list", NULL };

	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		g_auto(GStrv) words = g_strsplit(proc->name, "-", -1);
		gboolean sounds_like_one = FALSE;

		for (guint i = 0; words[i]; i++)
			sounds_like_one |= g_strv_contains(verbs, words[i]);
		sounds_like_one &= !g_strv_contains(reads, proc->name);
		if (sounds_like_one != !!(proc->flags & RPC_PROC_WRITE))
			g_error("%s: is it a write?", proc->name);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/rpc/access/read-only", World, NULL, world_up, test_read_only, world_down);
	g_test_add_func("/rpc/access/writes", test_writes);
	return g_test_run();
}

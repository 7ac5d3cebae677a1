// SPDX-License-Identifier: GPL-2.0-or-later
/* Documents that are meant to do harm, at every place where one comes in: the calls of the protocol, and the readers
 * that files go through. Each is refused soon, at its line, with nothing fetched, nothing read and nothing changed. */

#include "tests/unit/rpc_call.h"

#include "nwfilter/model.h"
#include "vswitch/network.h"
#include "vswitch/network_update.h"
#include "vswitch/port_xml.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define NESTED	    100000
#define LARGE_BYTES (5 * 1024 * 1024)
#define TIME_MAX_US (10 * G_USEC_PER_SEC) /* a document; a quiet machine takes milliseconds */
#define MARK	    "what-stands-in-the-secret-file"

/* What stands in front of the root element, and in it; %s is where our secret file or our server is. */
static const struct {
	const char *label, *head, *body;
} cases[] = {
	{ "billion laughs",
	  "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
	  "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>"
	  "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;'>]>",
	  "&f;" },
	{ "external entity", "<!DOCTYPE r [<!ENTITY s SYSTEM 'file://%s'>]>", "&s;" },
	{ "external parameter entity", "<!DOCTYPE r [<!ENTITY %% s SYSTEM 'file://%s'> %%s;]>", "" },
	{ "DTD from the network", "<!DOCTYPE r SYSTEM 'http://%s/r.dtd'>", "" },
	{ "entity from the network", "<!DOCTYPE r [<!ENTITY s SYSTEM 'http://%s/s'>]>", "&s;" },
	{ "entity that nobody defined", "", "&s;" },
	{ "nested", "", NULL },
	{ "other encoding", "<?xml version='1.0' encoding='no-such-encoding'?>", "" },
	{ "not closed", "", "<a" },
};

typedef struct {
	Fixture fixture;
	char *secret, *server;
	int listener;
} World;

static char *
document(const World *world, guint which, const char *root)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean on_network = strstr(cases[which].head, "http:") != NULL;
	g_auto(GStrv) parts = g_strsplit(cases[which].head, "%s", -1);
	g_autofree char *head = g_strjoinv(on_network ? world->server : world->secret, parts);
	g_auto(GStrv) percents = g_strsplit(head, "%%", -1);
	g_autofree char *clean = g_strjoinv("%", percents);

	g_string_append_printf(text, "%s\n<%s>%s", clean, root, cases[which].body ? cases[which].body : "");
	for (guint i = 0; !cases[which].body && i < NESTED; i++)
		g_string_append(text, "<a>");
	for (guint i = 0; !cases[which].body && i < NESTED; i++)
		g_string_append(text, "</a>");
	g_string_append_printf(text, "</%s>", root);
	return g_strdup(text->str);
}

static void
world_up(World *world, gconstpointer data)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	fixture_up(&world->fixture, NULL);
	world->secret = g_build_filename(world->fixture.root, "secret", NULL);
	g_assert_true(g_file_set_contents(world->secret, MARK, -1, NULL));
	world->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(world->listener, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(world->listener, 8), ==, 0);
	g_assert_cmpint(getsockname(world->listener, (struct sockaddr *)&address, &len), ==, 0);
	world->server = g_strdup_printf("127.0.0.1:%u", ntohs(address.sin_port));
}

static void
world_down(World *world, gconstpointer data)
{
	/* Nobody came. */
	g_assert_cmpint(accept(world->listener, NULL, NULL), ==, -1);
	close(world->listener);
	g_free(world->secret);
	g_free(world->server);
	fixture_down(&world->fixture, NULL);
}

static void
check_words(const char *label, const char *words)
{
	static const char *const expected[] = { "DOCTYPE", "not well-formed", "inside each other", "at most" };
	gboolean found = FALSE;

	for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
		found |= strstr(words, expected[i]) != NULL;
	if (!found || strstr(words, MARK) || !strstr(words, ":"))
		g_error("%s: refused with '%s'", label, words);
}

/* --- calls --- */

/* Procedures that take a document, the place of it, and what its outermost element is called. */
static const struct {
	guint32 program, number;
	guint at;
	const char *root;
} entries[] = {
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE, 0, "filter" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_FILTER_DEFINE_FLAGS, 0, "filter" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_BINDING_CREATE, 0, "filterbinding" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE, 0, "network" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE_FLAGS, 0, "network" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_CREATE, 0, "network" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_CREATE_FLAGS, 0, "network" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_UPDATE, 4, "host" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_PORT_CREATE, 1, "networkport" },
	{ RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_METADATA_SET, 2, "x" },
	{ RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_APPLY, 0, "network" },
};

static void
fill(guint entry, const RpcValue *network, char *text, RpcValues *args)
{
	if (entries[entry].at) {
		args->at[0].text = g_strdup(network->text);
		memcpy(args->at[0].uuid, network->uuid, 16);
	}
	if (entries[entry].number == RPC_PROC_NETWORK_UPDATE && entries[entry].program == RPC_PROGRAM_REMOTE) {
		args->at[1].number = 3; /* add, of a DHCP host, to the definition */
		args->at[2].number = 4;
		args->at[5].number = 2;
	}
	if (entries[entry].number == RPC_PROC_NETWORK_METADATA_SET) {
		args->at[1].number = 2; /* an element */
		args->at[3].text = g_strdup("k");
		args->at[4].text = g_strdup("http://example.org/k");
		args->at[5].number = 2;
	}
	args->at[entries[entry].at].text = text;
}

static void
define_and_start(Session *session, RpcValues *ret)
{
	g_auto(RpcValues) args = { 0 };

	args.at[0].text =
		g_strdup("<network><name>lab</name><bridge name='virbr7'/><ip address='10.77.0.1' "
			 "prefix='24'><dhcp><range start='10.77.0.9' end='10.77.0.20'/></dhcp></ip></network>");
	g_assert_cmpint(rpc_call(session, rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE), &args, ret, NULL),
			==, 0);
	g_assert_cmpint(rpc_call(session, rpc_proc_find(RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_START), ret, NULL, NULL),
			==, 0);
}

static void
test_calls(World *world, gconstpointer data)
{
	g_autoptr(Session) session = rpc_open(world->fixture.daemon, FALSE, 0);
	g_auto(RpcValues) network = { 0 };

	define_and_start(session, &network);
	for (guint i = 0; i < G_N_ELEMENTS(entries) * G_N_ELEMENTS(cases); i++) {
		guint entry = i / G_N_ELEMENTS(cases), which = i % G_N_ELEMENTS(cases);
		const RpcProcInfo *proc = rpc_proc_find(entries[entry].program, entries[entry].number);
		g_autofree char *words = NULL, *label = NULL;
		gint64 start = g_get_monotonic_time();
		g_auto(RpcValues) args = { 0 };

		label = g_strdup_printf("%s: %s", proc->name, cases[which].label);
		fill(entry, &network.at[0], document(world, which, entries[entry].root), &args);
		if (rpc_call(session, proc, &args, NULL, &words) == 0)
			g_error("%s: taken", label);
		check_words(label, words);
		g_assert_cmpint(g_get_monotonic_time() - start, <, TIME_MAX_US);
	}
}

/* Texts that are no documents: whatever stands in them is only text. */
static void
test_other_texts(World *world, gconstpointer data)
{
	for (const RpcProcInfo *proc = rpc_procs; proc->name; proc++) {
		for (guint which = 0; proc->args && !(proc->flags & RPC_PROC_EVENT) && which < 3; which++) {
			g_autoptr(Session) session = rpc_open(world->fixture.daemon, FALSE, 0);
			g_autofree char *words = NULL;
			g_auto(RpcValues) args = { 0 };
			guint at = 0;

			for (const char *letter = proc->args; *letter; letter++)
				if (*letter != '[')
					args.at[at++].text = document(world, which, "x");
			rpc_call(session, proc, &args, NULL, &words);
			g_assert_true(!words || !strstr(words, MARK));
		}
	}
}

/* --- the readers, as files reach them --- */

typedef gboolean (*ReadFn)(const char *text, GError **error);

static gboolean
read_filter(const char *text, GError **error)
{
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(text, "f.xml", TRUE, &warnings, error);

	return filter != NULL;
}

static gboolean
read_binding(const char *text, GError **error)
{
	g_autoptr(NwBinding) binding = nw_binding_parse(text, "b.xml", error);

	return binding != NULL;
}

static gboolean
read_network(const char *text, GError **error)
{
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(Network) network = network_parse(text, "n.xml", TRUE, &warnings, error);

	return network != NULL;
}

static gboolean
read_port(const char *text, GError **error)
{
	g_autoptr(GPtrArray) warnings = NULL;
	g_autoptr(NetworkPort) port = network_port_parse(text, "p.xml", TRUE, &warnings, error);

	return port != NULL;
}

static const struct {
	ReadFn read;
	const char *root, *file;
} readers[] = {
	{ read_filter, "filter", "f.xml:" },
	{ read_binding, "filterbinding", "b.xml:" },
	{ read_network, "network", "n.xml:" },
	{ read_port, "networkport", "p.xml:" },
};

static void
check_reader(guint reader, const char *text, const char *label)
{
	g_autoptr(GError) error = NULL;
	gint64 start = g_get_monotonic_time();

	g_assert_false(readers[reader].read(text, &error));
	g_assert_true(g_str_has_prefix(error->message, readers[reader].file));
	check_words(label, error->message);
	g_assert_cmpint(g_get_monotonic_time() - start, <, TIME_MAX_US);
}

static void
test_readers(World *world, gconstpointer data)
{
	for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
		g_autofree char *blanks = g_strnfill(LARGE_BYTES, ' ');
		g_autofree char *large = g_strdup_printf("<%s>%s</%s>", readers[i].root, blanks, readers[i].root);

		check_reader(i, large, "5 MB");
		for (guint which = 0; which < G_N_ELEMENTS(cases); which++) {
			g_autofree char *text = document(world, which, readers[i].root);

			check_reader(i, text, cases[which].label);
		}
	}
}

#define ADD(path, function) g_test_add(path, World, NULL, world_up, function, world_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/xml-hostile/calls", test_calls);
	ADD("/xml-hostile/other-texts", test_other_texts);
	ADD("/xml-hostile/readers", test_readers);
	return g_test_run();
}

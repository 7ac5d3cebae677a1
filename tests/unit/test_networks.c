// SPDX-License-Identifier: GPL-2.0-or-later
/* The network manager on recorded links: definitions, life, changes, ports, events, files that cannot be written. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "daemon/networks_metadata.h"
#include "daemon/networks_port.h"
#include "vswitch/network_update.h"
#include "tests/unit/tree.h"

#define UUID_A "aadc8920-502a-4774-ac2b-cd382a204d06"
#define UUID_B "bbdc8920-502a-4774-ac2b-cd382a204d06"
#define PORT_1 "00000000-0000-4000-8000-000000000001"
#define PORT_2 "00000000-0000-4000-8000-000000000002"
#define OWNER  "<owner><name>g</name><uuid>10000000-0000-4000-8000-000000000001</uuid></owner>"
#define MODIFY 1
#define DELETE 2
#define ADD    3
#define HOSTS  4
#define GROUPS 9
#define LABEL  "n.xml"

typedef struct {
	char *root;
	SluicePaths *paths;
	Links *links;
	NetFirewall *firewall;
	Networks *networks;
	GString *events;
} Fixture;

static void
on_event(const char *name, const char *uuid, NetworkEvent event, gpointer data)
{
	static const char *const words[] = { "defined", "undefined", "started", "stopped" };

	g_string_append_printf(((Fixture *)data)->events, "%s %s\n", name, words[event]);
}

static void
on_metadata(const char *name, const char *uuid, NetworkMetadata type, const char *uri, gpointer data)
{
	g_string_append_printf(((Fixture *)data)->events, "%s metadata %d %s\n", name, type, uri ? uri : "-");
}

static void
load(Fixture *fixture)
{
	NetworksConfig config = {
		.paths = fixture->paths,
		.links = fixture->links,
		.firewall = fixture->firewall,
		.on_event = on_event,
		.on_metadata = on_metadata,
		.event_data = fixture,
	};
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&fixture->networks, networks_free);
	fixture->networks = networks_new(&config);
	networks_load(fixture->networks, &problems, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < problems->len; i++)
		g_test_message("%s", (const char *)problems->pdata[i]);
	g_assert_cmpuint(problems->len, ==, 0);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
	NetFirewallConfig firewall = { .no_kernel = TRUE };
	g_autoptr(GError) error = NULL;

	fixture->root = g_dir_make_tmp("sluice-networks-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->paths = sluice_paths_new(fixture->root);
	/* A folder that is there already: no network of a first start. */
	g_assert_cmpint(g_mkdir_with_parents(fixture->paths->network_dir, 0700), ==, 0);
	fixture->links = links_new_recording();
	fixture->firewall = net_firewall_new(&firewall, &error);
	g_assert_no_error(error);
	fixture->events = g_string_new(NULL);
	load(fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
	networks_free(fixture->networks);
	net_firewall_free(fixture->firewall);
	links_free(fixture->links);
	g_string_free(fixture->events, TRUE);
	sluice_paths_free(fixture->paths);
	test_remove_tree(fixture->root);
	g_free(fixture->root);
}

static char *
document(const char *name, const char *uuid, const char *body)
{
	g_autofree char *text = uuid ? g_strdup_printf("<uuid>%s</uuid>", uuid) : g_strdup("");

	return g_strdup_printf("<network><name>%s</name>%s%s</network>", name, text, body);
}

static NetworkEntry *
define(Fixture *fixture, const char *name, const char *uuid, const char *body)
{
	g_autofree char *text = document(name, uuid, body);
	g_autoptr(GError) error = NULL;
	NetworkEntry *entry = networks_define(fixture->networks, text, LABEL, &error);

	g_assert_no_error(error);
	return entry;
}

static void
define_refused(Fixture *fixture, const char *name, const char *uuid, const char *body, const char *words)
{
	g_autofree char *text = document(name, uuid, body);
	g_autoptr(GError) error = NULL;

	g_assert_null(networks_define(fixture->networks, text, LABEL, &error));
	g_assert_nonnull(strstr(error->message, words));
}

static NetworkEntry *
start(Fixture *fixture, const char *name, const char *body)
{
	NetworkEntry *entry = define(fixture, name, NULL, body);
	g_autoptr(GError) error = NULL;

	networks_start(fixture->networks, entry, &error);
	g_assert_no_error(error);
	return entry;
}

static void
assert_events(Fixture *fixture, const char *expected)
{
	g_assert_cmpstr(fixture->events->str, ==, expected);
	g_string_truncate(fixture->events, 0);
}

static char *
xml(const NetworkEntry *entry, guint flags)
{
	char *text = networks_xml(entry, flags);

	g_assert_nonnull(text);
	return text;
}

/* A folder that nobody can write to, not even root: a file in its place. */
static char *
block(const char *dir)
{
	char *aside = g_strconcat(dir, ".aside", NULL);

	g_assert_cmpint(g_rename(dir, aside), ==, 0);
	g_assert_true(g_file_set_contents(dir, "", 0, NULL));
	return aside;
}

static void
unblock(const char *dir, char *aside)
{
	g_assert_cmpint(g_remove(dir), ==, 0);
	g_assert_cmpint(g_rename(aside, dir), ==, 0);
	g_free(aside);
}

/* --- definitions --- */

static void
test_define(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry = define(fixture, "a", NULL, "<ip address='10.0.0.1' prefix='24'/>");
	g_autofree char *uuid = g_strdup(entry->uuid), *before = xml(entry, NETWORKS_XML_INACTIVE), *after = NULL;
	g_autofree char *again = NULL;

	g_assert_true(define(fixture, "a", NULL, "<ip address='10.0.0.1' prefix='24'/>") == entry);
	after = xml(entry, NETWORKS_XML_INACTIVE);
	g_assert_cmpstr(before, ==, after);
	define_refused(fixture, "a", UUID_B, "", "already exists with uuid");
	define_refused(fixture, "b", uuid, "", "is already defined with uuid");
	define(fixture, "b", UUID_B, "");
	define_refused(fixture, "c", NULL, "<bridge name='virbr0'/>", "virbr0");
	assert_events(fixture, "a defined\na defined\nb defined\n");

	load(fixture);
	again = xml(networks_find(fixture->networks, "a", NULL), NETWORKS_XML_INACTIVE);
	g_assert_cmpstr(before, ==, again);
	g_assert_true(networks_find_uuid(fixture->networks, UUID_B, NULL) ==
		      networks_find(fixture->networks, "b", NULL));
}

static char *
run_path(const Fixture *fixture, const char *file)
{
	return g_build_filename(fixture->paths->network_run_dir, file, NULL);
}

/* A stop that cannot be noted is none. */
static void
test_stop_refused(Fixture *fixture, gconstpointer data)
{
	g_autofree char *pending = run_path(fixture, "a.pending"), *status = run_path(fixture, "a.xml");
	NetworkEntry *entry = start(fixture, "a", "<bridge name='br7'/>");
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(g_mkdir(pending, 0700), ==, 0);
	g_assert_false(networks_stop(fixture->networks, entry, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	g_assert_nonnull(entry->live);
	g_assert_true(g_file_test(status, G_FILE_TEST_EXISTS));
	g_assert_null(strstr(links_log(fixture->links), "delete br7"));
	g_assert_cmpint(g_rmdir(pending), ==, 0);
	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	g_assert_false(g_file_test(status, G_FILE_TEST_EXISTS) || g_file_test(pending, G_FILE_TEST_EXISTS));
	assert_events(fixture, "a defined\na started\na stopped\n");
}

/* The next daemon ends a stop that was cut short: the network stays stopped, and the note goes. */
static void
test_stop_cut(Fixture *fixture, gconstpointer data)
{
	g_autofree char *pending = run_path(fixture, "a.pending"), *status = run_path(fixture, "a.xml");

	start(fixture, "a", "<bridge name='br7'/>");
	g_assert_cmpint(g_rename(status, pending), ==, 0);
	load(fixture);
	g_assert_null(networks_find(fixture->networks, "a", NULL)->live);
	g_assert_false(g_file_test(pending, G_FILE_TEST_EXISTS));
}

static void
test_undefine(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry = start(fixture, "a", "<bridge name='br7'/>");
	g_autoptr(GError) error = NULL;

	g_assert_true(networks_undefine(fixture->networks, entry, NULL));
	g_assert_null(entry->config);
	g_assert_nonnull(entry->live);
	g_assert_false(networks_undefine(fixture->networks, entry, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_clear_error(&error);
	g_assert_false(networks_set_autostart(fixture->networks, entry, TRUE, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_clear_error(&error);
	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	g_assert_null(networks_find(fixture->networks, "a", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_NETWORK);
	assert_events(fixture, "a defined\na started\na undefined\na stopped\n");
}

static void
test_create(Fixture *fixture, gconstpointer data)
{
	g_autofree char *text = document("t", UUID_A, "<bridge name='br7'/>");
	g_autofree char *other = document("a", UUID_B, "<bridge name='br8'/><mtu size='1400'/>"), *live = NULL,
			*kept = NULL;
	g_autoptr(GError) error = NULL;
	NetworkEntry *entry = networks_create(fixture->networks, text, LABEL, &error);

	g_assert_no_error(error);
	g_assert_null(entry->config);
	g_assert_null(networks_create(fixture->networks, text, LABEL, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_clear_error(&error);
	/* It runs on over a restart, and is kept once it is defined. */
	load(fixture);
	entry = networks_find(fixture->networks, "t", NULL);
	g_assert_nonnull(entry->live);
	define(fixture, "t", UUID_A, "<bridge name='br7'/>");
	g_assert_nonnull(entry->config);

	/* Over a definition that is kept: it comes back when the network stops. */
	entry = define(fixture, "a", UUID_B, "<bridge name='br8'/>");
	g_assert_true(networks_create(fixture->networks, other, LABEL, NULL) == entry);
	live = xml(entry, 0);
	g_assert_nonnull(strstr(live, "1400"));
	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	kept = xml(entry, 0);
	g_assert_null(strstr(kept, "1400"));
}

static void
test_autostart(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry = define(fixture, "a", NULL, "<bridge name='br7'/>");
	g_autofree char *flag = g_build_filename(fixture->paths->network_run_dir, "autostarted", NULL);

	g_assert_true(networks_set_autostart(fixture->networks, entry, TRUE, NULL));
	load(fixture);
	entry = networks_find(fixture->networks, "a", NULL);
	g_assert_true(entry->autostart);
	/* Once a boot only. */
	g_assert_null(entry->live);
	g_assert_cmpint(g_remove(flag), ==, 0);
	load(fixture);
	entry = networks_find(fixture->networks, "a", NULL);
	g_assert_nonnull(entry->live);
	g_assert_true(networks_set_autostart(fixture->networks, entry, FALSE, NULL));
	load(fixture);
	g_assert_false(networks_find(fixture->networks, "a", NULL)->autostart);
}

static void
test_start(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry =
		start(fixture, "a", "<bridge name='br7'/><bandwidth><inbound average='100' peak='200'/></bandwidth>");
	g_autoptr(GError) error = NULL;

	g_assert_false(networks_start(fixture->networks, entry, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_clear_error(&error);
	g_assert_nonnull(strstr(links_log(fixture->links), "qos br7 out 100/200/0 in 0/0/0 floors 0\n"));
	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	g_assert_false(networks_stop(fixture->networks, entry, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_assert_cmpint(links_find(fixture->links, "br7", NULL, NULL), ==, 0);
}

/* --- changes --- */

#define DHCP_BODY                                                                                                      \
	"<bridge name='br7'/><ip address='10.0.0.1' prefix='24'><dhcp><range start='10.0.0.10' "                       \
	"end='10.0.0.20'/></dhcp></ip>"

static gboolean
update(Fixture *fixture, NetworkEntry *entry, guint command, guint section, const char *text, guint affect)
{
	g_autoptr(GError) error = NULL;
	gboolean ok = networks_update(fixture->networks, entry, command, section, -1, text, affect, &error);

	g_assert_true(ok == (error == NULL));
	return ok;
}

static gboolean
has(const NetworkEntry *entry, guint flags, const char *text)
{
	g_autofree char *document_text = xml(entry, flags);

	return strstr(document_text, text) != NULL;
}

static void
test_update(Fixture *fixture, gconstpointer data)
{
	static const char host[] = "<host mac='52:54:00:00:00:05' ip='10.0.0.5'/>";
	const guint live = NETWORKS_AFFECT_LIVE, config = NETWORKS_AFFECT_CONFIG, both = live | config;
	NetworkEntry *entry = start(fixture, "a", DHCP_BODY);

	g_assert_true(update(fixture, entry, ADD, HOSTS, host, 0));
	g_assert_true(has(entry, 0, "10.0.0.5"));
	g_assert_false(has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
	/* What one of the two refuses, neither takes. */
	g_assert_false(update(fixture, entry, ADD, HOSTS, host, both));
	g_assert_false(has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
	g_assert_false(update(fixture, entry, DELETE, HOSTS, host, both));
	g_assert_true(has(entry, 0, "10.0.0.5"));
	g_assert_true(update(fixture, entry, ADD, HOSTS, host, config));
	g_assert_true(update(fixture, entry, DELETE, HOSTS, host, both));
	g_assert_false(has(entry, 0, "10.0.0.5") || has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
	g_assert_false(update(fixture, entry, MODIFY, HOSTS, host, live));
	g_assert_false(update(fixture, entry, ADD, HOSTS, "<hst/>", live));
	g_assert_false(update(fixture, entry, 99, HOSTS, host, live));

	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	g_assert_false(update(fixture, entry, ADD, HOSTS, host, live));
	g_assert_true(update(fixture, entry, ADD, HOSTS, host, 0));
	g_assert_true(has(entry, 0, "10.0.0.5"));
}

/* With a file that cannot be written neither the definition nor the network changes. */
static void
test_update_read_only(Fixture *fixture, gconstpointer data)
{
	static const char host[] = "<host mac='52:54:00:00:00:05' ip='10.0.0.5'/>";
	const guint both = NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG;
	NetworkEntry *entry = start(fixture, "a", DHCP_BODY);
	char *aside = block(fixture->paths->network_dir);

	g_assert_false(update(fixture, entry, ADD, HOSTS, host, both));
	g_assert_false(has(entry, 0, "10.0.0.5") || has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
	unblock(fixture->paths->network_dir, aside);
	aside = block(fixture->paths->network_run_dir);
	g_assert_false(update(fixture, entry, ADD, HOSTS, host, both));
	g_assert_false(has(entry, 0, "10.0.0.5") || has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
	unblock(fixture->paths->network_run_dir, aside);
	g_assert_true(update(fixture, entry, ADD, HOSTS, host, both));
	load(fixture);
	entry = networks_find(fixture->networks, "a", NULL);
	g_assert_true(has(entry, 0, "10.0.0.5") && has(entry, NETWORKS_XML_INACTIVE, "10.0.0.5"));
}

static char *
contents(const char *path)
{
	g_autoptr(GError) error = NULL;
	char *text;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

/* The files of a change that was cut short, and whether its running half is there after the next start. */
static gboolean
stays(Fixture *fixture, const char *definition, const char *running, const char *note)
{
	g_autofree char *definition_path = g_build_filename(fixture->paths->network_dir, "a.xml", NULL);
	g_autofree char *running_path = run_path(fixture, "a.xml"), *note_path = run_path(fixture, "a.undo");

	g_assert_true(g_file_set_contents(definition_path, definition, -1, NULL));
	g_assert_true(g_file_set_contents(running_path, running, -1, NULL));
	g_assert_true(g_file_set_contents(note_path, note, -1, NULL));
	load(fixture);
	g_assert_false(g_file_test(note_path, G_FILE_TEST_EXISTS));
	return has(networks_find(fixture->networks, "a", NULL), 0, "10.0.0.5");
}

static void
test_update_cut(Fixture *fixture, gconstpointer data)
{
	static const char host[] = "<host mac='52:54:00:00:00:05' ip='10.0.0.5'/>";
	NetworkEntry *entry = start(fixture, "a", DHCP_BODY);
	g_autofree char *definition_path = g_build_filename(fixture->paths->network_dir, "a.xml", NULL);
	g_autofree char *running_path = run_path(fixture, "a.xml"), *note_path = run_path(fixture, "a.undo");
	g_autofree char *definition = contents(definition_path), *running = contents(running_path);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, definition, -1);
	g_autofree char *new_definition = NULL, *new_running = NULL, *new_digest = NULL, *note = NULL;

	g_assert_true(update(fixture, entry, ADD, HOSTS, host, NETWORKS_AFFECT_LIVE | NETWORKS_AFFECT_CONFIG));
	g_assert_false(g_file_test(note_path, G_FILE_TEST_EXISTS));
	new_definition = contents(definition_path);
	new_running = contents(running_path);
	new_digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, new_running, -1);
	note = g_strdup_printf("%s\n%s\n%s", digest, new_digest, running);
	g_assert_false(stays(fixture, definition, running, note));
	g_assert_false(stays(fixture, definition, new_running, note));
	g_assert_true(stays(fixture, new_definition, new_running, note));
	/* What is no such note undoes nothing. */
	g_assert_true(stays(fixture, definition, new_running, digest));
}

static void
test_autostart_cut(Fixture *fixture, gconstpointer data)
{
	g_autofree char *definition = g_build_filename(fixture->paths->network_dir, "a.xml", NULL);
	g_autofree char *mark = g_build_filename(fixture->paths->network_dir, "autostart", "a.xml", NULL);
	NetworkEntry *entry = define(fixture, "a", NULL, "<bridge name='br7'/>");

	g_assert_true(networks_set_autostart(fixture->networks, entry, TRUE, NULL));
	g_assert_cmpint(g_remove(definition), ==, 0);
	load(fixture);
	g_assert_false(g_file_test(mark, G_FILE_TEST_EXISTS));
	/* One that comes to be later is no part of a new definition either. */
	g_assert_true(g_file_set_contents(mark, "", -1, NULL));
	define(fixture, "a", NULL, "<bridge name='br7'/>");
	load(fixture);
	g_assert_false(networks_find(fixture->networks, "a", NULL)->autostart);
}

static void
test_read_only(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry = define(fixture, "a", NULL, "<bridge name='br7'/>");
	char *aside = block(fixture->paths->network_dir);
	g_autofree char *text = document("b", UUID_B, "<bridge name='br8'/>");
	g_autoptr(GError) error = NULL;

	g_assert_null(networks_define(fixture->networks, text, LABEL, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	g_clear_error(&error);
	g_assert_null(networks_find(fixture->networks, "b", NULL));
	g_assert_false(networks_undefine(fixture->networks, entry, &error));
	g_assert_nonnull(entry->config);
	g_clear_error(&error);
	g_assert_false(networks_set_autostart(fixture->networks, entry, TRUE, &error));
	g_assert_false(entry->autostart);
	g_clear_error(&error);
	unblock(fixture->paths->network_dir, aside);

	aside = block(fixture->paths->network_run_dir);
	g_assert_false(networks_start(fixture->networks, entry, &error));
	g_assert_null(entry->live);
	g_assert_cmpint(links_find(fixture->links, "br7", NULL, NULL), ==, 0);
	unblock(fixture->paths->network_run_dir, aside);
	assert_events(fixture, "a defined\n");
}

static void
test_metadata(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry = define(fixture, "a", NULL, "");
	g_autoptr(GError) error = NULL;
	g_autofree char *title = NULL;

	g_assert_null(networks_metadata(entry, NETWORK_METADATA_TITLE, NULL, 0, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_METADATA);
	g_clear_error(&error);
	g_assert_true(
		networks_metadata_set(fixture->networks, entry, NETWORK_METADATA_TITLE, "t & u", NULL, NULL, 0, NULL));
	title = networks_metadata(entry, NETWORK_METADATA_TITLE, NULL, 0, NULL);
	g_assert_cmpstr(title, ==, "t & u");
	g_assert_false(networks_metadata_set(fixture->networks, entry, NETWORK_METADATA_ELEMENT,
					     "</metadata><title>x</title><metadata>", "k", "u:x", 0, &error));
	g_assert_nonnull(error);
	g_assert_true(
		networks_metadata_set(fixture->networks, entry, NETWORK_METADATA_ELEMENT, "<e/>", "k", "u:x", 0, NULL));
	assert_events(fixture, "a defined\na metadata 1 -\na metadata 2 u:x\n");
}

/* --- ports --- */

static const NetworkPort *
port_create(Fixture *fixture, NetworkEntry *entry, const char *uuid, const char *body, guint flags, GError **error)
{
	g_autofree char *text =
		g_strdup_printf("<networkport xmlns:sluice='" NETWORK_SLUICE_URI "'><uuid>%s</uuid>" OWNER
				"<mac address='52:54:00:00:00:0%c'/>%s</networkport>",
				uuid, uuid[strlen(uuid) - 1], body);

	return networks_port_create(fixture->networks, entry, text, "port.xml", flags, error);
}

static void
port_refused(Fixture *fixture, NetworkEntry *entry, const char *uuid, const char *body, guint flags, const char *words)
{
	g_autoptr(GError) error = NULL;
	guint before = g_hash_table_size(entry->ports);

	g_assert_null(port_create(fixture, entry, uuid, body, flags, &error));
	g_assert_nonnull(strstr(error->message, words));
	g_assert_cmpuint(g_hash_table_size(entry->ports), ==, before);
}

static void
test_ports(Fixture *fixture, gconstpointer data)
{
	static const char plug[] = "<plug type='network' bridge='br7'/>";
	NetworkEntry *entry = start(fixture, "a", "<bridge name='br7'/>");
	g_autoptr(GError) error = NULL;

	g_assert_nonnull(port_create(fixture, entry, PORT_1, "", 0, NULL));
	g_assert_cmpuint(entry->live->connections, ==, 1);
	/* The first one's file and place stay. */
	port_refused(fixture, entry, PORT_1, "", 0, "already exists");
	g_assert_cmpuint(entry->live->connections, ==, 1);
	port_refused(fixture, entry, PORT_2, plug, 0, "reclaim not requested");
	port_refused(fixture, entry, PORT_2, "", NETWORKS_PORT_RECLAIM, "plug type is none");
	port_refused(fixture, entry, PORT_2, "<group>none</group>", 0, "no portgroup");
	port_refused(fixture, entry, PORT_2, "<virtualport type='openvswitch'/>", 0, "not supported");
	g_assert_nonnull(port_create(fixture, entry, PORT_2, plug, NETWORKS_PORT_RECLAIM, NULL));
	load(fixture);
	entry = networks_find(fixture->networks, "a", NULL);
	g_assert_cmpuint(g_hash_table_size(entry->ports), ==, 2);
	g_assert_cmpuint(entry->live->connections, ==, 2);
	g_assert_true(networks_port_delete(fixture->networks, entry, PORT_1, NULL));
	g_assert_false(networks_port_delete(fixture->networks, entry, PORT_1, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_PORT);
	g_assert_cmpuint(entry->live->connections, ==, 1);
	g_assert_true(networks_stop(fixture->networks, entry, NULL));
	port_refused(fixture, entry, PORT_1, "", 0, "not active");
}

static void
test_port_read_only(Fixture *fixture, gconstpointer data)
{
	static const char body[] =
		"<bandwidth><inbound average='10' floor='50'/></bandwidth><sluice:device name='tap0'/>";
	NetworkEntry *entry =
		start(fixture, "a", "<bridge name='br7'/><bandwidth><inbound average='100'/></bandwidth>");
	char *aside = block(fixture->paths->network_run_dir);
	g_autoptr(GError) error = NULL;

	g_assert_null(port_create(fixture, entry, PORT_1, body, 0, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	g_assert_cmpuint(g_hash_table_size(entry->ports), ==, 0);
	g_assert_cmpint(links_find(fixture->links, "tap0", NULL, NULL), ==, 0);
	unblock(fixture->paths->network_run_dir, aside);
	g_assert_nonnull(port_create(fixture, entry, PORT_1, body, 0, NULL));
	g_assert_cmpint(links_find(fixture->links, "tap0", NULL, NULL), ==, 1);
	g_assert_true(networks_port_delete(fixture->networks, entry, PORT_1, NULL));
	g_assert_cmpint(links_find(fixture->links, "tap0", NULL, NULL), ==, 0);
}

static void
test_floors(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry =
		start(fixture, "a", "<bridge name='br7'/><bandwidth><inbound average='100'/></bandwidth>");
	NetworkEntry *plain = start(fixture, "b", "<bridge name='br8'/>");
	g_autofree char *less =
		document("a", entry->uuid, "<bridge name='br7'/><bandwidth><inbound average='50'/></bandwidth>");
	NetworkBandwidth *wanted = g_new0(NetworkBandwidth, 1);
	const NetworkPort *port;
	g_autoptr(GError) error = NULL;

	port = port_create(fixture, entry, PORT_1, "<bandwidth><inbound floor='60'/></bandwidth>", 0, NULL);
	g_assert_cmpuint(port->bandwidth->class_id.value, ==, 3);
	g_assert_nonnull(strstr(links_log(fixture->links), "qos br7 out 100/0/0 in 0/0/0 floors 1\n"));
	port_refused(fixture, entry, PORT_2, "<bandwidth><inbound floor='41'/></bandwidth>", 0,
		     "floor=101 would overcommit");
	port_refused(fixture, plain, PORT_2, "<bandwidth><inbound floor='1'/></bandwidth>", 0, "no inbound QoS");
	g_assert_false(networks_apply(fixture->networks, less, LABEL, FALSE, NULL, &error));
	g_assert_nonnull(strstr(error->message, "guaranteed 60 KiB/s"));
	g_clear_error(&error);
	wanted->inbound = g_new0(NetworkRate, 1);
	wanted->inbound->floor = (NetworkNumber){ TRUE, 200 };
	g_assert_false(networks_port_set_rates(fixture->networks, entry, PORT_1, wanted, &error));
	g_assert_cmpuint(port->bandwidth->inbound->floor.value, ==, 60);
	g_assert_true(networks_port_delete(fixture->networks, entry, PORT_1, NULL));
	g_assert_true(networks_apply(fixture->networks, less, LABEL, FALSE, NULL, NULL));
}

static void
test_portgroup(Fixture *fixture, gconstpointer data)
{
	NetworkEntry *entry =
		start(fixture, "a",
		      "<bridge name='br7'/><portgroup name='slow' default='yes'><bandwidth><inbound average='7'/>"
		      "</bandwidth></portgroup>");
	const NetworkPort *port = port_create(fixture, entry, PORT_1, "", 0, NULL);

	g_assert_cmpuint(port->bandwidth->inbound->average.value, ==, 7);
	g_assert_true(update(fixture, entry, DELETE, GROUPS, "<portgroup name='slow'/>", NETWORKS_AFFECT_LIVE));
	/* What a port was given, it keeps. */
	g_assert_cmpuint(port->bandwidth->inbound->average.value, ==, 7);
	g_assert_null(port_create(fixture, entry, PORT_2, "", 0, NULL)->bandwidth);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(Fixture *fixture, gconstpointer data);
	} tests[] = {
		{ "define", test_define },
		{ "undefine", test_undefine },
		{ "stop-refused", test_stop_refused },
		{ "stop-cut", test_stop_cut },
		{ "create", test_create },
		{ "autostart", test_autostart },
		{ "start", test_start },
		{ "update", test_update },
		{ "update-read-only", test_update_read_only },
		{ "update-cut", test_update_cut },
		{ "autostart-cut", test_autostart_cut },
		{ "read-only", test_read_only },
		{ "metadata", test_metadata },
		{ "ports", test_ports },
		{ "port-read-only", test_port_read_only },
		{ "floors", test_floors },
		{ "portgroup", test_portgroup },
	};

	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strconcat("/networks/", tests[i].name, NULL);

		g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
	}
	return g_test_run();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The stores: identity rules, names as file names, what stands after a failure and after a restart. */

#include "tests/unit/fixture.h"

#define UUID_A "11111111-1111-4111-8111-111111111111"
#define UUID_B "22222222-2222-4222-8222-222222222222"

static const NwFilter *
define(Fixture *fixture, const char *name, const char *uuid, const char *body, GError **error)
{
	g_autofree char *text = fixture_filter(name, uuid, body);
	const NwFilter *filter = NULL;

	return filter_store_define(fixture->daemon->filters, fixture->daemon->engine, text, "test.xml", &filter, error)
		       ? filter
		       : NULL;
}

static gboolean
bind_port(Fixture *fixture, const char *port, const char *filter, GError **error)
{
	g_autofree char *text = fixture_binding(port, filter);
	const NwBinding *binding = NULL;

	return binding_store_create(fixture->daemon->bindings, fixture->daemon->engine, text, "test.xml", &binding,
				    error);
}

static char *
file_of(const char *dir, const char *name)
{
	g_autofree char *file = g_strconcat(name, ".xml", NULL);

	return g_build_filename(dir, file, NULL);
}

static void
restart(Fixture *fixture)
{
	daemon_free(fixture->daemon);
	fixture_start(fixture);
}

static void
test_uuid_rules(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	const NwFilter *filter = define(fixture, "a", UUID_A, FIXTURE_DROP, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(filter->uuid, ==, UUID_A);
	/* Without a UUID the filter keeps its own. */
	filter = define(fixture, "a", NULL, FIXTURE_ACCEPT, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(filter->uuid, ==, UUID_A);
	g_assert_true(filter_store_find_uuid(fixture->daemon->filters, UUID_A) == filter);

	g_assert_null(define(fixture, "a", UUID_B, FIXTURE_DROP, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_nonnull(strstr(error->message, "already exists with uuid " UUID_A));
	g_clear_error(&error);
	g_assert_null(define(fixture, "b", UUID_A, FIXTURE_DROP, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_nonnull(strstr(error->message, "('a') already exists"));
	g_assert_null(filter_store_find("b", fixture->daemon->filters));
}

static void
test_same_changes_nothing(Fixture *fixture, gconstpointer data)
{
	const NwFilter *first = define(fixture, "a", UUID_A, FIXTURE_DROP, NULL);

	g_assert_true(define(fixture, "a", NULL, FIXTURE_DROP, NULL) == first);
	g_assert_true(define(fixture, "a", NULL, FIXTURE_ACCEPT, NULL) != NULL);
}

static void
test_names(Fixture *fixture, gconstpointer data)
{
	static const char *const bad[] = { "../evil", "/etc/evil", "..", ".", "a/b", "" };
	g_autofree char *escaped = g_build_filename(fixture->root, "etc/sluice/evil.xml", NULL);
	g_autofree char *longest = g_strnfill(NW_NAME_MAX, 'x');
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_null(define(fixture, bad[i], NULL, FIXTURE_DROP, NULL));
	g_assert_false(g_file_test(escaped, G_FILE_TEST_EXISTS));
	/* A name that leaves no room for ".xml" is refused, not cut. */
	g_assert_null(define(fixture, longest, NULL, FIXTURE_DROP, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_LIMIT);
	longest[NW_NAME_MAX - 4] = '\0';
	g_assert_nonnull(define(fixture, longest, NULL, FIXTURE_DROP, NULL));
	g_assert_nonnull(define(fixture, "a&amp;b &lt;c", NULL, FIXTURE_DROP, NULL));
	restart(fixture);
	g_assert_nonnull(filter_store_find(longest, fixture->daemon->filters));
	g_assert_nonnull(filter_store_find("a&b <c", fixture->daemon->filters));
}

static void
test_define_fault(Fixture *fixture, gconstpointer data)
{
	g_autofree char *path = file_of(fixture->paths->filter_dir, "a");
	g_autoptr(GError) error = NULL;
	const NwFilter *filter;

	g_assert_nonnull(define(fixture, "a", UUID_A, FIXTURE_DROP, NULL));
	/* The commit, which comes after the kernel, fails: nothing is renamed over a folder. */
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	g_assert_null(define(fixture, "a", NULL, FIXTURE_ACCEPT, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	filter = filter_store_find("a", fixture->daemon->filters);
	g_assert_cmpint(((NwItem *)g_ptr_array_index(filter->items, 0))->rule->action, ==, RULE_ACTION_DROP);
}

static void
test_undefine(Fixture *fixture, gconstpointer data)
{
	FilterStore *filters = fixture->daemon->filters;
	g_autoptr(GError) error = NULL;

	define(fixture, "a", NULL, FIXTURE_DROP, NULL);
	g_assert_true(bind_port(fixture, "vnet0", "a", NULL));
	g_assert_false(filter_store_undefine(filters, fixture->daemon->engine, "a", FALSE, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_INVALID);
	g_clear_error(&error);
	g_assert_true(binding_store_names_filter(fixture->daemon->bindings, "a"));
	g_assert_true(binding_store_delete(fixture->daemon->bindings, fixture->daemon->engine, "vnet0", NULL));
	g_assert_false(binding_store_names_filter(fixture->daemon->bindings, "a"));
	g_assert_true(filter_store_undefine(filters, fixture->daemon->engine, "a", FALSE, &error));
	g_assert_false(filter_store_undefine(filters, fixture->daemon->engine, "a", FALSE, &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_NO_NWFILTER);
	restart(fixture);
	g_assert_null(filter_store_find("a", fixture->daemon->filters));
}

static void
test_restart(Fixture *fixture, gconstpointer data)
{
	g_autofree char *bad = file_of(fixture->paths->filter_dir, "bad");
	g_autofree char *other = file_of(fixture->paths->filter_dir, "other-name");
	g_autofree char *text = fixture_filter("c", NULL, FIXTURE_DROP);

	define(fixture, "a", UUID_A, FIXTURE_DROP, NULL);
	g_assert_true(bind_port(fixture, "vnet0", "a", NULL));
	g_assert_true(g_file_set_contents(bad, "<filter", -1, NULL));
	g_assert_true(g_file_set_contents(other, text, -1, NULL));
	restart(fixture);
	g_assert_nonnull(filter_store_find_uuid(fixture->daemon->filters, UUID_A));
	g_assert_nonnull(binding_store_find(fixture->daemon->bindings, "vnet0"));
	g_assert_true(nw_engine_uses(fixture->daemon->engine, "a"));
	/* Passed over, but kept for whoever wrote them. */
	g_assert_null(filter_store_find("bad", fixture->daemon->filters));
	g_assert_null(filter_store_find("c", fixture->daemon->filters));
	g_assert_true(g_file_test(bad, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(other, G_FILE_TEST_EXISTS));
}

static void
test_reload(Fixture *fixture, gconstpointer data)
{
	g_autofree char *changed = file_of(fixture->paths->filter_dir, "a");
	g_autofree char *added = file_of(fixture->paths->filter_dir, "b");
	g_autofree char *broken = file_of(fixture->paths->filter_dir, "c");
	g_autofree char *new_a = fixture_filter("a", NULL, FIXTURE_ACCEPT), *new_b = fixture_filter("b", NULL, "");
	g_autoptr(GPtrArray) problems = NULL;
	g_autofree char *uuid = NULL;

	define(fixture, "a", UUID_A, FIXTURE_DROP, NULL);
	define(fixture, "c", NULL, FIXTURE_DROP, NULL);
	g_assert_true(g_file_set_contents(changed, new_a, -1, NULL));
	g_assert_true(g_file_set_contents(added, new_b, -1, NULL));
	g_assert_true(g_file_set_contents(broken, "<filter", -1, NULL));
	g_assert_cmpuint(filter_store_reload(fixture->daemon->filters, fixture->daemon->engine, &problems), ==, 2);
	g_assert_cmpuint(problems->len, ==, 1);
	g_assert_nonnull(filter_store_find("b", fixture->daemon->filters));
	g_assert_nonnull(filter_store_find("c", fixture->daemon->filters));
	g_assert_cmpstr(filter_store_find("a", fixture->daemon->filters)->uuid, ==, UUID_A);
	uuid = g_strdup(filter_store_find("b", fixture->daemon->filters)->uuid);
	/* The UUIDs that the files did not have are there to stay. */
	restart(fixture);
	g_assert_cmpstr(filter_store_find("a", fixture->daemon->filters)->uuid, ==, UUID_A);
	g_assert_cmpstr(filter_store_find("b", fixture->daemon->filters)->uuid, ==, uuid);
}

static void
test_bindings(Fixture *fixture, gconstpointer data)
{
	static const char *const bad[] = { "../evil", ".", "..", "sixteen-bytes-xx", "" };
	g_autofree char *path = file_of(fixture->paths->binding_dir, "vnet1");
	g_autoptr(GError) error = NULL;

	define(fixture, "a", NULL, FIXTURE_DROP, NULL);
	g_assert_true(bind_port(fixture, "vnet0", "a", &error));
	g_assert_false(bind_port(fixture, "vnet0", "a", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_OPERATION_FAILED);
	g_assert_cmpstr(error->message, ==, "binding 'vnet0' already exists");
	g_clear_error(&error);
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(bind_port(fixture, bad[i], "a", NULL));
	/* The file's commit fails after the kernel's: the port is not bound. */
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	g_assert_false(bind_port(fixture, "vnet1", "a", &error));
	g_assert_error(error, SLUICE_ERROR, SLUICE_ERROR_SYSTEM);
	g_clear_error(&error);
	g_assert_null(binding_store_find(fixture->daemon->bindings, "vnet1"));
	g_assert_false(bind_port(fixture, "vnet2", "missing", NULL));
	g_assert_null(binding_store_find(fixture->daemon->bindings, "vnet2"));
	restart(fixture);
	g_assert_nonnull(binding_store_find(fixture->daemon->bindings, "vnet0"));
	g_assert_null(binding_store_find(fixture->daemon->bindings, "vnet2"));
}

static void
test_first_start(void)
{
	Fixture fixture = { .root = g_dir_make_tmp("sluice-test-XXXXXX", NULL) };
	g_autoptr(GPtrArray) filters = NULL;

	fixture.paths = sluice_paths_new(fixture.root);
	fixture_start(&fixture);
	filters = filter_store_list(fixture.daemon->filters);
	g_assert_cmpuint(filters->len, >, 0);
	g_assert_true(
		filter_store_undefine(fixture.daemon->filters, fixture.daemon->engine, "clean-traffic", FALSE, NULL));
	/* What was removed stays removed. */
	restart(&fixture);
	g_assert_null(filter_store_find("clean-traffic", fixture.daemon->filters));
	fixture_down(&fixture, NULL);
}

static void
test_config(Fixture *fixture, gconstpointer data)
{
	static const char *const bad[] = { "log_levle = debug\n",  "# ok\n\nmax_clients = 0\n", "mark_mask\n",
					   "log_level = loud\n",   "mark_mask = 0x1ffffffff\n", "optimize = maybe\n",
					   "\nmark_mask = 0xf0f\n" };
	static const guint lines[] = { 1, 3, 1, 1, 1, 1, 2 };
	g_autoptr(DaemonConfig) config = NULL;
	g_autofree char *path = g_build_filename(fixture->root, "test.conf", NULL);

	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *place = g_strdup_printf("%s:%u: ", path, lines[i]);
		g_autoptr(GError) error = NULL;

		g_assert_true(g_file_set_contents(path, bad[i], -1, NULL));
		g_assert_null(daemon_config_load(path, &error));
		g_assert_true(g_str_has_prefix(error->message, place));
	}
	g_assert_true(g_file_set_contents(
		path, "log_level=info\n mark_mask = 0xff0000 \nsocket_group = kvm\noptimize = no\n", -1, NULL));
	config = daemon_config_load(path, NULL);
	g_assert_cmpint(config->log_level, ==, LOG_LEVEL_INFO);
	g_assert_cmpuint(config->mark_mask, ==, 0xff0000);
	g_assert_cmpuint(config->max_clients, ==, CONFIG_CLIENTS_DEFAULT);
	g_assert_cmpstr(config->socket_group, ==, "kvm");
	g_assert_true(config->no_optimize);
}

/* The manual has each setting. */
static void
test_config_manual(void)
{
	g_autofree char *manual = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents("docs/man/sluiced.8.scd", &manual, NULL, &error);
	g_assert_no_error(error);
	for (guint i = 0; daemon_config_key(i); i++) {
		g_autofree char *head = g_strdup_printf("(^|, )\\*%s\\*(,|$)", daemon_config_key(i));

		if (!g_regex_match_simple(head, manual, G_REGEX_MULTILINE, 0))
			g_error("'%s' is not in the manual", daemon_config_key(i));
	}
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_up, function, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/store/uuid-rules", test_uuid_rules);
	ADD("/store/same-changes-nothing", test_same_changes_nothing);
	ADD("/store/names", test_names);
	ADD("/store/define-fault", test_define_fault);
	ADD("/store/undefine", test_undefine);
	ADD("/store/restart", test_restart);
	ADD("/store/reload", test_reload);
	ADD("/store/bindings", test_bindings);
	g_test_add_func("/store/first-start", test_first_start);
	ADD("/store/config", test_config);
	g_test_add_func("/store/config-manual", test_config_manual);
	return g_test_run();
}

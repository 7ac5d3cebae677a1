// SPDX-License-Identifier: GPL-2.0-or-later
/* Learning in the daemon: what is loaded when part of it cannot be, names that come from outside, a clock that jumps.
 */

#include "tests/unit/clock.h"
#include "tests/unit/fixture.h"
#include "tests/unit/rpc_call.h"

#define RECORD(port, mac, address, expires)                                                                            \
	"{\"port\":\"" port "\",\"mac\":\"52:54:00:00:00:" mac "\",\"address\":\"" address                             \
	"\",\"source\":\"dhcpv4\",\"expires\":" expires "}"
#define MAC "05" /* of fixture_binding() */

static guint
known(const Fixture *fixture, const char *port)
{
	g_autoptr(GPtrArray) records = learning_records(fixture->daemon->learning, port);

	return records->len;
}

static gboolean
has_address(const Fixture *fixture, const char *port, const char *text)
{
	g_autoptr(GPtrArray) records = learning_records(fixture->daemon->learning, port);
	IpAddress address;

	g_assert_true(ip_address_parse(text, &address));
	for (guint i = 0; i < records->len; i++)
		if (ip_address_equal(&((const LearnRecord *)records->pdata[i])->entry.address, &address))
			return TRUE;
	return FALSE;
}

static void
test_load(Fixture *fixture, gconstpointer data)
{
	daemon_free(fixture->daemon);
	g_assert_true(g_file_set_contents(
		fixture->paths->learned_file,
		"[" RECORD("vnet0", "0a", "192.0.2.7", "0") "," RECORD("vnet1", "0b", "192.0.2.8", "0") "," RECORD(
			"vnet1", "0b", "192.0.2.8", "0") "," RECORD("vnet2", "0c", "192.0.2.9", "0") "]",
		-1, NULL));
	fixture_start(fixture);
	g_assert_cmpuint(known(fixture, "vnet0"), ==, 1);
	g_assert_cmpuint(known(fixture, "vnet1"), ==, 0);
	g_assert_cmpuint(known(fixture, "vnet2"), ==, 1);
}

/* Bindings end with the boot, and claims with their binding: a guest that starts anew may claim something else. */
static void
test_claims_end_with_boot(Fixture *fixture, gconstpointer data)
{
	daemon_free(fixture->daemon);
	g_assert_true(
		g_file_set_contents(fixture->paths->learned_file,
				    "[{\"port\":\"vnet0\",\"mac\":\"52:54:00:00:00:05\",\"address\":\"192.0.2.7\","
				    "\"source\":\"arp\",\"expires\":0}," RECORD("vnet0", MAC, "192.0.2.8", "0") "]",
				    -1, NULL));
	fixture_start(fixture);
	g_assert_cmpuint(known(fixture, "vnet0"), ==, 1);
	g_assert_true(has_address(fixture, "vnet0", "192.0.2.8"));
}

static GPtrArray *
records_of(const char *text)
{
	g_autoptr(GError) error = NULL;
	GPtrArray *records = learn_records_parse(text, "test", &error);

	g_assert_no_error(error);
	return records;
}

static void
bind_port(Fixture *fixture, const char *port)
{
	g_autofree char *text = fixture_binding(port, "a");
	const NwBinding *binding;
	g_autoptr(GError) error = NULL;

	g_assert_true(binding_store_create(fixture->daemon->bindings, fixture->daemon->engine, text, "test.xml",
					   &binding, &error));
	g_assert_no_error(error);
}

static gboolean
has_rules(const Fixture *fixture, const char *port)
{
	gboolean waits = TRUE;

	g_assert_nonnull(nw_engine_learning(fixture->daemon->engine, port, &waits));
	return !waits;
}

static void
learn_for_an_hour(Fixture *fixture)
{
	g_autofree char *text =
		g_strdup_printf("[{\"port\":\"vnet0\",\"mac\":\"52:54:00:00:00:05\",\"address\":\"192.0.2.9\","
				"\"source\":\"dhcpv4\",\"expires\":%" G_GINT64_FORMAT "}]",
				g_get_real_time() / G_USEC_PER_SEC + 3600);
	g_autoptr(GPtrArray) records = records_of(text);
	g_autoptr(GError) error = NULL;

	g_assert_true(learning_restore(fixture->daemon->learning, "vnet0", records, TRUE, &error));
	g_assert_no_error(error);
}

static void
define_learner(Fixture *fixture)
{
	g_autofree char *filter =
		fixture_filter("a", NULL, "<rule action='accept' direction='out'><ip srcipaddr='$IP'/></rule>");
	g_autoptr(GError) error = NULL;
	const NwFilter *ret_filter;

	g_assert_true(filter_store_define(fixture->daemon->filters, fixture->daemon->engine, filter, "test.xml",
					  &ret_filter, &error));
}

/* Two hours later anything that wakes the daemon up finds the lease ended. */
static void
end_when_woken(Fixture *fixture)
{
	gint64 until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

	g_assert_true(has_rules(fixture, "vnet0"));
	clock_moved_us += 2 * G_TIME_SPAN_HOUR;
	bind_port(fixture, "vnet1");
	while (has_rules(fixture, "vnet0") && g_get_monotonic_time() < until) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(100);
	}
	g_assert_false(has_rules(fixture, "vnet0"));
}

/* The timer of a lease that ends in an hour is no reason to leave the rules as they are for that long. */
static void
test_clock_forward(Fixture *fixture, gconstpointer data)
{
	define_learner(fixture);
	learn_for_an_hour(fixture);
	bind_port(fixture, "vnet0");
	for (guint i = 0; i < 100; i++) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
	end_when_woken(fixture);
	clock_moved_us = 0;
}

/* What is asked of the clock twice is answered twice: a wait that is over in between is not one without an end. */
static void
test_clock_goes_on(Fixture *fixture, gconstpointer data)
{
	define_learner(fixture);
	bind_port(fixture, "vnet0");
	clock_step_us = 300;
	for (guint i = 0; i < 50; i++) {
		learn_for_an_hour(fixture);
		end_when_woken(fixture);
		g_assert_true(binding_store_delete(fixture->daemon->bindings, fixture->daemon->engine, "vnet1", NULL));
	}
	clock_step_us = clock_moved_us = 0;
}

/* A name that no port can have must not get into the store, where it would cost every port what it has. */
static void
test_import_name(Fixture *fixture, gconstpointer data)
{
	Session *session = rpc_open(fixture->daemon, FALSE, 0);
	g_autofree char *binding = fixture_binding("vnet0", "a"), *escaped = NULL, *words = NULL;
	g_auto(RpcValues) args = { 0 };

	escaped = g_strdelimit(binding, "\"", '\'');
	args.at[0].text = g_strdup_printf(
		"{\"version\":1,\"binding\":\"%s\",\"learned\":[" RECORD("vnet0", MAC, "192.0.2.7", "0") "]}", escaped);
	binding = NULL;
	args.at[1].text = g_strdup("a name of many bytes");
	g_assert_cmpint(
		rpc_call(session, rpc_proc_find(RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_IMPORT), &args, NULL, &words),
		!=, 0);
	g_assert_nonnull(strstr(words, "no port can have this name"));
	session_free(session);
}

static int
import(Fixture *fixture, const char *filter, const char *learned, const char *port)
{
	Session *session = rpc_open(fixture->daemon, FALSE, 0);
	g_autofree char *binding = fixture_binding("vnet0", filter), *words = NULL;
	g_auto(RpcValues) args = { 0 };
	int status;

	g_strdelimit(binding, "\"", '\'');
	args.at[0].text = g_strdup_printf("{\"version\":1,\"binding\":\"%s\",\"learned\":[%s]}", binding, learned);
	args.at[1].text = g_strdup(port);
	status = rpc_call(session, rpc_proc_find(RPC_PROGRAM_SLUICE, RPC_SLUICE_BINDING_IMPORT), &args, NULL, &words);
	if (status)
		g_test_message("%s", words);
	session_free(session);
	return status;
}

/* The records are there before the binding. One that then cannot be made leaves what was kept for the port, or nothing.
 */
static void
test_import_not_bound(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GPtrArray) records = records_of("[" RECORD("vnet0", MAC, "192.0.2.8", "0") "]");
	g_autoptr(GError) error = NULL;

	g_assert_true(learning_restore(fixture->daemon->learning, "vnet0", records, TRUE, &error));
	g_assert_cmpint(import(fixture, "missing", RECORD("vnet0", MAC, "192.0.2.7", "0"), NULL), !=, 0);
	g_assert_cmpint(import(fixture, "missing", RECORD("vnet0", MAC, "192.0.2.7", "0"), "vnet1"), !=, 0);
	g_assert_cmpint(import(fixture, "missing", "", NULL), !=, 0);
	g_assert_cmpuint(known(fixture, "vnet0"), ==, 1);
	g_assert_true(has_address(fixture, "vnet0", "192.0.2.8"));
	g_assert_cmpuint(known(fixture, "vnet1"), ==, 0);
	g_assert_null(binding_store_find(fixture->daemon->bindings, "vnet0"));
	g_assert_null(binding_store_find(fixture->daemon->bindings, "vnet1"));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_up, function, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/daemon-learning/load", test_load);
	ADD("/daemon-learning/claims-end-with-boot", test_claims_end_with_boot);
	ADD("/daemon-learning/clock-forward", test_clock_forward);
	ADD("/daemon-learning/clock-goes-on", test_clock_goes_on);
	ADD("/daemon-learning/import-name", test_import_name);
	ADD("/daemon-learning/import-not-bound", test_import_not_bound);
	return g_test_run();
}

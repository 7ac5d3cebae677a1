// SPDX-License-Identifier: GPL-2.0-or-later
/* The lease store, its events, and sluice-lease as dnsmasq runs it. */

#include "dhcp/dnsmasq_private.h"
#include "dhcp/lease.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
	char *dir, *events;
	DnsmasqEnv env;
	GString *told; /* what the daemon heard, a line each */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	fixture->dir = g_dir_make_tmp("sluice-lease-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->events = g_build_filename(fixture->dir, "events", NULL);
	fixture->env =
		(DnsmasqEnv){ .lease_dir = fixture->dir, .event_path = fixture->events, .user = g_get_user_name() };
	fixture->told = g_string_new(NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", fixture->dir);

	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
	g_string_free(fixture->told, TRUE);
	g_free(fixture->events);
	g_free(fixture->dir);
}

/* The helper stands beside the folder of the tests. */
static char *
helper(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = g_path_get_dirname(self);

	return g_build_filename(dir, "..", "..", "sluice-lease", NULL);
}

/* Runs sluice-lease for network @name; @more: variables beside the usual ones, NULL-terminated. Returns its status. */
static int
run(const Fixture *fixture, const char *name, const char *const *words, const char *const *more, char **ret_out,
    char **ret_err)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) environment = g_new0(char *, 1);
	g_autoptr(GError) error = NULL;
	int status;

	environment = g_environ_setenv(environment, LEASE_ENV_NETWORK, name, TRUE);
	environment = g_environ_setenv(environment, LEASE_ENV_DIR, fixture->dir, TRUE);
	environment = g_environ_setenv(environment, LEASE_ENV_EVENTS, fixture->events, TRUE);
	if (g_getenv("ASAN_OPTIONS"))
		environment = g_environ_setenv(environment, "ASAN_OPTIONS", g_getenv("ASAN_OPTIONS"), TRUE);
	for (guint i = 0; more && more[i]; i++) {
		g_auto(GStrv) pair = g_strsplit(more[i], "=", 2);

		environment = g_environ_setenv(environment, pair[0], pair[1], TRUE);
	}
	g_ptr_array_add(argv, helper());
	for (guint i = 0; words[i]; i++)
		g_ptr_array_add(argv, g_strdup(words[i]));
	g_ptr_array_add(argv, NULL);
	g_spawn_sync(NULL, (char **)argv->pdata, environment, G_SPAWN_DEFAULT, NULL, NULL, ret_out, ret_err, &status,
		     &error);
	g_assert_no_error(error);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define WORDS(...)                                                                                                     \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

static char *
init(const Fixture *fixture)
{
	char *out = NULL;

	g_assert_cmpint(run(fixture, "n", WORDS("init"), NULL, &out, NULL), ==, 0);
	return out;
}

static void
expect_init(const Fixture *fixture, const char *expected)
{
	g_autofree char *out = init(fixture);

	g_assert_cmpstr(out, ==, expected);
}

#define FUTURE "DNSMASQ_LEASE_EXPIRES=4000000000"

static void
test_actions(Fixture *fixture, gconstpointer data)
{
	expect_init(fixture, "");
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5", "one"),
			    WORDS(FUTURE, "DNSMASQ_CLIENT_ID=01:52:54:00:00:00:01"), NULL, NULL),
			==, 0);
	expect_init(fixture, "4000000000 52:54:00:00:00:01 10.0.0.5 one 01:52:54:00:00:00:01\n");
	/* Renewed by another client id, without a name. */
	g_assert_cmpint(run(fixture, "n", WORDS("old", "52:54:00:00:00:01", "10.0.0.5"), WORDS(FUTURE), NULL, NULL), ==,
			0);
	expect_init(fixture, "4000000000 52:54:00:00:00:01 10.0.0.5 * *\n");
	/* The address goes to another client. */
	g_assert_cmpint(run(fixture, "n", WORDS("del", "52:54:00:00:00:01", "10.0.0.5"), NULL, NULL, NULL), ==, 0);
	expect_init(fixture, "");
	g_assert_cmpint(
		run(fixture, "n", WORDS("add", "52:54:00:00:00:02", "10.0.0.5", "two"), WORDS(FUTURE), NULL, NULL), ==,
		0);
	expect_init(fixture, "4000000000 52:54:00:00:00:02 10.0.0.5 two *\n");
	/* Another network's are its own; what is no lease is none. */
	g_assert_cmpint(run(fixture, "m", WORDS("add", "52:54:00:00:00:03", "10.0.0.5"), NULL, NULL, NULL), ==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("tftp", "100", "10.0.0.5", "/srv/x"), NULL, NULL, NULL), ==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("arp-add", "52:54:00:00:00:03", "10.0.0.9"), NULL, NULL, NULL), ==, 0);
	expect_init(fixture, "4000000000 52:54:00:00:00:02 10.0.0.5 two *\n");
}

static void
test_expiry(Fixture *fixture, gconstpointer data)
{
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.1"),
			    WORDS("DNSMASQ_LEASE_EXPIRES=1000"), NULL, NULL),
			==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:02", "10.0.0.2"),
			    WORDS("DNSMASQ_LEASE_EXPIRES=0"), NULL, NULL),
			==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:03", "10.0.0.3"), NULL, NULL, NULL), ==, 0);
	/* One that has ended is not told; those without end say 0. */
	expect_init(fixture, "0 52:54:00:00:00:02 10.0.0.2 * *\n0 52:54:00:00:00:03 10.0.0.3 * *\n");
}

static void
test_ipv6(Fixture *fixture, gconstpointer data)
{
	const char *duid = "00:04:7e:7d:f0:7d:a8:bc:c5:d2:13:32:11:ed:16:ea:84:63";

	g_assert_cmpint(run(fixture, "n", WORDS("add", duid, "fd00::5", "six"),
			    WORDS(FUTURE, "DNSMASQ_IAID=14249218", "DNSMASQ_SERVER_DUID=00:01:00:01:30:00:00:00",
				  "DNSMASQ_MAC=52:54:00:00:00:06"),
			    NULL, NULL),
			==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("add", duid, "fd00::6"),
			    WORDS(FUTURE, "DNSMASQ_IAID=T7", "DNSMASQ_SERVER_DUID=00:01:00:01:30:00:00:00"), NULL,
			    NULL),
			==, 0);
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5"), WORDS(FUTURE), NULL, NULL), ==,
			0);
	expect_init(fixture, "4000000000 52:54:00:00:00:01 10.0.0.5 * *\n"
			     "duid 00:01:00:01:30:00:00:00\n"
			     "4000000000 14249218 fd00::5 six 00:04:7e:7d:f0:7d:a8:bc:c5:d2:13:32:11:ed:16:ea:84:63\n"
			     "4000000000 T7 fd00::6 * 00:04:7e:7d:f0:7d:a8:bc:c5:d2:13:32:11:ed:16:ea:84:63\n");
}

/* All of it is a guest's. */
static void
test_hostile(Fixture *fixture, gconstpointer data)
{
	g_autofree char *long_name = g_strnfill(300, 'a');
	const char *const *const refused[] = {
		WORDS("add"),
		WORDS("add", "52:54:00:00:00:01"),
		WORDS("add", "52:54:00:00:00:01", "10.0.0.300"),
		WORDS("add", "52:54:00:00:00:01", "../../etc/passwd"),
		WORDS("add", "52:54\n0 0", "10.0.0.5"),
		WORDS("add", "", "10.0.0.5"),
	};
	const char *const names[] = { "a b", "a\nb", "../x", "$(id)", "\"", "\xff", "", long_name };

	for (guint i = 0; i < G_N_ELEMENTS(refused); i++)
		g_assert_cmpint(run(fixture, "n", refused[i], NULL, NULL, NULL), ==, 1);
	expect_init(fixture, "");
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5", names[i]),
				    WORDS(FUTURE, "DNSMASQ_CLIENT_ID=x y"), NULL, NULL),
				==, 0);
		expect_init(fixture, "4000000000 52:54:00:00:00:01 10.0.0.5 * *\n");
	}
	/* The name that a client claims, and dnsmasq did not give it. */
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5"),
			    WORDS(FUTURE, "DNSMASQ_SUPPLIED_HOSTNAME=gate"), NULL, NULL),
			==, 0);
	expect_init(fixture, "4000000000 52:54:00:00:00:01 10.0.0.5 * *\n");
}

static void
test_damaged(Fixture *fixture, gconstpointer data)
{
	g_autofree char *path = lease_store_path(fixture->dir, "n");
	g_autofree char *aside = lease_damaged_path(fixture->dir, "n");
	g_autofree char *said = NULL;
	const char *const texts[] = { "", "[ {", "{}", "[ 1, {\"address\": 5}, {\"address\": \"x\"} ]" };

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
		expect_init(fixture, "");
	}
	g_assert_true(g_file_test(aside, G_FILE_TEST_EXISTS));
	/* A link or a pipe of the folder's owner. */
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(symlink("/etc/passwd", path), ==, 0);
	expect_init(fixture, "");
	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
	expect_init(fixture, "");
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5"), NULL, NULL, &said), ==, 0);
	expect_init(fixture, "0 52:54:00:00:00:01 10.0.0.5 * *\n");
	dnsmasq_leases_forget(&fixture->env, "n");
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	g_assert_false(g_file_test(aside, G_FILE_TEST_EXISTS));
}

static void
on_lease(const char *network_name, const DhcpLease *lease, gboolean is_gone, gpointer data)
{
	Fixture *fixture = data;
	g_autoptr(GPtrArray) records = lease_store_load(fixture->dir, network_name, NULL);

	g_string_append_printf(fixture->told, "%s %s %s %s stored=%d\n", network_name, is_gone ? "gone" : "here",
			       lease->address, lease->host_name ? lease->host_name : "-",
			       records ? (int)records->len : -1);
}

static void
turn(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

/* The daemon hears of a lease when the store has it, also where it could not be stored. */
static void
test_events(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(DhcpEvents) events = dhcp_events_new(&fixture->env, on_lease, fixture, &error);
	const char *name = "odd \"name\", it is";
	g_autofree char *blocked = lease_lock_path(fixture->dir, "blocked");
	struct stat st;

	g_assert_no_error(error);
	g_assert_nonnull(events);
	g_assert_cmpint(stat(fixture->events, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0600);
	run(fixture, name, WORDS("add", "52:54:00:00:00:01", "10.0.0.5", "one"), NULL, NULL, NULL);
	turn();
	run(fixture, name, WORDS("del", "52:54:00:00:00:01", "10.0.0.5", "one"), NULL, NULL, NULL);
	turn();
	/* A folder where the lock should be: nothing can be stored. */
	g_assert_cmpint(g_mkdir(blocked, 0700), ==, 0);
	g_assert_cmpint(run(fixture, "blocked", WORDS("add", "52:54:00:00:00:01", "10.0.0.6", "two"), NULL, NULL, NULL),
			==, 1);
	turn();
	g_assert_cmpstr(fixture->told->str, ==,
			"odd \"name\", it is here 10.0.0.5 one stored=1\n"
			"odd \"name\", it is gone 10.0.0.5 one stored=0\n"
			"blocked here 10.0.0.6 two stored=0\n");
}

#define EVENT "{\"network\":\"n\",\"address\":\"10.0.0.1\",\"gone\":true}"

static void
test_event_text(void)
{
	const char *const none[] = { "",
				     "x",
				     "[]",
				     "{}",
				     "{\"network\":\"n\"}",
				     "{\"address\":\"10.0.0.1\"}",
				     "{\"network\":5,\"address\":\"10.0.0.1\"}" };
	g_autoptr(LeaseRecord) record = NULL;
	g_autofree char *network = NULL;
	gboolean is_gone;

	for (guint i = 0; i < G_N_ELEMENTS(none); i++)
		g_assert_false(lease_event_parse(none[i], strlen(none[i]), &network, &record, &is_gone));
	g_assert_false(lease_event_parse(EVENT "junk", strlen(EVENT "junk"), &network, &record, &is_gone));
	g_assert_true(lease_event_parse(EVENT, strlen(EVENT), &network, &record, &is_gone));
	g_assert_cmpstr(network, ==, "n");
	g_assert_true(is_gone);
}

/* Sorted by address, of one client if asked, with the prefix of the <ip> around it. */
static void
test_list(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Network) network = network_parse("<network><name>n</name><ip address='10.0.0.1' prefix='24'/>"
						   "<ip family='ipv6' address='fd00::1' prefix='64'/></network>",
						   "n", FALSE, NULL, &error);
	g_autoptr(GPtrArray) all = NULL, one = NULL;
	const char *const addresses[] = { "10.0.0.100", "fd00::5", "10.0.0.20", "192.0.2.1" };
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_no_error(error);
	for (guint i = 0; i < G_N_ELEMENTS(addresses); i++)
		run(fixture, "n", WORDS("add", i == 1 ? "00:01:02" : "52:54:00:00:AB:01", addresses[i]), NULL, NULL,
		    NULL);
	all = dnsmasq_leases(&fixture->env, network, "br0", NULL, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < all->len; i++) {
		const DhcpLease *lease = all->pdata[i];

		g_string_append_printf(text, "%s/%u %s %s\n", lease->address, lease->prefix, lease->is_ipv6 ? "6" : "4",
				       lease->iface);
	}
	g_assert_cmpstr(text->str, ==,
			"10.0.0.20/24 4 br0\n10.0.0.100/24 4 br0\n192.0.2.1/32 4 br0\nfd00::5/64 6 br0\n");
	one = dnsmasq_leases(&fixture->env, network, "br0", "52:54:00:00:ab:01", &error);
	g_assert_cmpuint(one->len, ==, 3);
}

static void
test_privileges(Fixture *fixture, gconstpointer data)
{
	g_autofree char *path = lease_store_path(fixture->dir, "n");
	struct stat st;

	if (geteuid() != 0) {
		g_test_skip("needs root");
		return;
	}
	/* dnsmasq runs "init" as root: it takes the rights of the folder's owner. */
	g_assert_cmpint(chown(fixture->dir, 65534, 65534), ==, 0);
	expect_init(fixture, "");
	g_assert_cmpint(run(fixture, "n", WORDS("add", "52:54:00:00:00:01", "10.0.0.5"), NULL, NULL, NULL), ==, 0);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_uid, ==, 65534);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/lease/actions", Fixture, NULL, set_up, test_actions, tear_down);
	g_test_add("/lease/expiry", Fixture, NULL, set_up, test_expiry, tear_down);
	g_test_add("/lease/ipv6", Fixture, NULL, set_up, test_ipv6, tear_down);
	g_test_add("/lease/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
	g_test_add("/lease/damaged", Fixture, NULL, set_up, test_damaged, tear_down);
	g_test_add("/lease/events", Fixture, NULL, set_up, test_events, tear_down);
	g_test_add_func("/lease/event-text", test_event_text);
	g_test_add("/lease/list", Fixture, NULL, set_up, test_list, tear_down);
	g_test_add("/lease/privileges", Fixture, NULL, set_up, test_privileges, tear_down);
	return g_test_run();
}

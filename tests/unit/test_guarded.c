// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters that hold for a time only: whose clock counts, and what the file says when the disk failed. */

#include <glib/gstdio.h>

#include "tests/unit/clock.h"
#include "tests/unit/fixture.h"

#define SECONDS 2

static void
guard_for(Fixture *fixture, const char *body, guint seconds)
{
	g_autofree char *text = fixture_filter("a", NULL, body);
	const NwFilter *filter;
	g_autoptr(GError) error = NULL;

	g_assert_true(guarded_define(fixture->daemon->guarded, text, "test.xml", seconds, &filter, &error));
	g_assert_no_error(error);
}

static void
guard(Fixture *fixture, const char *body)
{
	guard_for(fixture, body, SECONDS);
}

static gboolean
waits(const Fixture *fixture)
{
	g_autoptr(GPtrArray) list = guarded_list(fixture->daemon->guarded);

	return list->len > 0;
}

static gboolean
wait_for_end(const Fixture *fixture)
{
	gint64 until = g_get_monotonic_time() + 10 * SECONDS * G_USEC_PER_SEC;

	while (waits(fixture) && g_get_monotonic_time() < until) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(10000);
	}
	return !waits(fixture);
}

/* Who locked himself out is not to wait for hours because NTP came to its senses. */
static void
test_clock_set(Fixture *fixture, gconstpointer data)
{
	guard(fixture, FIXTURE_DROP);
	clock_moved_us -= 5 * G_TIME_SPAN_HOUR;
	g_assert_true(waits(fixture));
	g_assert_true(wait_for_end(fixture));
	g_assert_null(filter_store_find("a", fixture->daemon->filters));

	guard(fixture, FIXTURE_DROP);
	clock_moved_us += 5 * G_TIME_SPAN_HOUR;
	g_main_context_iteration(NULL, FALSE);
	g_assert_true(waits(fixture));
	g_assert_true(guarded_confirm(fixture->daemon->guarded, "a", NULL));
	g_assert_nonnull(filter_store_find("a", fixture->daemon->filters));
	clock_moved_us = 0;
}

static void
test_file_deadline(Fixture *fixture, gconstpointer data)
{
	/* No time is so far that it would not come, or none at all. */
	daemon_free(fixture->daemon);
	g_assert_true(g_file_set_contents(fixture->paths->guarded_file,
					  "[{\"name\":\"a\",\"deadline\":9223372036854775807},"
					  "{\"name\":\"b\",\"deadline\":-9223372036854775807}]",
					  -1, NULL));
	fixture_start(fixture);
	{
		g_autoptr(GPtrArray) list = guarded_list(fixture->daemon->guarded);

		g_assert_cmpuint(list->len, ==, 1);
		g_assert_cmpstr(list->pdata[0], ==, "a 86400");
	}
}

static void
test_file_damaged(Fixture *fixture, gconstpointer data)
{
	static const char *const texts[] = { "[{\"name\":\"a\",\n\"deadline\"]", "{}" };
	g_autofree char *aside = g_strconcat(fixture->paths->guarded_file, ".damaged", NULL);

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *kept = NULL;

		daemon_free(fixture->daemon);
		g_assert_true(g_file_set_contents(fixture->paths->guarded_file, texts[i], -1, NULL));
		fixture_start(fixture);
		g_assert_false(waits(fixture));
		g_assert_true(g_file_get_contents(aside, &kept, NULL, NULL));
		g_assert_cmpstr(kept, ==, texts[i]);
	}
}

/* What was defined by other means since must not be undone by a restart, even if the file could not be written then. */
static void
test_unsaved(Fixture *fixture, gconstpointer data)
{
	g_autofree char *aside = g_strconcat(fixture->paths->state_dir, ".away", NULL), *text = NULL;
	gint64 until = g_get_monotonic_time() + 3 * GUARDED_RETRY_SEC * G_USEC_PER_SEC;

	guard(fixture, FIXTURE_DROP);
	g_assert_cmpint(g_rename(fixture->paths->state_dir, aside), ==, 0);
	guarded_forget(fixture->daemon->guarded, "a");
	g_assert_cmpint(g_rename(aside, fixture->paths->state_dir), ==, 0);
	do {
		g_free(text);
		g_main_context_iteration(NULL, FALSE);
		g_usleep(10000);
		g_assert_true(g_file_get_contents(fixture->paths->guarded_file, &text, NULL, NULL));
	} while (strcmp(text, "[]\n") && g_get_monotonic_time() < until);
	g_assert_cmpstr(text, ==, "[]\n");
}

/* As a crash leaves it between this file and the filter's: the filter is another by then, or gone. */
static void
test_cut(Fixture *fixture, gconstpointer data)
{
	g_autofree char *waiting = NULL, *other = fixture_filter("a", NULL, FIXTURE_ACCEPT), *damaged = NULL;
	const NwFilter *filter;

	guard_for(fixture, FIXTURE_DROP, GUARDED_SECONDS_MAX);
	g_assert_true(g_file_get_contents(fixture->paths->guarded_file, &waiting, NULL, NULL));
	daemon_free(fixture->daemon);
	fixture_start(fixture);
	g_assert_true(waits(fixture));

	g_assert_true(filter_store_define(fixture->daemon->filters, fixture->daemon->engine, other, "other.xml",
					  &filter, NULL));
	daemon_free(fixture->daemon);
	g_assert_true(g_file_set_contents(fixture->paths->guarded_file, waiting, -1, NULL));
	fixture_start(fixture);
	g_assert_false(waits(fixture));
	g_assert_nonnull(filter_store_find("a", fixture->daemon->filters));

	/* One that cannot be read is what it is kept for. */
	daemon_free(fixture->daemon);
	damaged = g_build_filename(fixture->paths->filter_dir, "a.xml", NULL);
	g_assert_true(g_file_set_contents(damaged, "<filter", -1, NULL));
	g_assert_true(g_file_set_contents(fixture->paths->guarded_file, waiting, -1, NULL));
	fixture_start(fixture);
	g_assert_true(waits(fixture));

	daemon_free(fixture->daemon);
	g_assert_cmpint(g_remove(damaged), ==, 0);
	g_assert_true(g_file_set_contents(fixture->paths->guarded_file, waiting, -1, NULL));
	fixture_start(fixture);
	g_assert_false(waits(fixture));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_up, function, fixture_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/guarded/clock-set", test_clock_set);
	ADD("/guarded/file-deadline", test_file_deadline);
	ADD("/guarded/file-damaged", test_file_damaged);
	ADD("/guarded/unsaved", test_unsaved);
	ADD("/guarded/cut", test_cut);
	return g_test_run();
}

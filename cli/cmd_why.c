// SPDX-License-Identifier: GPL-2.0-or-later
/* What is being dropped, and by which rule. */

#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/remote.h"
#include "cli/sample.h"

#define DEFAULT_SECONDS 5
#define SECONDS_MAX	86400
#define POLL_MS		250
#define READY_MS	3000 /* how long to wait until samples are listened to */
#define FOLLOW_POLLS	4    /* polls between two reports of --follow */

/* One rule on one port. */
typedef struct {
	json_t *what;		/* as the daemon tells it */
	guint64 packets, bytes; /* of that counter, when last seen */
	guint64 new_packets, new_bytes;
} Row;

typedef struct {
	CliContext *context;
	const char *port;
	GHashTable *rows; /* the daemon's key of a counter, and where the rule stands -> Row */
	gboolean is_ready;
} Watch;

static void
row_free(gpointer data)
{
	Row *row = data;

	json_decref(row->what);
	g_free(row);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static guint64
number_of(const json_t *object, const char *key)
{
	return (guint64)json_integer_value(json_object_get(object, key));
}

/* A rule may be several in the kernel, and a redefinition begins its counter anew. */
static void
take_rule(Watch *watch, json_t *rule, gboolean is_first)
{
	g_autofree char *name =
		g_strdup_printf("%s %s %s", text_of(rule, "direction"), text_of(rule, "key"), text_of(rule, "place"));
	guint64 packets = number_of(rule, "packets"), bytes = number_of(rule, "bytes");
	Row *row = g_hash_table_lookup(watch->rows, name);

	if (!row) {
		row = g_new0(Row, 1);
		g_hash_table_insert(watch->rows, g_steal_pointer(&name), row);
	}
	if (is_first) {
		row->packets = packets;
		row->bytes = bytes;
	}
	if (packets < row->packets || bytes < row->bytes)
		row->packets = row->bytes = 0;
	row->new_packets += packets - row->packets;
	row->new_bytes += bytes - row->bytes;
	row->packets = packets;
	row->bytes = bytes;
	json_decref(row->what);
	row->what = json_incref(rule);
}

static gboolean
poll_daemon(Watch *watch, gboolean is_first)
{
	g_auto(RpcValues) call = { 0 }, ret = { 0 };

	call.at[0].text = g_strdup(watch->port);
	if (!cli_remote_call_own(watch->context, RPC_SLUICE_WHY, &call, &ret, "Failed to ask what is dropped", NULL,
				 NULL))
		return FALSE;
	watch->is_ready = ret.at[0].number != 0;
	for (guint i = 0; ret.at[1].list && i < ret.at[1].list->len; i++) {
		g_autoptr(json_t) list = json_loads(((const RpcValue *)ret.at[1].list->pdata[i])->text, 0, NULL);
		json_t *rule;
		gsize k;

		json_array_foreach(list, k, rule)
		{
			take_rule(watch, rule, is_first);
		}
	}
	return TRUE;
}

static gint
compare_rows(gconstpointer a, gconstpointer b)
{
	const Row *x = *(const Row *const *)a, *y = *(const Row *const *)b;
	gint ports = strcmp(text_of(x->what, "port"), text_of(y->what, "port"));

	if (ports)
		return ports;
	if (x->new_packets != y->new_packets)
		return x->new_packets > y->new_packets ? -1 : 1;
	return strcmp(text_of(x->what, "place"), text_of(y->what, "place"));
}

/* One object for each port, direction, place and rule; the daemon's may be several. */
static GPtrArray *
rows_to_tell(const Watch *watch)
{
	g_autoptr(GHashTable) by_rule = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, watch->rows);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Row *row = value, *told;
		g_autofree char *name = g_strjoin(" ", text_of(row->what, "port"), text_of(row->what, "direction"),
						  text_of(row->what, "place"), text_of(row->what, "rule"), NULL);

		if (!row->new_packets)
			continue;
		told = g_hash_table_lookup(by_rule, name);
		if (!told) {
			told = g_new0(Row, 1);
			told->what = json_incref(row->what);
			g_hash_table_insert(by_rule, g_steal_pointer(&name), told);
			g_ptr_array_add(rows, told);
		} else if (!json_object_get(told->what, "sample")) {
			json_decref(told->what);
			told->what = json_incref(row->what);
		}
		told->new_packets += row->new_packets;
		told->new_bytes += row->new_bytes;
		row->new_packets = row->new_bytes = 0;
	}
	g_ptr_array_sort(rows, compare_rows);
	return rows;
}

static json_t *
row_json(const Row *row)
{
	static const char *const keys[] = { "port", "direction", "action", "reason", "filter", "place", "rule" };
	g_autofree char *sample = cli_sample_format(text_of(row->what, "sample"));
	json_t *object = json_object();

	for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
		json_object_set_new(object, keys[i], json_string(text_of(row->what, keys[i])));
	json_object_set_new(object, "packets", json_integer((json_int_t)row->new_packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)row->new_bytes));
	json_object_set_new(object, "sample", sample ? json_string(sample) : json_null());
	return object;
}

static void
print_row(const Row *row)
{
	g_autofree char *sample = cli_sample_format(text_of(row->what, "sample"));

	printf("%s %s: %" G_GUINT64_FORMAT " packet%s, %" G_GUINT64_FORMAT " bytes: %s\n", text_of(row->what, "port"),
	       text_of(row->what, "direction"), row->new_packets, row->new_packets == 1 ? "" : "s", row->new_bytes,
	       text_of(row->what, "reason"));
	printf("    filter %s, %s: %s\n", text_of(row->what, "filter"), text_of(row->what, "place"),
	       text_of(row->what, "rule"));
	if (sample)
		printf("    such as: %s\n", sample);
}

static void
tell(Watch *watch, gboolean follows)
{
	g_autoptr(GPtrArray) rows = rows_to_tell(watch);
	g_autoptr(json_t) list = json_array();

	for (guint i = 0; i < rows->len; i++) {
		g_autoptr(json_t) object = watch->context->json ? row_json(rows->pdata[i]) : NULL;

		if (!object) {
			print_row(rows->pdata[i]);
		} else if (follows) {
			json_dumpf(object, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			json_array_append(list, object);
		}
	}
	if (!follows && watch->context->json)
		cli_print_json(list);
	else if (!follows && !rows->len)
		printf("Nothing was dropped.\n");
	fflush(stdout);
}

static void
pause_ms(guint ms)
{
	g_usleep((gulong)ms * 1000);
}

static gboolean
watch_run(Watch *watch, gboolean follows, guint64 seconds)
{
	gint64 until;

	if (!poll_daemon(watch, TRUE))
		return FALSE;
	for (guint waited = 0; !watch->is_ready && waited < READY_MS; waited += POLL_MS) {
		pause_ms(POLL_MS);
		if (!poll_daemon(watch, FALSE))
			return FALSE;
	}
	if (!watch->is_ready)
		fprintf(stderr, "warning: sluice-snoop does not run: there are no samples\n");
	fprintf(stderr, "Watching what is dropped%s%s ...\n", watch->port ? " on " : "",
		watch->port ? watch->port : "");
	until = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
	for (guint polls = 1; !seconds || g_get_monotonic_time() < until; polls++) {
		pause_ms(POLL_MS);
		if (!poll_daemon(watch, FALSE))
			return FALSE;
		if (follows && polls % FOLLOW_POLLS == 0)
			tell(watch, TRUE);
	}
	tell(watch, follows);
	return TRUE;
}

CliExit
cli_why(CliContext *context, const CliArgs *args)
{
	const char *given = cli_args_get(args, "seconds");
	gboolean follows = cli_args_has(args, "follow");
	g_autoptr(GHashTable) rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, row_free);
	Watch watch = { context, cli_args_get(args, "port"), rows, FALSE };
	g_auto(RpcValues) call = { 0 }, ret = { 0 };
	guint64 seconds = follows ? 0 : DEFAULT_SECONDS;

	if (given && !g_ascii_string_to_unsigned(given, 10, 1, SECONDS_MAX, &seconds, NULL)) {
		cli_error("--seconds is '%s', but must be a number from 1 to %d", given, SECONDS_MAX);
		return CLI_USAGE;
	}
	if (!watch_run(&watch, follows, seconds))
		return CLI_FAILED;
	/* Should this fail, the daemon gives up on us by itself. */
	call.at[1].number = RPC_SLUICE_WHY_END;
	cli_remote_try_own(context, RPC_SLUICE_WHY, &call, &ret, NULL);
	return CLI_OK;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel decides as the evaluator does: random filters, and frames near their boundaries, on real bridges.
 *
 * Runs in the namespaces that tests/differential/run makes (wire.h). Each port has a filter of its own. A frame is sent
 * on one side and has passed when the very same bytes come out of the other. Every back end is given the same filters
 * and the same frames. Of the filters some look at frames alone; the others at connections too, and are sent
 * conversations.
 *
 * Out of scope: IP sets, and frames to the host's own stack.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/difference.h"
#include "tests/differential/shrink.h"
#include "tests/differential/wire.h"

#define FRAMES	      50
#define SHOWN_MAX     8
#define WAIT_BATCH_MS 100
#define ROUND_US      5000 /* more than a tick: connections are counted once in each */
#define FOUND_FOLDER  "tests/differential/found"

typedef struct {
	GenCase source;
	Subject subject;
	GenFrame frames[FRAMES];
	Fate wanted[FRAMES];
	gboolean arrived[FRAMES], control[FRAMES];
	guint count;
	char *refused; /* by the back end that is asked now */
} Port;

typedef struct {
	const Backend *backend;
	guint filters, frames, passed, dropped, excluded, refused, disagreements;
	GHashTable *refusals, *known; /* utf8 -> how often */
} Totals;

static Port ports[PORTS];
static guint64 seed;

/* --- the frames of all ports --- */

static gboolean
make_port(guint number, const GenStyle *style)
{
	Port *port = &ports[number];

	do
		gen_case(&port->source, style);
	while (!subject_build(&port->subject, &port->source, number, NULL) ||
	       rule_program_is_stateful(port->subject.program) != style->stateful);
	port->count = 0;
	if (style->stateful) {
		gboolean is_inside = port->subject.program->vlan_policy == RULE_VLAN_INSPECT;

		port->count = gen_conversation(port->frames, FRAMES);
		/* All of them alike: connection tracking does not tell VLANs apart. */
		for (guint i = 0; is_inside && i < port->count; i++)
			gen_tag(&port->frames[i], number % 3); /* none, one or two */
	} else {
		for (guint i = 0; i < FRAMES; i++) {
			GenFrame *frame = &port->frames[port->count];
			gboolean twice = FALSE;

			gen_frame(port->subject.program, port->subject.vars, number << 16 | i, frame);
			for (guint k = 0; k < port->count; k++)
				twice |= wire_is_same(&port->frames[k], frame);
			port->count += !twice;
		}
	}
	subject_expect(&port->subject, port->frames, port->count, port->wanted);
	return TRUE;
}

static gboolean
some_missing(const Port *port)
{
	for (guint i = 0; i < port->count; i++)
		if (port->control[i] && !port->arrived[i] && port->wanted[i] == FATE_PASSES)
			return TRUE;
	return FALSE;
}

static void
collect_port(guint number)
{
	Port *port = &ports[number];

	for (guint wait = 0; wait < WAIT_BATCH_MS && some_missing(port); wait++) {
		g_usleep(1000);
		wire_collect(number, port->frames, port->arrived, port->count);
	}
}

/* Each frame for itself; what no bridge forwards by itself is seen at the bridge without a filter. */
static void
send_frames(guint count)
{
	for (guint p = 0; p < count; p++) {
		Port *port = &ports[p];

		for (guint i = 0; i < port->count && !port->refused; i++) {
			wire_send(CONTROL, &port->frames[i]);
			wire_send(p, &port->frames[i]);
		}
		wire_collect(CONTROL, port->frames, port->control, port->count);
		wire_collect(p, port->frames, port->arrived, port->count);
	}
	for (guint p = 0; p < count; p++)
		if (!ports[p].refused)
			collect_port(p);
}

/* The next frame of every port, and time for the kernel's clock to tick. */
static void
send_conversations(guint count)
{
	for (guint i = 0; i < FRAMES; i++) {
		for (guint p = 0; p < count; p++)
			if (i < ports[p].count && !ports[p].refused)
				ports[p].control[i] = wire_send(p, &ports[p].frames[i]);
		g_usleep(ROUND_US);
	}
	for (guint p = 0; p < count; p++) {
		wire_collect(p, ports[p].frames, ports[p].arrived, ports[p].count);
		if (!ports[p].refused)
			collect_port(p);
	}
}

/* --- what came of it --- */

static void
count_word(GHashTable *table, const char *word)
{
	guint before = GPOINTER_TO_UINT(g_hash_table_lookup(table, word));

	g_hash_table_replace(table, g_strdup(word), GUINT_TO_POINTER(before + 1));
}

static void
print_words(GHashTable *table, const char *what)
{
	g_autoptr(GList) words = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);

	for (GList *word = words; word; word = word->next)
		printf("# %s %u times: %s\n", what, GPOINTER_TO_UINT(g_hash_table_lookup(table, word->data)),
		       (const char *)word->data);
}

static void
print_known(GHashTable *table)
{
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);

	for (GList *name = names; name; name = name->next)
		printf("# known difference %u times: %s: %s\n",
		       GPOINTER_TO_UINT(g_hash_table_lookup(table, name->data)), (const char *)name->data,
		       difference_reason(name->data));
}

static void
keep_case(const Backend *backend, const Case *c)
{
	static guint number;
	const char *build = g_getenv("SLUICE_BUILD");
	g_autofree char *folder = g_build_filename(build ? build : "build", FOUND_FOLDER, NULL);
	g_autofree char *name = g_strdup_printf("%s-%" G_GUINT64_FORMAT "-%u", backend->name, seed, ++number);
	g_autofree char *stem = g_build_filename(folder, name, NULL);
	g_autofree char *xml_path = g_strconcat(stem, ".xml", NULL);
	g_autofree char *packets_path = g_strconcat(stem, ".packets", NULL);
	g_autofree char *xml = NULL, *packets = NULL;
	g_autoptr(GError) error = NULL;

	case_print(backend, c, &xml, &packets);
	printf("%s%s", xml, packets);
	if (g_mkdir_with_parents(folder, 0755) == 0 && g_file_set_contents(xml_path, xml, -1, &error) &&
	    g_file_set_contents(packets_path, packets, -1, &error))
		printf("# kept as %s and .packets: move them to tests/differential/cases\n", xml_path);
	else
		printf("# cannot keep it in %s: %s\n", folder, error ? error->message : g_strerror(errno));
	fflush(stdout);
}

/* Returns whether the port is worth another look. */
static gboolean
judge_frame(Totals *totals, const Port *port, guint p, guint i, gboolean stateful)
{
	Fate got = port->arrived[i] ? FATE_PASSES : FATE_DROPPED;
	const char *name;
	g_autofree Case *c = NULL;
	guint index;

	if (!port->control[i] || port->wanted[i] == FATE_UNKNOWN) {
		totals->excluded++;
		return TRUE;
	}
	totals->frames++;
	*(got == FATE_PASSES ? &totals->passed : &totals->dropped) += 1;
	if (got == port->wanted[i])
		return TRUE;
	name = difference_find(totals->backend, &port->subject, &port->frames[i]);
	if (name) {
		count_word(totals->known, name);
		return !stateful;
	}
	c = g_new0(Case, 1);
	c->source = port->source;
	c->count = stateful ? port->count : 1;
	memcpy(c->frames, stateful ? port->frames : &port->frames[i], c->count * sizeof(c->frames[0]));
	totals->backend->unload(NULL);
	if (case_differs(totals->backend, c, &index)) {
		if (totals->disagreements++ >= SHOWN_MAX)
			return FALSE;
		case_shrink(totals->backend, c);
	} else {
		printf("# not seen again when sent alone: %s: filter %u frame %u\n", totals->backend->name,
		       totals->filters + p, i);
		/* A frame can be late on a busy machine; what has passed has passed. */
		if (got == FATE_DROPPED)
			return FALSE;
		totals->disagreements++;
	}
	printf("not ok - %s: filter %u frame %u: the evaluator %s it\n", totals->backend->name, totals->filters + p, i,
	       port->wanted[i] == FATE_PASSES ? "passes" : "drops");
	keep_case(totals->backend, c);
	return FALSE;
}

static void
judge(Totals *totals, guint count, gboolean stateful)
{
	for (guint p = 0; p < count; p++) {
		const char *reason = ports[p].refused;

		if (reason) {
			/* "FILE:LINE: " differs from filter to filter. */
			count_word(totals->refusals, strstr(reason, ": ") ? strstr(reason, ": ") + 2 : reason);
			totals->refused++;
			continue;
		}
		for (guint i = 0; i < ports[p].count; i++)
			if (!judge_frame(totals, &ports[p], p, i, stateful))
				break;
	}
	totals->filters += count;
}

static gboolean
run_backend(Totals *totals, guint count, gboolean stateful, GError **error)
{
	Subject *subjects[PORTS];
	char *refused[PORTS] = { NULL };

	for (guint p = 0; p < count; p++) {
		subjects[p] = &ports[p].subject;
		memset(ports[p].arrived, 0, sizeof(ports[p].arrived));
		memset(ports[p].control, 0, sizeof(ports[p].control));
	}
	if ((stateful && !backend_next_zones(error)) || !totals->backend->load(subjects, count, refused, error)) {
		totals->backend->unload(NULL);
		return FALSE;
	}
	for (guint p = 0; p < count; p++)
		ports[p].refused = refused[p];
	if (stateful)
		send_conversations(count);
	else
		send_frames(count);
	judge(totals, count, stateful);
	for (guint p = 0; p < count; p++)
		g_clear_pointer(&ports[p].refused, g_free);
	return totals->backend->unload(error);
}

static gboolean
run_random(const Backend *const *backends, guint wanted, guint seconds, const GenStyle *style)
{
	g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(Totals));
	g_autoptr(GError) error = NULL;
	const char *words = style->stateful ? "filters on connections"
			    : style->learns ? "filters with learned addresses"
					    : "filters";
	gboolean ok = TRUE;
	guint done = 0, batch = PORTS;
	gint64 begin = g_get_monotonic_time();

	for (; *backends; backends++) {
		Totals totals = { .backend = *backends,
				  .refusals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
				  .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };

		g_array_append_val(all, totals);
		if ((*backends)->ports)
			batch = MIN(batch, (*backends)->ports);
	}
	while (ok && done < wanted && (!seconds || g_get_monotonic_time() - begin < (gint64)seconds * G_USEC_PER_SEC)) {
		guint count = MIN(batch, wanted - done);

		for (guint p = 0; p < count; p++)
			make_port(p, style);
		for (guint i = 0; ok && i < all->len; i++) {
			Totals *totals = &g_array_index(all, Totals, i);

			if (!run_backend(totals, count, style->stateful, &error)) {
				printf("not ok - %s: %s\n", totals->backend->name, error->message);
				ok = FALSE;
			} else if (totals->disagreements >= SHOWN_MAX) {
				ok = FALSE;
			}
		}
		for (guint p = 0; p < count; p++)
			subject_clear(&ports[p].subject);
		done += count;
	}
	printf("# measured %u %s in %.1f s\n", done, words, (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
	for (guint i = 0; i < all->len; i++) {
		Totals *totals = &g_array_index(all, Totals, i);
		guint loaded = totals->filters - totals->refused;

		printf("# measured %s: %u filters, %u frames: %u passed, %u dropped; %u frames not compared, "
		       "%u filters refused\n",
		       totals->backend->name, loaded, totals->frames, totals->passed, totals->dropped, totals->excluded,
		       totals->refused);
		print_words(totals->refusals, "refused");
		print_known(totals->known);
		if (ok && !totals->disagreements)
			printf("ok - %s and the evaluator agree on %u %s\n", totals->backend->name, loaded, words);
		ok &= !totals->disagreements;
		g_hash_table_unref(totals->refusals);
		g_hash_table_unref(totals->known);
	}
	return ok;
}

/* N SEED SECONDS FILE.xml…: the cases, then so many filters, or as many as the time is enough for (0: any time) */
static gboolean
run_libvirt(int argc, char **argv)
{
	static const Backend *const libvirt[] = { &backend_libvirt, NULL };
	const GenStyle alone = { .rules_max = 3, .parts_max = 2, .no_continue = TRUE, .no_vlan = TRUE };
	const GenStyle connections = {
		.stateful = TRUE, .rules_max = 3, .parts_max = 2, .no_continue = TRUE, .no_vlan = TRUE
	};
	guint wanted, seconds;
	gboolean ok = TRUE;

	if (argc < 3)
		return FALSE;
	wanted = (guint)strtoul(argv[0], NULL, 10);
	seed = g_ascii_strtoull(argv[1], NULL, 10);
	seconds = (guint)strtoul(argv[2], NULL, 10);
	for (int i = 3; i < argc; i++)
		ok &= case_run_file(argv[i], libvirt);
	printf("# seed %" G_GUINT64_FORMAT "\n", seed);
	gen_seed(seed);
	ok &= run_random(libvirt, wanted / 2, seconds / 2, &alone);
	ok &= run_random(libvirt, wanted - wanted / 2, seconds / 2, &connections);
	return ok;
}

int
main(int argc, char **argv)
{
	static const Backend *const backends[] = { &backend_nft, &backend_nft_plain, &backend_iptables, NULL };
	const GenStyle alone = { .stateful = FALSE }, connections = { .stateful = TRUE }, learning = { .learns = TRUE };
	guint wanted;
	gboolean ok = TRUE;

	if (argc < 3) {
		fputs("usage (in the namespaces of tests/differential/run): differential N SEED | --libvirt N SEED "
		      "SECONDS [FILE.xml...] | "
		      "--cases FILE.xml...\n",
		      stderr);
		return 2;
	}
	wire_open();
	if (g_str_equal(argv[1], "--cases")) {
		for (int i = 2; i < argc; i++)
			ok &= case_run_file(argv[i], backends);
		return !ok;
	}
	if (g_str_equal(argv[1], "--libvirt"))
		return !run_libvirt(argc - 2, argv + 2);
	wanted = (guint)strtoul(argv[1], NULL, 10);
	seed = g_ascii_strtoull(argv[2], NULL, 10);
	printf("# seed %" G_GUINT64_FORMAT "\n", seed);
	gen_seed(seed);
	ok &= run_random(backends, wanted, 0, &alone);
	ok &= run_random(backends, wanted / 4, 0, &connections);
	ok &= run_random(backends, wanted / 4, 0, &learning);
	return !ok;
}

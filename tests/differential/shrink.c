// SPDX-License-Identifier: GPL-2.0-or-later
/* Small cases: asked, shrunk, printed, read. */

#include "tests/differential/shrink.h"

#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "rules/packet_format.h"
#include "tests/differential/difference.h"
#include "tests/differential/wire.h"

#define WAIT_MS	      150
#define SHRINK_SEC    20    /* libvirt takes a second for each try */
#define WAIT_COUNT_US 12000 /* the kernel looks at a count's connections once in a tick */

static gint64 until; /* when shrinking gives up */

void
case_ask(const Subject *subject, const GenFrame *frames, guint count, Fate *ret_got)
{
	gboolean stateful = rule_program_is_stateful(subject->program);

	for (guint i = 0; i < count; i++) {
		if (stateful)
			g_usleep(WAIT_COUNT_US);
		ret_got[i] = wire_ask(subject->port, &frames[i], WAIT_MS) ? FATE_PASSES : FATE_DROPPED;
		if (ret_got[i] == FATE_DROPPED && !wire_ask(CONTROL, &frames[i], WAIT_MS))
			ret_got[i] = FATE_UNKNOWN;
	}
}

static gboolean
subject_differs(const Backend *backend, Subject *subject, const Case *c, guint *ret_index)
{
	Fate wanted[CASE_FRAMES_MAX], got[CASE_FRAMES_MAX];
	g_autofree char *refused = NULL;
	g_autoptr(GError) error = NULL;
	gboolean differs = FALSE;

	subject_expect(subject, c->frames, c->count, wanted);
	if (!backend_next_zones(&error) || !backend->load(&subject, 1, &refused, &error)) {
		printf("# %s: %s\n", backend->name, error->message);
	} else if (!refused) {
		case_ask(subject, c->frames, c->count, got);
		for (guint i = 0; i < c->count && !differs; i++) {
			differs = wanted[i] != FATE_UNKNOWN && got[i] != FATE_UNKNOWN && wanted[i] != got[i] &&
				  !difference_find(backend, subject, &c->frames[i]);
			*ret_index = i;
		}
	}
	g_clear_error(&error);
	if (!backend->unload(&error))
		printf("# %s: %s\n", backend->name, error->message);
	return differs;
}

gboolean
case_differs(const Backend *backend, const Case *c, guint *ret_index)
{
	Subject subject;
	gboolean differs;

	if (!subject_build(&subject, &c->source, 0, NULL))
		return FALSE;
	differs = subject_differs(backend, &subject, c, ret_index);
	subject_clear(&subject);
	return differs;
}

/* --- smaller --- */

static gboolean
try_less(const Backend *backend, Case *c, const Case *less)
{
	guint index;

	if (g_get_monotonic_time() > until || !case_differs(backend, less, &index))
		return FALSE;
	*c = *less;
	return TRUE;
}

#define REMOVE(ARRAY, COUNT, AT) memmove(&(ARRAY)[AT], &(ARRAY)[(AT) + 1], (--(COUNT) - (AT)) * sizeof((ARRAY)[0]))

static gboolean
shrink_parts(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint p = c->source.part_count; p-- > 1;) {
		Case less = *c;

		REMOVE(less.source.parts, less.source.part_count, p);
		for (guint i = 1; i < less.source.part_count; i++)
			if (less.source.parts[i].parent >= p)
				less.source.parts[i].parent =
					less.source.parts[i].parent == p ? 0 : less.source.parts[i].parent - 1;
		smaller |= try_less(backend, c, &less);
	}
	return smaller;
}

static gboolean
shrink_rules(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint p = 0; p < c->source.part_count; p++)
		for (guint r = c->source.parts[p].rule_count; r-- > 0;) {
			Case less = *c;
			GenPart *part = &less.source.parts[p];

			REMOVE(part->rules, part->rule_count, r);
			smaller |= try_less(backend, c, &less);
		}
	return smaller;
}

static gboolean
shrink_attrs(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint p = 0; p < c->source.part_count; p++)
		for (guint r = 0; r < c->source.parts[p].rule_count; r++)
			for (guint a = c->source.parts[p].rules[r].attr_count; a-- > 0;) {
				Case less = *c;
				GenRule *rule = &less.source.parts[p].rules[r];

				REMOVE(rule->attrs, rule->attr_count, a);
				smaller |= try_less(backend, c, &less);
			}
	return smaller;
}

static gboolean
shrink_params(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint i = c->source.param_count; i-- > 0;) {
		Case less = *c;

		REMOVE(less.source.params, less.source.param_count, i);
		smaller |= try_less(backend, c, &less);
	}
	return smaller;
}

static gboolean
shrink_defaults(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint p = 0; p < c->source.part_count; p++)
		for (guint i = c->source.parts[p].default_count; i-- > 0;) {
			Case less = *c;
			GenPart *part = &less.source.parts[p];

			REMOVE(part->defaults, part->default_count, i);
			smaller |= try_less(backend, c, &less);
		}
	return smaller;
}

static gboolean
shrink_frames(const Backend *backend, Case *c)
{
	gboolean smaller = FALSE;

	for (guint i = c->count; i-- > 0 && c->count > 1;) {
		Case less = *c;

		REMOVE(less.frames, less.count, i);
		smaller |= try_less(backend, c, &less);
	}
	return smaller;
}

void
case_shrink(const Backend *backend, Case *c)
{
	gboolean smaller = TRUE;
	guint index;

	until = g_get_monotonic_time() + SHRINK_SEC * G_USEC_PER_SEC;
	if (case_differs(backend, c, &index))
		c->count = index + 1;
	while (smaller) {
		smaller = shrink_parts(backend, c);
		smaller |= shrink_rules(backend, c);
		smaller |= shrink_frames(backend, c);
		smaller |= shrink_attrs(backend, c);
	}
	shrink_params(backend, c);
	shrink_defaults(backend, c);
}

/* --- files --- */

void
case_print(const Backend *backend, const Case *c, char **ret_xml, char **ret_packets)
{
	GString *xml = g_string_new(NULL), *packets = g_string_new(NULL);
	Fate wanted[CASE_FRAMES_MAX];
	Subject subject;

	for (guint i = 0; i < c->source.part_count; i++) {
		g_autofree char *part = gen_part_xml(&c->source, i, "case");

		g_string_append(xml, part);
	}
	for (guint i = 0; i < c->source.param_count; i++)
		g_string_append_printf(packets, "param %s %s\n", c->source.params[i].name, c->source.params[i].value);
	for (guint i = 0; i < c->count; i++) {
		PacketView view;
		g_autofree char *line = NULL;

		if (packet_parse(c->frames[i].bytes, c->frames[i].len, &view, NULL))
			line = packet_format(&view);
		g_string_append_printf(packets, "# packet: %s\n%s ", line ? line : "not one",
				       c->frames[i].way == RULE_FROM_GUEST ? "out" : "in");
		for (gsize k = 0; k < c->frames[i].len; k++)
			g_string_append_printf(packets, "%02x", c->frames[i].bytes[k]);
		g_string_append_c(packets, '\n');
	}
	if (subject_build(&subject, &c->source, 0, NULL)) {
		subject_expect(&subject, c->frames, c->count, wanted);
		g_string_append_printf(packets, "# seen: of the last packet the evaluator says that it %s; not so %s\n",
				       wanted[c->count - 1] == FATE_PASSES ? "passes" : "is dropped", backend->name);
		subject_print_trace(&subject, c->frames, c->count, packets);
		subject_clear(&subject);
	}
	*ret_xml = g_string_free(xml, FALSE);
	*ret_packets = g_string_free(packets, FALSE);
}

static gboolean
read_line(const char *line, Subject *subject, GArray *frames)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 3);
	GenFrame frame = { 0 };

	if (!*line || *line == '#')
		return TRUE;
	if (!words[1])
		return FALSE;
	if (g_str_equal(words[0], "param"))
		return words[2] && subject_param(subject, words[1], words[2], NULL);
	frame.len = strlen(words[1]) / 2;
	if (frame.len < ETH_HLEN || frame.len > GEN_FRAME_MAX || frames->len == CASE_FRAMES_MAX)
		return FALSE;
	frame.way = g_str_equal(words[0], "in") ? RULE_TO_GUEST : RULE_FROM_GUEST;
	for (gsize i = 0; i < frame.len; i++)
		frame.bytes[i] = (guint8)(g_ascii_xdigit_value(words[1][2 * i]) << 4 |
					  g_ascii_xdigit_value(words[1][2 * i + 1]));
	g_array_append_val(frames, frame);
	return TRUE;
}

static gboolean
run_on(const char *stem, const Backend *backend, Subject *subject, const GArray *frames)
{
	const GenFrame *all = (const GenFrame *)frames->data;
	g_autofree Fate *wanted = g_new0(Fate, frames->len + 1), *got = g_new0(Fate, frames->len + 1);
	g_autofree char *refused = NULL;
	g_autoptr(GError) error = NULL;
	gboolean ok = TRUE;

	subject_expect(subject, all, frames->len, wanted);
	if (!backend_next_zones(&error) || !backend->load(&subject, 1, &refused, &error)) {
		printf("not ok - %s: %s: %s\n", stem, backend->name, error->message);
		ok = FALSE;
	} else if (refused) {
		printf("ok - %s: %s # SKIP refused: %s\n", stem, backend->name, refused);
	} else {
		case_ask(subject, all, frames->len, got);
		for (guint i = 0; i < frames->len; i++) {
			gboolean compared = wanted[i] != FATE_UNKNOWN && got[i] != FATE_UNKNOWN;
			const char *name =
				compared && got[i] != wanted[i] ? difference_find(backend, subject, &all[i]) : NULL;
			gboolean right = !compared || got[i] == wanted[i] || name;

			ok &= right;
			printf("%s - %s: %s packet %u %s%s%s\n", right ? "ok" : "not ok", stem, backend->name, i + 1,
			       got[i] == FATE_PASSES ? "passes" : "is dropped",
			       !compared ? " # SKIP no bridge forwards it"
			       : name	 ? " # SKIP known difference: "
					 : "",
			       name ? name : "");
		}
	}
	g_clear_error(&error);
	if (!backend->unload(&error)) {
		printf("not ok - %s: %s: %s\n", stem, backend->name, error->message);
		ok = FALSE;
	}
	return ok;
}

gboolean
case_run_file(const char *path, const Backend *const *backends)
{
	g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".xml"));
	g_autofree char *packets = g_strconcat(stem, ".packets", NULL), *name = g_path_get_basename(stem);
	g_autofree char *xml = NULL, *text = NULL;
	g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(GenFrame));
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) documents = NULL, lines = NULL;
	Subject subject;
	gboolean ok =
		g_file_get_contents(path, &xml, NULL, &error) && g_file_get_contents(packets, &text, NULL, &error);

	subject_begin(&subject, "case", 0);
	documents = g_strsplit(xml ? xml : "", "</filter>", -1);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **document = documents; ok && document[0] && document[1]; document++) {
		g_autofree char *whole = g_strconcat(g_strstrip(*document), "</filter>", NULL);

		ok = subject_add(&subject, whole, &error);
	}
	for (char **line = lines; ok && *line; line++)
		ok = read_line(*line, &subject, frames);
	ok = ok && subject_end(&subject, &error);
	if (!ok)
		printf("not ok - %s: %s\n", stem, error ? error->message : "a line of its packets");
	for (; ok && *backends; backends++)
		ok = run_on(name, *backends, &subject, frames);
	subject_clear(&subject);
	return ok;
}

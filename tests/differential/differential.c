// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel decides as the evaluator does: random filters, and frames near their boundaries, on real bridges.
 *
 * Runs in the namespaces that tests/differential/run makes: port N is vN on a bridge of its own with sN; their peers
 * gN (the guest) and tN (the world) lie in the namespace "guests". Each port has a filter of its own. A frame is sent
 * on one side and has passed when the very same bytes come out of the other. The last bridge carries no filter: what a
 * bridge does not forward by itself is not compared.
 *
 * Out of scope: filters that look at connections (state, connlimit-above, ipset, accept with statematch), and frames
 * to the host's own stack. The frames of one port come without a past, so the kernel keeps no connections at all.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "nwfilter/compile.h"
#include "nwfilter/engine.h"
#include "rules/eval.h"
#include "rules/packet_format.h"
#include "rules/plan.h"
#include "tests/differential/generate.h"

#define PORTS	       64
#define CONTROL	       PORTS
#define FRAMES	       50
#define GUARD_LEN      3 /* bytes of a layer 4 header that our rules load first */
#define SHOWN_MAX      8
#define WAIT_BATCH_MS  100
#define WAIT_ONE_MS    150
#define NAMESPACE_FILE "/run/netns/guests"

/* One filter tree, compiled, with the values of its variables. */
typedef struct {
	GPtrArray *filters; /* of NwFilter */
	NwBinding *binding;
	RuleProgram *program;
	RuleVars *vars;
} Subject;

typedef enum { UNKNOWN, PASSED, DROPPED } Fate;

typedef struct {
	GenFrame frame;
	Fate wanted;
	gboolean arrived, control;
} Probe;

typedef struct {
	GenCase source;
	Subject subject;
	Probe probes[FRAMES];
	guint count;
} Port;

static int sockets[PORTS + 1][RULE_WAY_COUNT]; /* by the way of the frames that are sent on it */
static GHashTable *known;		       /* name -> NwFilter */
static Port ports[PORTS];
static guint serial;
static gboolean random_frames; /* else those of a case: what is known is looked at too */

static void G_GNUC_NORETURN
fail(const char *what)
{
	fprintf(stderr, "differential: %s: %s\n", what, g_strerror(errno));
	exit(2);
}

/*
 * What is known to differ, kept as cases under tests/differential/cases: behind a tag Linux shows ETH_P_802_2 where
 * the frame has a length (vlan_set_encap_proto()), the evaluator shows the length. In a TCP header that
 * is cut or whose data offset makes no sense Linux finds no options, and the evaluator no header. Of a layer 4 header
 * of two bytes the evaluator reads the source port, our rules do not.
 */
static gboolean
is_known(const PacketView *view)
{
	if (view->tag_count && view->network_type < ETH_P_802_3_MIN)
		return TRUE;
	return view->has_transport && (!packet_get(view, view->transport, GUARD_LEN) ||
				       (view->l4_protocol == IPPROTO_TCP && !packet_has_tcp(view)));
}

/* --- frames --- */

static int
open_socket(const char *prefix, guint number)
{
	g_autofree char *name = g_strdup_printf("%s%u", prefix, number);
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(name) };
	struct packet_mreq promiscuous = { .mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC };
	int one = 1, size = 1 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0)
		fail(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static void
open_sockets(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), guests = open(NAMESPACE_FILE, O_RDONLY | O_CLOEXEC);

	if (home < 0 || guests < 0 || setns(guests, CLONE_NEWNET) < 0)
		fail(NAMESPACE_FILE);
	for (guint i = 0; i <= PORTS; i++) {
		sockets[i][RULE_FROM_GUEST] = open_socket("g", i);
		sockets[i][RULE_TO_GUEST] = open_socket("t", i);
	}
	if (setns(home, CLONE_NEWNET) < 0)
		fail("the namespace we came from");
	close(home);
	close(guests);
}

/* The socket sees a frame without its outermost tag. */
static gsize
untagged(const GenFrame *frame, guint8 *ret_bytes)
{
	gboolean tagged = frame->len >= 18 && ((frame->bytes[12] == 0x81 && !frame->bytes[13]) ||
					       (frame->bytes[12] == 0x88 && frame->bytes[13] == 0xa8));
	gsize skip = tagged ? 4 : 0;

	memcpy(ret_bytes, frame->bytes, 12);
	memcpy(ret_bytes + 12, frame->bytes + 12 + skip, frame->len - 12 - skip);
	return frame->len - skip;
}

static gboolean
is_frame(const GenFrame *frame, const guint8 *bytes, gsize len)
{
	guint8 plain[GEN_FRAME_MAX];
	gsize plain_len = untagged(frame, plain);

	return (len == frame->len && memcmp(bytes, frame->bytes, len) == 0) ||
	       (len == plain_len && memcmp(bytes, plain, len) == 0);
}

static gboolean
send_frame(guint at, const GenFrame *frame)
{
	return send(sockets[at][frame->way], frame->bytes, frame->len, 0) == (ssize_t)frame->len;
}

/* Note which of the probes have arrived at port @at; what else comes (the answers to a reject) is not looked at. */
static void
collect(guint at, Probe *probes, guint count)
{
	guint8 bytes[2048];

	for (guint way = 0; way < RULE_WAY_COUNT; way++) {
		ssize_t len;

		while ((len = recv(sockets[at][!way], bytes, sizeof(bytes), 0)) > 0)
			for (guint i = 0; i < count; i++)
				if (probes[i].frame.way == way && is_frame(&probes[i].frame, bytes, (gsize)len)) {
					if (at == CONTROL)
						probes[i].control = TRUE;
					else
						probes[i].arrived = TRUE;
				}
	}
}

/* --- filters --- */

static const NwFilter *
lookup(const char *name, gpointer user_data)
{
	return g_hash_table_lookup(known, name);
}

static void
subject_clear(Subject *subject)
{
	for (guint i = 0; subject->filters && i < subject->filters->len; i++)
		g_hash_table_remove(known, ((const NwFilter *)subject->filters->pdata[i])->name);
	g_clear_pointer(&subject->program, rule_program_free);
	g_clear_pointer(&subject->vars, rule_vars_free);
	g_clear_pointer(&subject->binding, nw_binding_free);
	g_clear_pointer(&subject->filters, g_ptr_array_unref);
}

static void
subject_begin(Subject *subject, const char *name, guint port)
{
	*subject = (Subject){ .filters = g_ptr_array_new_with_free_func((GDestroyNotify)nw_filter_free) };
	subject->binding = g_new0(NwBinding, 1);
	subject->binding->owner_name = g_strdup("guest");
	subject->binding->owner_uuid = g_uuid_string_random();
	subject->binding->port_dev = g_strdup_printf("v%u", port);
	memcpy(subject->binding->mac, gen_guest_mac, 6);
	subject->binding->filter = g_strdup(name);
	subject->binding->params = rule_vars_new();
}

static gboolean
subject_add(Subject *subject, const char *xml, GError **error)
{
	NwFilter *filter = nw_filter_parse(xml, "random", FALSE, NULL, error);

	if (!filter)
		return FALSE;
	g_ptr_array_add(subject->filters, filter);
	g_hash_table_insert(known, filter->name, filter);
	return TRUE;
}

/* The back end knows more mistakes than the evaluator: a range of variables that ends before it starts. */
static gboolean
subject_is_lowered(const Subject *subject, GError **error)
{
	PlanSets *sets = plan_sets_new();
	Plan *plan = plan_new(subject->program, subject->vars, subject->binding->port_dev, sets, error);
	gboolean ok = plan != NULL;

	g_clear_pointer(&plan, plan_free);
	g_hash_table_unref(sets);
	return ok;
}

static gboolean
subject_end(Subject *subject, GError **error)
{
	subject->program = nw_compile(subject->filters->pdata[0], lookup, NULL, error);
	if (!subject->program)
		return FALSE;
	subject->vars = nw_binding_vars(subject->binding);
	return !rule_program_is_stateful(subject->program) && rule_eval_check(subject->program, subject->vars, error) &&
	       subject_is_lowered(subject, error);
}

static gboolean
subject_build(Subject *subject, const GenCase *c, guint port)
{
	g_autofree char *name = g_strdup_printf("d%u", serial++);
	g_autoptr(GError) error = NULL;
	gboolean ok = TRUE;

	subject_begin(subject, name, port);
	for (guint i = 0; ok && i < c->param_count; i++)
		ok = rule_vars_add(subject->binding->params, c->params[i].name, c->params[i].value, &error);
	for (guint i = 0; ok && i < c->part_count; i++) {
		g_autofree char *xml = gen_part_xml(c, i, name);

		ok = subject_add(subject, xml, &error);
	}
	if (ok && subject_end(subject, &error))
		return TRUE;
	subject_clear(subject);
	return FALSE;
}

static Fate
evaluate(const Subject *subject, const GenFrame *frame, RuleVerdict **ret_verdict)
{
	g_autoptr(RuleVerdict) verdict = NULL;
	RuleConn conn;
	PacketView view;
	Fate fate;

	if (!packet_parse(frame->bytes, frame->len, &view, NULL) || (random_frames && is_known(&view)))
		return UNKNOWN;
	conn = rule_conn_guess(&view);
	verdict = rule_eval(subject->program, frame->way, &view, subject->vars, &conn, ret_verdict != NULL, NULL);
	if (!verdict)
		return UNKNOWN;
	fate = verdict->action == RULE_ACTION_ACCEPT ? PASSED : DROPPED;
	if (ret_verdict)
		*ret_verdict = g_steal_pointer(&verdict);
	return fate;
}

/* --- one frame alone --- */

/* What the kernel does with the frame when it is sent alone; a frame that is lost is given time. */
static Fate
ask_kernel(guint at, const GenFrame *frame)
{
	Probe probe = { .frame = *frame };

	collect(at, NULL, 0);
	if (!send_frame(at, frame))
		return UNKNOWN;
	for (guint i = 0; i < WAIT_ONE_MS / 10 && !probe.arrived && !probe.control; i++) {
		struct pollfd waiting = { .fd = sockets[at][!frame->way], .events = POLLIN };

		poll(&waiting, 1, 10);
		collect(at, &probe, 1);
	}
	return probe.arrived || probe.control ? PASSED : DROPPED;
}

/* Whether kernel and evaluator still differ on the frame with this filter on port 0. */
static gboolean
differs(NwEngine *engine, const GenCase *c, const GenFrame *frame)
{
	g_autoptr(GError) error = NULL;
	Subject subject;
	Fate wanted;
	gboolean result = FALSE;

	if (!subject_build(&subject, c, 0))
		return FALSE;
	nw_engine_unbind(engine, "v0", NULL);
	wanted = evaluate(&subject, frame, NULL);
	if (wanted != UNKNOWN && nw_engine_bind(engine, subject.binding, &error) && nw_engine_sweep(engine, &error))
		result = ask_kernel(0, frame) != wanted;
	nw_engine_unbind(engine, "v0", NULL);
	subject_clear(&subject);
	return result;
}

/* Take away one thing after the other for as long as the two differ. */
static void
shrink(NwEngine *engine, GenCase *c, const GenFrame *frame)
{
	gboolean smaller = TRUE;

	while (smaller) {
		smaller = FALSE;
		for (guint p = c->part_count; p-- > 1;) {
			GenCase less = *c;

			memmove(&less.parts[p], &less.parts[p + 1], (--less.part_count - p) * sizeof(less.parts[0]));
			if (differs(engine, &less, frame)) {
				*c = less;
				smaller = TRUE;
			}
		}
		for (guint p = 0; p < c->part_count; p++)
			for (guint r = c->parts[p].rule_count; r-- > 0;) {
				GenCase less = *c;
				GenPart *part = &less.parts[p];

				memmove(&part->rules[r], &part->rules[r + 1],
					(--part->rule_count - r) * sizeof(part->rules[0]));
				if (differs(engine, &less, frame)) {
					*c = less;
					smaller = TRUE;
				}
			}
		for (guint p = 0; p < c->part_count; p++)
			for (guint r = 0; r < c->parts[p].rule_count; r++)
				for (guint a = c->parts[p].rules[r].attr_count; a-- > 0;) {
					GenCase less = *c;
					GenRule *rule = &less.parts[p].rules[r];

					memmove(&rule->attrs[a], &rule->attrs[a + 1],
						(--rule->attr_count - a) * sizeof(rule->attrs[0]));
					if (differs(engine, &less, frame)) {
						*c = less;
						smaller = TRUE;
					}
				}
	}
	for (guint i = c->param_count; i-- > 0;) {
		GenCase less = *c;

		memmove(&less.params[i], &less.params[i + 1], (--less.param_count - i) * sizeof(less.params[0]));
		if (differs(engine, &less, frame))
			*c = less;
	}
}

static void
print_frame(const GenFrame *frame)
{
	printf("%s ", frame->way == RULE_FROM_GUEST ? "out" : "in");
	for (gsize i = 0; i < frame->len; i++)
		printf("%02x", frame->bytes[i]);
	putchar('\n');
}

static void
print_trace(const RuleVerdict *verdict)
{
	static const char *const kinds[] = { "entered", "passed by", "matched", "missed" };

	for (guint i = 0; i < verdict->trace->len; i++) {
		const RuleTrace *trace = &g_array_index(verdict->trace, RuleTrace, i);
		g_autoptr(GString) text = g_string_new(NULL);

		if (trace->missed)
			rule_match_print(text, trace->missed);
		printf("#   %s %s %s:%u %s%s%s%s\n", trace->stage ? "network" : "link", trace->chain->name,
		       trace->step->jump ? trace->step->jump->name : rule_action_name(trace->step->action),
		       trace->step->origin.line, kinds[trace->kind], trace->missed ? ": " : "", text->str,
		       trace->packet_value ? trace->packet_value : "");
	}
}

static void
report(const GenCase *c, const GenFrame *frame)
{
	g_autoptr(RuleVerdict) verdict = NULL;
	g_autofree char *line = NULL;
	Subject subject;
	PacketView view;

	if (!subject_build(&subject, c, 0) || !packet_parse(frame->bytes, frame->len, &view, NULL))
		return;
	for (guint i = 0; i < c->part_count; i++) {
		g_autofree char *xml = gen_part_xml(c, i, "case");

		fputs(xml, stdout);
	}
	for (guint i = 0; i < c->param_count; i++)
		printf("param %s %s\n", c->params[i].name, c->params[i].value);
	print_frame(frame);
	line = packet_format(&view);
	printf("# packet: %s\n", line);
	if (evaluate(&subject, frame, &verdict) == PASSED)
		puts("# evaluator: passes; kernel: drops");
	else
		puts("# evaluator: drops; kernel: passes");
	if (verdict)
		print_trace(verdict);
	subject_clear(&subject);
}

/* --- many ports --- */

static void
make_port(guint number)
{
	Port *port = &ports[number];

	port->count = 0;
	do
		gen_case(&port->source);
	while (!subject_build(&port->subject, &port->source, number));
	for (guint i = 0; i < FRAMES; i++) {
		Probe *probe = &port->probes[port->count];
		guint8 bytes[GEN_FRAME_MAX];
		gboolean twice = FALSE;
		gsize len;

		*probe = (Probe){ 0 };
		gen_frame(port->subject.program, port->subject.vars, number << 16 | i, &probe->frame);
		len = untagged(&probe->frame, bytes);
		for (guint k = 0; k < port->count; k++)
			twice |= is_frame(&port->probes[k].frame, bytes, len);
		probe->wanted = evaluate(&port->subject, &probe->frame, NULL);
		if (!twice && probe->wanted != UNKNOWN)
			port->count++;
	}
}

static gboolean
some_missing(const Port *port)
{
	for (guint i = 0; i < port->count; i++)
		if (port->probes[i].control && !port->probes[i].arrived && port->probes[i].wanted == PASSED)
			return TRUE;
	return FALSE;
}

static void
send_all(guint count)
{
	for (guint p = 0; p < count; p++) {
		Port *port = &ports[p];

		for (guint i = 0; i < port->count; i++) {
			send_frame(CONTROL, &port->probes[i].frame);
			send_frame(p, &port->probes[i].frame);
		}
		collect(CONTROL, port->probes, port->count);
		collect(p, port->probes, port->count);
	}
	for (guint p = 0; p < count; p++)
		for (guint wait = 0; wait < WAIT_BATCH_MS && some_missing(&ports[p]); wait++) {
			g_usleep(1000);
			collect(p, ports[p].probes, ports[p].count);
		}
}

typedef struct {
	guint filters, frames, passed, dropped, excluded, disagreements;
} Totals;

static void
judge(NwEngine *engine, guint count, Totals *totals)
{
	for (guint p = 0; p < count; p++)
		for (guint i = 0; i < ports[p].count; i++) {
			const Probe *probe = &ports[p].probes[i];
			Fate got = probe->arrived ? PASSED : DROPPED;
			GenCase c;

			if (!probe->control) {
				totals->excluded++;
				continue;
			}
			totals->frames++;
			*(got == PASSED ? &totals->passed : &totals->dropped) += 1;
			if (got == probe->wanted)
				continue;
			c = ports[p].source;
			if (!differs(engine, &c, &probe->frame)) {
				printf("# not seen again: filter %u frame %u\n", totals->filters + p, i);
				if (got == DROPPED)
					continue;
			}
			if (++totals->disagreements > SHOWN_MAX)
				continue;
			printf("not ok - filter %u frame %u\n", totals->filters + p, i);
			shrink(engine, &c, &probe->frame);
			report(&c, &probe->frame);
			fflush(stdout);
			/* One is enough of one filter. */
			break;
		}
	totals->filters += count;
}

/* Each batch has an engine of its own, as a daemon that starts again: start is called once in an engine's life. */
static NwEngine *
start_engine(GPtrArray *bindings, GPtrArray **ret_failed, GError **error)
{
	NwEngineConfig config = { .lookup = lookup, .state_dir = "/run" };
	g_autoptr(NwEngine) engine = nw_engine_new(&config, error);

	/* Values that a port had under an earlier engine match until they are swept away. */
	if (!engine || !nw_engine_start(engine, bindings, ret_failed, error) || !nw_engine_sweep(engine, error))
		return NULL;
	return g_steal_pointer(&engine);
}

static gboolean
run_batch(guint count, Totals *totals, GError **error)
{
	g_autoptr(GPtrArray) bindings = g_ptr_array_new(), failed = NULL;
	g_autoptr(NwEngine) engine = NULL;

	for (guint p = 0; p < count; p++) {
		make_port(p);
		g_ptr_array_add(bindings, ports[p].subject.binding);
	}
	engine = start_engine(bindings, &failed, error);
	if (!engine)
		return FALSE;
	for (guint i = 0; i < failed->len; i++) {
		printf("not ok - the engine refuses: %s\n", (const char *)failed->pdata[i]);
		totals->disagreements++;
	}
	send_all(count);
	judge(engine, count, totals);
	for (guint p = 0; p < count; p++)
		subject_clear(&ports[p].subject);
	return TRUE;
}

static int
run_random(guint wanted, guint64 seed)
{
	g_autoptr(GError) error = NULL;
	Totals totals = { 0 };
	gint64 begin = g_get_monotonic_time();

	random_frames = TRUE;
	printf("# seed %" G_GUINT64_FORMAT "\n", seed);
	gen_seed(seed);
	while (totals.filters < wanted && totals.disagreements < SHOWN_MAX)
		if (!run_batch(MIN(PORTS, wanted - totals.filters), &totals, &error)) {
			printf("not ok - the engine: %s\n", error->message);
			return 1;
		}
	printf("# measured %u filters, %u frames in %.1f s: %u passed, %u dropped; %u more no bridge forwards\n",
	       totals.filters, totals.frames, (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC, totals.passed,
	       totals.dropped, totals.excluded);
	if (!totals.disagreements)
		printf("ok - kernel and evaluator agree on %u frames and %u filters\n", totals.frames, totals.filters);
	return totals.disagreements != 0;
}

/* --- cases that are kept --- */

static gboolean
read_packet(const char *line, Subject *subject, GPtrArray *frames)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 3);
	GenFrame *frame;
	gsize len;

	if (!*line || *line == '#')
		return TRUE;
	if (!words[1])
		return FALSE;
	if (g_str_equal(words[0], "param"))
		return words[2] && rule_vars_add(subject->binding->params, words[1], words[2], NULL);
	len = strlen(words[1]) / 2;
	if (len < ETH_HLEN || len > GEN_FRAME_MAX)
		return FALSE;
	frame = g_new0(GenFrame, 1);
	frame->way = g_str_equal(words[0], "in") ? RULE_TO_GUEST : RULE_FROM_GUEST;
	frame->len = len;
	for (gsize i = 0; i < len; i++)
		frame->bytes[i] = (guint8)(g_ascii_xdigit_value(words[1][2 * i]) << 4 |
					   g_ascii_xdigit_value(words[1][2 * i + 1]));
	g_ptr_array_add(frames, frame);
	return TRUE;
}

/* NAME.xml holds the documents of a tree, the root first and called "case"; NAME.packets what report() prints. */
static gboolean
run_case(NwEngine *engine, const char *path)
{
	g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".xml"));
	g_autofree char *packets = g_strconcat(stem, ".packets", NULL);
	g_autofree char *xml = NULL, *text = NULL;
	g_autoptr(GPtrArray) frames = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) documents = NULL, lines = NULL;
	gboolean known_case,
		ok = g_file_get_contents(path, &xml, NULL, &error) && g_file_get_contents(packets, &text, NULL, &error);
	Subject subject;

	/* A line that says why the two differ. */
	known_case = text && strstr(text, "# known:");
	subject_begin(&subject, "case", 0);
	documents = g_strsplit(xml ? xml : "", "</filter>", -1);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **document = documents; ok && document[0] && document[1]; document++) {
		g_autofree char *whole = g_strconcat(g_strstrip(*document), "</filter>", NULL);

		ok = subject_add(&subject, whole, &error);
	}
	for (char **line = lines; ok && *line; line++)
		ok = read_packet(*line, &subject, frames);
	ok = ok && subject_end(&subject, &error) && nw_engine_bind(engine, subject.binding, &error);
	if (!ok)
		printf("not ok - %s: %s\n", stem, error ? error->message : "a line of its packets");
	for (guint i = 0; ok && i < frames->len; i++) {
		const GenFrame *frame = frames->pdata[i];
		Fate wanted = evaluate(&subject, frame, NULL), got = ask_kernel(0, frame);

		if (ask_kernel(CONTROL, frame) != PASSED)
			printf("ok - %s packet %u # SKIP no bridge forwards it\n", stem, i + 1);
		else
			printf("%s - %s packet %u: the kernel %s%s\n", got == wanted || known_case ? "ok" : "not ok",
			       stem, i + 1, got == PASSED ? "passes it" : "drops it",
			       got == wanted ? "" : " # SKIP known to differ");
		ok = got == wanted || known_case;
	}
	nw_engine_unbind(engine, "v0", NULL);
	subject_clear(&subject);
	return ok;
}

int
main(int argc, char **argv)
{
	g_autoptr(NwEngine) engine = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) none = g_ptr_array_new(), failed = NULL;
	gboolean replay = argc > 2 && g_str_equal(argv[1], "--cases");
	int status = 0;

	if (argc < 3) {
		fputs("usage (in the namespaces of tests/differential/run): differential N SEED | --cases "
		      "FILE.xml...\n",
		      stderr);
		return 2;
	}
	known = g_hash_table_new(g_str_hash, g_str_equal);
	open_sockets();
	if (!replay) {
		status = run_random((guint)strtoul(argv[1], NULL, 10), g_ascii_strtoull(argv[2], NULL, 10));
	} else {
		engine = start_engine(none, &failed, &error);
		if (!engine) {
			printf("not ok - the engine: %s\n", error->message);
			return 1;
		}
	}
	for (int i = 2; replay && i < argc; i++)
		status |= !run_case(engine, argv[i]);
	g_hash_table_unref(known);
	return status;
}

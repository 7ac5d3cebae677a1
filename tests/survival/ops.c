// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations on filters, ports and leases, and what each of them makes of the model. */

#include "tests/survival/survival.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/error.h"
#include "dhcp/learn.h"
#include "nwfilter/model.h"
#include "nwfilter/shadow.h"

#define OWN_FILTERS   6
#define OWN_PORTS     6
#define LEARN_PORTS   2
#define TOP_VERSIONS  4
#define RULES_MAX     40
#define GUARD_SEC     86400
#define PORT_MAX      65535
#define LEASE_SEC     "3600"
#define LEASE_TRIES   40
#define LEASE_LOOKS   25 /* for each try */
#define LEASE_LOOK_US 4000
#define BRIDGE	      "br0"
#define REBOUND_MAC   "52:54:00:00:00:03"
#define LEARNER_MAC   "52:54:00:00:00:04"
#define STAYING_MAC   "52:54:00:00:00:01"

/* --- documents --- */

char *
survival_uuid(const char *what)
{
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_MD5, what, -1);
	guint8 uuid[16];

	rpc_uuid_parse(digest, uuid);
	return rpc_uuid_format(uuid);
}

static gint
any_port(Survival *survival)
{
	return g_rand_int_range(survival->random, 1024, PORT_MAX);
}

static char *
own_document(Survival *survival, const char *name)
{
	g_autofree char *uuid = survival_uuid(name);
	GString *text = g_string_new(NULL);
	gint count = g_rand_int_range(survival->random, 0, RULES_MAX);

	g_string_append_printf(text, "<filter name='%s'><uuid>%s</uuid>", name, uuid);
	for (gint i = 0; i < count; i++)
		g_string_append_printf(text, "<rule action='accept' direction='inout'><tcp dstportstart='%d'/></rule>",
				       any_port(survival));
	g_string_append_printf(
		text, "<rule action='drop' direction='inout' priority='900'><udp srcportstart='%u'/></rule></filter>",
		++survival->serial % PORT_MAX + 1);
	return g_string_free(text, FALSE);
}

/* Each drops foreign MAC addresses, foreign addresses and port 7 from the guest, in another stage or by other rules. */
static const char *const top_rules[TOP_VERSIONS] = {
	"<filterref filter='clean-traffic'/>"
	"<rule action='drop' direction='out' priority='100'><udp dstportstart='7'/></rule>",
	"<rule action='drop' direction='out' priority='100'><mac match='no' srcmacaddr='$MAC'/></rule>"
	"<rule action='drop' direction='out' priority='200'><ip match='no' srcipaddr='$IP'/></rule>"
	"<rule action='drop' direction='out' priority='300'><ip protocol='udp' dstportstart='7'/></rule>",
	"<rule action='drop' direction='out' priority='50'><ip protocol='udp' dstportstart='7'/></rule>"
	"<rule action='accept' direction='out' priority='100'><ip srcmacaddr='$MAC' srcipaddr='$IP'/></rule>"
	"<rule action='drop' direction='out' priority='200'/>",
	"<filterref filter='sub'/>"
	"<rule action='drop' direction='out' priority='100'><mac match='no' srcmacaddr='$MAC'/></rule>"
	"<rule action='drop' direction='out' priority='200'><udp match='no' srcipaddr='$IP'/></rule>"
	"<rule action='drop' direction='out' priority='300'><udp dstportstart='7'/></rule>",
};

static char *
top_document(Survival *survival)
{
	g_autofree char *uuid = survival_uuid("top");

	return g_strdup_printf("<filter name='top'><uuid>%s</uuid>%s<rule action='accept' direction='out' "
			       "priority='400'><tcp dstportstart='%u'/></rule></filter>",
			       uuid, top_rules[g_rand_int_range(survival->random, 0, TOP_VERSIONS)],
			       ++survival->serial % PORT_MAX + 1);
}

static char *
sub_document(Survival *survival)
{
	g_autofree char *uuid = survival_uuid("sub");

	return g_strdup_printf(
		"<filter name='sub'><uuid>%s</uuid><rule action='drop' direction='out' priority='90'>"
		"<tcp dstportstart='%u'/></rule>%s</filter>",
		uuid, ++survival->serial % PORT_MAX + 1,
		g_rand_boolean(survival->random)
			? "<rule action='accept' direction='out'><udp dstportstart='53'/></rule>"
			: "<rule action='drop' direction='out' priority='80'><udp dstportstart='7'/></rule>");
}

static char *
binding_document(const char *port, const char *mac, const char *filter, const char *name, const char *value)
{
	g_autofree char *uuid = survival_uuid(port);

	return g_strdup_printf("<filterbinding><owner><name>vm</name><uuid>%s</uuid></owner><portdev name='%s'/>"
			       "<mac address='%s'/><filterref filter='%s'><parameter name='%s' value='%s'/></filterref>"
			       "</filterbinding>",
			       uuid, port, mac, filter, name, value);
}

/* As the daemon is to show it. */
static char *
canonical_filter(const char *document)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwFilter) filter = nw_filter_parse(document, "survival.xml", FALSE, NULL, &error);

	if (!filter)
		g_error("%s", error->message);
	return nw_filter_format(filter);
}

static char *
canonical_binding(const char *document)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NwBinding) binding = nw_binding_parse(document, "survival.xml", &error);

	if (!binding)
		g_error("%s", error->message);
	return nw_binding_format(binding);
}

/* --- planning --- */

static void
become(Op *op, const char *kind, const char *name, char *text)
{
	g_hash_table_replace(op->after, g_strdup_printf("%s %s", kind, name), text);
}

static gboolean
holds(Survival *survival, const char *kind, const char *name)
{
	g_autofree char *key = g_strdup_printf("%s %s", kind, name);

	return g_hash_table_contains(survival->model, key);
}

static gboolean
is_bound_to(Survival *survival, const char *filter)
{
	g_autofree char *wanted = g_strdup_printf("<filterref filter='%s'", filter);
	GHashTableIter iter;
	gpointer key, text;

	g_hash_table_iter_init(&iter, survival->model);
	while (g_hash_table_iter_next(&iter, &key, &text))
		if (g_str_has_prefix(key, "binding ") && strstr(text, wanted))
			return TRUE;
	return FALSE;
}

static void
use(Op *op, guint32 number, const char *subject)
{
	op->program = RPC_PROGRAM_REMOTE;
	op->number = number;
	op->subject = g_strdup(subject);
}

static gboolean
define(Op *op, const char *name, char *document)
{
	use(op, RPC_PROC_FILTER_DEFINE, name);
	op->args.at[0].text = document;
	become(op, "filter", name, canonical_filter(document));
	return TRUE;
}

static gboolean
plan_define(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = g_strdup_printf("x%u", which);

	become(op, "guard", name, NULL);
	return define(op, name, own_document(survival, name));
}

static gboolean
plan_undefine(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = g_strdup_printf("x%u", which), *uuid = survival_uuid(name);

	if (!holds(survival, "filter", name) || is_bound_to(survival, name))
		return FALSE;
	use(op, RPC_PROC_FILTER_UNDEFINE, name);
	op->args.at[0].text = g_strdup(name);
	rpc_uuid_parse(uuid, op->args.at[0].uuid);
	become(op, "filter", name, NULL);
	become(op, "guard", name, NULL);
	return TRUE;
}

static gboolean
plan_redefine(Survival *survival, Op *op, guint which)
{
	if (which)
		return define(op, "sub", sub_document(survival));
	return define(op, "top", top_document(survival));
}

static void
create(Op *op, const char *port, char *document)
{
	use(op, RPC_PROC_BINDING_CREATE, port);
	op->args.at[0].text = document;
	become(op, "binding", port, canonical_binding(document));
}

static void
unbind(Op *op, const char *port)
{
	use(op, RPC_PROC_BINDING_DELETE, port);
	op->args.at[0].text = g_strdup(port);
	op->args.at[0].text2 = g_strdup("any");
	become(op, "binding", port, NULL);
	become(op, "lease", port, NULL);
}

static gboolean
unbind_held(Survival *survival, Op *op, const char *port)
{
	if (!holds(survival, "binding", port))
		return FALSE;
	unbind(op, port);
	return TRUE;
}

static gboolean
plan_bind(Survival *survival, Op *op, guint which)
{
	g_autofree char *port = g_strdup_printf("p%u", which), *mac = g_strdup_printf("52:54:00:00:01:%02x", which);
	g_autofree char *filter = g_strdup_printf("x%u", which), *address = g_strdup_printf("10.9.0.%u", 100 + which);

	if (holds(survival, "binding", port))
		return FALSE;
	/* Filters of its own and those that others have, too. */
	if (!holds(survival, "filter", filter) || g_rand_boolean(survival->random)) {
		g_free(filter);
		filter = g_strdup(g_rand_boolean(survival->random) ? "top" : "clean-traffic");
	}
	create(op, port, binding_document(port, mac, filter, "IP", address));
	return TRUE;
}

static gboolean
plan_unbind(Survival *survival, Op *op, guint which)
{
	g_autofree char *port = g_strdup_printf("p%u", which);

	return unbind_held(survival, op, port);
}

/* --- the port that comes and goes --- */

void
survival_plug(Survival *survival, gboolean is_bound)
{
	struct ifreq request = { .ifr_name = BRIDGE, .ifr_ifindex = (int)if_nametoindex(SURVIVAL_REBOUND) };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* It may be there, or not there, already. */
	if (request.ifr_ifindex)
		(void)ioctl(fd, is_bound ? SIOCBRADDIF : SIOCBRDELIF, &request);
	close(fd);
}

/* As a hypervisor does it: bound before it is plugged, unplugged before the binding goes. */
static Outcome
run_rebind(Survival *survival, const Op *op, GError **error)
{
	g_auto(RpcValues) ret = { 0 };
	gboolean comes = op->number == RPC_PROC_BINDING_CREATE;
	Outcome outcome;

	if (!comes)
		survival_plug(survival, FALSE);
	outcome = survival_call(survival, op->program, op->number, &op->args, &ret, error);
	if (comes && outcome == OUTCOME_DONE)
		survival_plug(survival, TRUE);
	return outcome;
}

static gboolean
plan_rebind(Survival *survival, Op *op, guint which)
{
	if (holds(survival, "binding", SURVIVAL_REBOUND))
		unbind(op, SURVIVAL_REBOUND);
	else
		create(op, SURVIVAL_REBOUND, binding_document(SURVIVAL_REBOUND, REBOUND_MAC, "top", "IP", "10.9.0.13"));
	op->run = run_rebind;
	return TRUE;
}

/* --- definitions that wait for a confirmation --- */

static const char *
guard_of(Survival *survival, const char *name)
{
	g_autofree char *key = g_strdup_printf("guard %s", name);

	return g_hash_table_lookup(survival->model, key);
}

/* What it comes back to, or what is tried: of no use to anybody before the guard is there. */
static void
note(Survival *survival, const char *name, const char *document)
{
	g_hash_table_replace(survival->guarded, g_strdup(name), g_strdup(document));
}

static gboolean
plan_guard(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = g_strdup_printf("x%u", which), *key = g_strdup_printf("filter %s", name);
	const char *guard = guard_of(survival, name);

	if (g_strcmp0(guard, SURVIVAL_SHADOW) == 0)
		return FALSE;
	if (!guard)
		note(survival, name, g_hash_table_lookup(survival->model, key));
	define(op, name, own_document(survival, name));
	op->program = RPC_PROGRAM_SLUICE;
	op->number = RPC_SLUICE_FILTER_GUARD;
	op->args.at[1].number = GUARD_SEC;
	become(op, "guard", name, g_strdup(SURVIVAL_WAITS));
	return TRUE;
}

static gboolean
plan_shadow(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = g_strdup_printf("x%u", which), *document = own_document(survival, name);

	if (!holds(survival, "filter", name) || guard_of(survival, name) || survival_on_iptables())
		return FALSE;
	note(survival, name, document);
	use(op, RPC_SLUICE_FILTER_GUARD, name);
	op->program = RPC_PROGRAM_SLUICE;
	op->args.at[0].text = g_steal_pointer(&document);
	op->args.at[2].number = RPC_SLUICE_GUARD_SHADOW;
	become(op, "guard", name, g_strdup(SURVIVAL_SHADOW));
	return TRUE;
}

static gboolean
settle(Survival *survival, Op *op, guint which, guint32 number)
{
	g_autofree char *name = g_strdup_printf("x%u", which);
	const char *guard = guard_of(survival, name), *document = g_hash_table_lookup(survival->guarded, name);
	gboolean confirms = number == RPC_SLUICE_FILTER_CONFIRM;

	/* A filter that there was not goes, which a port that has it does not allow. */
	if (!guard || (!confirms && !document && is_bound_to(survival, name)))
		return FALSE;
	use(op, number, name);
	op->program = RPC_PROGRAM_SLUICE;
	op->args.at[0].text = g_strdup(name);
	become(op, "guard", name, NULL);
	if (confirms == g_str_equal(guard, SURVIVAL_SHADOW))
		become(op, "filter", name, document ? canonical_filter(document) : NULL);
	return TRUE;
}

static gboolean
plan_confirm(Survival *survival, Op *op, guint which)
{
	return settle(survival, op, which, RPC_SLUICE_FILTER_CONFIRM);
}

static gboolean
plan_discard(Survival *survival, Op *op, guint which)
{
	return settle(survival, op, which, RPC_SLUICE_FILTER_DISCARD);
}

/* --- leases --- */

static char *
exported(const char *port, const char *mac, const char *xml, const char *address)
{
	return g_strdup_printf(
		"{\"version\": 1, \"binding\": \"%s\", \"learned\": [{\"port\": \"%s\", \"mac\": \"%s\", "
		"\"address\": \"%s\", \"source\": \"dhcpv4\", \"expires\": 0}]}",
		xml, port, mac, address);
}

static gboolean
plan_import(Survival *survival, Op *op, guint which)
{
	g_autofree char *port = g_strdup_printf("q%u", which), *mac = g_strdup_printf("52:54:00:00:02:%02x", which);
	g_autofree char *xml = binding_document(port, mac, "clean-traffic", "CTRL_IP_LEARNING", "dhcp");
	char *address = g_strdup_printf("10.9.%u.%d", which + 1, g_rand_int_range(survival->random, 1, 255));

	use(op, RPC_SLUICE_BINDING_IMPORT, port);
	op->program = RPC_PROGRAM_SLUICE;
	op->args.at[0].text = exported(port, mac, xml, address);
	op->args.at[2].number = RPC_SLUICE_IMPORT_REPLACE;
	become(op, "binding", port, canonical_binding(xml));
	become(op, "lease", port, address);
	return TRUE;
}

static gboolean
plan_flush(Survival *survival, Op *op, guint which)
{
	g_autofree char *port = g_strdup_printf("q%u", which);

	if (!holds(survival, "lease", port))
		return FALSE;
	use(op, RPC_SLUICE_LEASE_FLUSH, port);
	op->program = RPC_PROGRAM_SLUICE;
	op->args.at[0].text = g_strdup(port);
	become(op, "lease", port, NULL);
	return TRUE;
}

static gboolean
plan_import_end(Survival *survival, Op *op, guint which)
{
	g_autofree char *port = g_strdup_printf("q%u", which);

	return unbind_held(survival, op, port);
}

static Outcome
has_lease(Survival *survival, const char *address, gboolean *ret_has, GError **error)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	Outcome outcome;

	*ret_has = FALSE;
	args.at[0].text = g_strdup(SURVIVAL_LEARNER);
	outcome = survival_call(survival, RPC_PROGRAM_SLUICE, RPC_SLUICE_LEASE_LIST, &args, &ret, error);
	for (guint i = 0; ret.at[0].list && i < ret.at[0].list->len; i++)
		*ret_has |= strstr(((const RpcValue *)ret.at[0].list->pdata[i])->text, address) != NULL;
	return outcome;
}

static void
ask_and_grant(Survival *survival, const char *address)
{
	g_autofree char *program = g_build_filename(survival->build, "tests", "dhcp-send", NULL);
	g_autofree char *xid = g_strdup_printf("xid=%u", ++survival->serial);
	g_autofree char *asked = g_strdup_printf("asked=%s", address), *your = g_strdup_printf("your=%s", address);
	const char *const ask[] = { program, "g4:eth0", "v4", "request", xid, "src=" LEARNER_MAC, asked, NULL };
	const char *const grant[] = { program,
				      ":" BRIDGE,
				      "v4",
				      "ack",
				      xid,
				      "src=52:54:00:00:00:fe",
				      "dst=" LEARNER_MAC,
				      "server=10.9.0.1",
				      your,
				      "lease=" LEASE_SEC,
				      NULL };

	survival_spawn(survival, ask);
	survival_spawn(survival, grant);
}

/* Frames may be lost to the limit on what is copied, or to a reader that is just starting: again, then. */
static Outcome
run_lease(Survival *survival, const Op *op, GError **error)
{
	const char *address = g_hash_table_lookup(op->after, "lease " SURVIVAL_LEARNER);

	for (guint try = 0; try < LEASE_TRIES; try++) {
		ask_and_grant(survival, address);
		for (guint look = 0; look < LEASE_LOOKS; look++) {
			gboolean has;
			Outcome outcome = has_lease(survival, address, &has, error);

			if (has || outcome != OUTCOME_DONE)
				return outcome;
			g_usleep(LEASE_LOOK_US);
		}
	}
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "no lease is learned");
	return OUTCOME_REFUSED;
}

static gboolean
plan_lease(Survival *survival, Op *op, guint which)
{
	op->subject = g_strdup(SURVIVAL_LEARNER);
	op->run = run_lease;
	become(op, "lease", SURVIVAL_LEARNER,
	       g_strdup_printf("10.9.0.%d", g_rand_int_range(survival->random, 150, 250)));
	return TRUE;
}

/* --- all --- */

const OpKind survival_kinds[] = {
	{ "nwfilter-define", OWN_FILTERS, 4, FALSE, plan_define },
	{ "nwfilter-undefine", OWN_FILTERS, 3, FALSE, plan_undefine },
	{ "nwfilter-define of a filter in use", 2, 6, FALSE, plan_redefine },
	{ "nwfilter-define --confirm", OWN_FILTERS, 2, FALSE, plan_guard },
	{ "nwfilter-define --shadow", NW_SHADOWS_MAX, 2, FALSE, plan_shadow },
	{ "nwfilter-confirm", OWN_FILTERS, 2, FALSE, plan_confirm },
	{ "nwfilter-discard", OWN_FILTERS, 2, FALSE, plan_discard },
	{ "nwfilter-binding-create", OWN_PORTS, 4, FALSE, plan_bind },
	{ "nwfilter-binding-delete", OWN_PORTS, 4, FALSE, plan_unbind },
	{ "binding of a port that is plugged and unplugged", 1, 3, FALSE, plan_rebind },
	{ "nwfilter-binding-import", LEARN_PORTS, 2, FALSE, plan_import },
	{ "nwfilter-lease-flush", LEARN_PORTS, 2, FALSE, plan_flush },
	{ "nwfilter-binding-delete of a port that learns", LEARN_PORTS, 1, FALSE, plan_import_end },
	{ "lease by DHCP", 1, 3, TRUE, plan_lease },
	{ 0 },
};

void
survival_op_clear(Op *op)
{
	g_clear_pointer(&op->subject, g_free);
	g_clear_pointer(&op->after, g_hash_table_unref);
	rpc_values_clear(&op->args);
}

gboolean
survival_op_plan(Survival *survival, const OpKind *kind, guint which, Op *op)
{
	*op = (Op){ .name = kind->name, .after = survival_map_new() };
	if (kind->plan(survival, op, which))
		return TRUE;
	survival_op_clear(op);
	return FALSE;
}

Outcome
survival_op_run(Survival *survival, const Op *op, GError **error)
{
	g_auto(RpcValues) ret = { 0 };

	if (op->run)
		return op->run(survival, op, error);
	return survival_call(survival, op->program, op->number, &op->args, &ret, error);
}

void
survival_op_random(Survival *survival, Op *op)
{
	const OpKind *kinds = survival->networks ? survival_network_kinds : survival_kinds, *kind;
	guint sum = 0, at;

	for (kind = kinds; kind->name; kind++)
		sum += kind->weight;
	do {
		at = (guint)g_rand_int_range(survival->random, 0, (gint)sum);
		for (kind = kinds; at >= kind->weight; kind++)
			at -= kind->weight;
	} while (
		(kind->is_slow && !survival->leases) ||
		!survival_op_plan(survival, kind, (guint)g_rand_int_range(survival->random, 0, (gint)kind->count), op));
}

static gboolean
must(Survival *survival, Op *op, GError **error)
{
	g_autoptr(GHashTable) before = survival->model;
	Outcome outcome = survival_op_run(survival, op, error);

	survival->model = survival_map_copy(before, op->after);
	survival_op_clear(op);
	return outcome == OUTCOME_DONE;
}

static gboolean
must_bind(Survival *survival, const char *port, const char *mac, const char *filter, const char *name,
	  const char *value, GError **error)
{
	Op op = { .after = survival_map_new() };

	create(&op, port, binding_document(port, mac, filter, name, value));
	return must(survival, &op, error);
}

gboolean
survival_setup(Survival *survival, GError **error)
{
	Op sub = { .after = survival_map_new() }, top = { .after = survival_map_new() };

	if (survival->networks)
		return TRUE;
	plan_redefine(survival, &sub, 1);
	plan_redefine(survival, &top, 0);
	return must(survival, &sub, error) && must(survival, &top, error) &&
	       must_bind(survival, "v1", STAYING_MAC, "top", "IP", "10.9.0.11", error) &&
	       must_bind(survival, SURVIVAL_LEARNER, LEARNER_MAC, "clean-traffic", "CTRL_IP_LEARNING", "dhcp", error);
}

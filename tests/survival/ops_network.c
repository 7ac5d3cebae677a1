// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations on networks. */

#include "tests/survival/survival.h"

#include <string.h>

#include "vswitch/network.h"
#include "vswitch/network_update.h"

#define HOSTS	     4 /* of each network, that come and go */
#define UPDATE_DEL   2u
#define UPDATE_ADD   3u
#define SECTION_HOST 4u
#define LIVE	     1u
#define CONFIG	     2u
#define LABEL	     "survival.xml"

static char *
name_of(guint which)
{
	return g_strdup_printf("n%u", which);
}

static char *
host_document(guint which, guint host)
{
	return g_strdup_printf("<host mac='52:54:00:00:%02x:%02x' name='h%u' ip='10.77.%u.%u'/>", which, host, host,
			       which, host + 10);
}

static char *
network_document(Survival *survival, guint which)
{
	g_autofree char *name = name_of(which), *uuid = survival_uuid(name);

	return g_strdup_printf(
		"<network><name>%s</name><uuid>%s</uuid><forward mode='%s'/><bridge name='%s%u' stp='off'/>"
		"<mac address='52:54:00:77:00:%02x'/><domain name='d%u.example'/><ip address='10.77.%u.1' prefix='24'>"
		"<dhcp><range start='10.77.%u.100' end='10.77.%u.200'/></dhcp></ip></network>",
		name, uuid, g_rand_boolean(survival->random) ? "nat" : "open", SURVIVAL_BRIDGE, which, which,
		++survival->serial, which, which, which);
}

static Network *
parsed(const char *text)
{
	g_autoptr(GError) error = NULL;
	Network *network = network_parse(text, LABEL, FALSE, NULL, &error);

	if (!network)
		g_error("%s", error->message);
	return network;
}

static char *
text_of(Survival *survival, const char *kind, const char *name)
{
	g_autofree char *key = g_strdup_printf("%s %s", kind, name);

	return g_strdup(g_hash_table_lookup(survival->model, key));
}

static void
become(Op *op, const char *kind, const char *name, char *text)
{
	g_hash_table_replace(op->after, g_strdup_printf("%s %s", kind, name), text);
}

static void
use(Op *op, guint32 number, const char *name)
{
	g_autofree char *uuid = survival_uuid(name);

	op->program = RPC_PROGRAM_REMOTE;
	op->number = number;
	op->subject = g_strdup(name);
	op->args.at[0].text = g_strdup(name);
	rpc_uuid_parse(uuid, op->args.at[0].uuid);
}

static void
use_document(Op *op, guint32 program, guint32 number, const char *name, char *document)
{
	op->program = program;
	op->number = number;
	op->subject = g_strdup(name);
	op->args.at[0].text = document;
}

static gboolean
plan_define(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which);
	char *document = network_document(survival, which);
	g_autoptr(Network) network = parsed(document);

	use_document(op, RPC_PROGRAM_REMOTE, RPC_PROC_NETWORK_DEFINE, name, document);
	become(op, "network", name, network_format(network, NETWORK_FORMAT_INACTIVE));
	return TRUE;
}

/* Brings the running network along. */
static gboolean
plan_apply(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *running = text_of(survival, "running", name), *document = NULL;
	g_autoptr(Network) network = NULL;

	if (!running)
		return FALSE;
	document = network_document(survival, which);
	network = parsed(document);
	use_document(op, RPC_PROGRAM_SLUICE, RPC_SLUICE_NETWORK_APPLY, name, g_steal_pointer(&document));
	become(op, "network", name, network_format(network, NETWORK_FORMAT_INACTIVE));
	become(op, "running", name, network_format(network, NETWORK_FORMAT_LIVE));
	return TRUE;
}

static gboolean
plan_undefine(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *text = text_of(survival, "network", name),
			*running = text_of(survival, "running", name);

	/* One that runs would become a transient one. */
	if (!text || running)
		return FALSE;
	use(op, RPC_PROC_NETWORK_UNDEFINE, name);
	become(op, "network", name, NULL);
	become(op, "autostart", name, NULL);
	return TRUE;
}

static gboolean
plan_start(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *text = text_of(survival, "network", name),
			*running = text_of(survival, "running", name);
	g_autoptr(Network) network = NULL;

	if (!text || running)
		return FALSE;
	network = parsed(text);
	use(op, RPC_PROC_NETWORK_START, name);
	become(op, "running", name, network_format(network, NETWORK_FORMAT_LIVE));
	return TRUE;
}

static gboolean
plan_destroy(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *running = text_of(survival, "running", name);

	if (!running)
		return FALSE;
	use(op, RPC_PROC_NETWORK_DESTROY, name);
	become(op, "running", name, NULL);
	return TRUE;
}

static gboolean
plan_autostart(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *text = text_of(survival, "network", name),
			*now = text_of(survival, "autostart", name);

	if (!text)
		return FALSE;
	use(op, RPC_PROC_NETWORK_AUTOSTART_SET, name);
	op->args.at[1].number = !now;
	become(op, "autostart", name, now ? NULL : g_strdup("yes"));
	return TRUE;
}

/* @kind's document after the update. */
static gboolean
updated(Survival *survival, Op *op, const char *kind, const char *name, guint command, const char *host)
{
	g_autofree char *text = text_of(survival, kind, name);
	g_autoptr(Network) network = text ? parsed(text) : NULL, after = NULL;

	if (!network)
		return TRUE;
	after = network_update(network, (gint)command, SECTION_HOST, -1, host, LABEL, NULL);
	if (!after)
		return FALSE;
	become(op, kind, name,
	       network_format(after, g_str_equal(kind, "running") ? NETWORK_FORMAT_LIVE : NETWORK_FORMAT_INACTIVE));
	return TRUE;
}

static gboolean
plan_update(Survival *survival, Op *op, guint which)
{
	guint host = which % HOSTS, network = which / HOSTS;
	g_autofree char *name = name_of(network), *text = text_of(survival, "network", name),
			*running = text_of(survival, "running", name), *entry = host_document(network, host);
	g_autofree char *address = g_strdup_printf("ip='10.77.%u.%u'", network, host + 10);
	guint command;

	if (!text)
		return FALSE;
	command = strstr(text, address) ? UPDATE_DEL : UPDATE_ADD;
	/* Where the two differ, because a definition waits for the next start, the one may refuse what the other takes.
	 */
	if (!updated(survival, op, "network", name, command, entry) ||
	    !updated(survival, op, "running", name, command, entry))
		return FALSE;
	use(op, RPC_PROC_NETWORK_UPDATE, name);
	op->args.at[1].number = command;
	op->args.at[2].number = SECTION_HOST;
	op->args.at[3].number = (guint32)-1;
	op->args.at[4].text = g_steal_pointer(&entry);
	op->args.at[5].number = running ? LIVE | CONFIG : CONFIG;
	return TRUE;
}

static void
described(Survival *survival, Op *op, const char *kind, const char *name, const char *description)
{
	g_autofree char *text = text_of(survival, kind, name);
	g_autoptr(Network) network = text ? parsed(text) : NULL;

	if (!network)
		return;
	g_free(network->description);
	network->description = g_strdup(description);
	become(op, kind, name,
	       network_format(network, g_str_equal(kind, "running") ? NETWORK_FORMAT_LIVE : NETWORK_FORMAT_INACTIVE));
}

static gboolean
plan_metadata(Survival *survival, Op *op, guint which)
{
	g_autofree char *name = name_of(which), *text = text_of(survival, "network", name),
			*running = text_of(survival, "running", name);
	g_autofree char *description = g_strdup_printf("The %uth.", ++survival->serial);

	if (!text)
		return FALSE;
	described(survival, op, "network", name, description);
	described(survival, op, "running", name, description);
	use(op, RPC_PROC_NETWORK_METADATA_SET, name);
	op->args.at[2].text = g_steal_pointer(&description);
	op->args.at[5].number = running ? LIVE | CONFIG : CONFIG;
	return TRUE;
}

const OpKind survival_network_kinds[] = {
	{ "net-define", SURVIVAL_NETWORKS, 3, FALSE, plan_define },
	{ "net-define --apply", SURVIVAL_NETWORKS, 2, FALSE, plan_apply },
	{ "net-undefine", SURVIVAL_NETWORKS, 1, FALSE, plan_undefine },
	{ "net-start", SURVIVAL_NETWORKS, 6, FALSE, plan_start },
	{ "net-destroy", SURVIVAL_NETWORKS, 3, FALSE, plan_destroy },
	{ "net-autostart", SURVIVAL_NETWORKS, 2, FALSE, plan_autostart },
	{ "net-update", SURVIVAL_NETWORKS *HOSTS, 8, FALSE, plan_update },
	{ "net-metadata", SURVIVAL_NETWORKS, 2, FALSE, plan_metadata },
	{ 0 },
};

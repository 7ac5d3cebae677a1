// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes that others make to tables of nf_tables. */

#include "rules/nft_watch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/netlink_events.h"

struct NftWatch {
	NftWatchIsFn is_watched;
	NftWatchFn on_change;
	gpointer data;
	NetlinkEvents *events;
	GString *what; /* of the transaction that is being told */
	guint count;
};

/* Attributes of messages about chains, rules and sets: the table's name has the same number in all. */
enum { ATTR_TABLE = NFTA_CHAIN_TABLE, ATTR_SECOND = NFTA_RULE_CHAIN, ATTR_CHAIN = NFTA_CHAIN_NAME };

static const struct {
	guint type;
	const char *words;
	guint name; /* attribute; 0: the table says all */
} kinds[] = {
	{ NFT_MSG_NEWTABLE, "table changed", 0 },
	{ NFT_MSG_DELTABLE, "table deleted", 0 },
	{ NFT_MSG_NEWCHAIN, "chain added", ATTR_CHAIN },
	{ NFT_MSG_DELCHAIN, "chain deleted", ATTR_CHAIN },
	{ NFT_MSG_NEWRULE, "rule added to", ATTR_SECOND },
	{ NFT_MSG_DELRULE, "rule deleted from", ATTR_SECOND },
	{ NFT_MSG_NEWSET, "set added", ATTR_SECOND },
	{ NFT_MSG_DELSET, "set deleted", ATTR_SECOND },
	{ NFT_MSG_NEWSETELEM, "element added to", ATTR_SECOND },
	{ NFT_MSG_DELSETELEM, "element deleted from", ATTR_SECOND },
	{ NFT_MSG_NEWOBJ, "object added", ATTR_SECOND },
	{ NFT_MSG_DELOBJ, "object deleted", ATTR_SECOND },
};

typedef struct {
	const char *names[ATTR_CHAIN + 1];
	const char *program;
} Words;

static int
attr_cb(const struct nlattr *attr, void *data)
{
	Words *words = data;
	guint type = mnl_attr_get_type(attr);

	if (type <= ATTR_CHAIN && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		words->names[type] = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int
program_cb(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		((Words *)data)->program = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static void
tell(NftWatch *watch, const char *program)
{
	g_autofree char *what = NULL;

	if (!watch->count)
		return;
	if (watch->count > NFT_WATCH_NAMED_MAX)
		g_string_append_printf(watch->what, " and %u more", watch->count - NFT_WATCH_NAMED_MAX);
	what = g_strdup_printf("%s, by \"%s\"", watch->what->str, program ? program : "?");
	g_string_truncate(watch->what, 0);
	watch->count = 0;
	watch->on_change(what, watch->data);
}

static const char *
family_words(guint16 family)
{
	switch (family) {
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV6:
		return "ip6";
	default:
		return "ip";
	}
}

static void
take(NftWatch *watch, const struct nlmsghdr *header, guint kind)
{
	guint16 family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(header))->nfgen_family;
	Words words = { 0 };

	mnl_attr_parse(header, sizeof(struct nfgenmsg), attr_cb, &words);
	if (!words.names[ATTR_TABLE] ||
	    !watch->is_watched(header->nlmsg_pid, family, words.names[ATTR_TABLE], watch->data))
		return;
	/* What goes with a table is told before it, and matters less. */
	if (kinds[kind].type == NFT_MSG_DELTABLE) {
		g_autofree char *table = g_strdup_printf("table deleted %s %s%s", family_words(family),
							 words.names[ATTR_TABLE], watch->count ? ", " : "");

		g_string_prepend(watch->what, table);
		watch->count++;
		return;
	}
	if (watch->count++ >= NFT_WATCH_NAMED_MAX)
		return;
	g_string_append_printf(watch->what, "%s%s %s %s", watch->what->len ? ", " : "", kinds[kind].words,
			       family_words(family), words.names[ATTR_TABLE]);
	if (kinds[kind].name && words.names[kinds[kind].name])
		g_string_append_printf(watch->what, " %s", words.names[kinds[kind].name]);
}

static int
message_cb(const struct nlmsghdr *header, void *data)
{
	NftWatch *watch = data;

	if (NFNL_SUBSYS_ID(header->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return MNL_CB_OK;
	if (NFNL_MSG_TYPE(header->nlmsg_type) == NFT_MSG_NEWGEN) {
		Words words = { 0 };

		mnl_attr_parse(header, sizeof(struct nfgenmsg), program_cb, &words);
		tell(watch, words.program);
		return MNL_CB_OK;
	}
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].type == NFNL_MSG_TYPE(header->nlmsg_type))
			take(watch, header, i);
	return MNL_CB_OK;
}

static void
on_lost(gpointer data)
{
	const NftWatch *watch = data;

	watch->on_change("more changes than the kernel could tell of", watch->data);
}

NftWatch *
nft_watch_new(NftWatchIsFn is_watched, NftWatchFn on_change, gpointer data, GError **error)
{
	g_autoptr(NftWatch) watch = g_new0(NftWatch, 1);

	watch->is_watched = is_watched;
	watch->on_change = on_change;
	watch->data = data;
	watch->what = g_string_new(NULL);
	watch->events = netlink_events_new(NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1), message_cb, on_lost, watch,
					   "nf_tables", error);
	if (!watch->events)
		return NULL;
	return g_steal_pointer(&watch);
}

void
nft_watch_free(NftWatch *watch)
{
	if (!watch)
		return;
	netlink_events_free(watch->events);
	g_string_free(watch->what, TRUE);
	g_free(watch);
}

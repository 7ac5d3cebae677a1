// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to the kernel's traffic control. */

#include "vswitch/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#define FILTER_PRIO	    0x51u
#define HTB_VERSION	    3
#define HTB_RATE_TO_QUANTUM 10
#define MAC_TABLE	    0x00100000u /* u32's handle of the hash table: 1: */
#define MAC_ROWS	    256
#define ROOT_NODE	    0x80000001u /* the first filter of u32's own table, 800::1 */
#define ROW_SHIFT	    12
/* From the network header back; u32 loads words of 4 bytes. */
#define OFFSET_MAC_HEAD -16 /* two bytes in front of the frame, and the first two of the destination */
#define OFFSET_MAC_TAIL -12 /* the other four */

static struct nlmsghdr *
request(Rtnl *rtnl, guint16 type, guint16 flags, guint32 index, guint32 parent, guint32 handle)
{
	struct tcmsg *tc;
	struct nlmsghdr *message = rtnl_request(rtnl, type, flags, sizeof(*tc), &tc);

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)index;
	tc->tcm_parent = parent;
	tc->tcm_handle = handle;
	return message;
}

static struct nlmsghdr *
filter_request(Rtnl *rtnl, guint16 type, guint16 flags, guint32 index, guint32 parent, guint32 handle)
{
	struct nlmsghdr *message = request(rtnl, type, flags, index, parent, handle);
	struct tcmsg *tc = mnl_nlmsg_get_payload(message);

	tc->tcm_info = TC_H_MAKE(FILTER_PRIO << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(message, TCA_KIND, "u32");
	return message;
}

/* --- attributes of answers --- */

typedef struct {
	const struct nlattr **by_type;
	guint count;
} Attrs;

static int
attrs_cb(const struct nlattr *attr, void *data)
{
	const Attrs *attrs = data;
	guint type = mnl_attr_get_type(attr);

	if (type < attrs->count)
		attrs->by_type[type] = attr;
	return MNL_CB_OK;
}

static void
parse_nested(const struct nlattr *nest, const struct nlattr **by_type, guint count)
{
	Attrs attrs = { by_type, count };

	memset(by_type, 0, count * sizeof(*by_type));
	if (nest)
		mnl_attr_parse_nested(nest, attrs_cb, &attrs);
}

static void
parse_message(const struct nlmsghdr *message, const struct nlattr *by_type[TCA_MAX + 1])
{
	Attrs attrs = { by_type, TCA_MAX + 1 };

	memset(by_type, 0, (TCA_MAX + 1) * sizeof(*by_type));
	mnl_attr_parse(message, sizeof(struct tcmsg), attrs_cb, &attrs);
}

/* A payload of at least so many bytes; NULL where there is none. */
static const void *
payload(const struct nlattr *attr, gsize size)
{
	return attr && mnl_attr_get_payload_len(attr) >= size ? mnl_attr_get_payload(attr) : NULL;
}

static gboolean
is_kind(const struct nlattr *attr, const char *kind)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 && g_str_equal(mnl_attr_get_str(attr), kind);
}

/* --- queueing disciplines --- */

static int
qdisc_cb(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[TCA_MAX + 1], *htb[TCA_HTB_MAX + 1];
	const struct tc_htb_glob *init;
	TcQdisc *qdisc = data;

	parse_message(message, attrs);
	qdisc->handle = tc->tcm_handle;
	if (attrs[TCA_KIND] && mnl_attr_validate(attrs[TCA_KIND], MNL_TYPE_NUL_STRING) >= 0)
		g_strlcpy(qdisc->kind, mnl_attr_get_str(attrs[TCA_KIND]), sizeof(qdisc->kind));
	if (!g_str_equal(qdisc->kind, "htb"))
		return MNL_CB_OK;
	parse_nested(attrs[TCA_OPTIONS], htb, G_N_ELEMENTS(htb));
	init = payload(htb[TCA_HTB_INIT], sizeof(*init));
	qdisc->default_class = init ? init->defcls : 0;
	return MNL_CB_OK;
}

int
tc_qdisc_get(Rtnl *rtnl, guint32 index, guint32 parent, TcQdisc *ret_qdisc)
{
	int result;

	*ret_qdisc = (TcQdisc){ 0 };
	/* The kernel answers as it tells of changes: only who asks for an echo hears it. */
	result = rtnl_get(rtnl, request(rtnl, RTM_GETQDISC, NLM_F_ECHO, index, parent, 0), qdisc_cb, ret_qdisc);
	if (result == -ENOENT)
		return 0;
	return result < 0 ? result : ret_qdisc->handle != 0;
}

int
tc_qdisc_delete(Rtnl *rtnl, guint32 index, guint32 parent)
{
	return rtnl_run(rtnl, request(rtnl, RTM_DELQDISC, 0, index, parent, 0));
}

int
tc_htb_add(Rtnl *rtnl, guint32 index, guint32 default_class)
{
	struct tc_htb_glob init = { .version = HTB_VERSION,
				    .rate2quantum = HTB_RATE_TO_QUANTUM,
				    .defcls = default_class };
	struct nlmsghdr *message =
		request(rtnl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_PARENT_ROOT, TC_HTB_HANDLE);
	struct nlattr *options;

	mnl_attr_put_strz(message, TCA_KIND, "htb");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put(message, TCA_HTB_INIT, sizeof(init), &init);
	mnl_attr_nest_end(message, options);
	return rtnl_run(rtnl, message);
}

int
tc_ingress_add(Rtnl *rtnl, guint32 index)
{
	struct nlmsghdr *message =
		request(rtnl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_PARENT_IN, TC_H_MAKE(TC_H_INGRESS, 0));

	mnl_attr_put_strz(message, TCA_KIND, "ingress");
	return rtnl_run(rtnl, message);
}

int
tc_fair_queue_set(Rtnl *rtnl, guint32 index, guint32 parent)
{
	struct nlmsghdr *message = request(rtnl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, parent, 0);

	mnl_attr_put_strz(message, TCA_KIND, "fq_codel");
	return rtnl_run(rtnl, message);
}

int
tc_fifo_set(Rtnl *rtnl, guint32 index, guint32 parent, guint32 bytes)
{
	struct tc_fifo_qopt options = { .limit = bytes };
	struct nlmsghdr *message = request(rtnl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, parent, 0);

	mnl_attr_put_strz(message, TCA_KIND, "bfifo");
	mnl_attr_put(message, TCA_OPTIONS, sizeof(options), &options);
	return rtnl_run(rtnl, message);
}

/* --- classes --- */

static int
class_cb(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[TCA_MAX + 1], *htb[TCA_HTB_MAX + 1];
	const struct tc_htb_opt *options;
	const guint64 *wide;
	GArray *list = data;
	TcClass found = { .handle = tc->tcm_handle, .parent = tc->tcm_parent, .leaf = tc->tcm_info };

	parse_message(message, attrs);
	if (!is_kind(attrs[TCA_KIND], "htb") || list->len >= TC_CLASSES_MAX)
		return MNL_CB_OK;
	parse_nested(attrs[TCA_OPTIONS], htb, G_N_ELEMENTS(htb));
	options = payload(htb[TCA_HTB_PARMS], sizeof(*options));
	if (!options)
		return MNL_CB_OK;
	wide = payload(htb[TCA_HTB_RATE64], sizeof(*wide));
	found.rate = options->rate.rate;
	if (wide)
		memcpy(&found.rate, wide, sizeof(found.rate));
	wide = payload(htb[TCA_HTB_CEIL64], sizeof(*wide));
	found.ceil = options->ceil.rate;
	if (wide)
		memcpy(&found.ceil, wide, sizeof(found.ceil));
	found.buffer = options->buffer;
	found.cbuffer = options->cbuffer;
	found.quantum = options->quantum;
	g_array_append_val(list, found);
	return MNL_CB_OK;
}

int
tc_class_list(Rtnl *rtnl, guint32 index, GArray *ret_classes)
{
	return rtnl_dump(rtnl, request(rtnl, RTM_GETTCLASS, 0, index, 0, 0), class_cb, ret_classes);
}

int
tc_class_set(Rtnl *rtnl, guint32 index, const TcClass *wanted)
{
	/* The kernel looks for a table of times only where the link layer is not said. */
	struct tc_htb_opt options = {
		.rate = { .rate = (guint32)MIN(wanted->rate, G_MAXUINT32), .linklayer = TC_LINKLAYER_ETHERNET },
		.ceil = { .rate = (guint32)MIN(wanted->ceil, G_MAXUINT32), .linklayer = TC_LINKLAYER_ETHERNET },
		.buffer = wanted->buffer,
		.cbuffer = wanted->cbuffer,
		.quantum = wanted->quantum,
	};
	struct nlmsghdr *message = request(rtnl, RTM_NEWTCLASS, NLM_F_CREATE, index, wanted->parent, wanted->handle);
	struct nlattr *nest;

	mnl_attr_put_strz(message, TCA_KIND, "htb");
	nest = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put(message, TCA_HTB_PARMS, sizeof(options), &options);
	if (wanted->rate > G_MAXUINT32)
		mnl_attr_put_u64(message, TCA_HTB_RATE64, wanted->rate);
	if (wanted->ceil > G_MAXUINT32)
		mnl_attr_put_u64(message, TCA_HTB_CEIL64, wanted->ceil);
	mnl_attr_nest_end(message, nest);
	return rtnl_run(rtnl, message);
}

int
tc_class_delete(Rtnl *rtnl, guint32 index, guint32 handle)
{
	return rtnl_run(rtnl, request(rtnl, RTM_DELTCLASS, 0, index, 0, handle));
}

/* --- filters --- */

/* A selector ends with its keys. */
typedef struct {
	guint8 sel[sizeof(struct tc_u32_sel)];
	struct tc_u32_key keys[2];
} MacMatch;

static void
fill_mac_match(MacMatch *match, const guint8 mac[6])
{
	struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL, .nkeys = G_N_ELEMENTS(match->keys) };

	memcpy(match->sel, &sel, sizeof(sel));
	match->keys[0] = (struct tc_u32_key){ .mask = htonl(0xffff),
					      .val = htonl((guint32)mac[0] << 8 | mac[1]),
					      .off = OFFSET_MAC_HEAD };
	match->keys[1] = (struct tc_u32_key){ .mask = 0xffffffff, .off = OFFSET_MAC_TAIL };
	memcpy(&match->keys[1].val, mac + 2, sizeof(match->keys[1].val));
}

typedef struct {
	GArray *filters;
	gboolean has_table;
} MacFilters;

/* The table itself, its rows and what leads to it are told of too. */
static int
mac_filter_cb(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[TCA_MAX + 1], *u32[TCA_U32_MAX + 1];
	const MacMatch *match;
	const guint32 *class_id;
	MacFilters *found = data;
	TcMacFilter filter = { .handle = tc->tcm_handle };
	guint32 head, tail;

	parse_message(message, attrs);
	if (TC_H_MAJ(tc->tcm_info) >> 16 != FILTER_PRIO || !is_kind(attrs[TCA_KIND], "u32"))
		return MNL_CB_OK;
	parse_nested(attrs[TCA_OPTIONS], u32, G_N_ELEMENTS(u32));
	found->has_table |= u32[TCA_U32_LINK] != NULL;
	match = payload(u32[TCA_U32_SEL], sizeof(*match));
	class_id = payload(u32[TCA_U32_CLASSID], sizeof(*class_id));
	/* Only a filter with two keys is as long. */
	if (!match || !class_id || found->filters->len >= TC_CLASSES_MAX)
		return MNL_CB_OK;
	filter.class_id = *class_id;
	head = ntohl(match->keys[0].val);
	tail = match->keys[1].val;
	filter.mac[0] = (guint8)(head >> 8);
	filter.mac[1] = (guint8)head;
	memcpy(filter.mac + 2, &tail, sizeof(tail));
	g_array_append_val(found->filters, filter);
	return MNL_CB_OK;
}

int
tc_mac_filter_list(Rtnl *rtnl, guint32 index, GArray *ret_filters, gboolean *ret_has_table)
{
	MacFilters found = { ret_filters, FALSE };
	int result = rtnl_dump(rtnl, request(rtnl, RTM_GETTFILTER, 0, index, TC_HTB_HANDLE, 0), mac_filter_cb, &found);

	*ret_has_table = found.has_table;
	return result;
}

int
tc_mac_table_add(Rtnl *rtnl, guint32 index)
{
	struct tc_u32_sel by_last_byte = { .hmask = htonl(0xff), .hoff = OFFSET_MAC_TAIL };
	struct nlmsghdr *message = filter_request(rtnl, RTM_NEWTFILTER, NLM_F_CREATE, index, TC_HTB_HANDLE, MAC_TABLE);
	struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);
	int result;

	mnl_attr_put_u32(message, TCA_U32_DIVISOR, MAC_ROWS);
	mnl_attr_nest_end(message, options);
	result = rtnl_run(rtnl, message);
	if (result < 0)
		return result;
	message = filter_request(rtnl, RTM_NEWTFILTER, NLM_F_CREATE, index, TC_HTB_HANDLE, ROOT_NODE);
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put_u32(message, TCA_U32_LINK, MAC_TABLE);
	mnl_attr_put(message, TCA_U32_SEL, sizeof(by_last_byte), &by_last_byte);
	mnl_attr_nest_end(message, options);
	return rtnl_run(rtnl, message);
}

guint32
tc_mac_filter_handle(const TcMacFilter *filter)
{
	return MAC_TABLE | (guint32)filter->mac[5] << ROW_SHIFT | TC_H_MIN(filter->class_id);
}

int
tc_mac_filter_set(Rtnl *rtnl, guint32 index, const TcMacFilter *filter)
{
	guint32 handle = tc_mac_filter_handle(filter);
	MacMatch match;
	struct nlmsghdr *message = filter_request(rtnl, RTM_NEWTFILTER, NLM_F_CREATE, index, TC_HTB_HANDLE, handle);
	struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);

	fill_mac_match(&match, filter->mac);
	mnl_attr_put_u32(message, TCA_U32_CLASSID, filter->class_id);
	mnl_attr_put_u32(message, TCA_U32_HASH, MAC_TABLE | (guint32)filter->mac[5] << ROW_SHIFT);
	mnl_attr_put(message, TCA_U32_SEL, sizeof(match), &match);
	mnl_attr_nest_end(message, options);
	return rtnl_run(rtnl, message);
}

int
tc_mac_filter_delete(Rtnl *rtnl, guint32 index, guint32 handle)
{
	return rtnl_run(rtnl, filter_request(rtnl, RTM_DELTFILTER, 0, index, TC_HTB_HANDLE, handle));
}

/* --- incoming packets --- */

typedef struct {
	guint32 target;
	guint others;
} Redirect;

static guint32
mirred_target(const struct nlattr *acts)
{
	const struct nlattr *by_order[2], *act[TCA_ACT_MAX + 1], *options[TCA_MIRRED_MAX + 1];
	const struct tc_mirred *mirred;

	parse_nested(acts, by_order, G_N_ELEMENTS(by_order));
	parse_nested(by_order[1], act, G_N_ELEMENTS(act));
	if (!is_kind(act[TCA_ACT_KIND], "mirred"))
		return 0;
	parse_nested(act[TCA_ACT_OPTIONS], options, G_N_ELEMENTS(options));
	mirred = payload(options[TCA_MIRRED_PARMS], sizeof(*mirred));
	return mirred ? mirred->ifindex : 0;
}

static int
redirect_cb(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *attrs[TCA_MAX + 1], *u32[TCA_U32_MAX + 1];
	Redirect *redirect = data;

	parse_message(message, attrs);
	if (TC_H_MAJ(tc->tcm_info) >> 16 != FILTER_PRIO) {
		redirect->others++;
		return MNL_CB_OK;
	}
	parse_nested(attrs[TCA_OPTIONS], u32, G_N_ELEMENTS(u32));
	if (u32[TCA_U32_ACT])
		redirect->target = mirred_target(u32[TCA_U32_ACT]);
	return MNL_CB_OK;
}

int
tc_redirect_get(Rtnl *rtnl, guint32 index, guint32 *ret_target, guint *ret_others)
{
	Redirect redirect = { 0 };
	int result = rtnl_dump(rtnl, request(rtnl, RTM_GETTFILTER, 0, index, TC_FILTERS_IN, 0), redirect_cb, &redirect);

	*ret_target = redirect.target;
	*ret_others = redirect.others;
	return result;
}

int
tc_redirect_add(Rtnl *rtnl, guint32 index, guint32 target)
{
	struct tc_u32_sel all = { .flags = TC_U32_TERMINAL };
	struct tc_mirred mirred = { .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = target };
	struct nlmsghdr *message = filter_request(rtnl, RTM_NEWTFILTER, NLM_F_CREATE, index, TC_FILTERS_IN, ROOT_NODE);
	struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS), *acts, *act, *params;

	mnl_attr_put(message, TCA_U32_SEL, sizeof(all), &all);
	acts = mnl_attr_nest_start(message, TCA_U32_ACT);
	act = mnl_attr_nest_start(message, 1);
	mnl_attr_put_strz(message, TCA_ACT_KIND, "mirred");
	params = mnl_attr_nest_start(message, TCA_ACT_OPTIONS);
	mnl_attr_put(message, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(message, params);
	mnl_attr_nest_end(message, act);
	mnl_attr_nest_end(message, acts);
	mnl_attr_nest_end(message, options);
	return rtnl_run(rtnl, message);
}

/* Without a handle the whole priority goes. */
int
tc_redirect_delete(Rtnl *rtnl, guint32 index)
{
	return rtnl_run(rtnl, filter_request(rtnl, RTM_DELTFILTER, 0, index, TC_FILTERS_IN, 0));
}

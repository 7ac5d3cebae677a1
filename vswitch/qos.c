// SPDX-License-Identifier: GPL-2.0-or-later
/* Rates of an interface. */

#include "vswitch/qos.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "vswitch/links_private.h"
#include "vswitch/tc.h"

#define KIB	      1024u
#define CLASS_WHOLE   1
#define CLASS_REST    2
#define REST_RATE_MIN (8 * KIB)	 /* bytes a second that are left when all is guaranteed to others */
#define BURST_PART    50	 /* a buffer of 20 ms: timers of a loaded host are late by some */
#define BURST_MIN     (2 * 1514) /* bytes */
#define QUANTUM_PART  80	 /* what is left is shared in proportion to the rates */
#define QUANTUM_MIN   1514
#define QUANTUM_MAX   200000
#define FIFO_PART     5		  /* a queue of 200 ms */
#define FIFO_MIN      (128 * KIB) /* two segments of a network card */
#define FIFO_MAX      (8 * KIB * KIB)
#define NS_PER_SEC    1e9

static gboolean
missing(const char *what, GError **error)
{
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "<bandwidth>: this kernel has no %s", what);
	return FALSE;
}

/* The kernel answers ENOENT for a kind that it does not know. */
static gboolean
check(int result, const char *part, const char *dev, GError **error)
{
	if (result == -ENOENT || result == -EOPNOTSUPP)
		return missing(part, error);
	return links_check(result, error, "cannot set the bandwidth of interface '%s' (%s)", dev, part);
}

/* --- classes --- */

static guint32
ticks(guint64 bytes, guint64 rate)
{
	double count = (double)bytes * NS_PER_SEC / (double)rate / TC_TICK_NS;

	return count < 1 ? 1 : count >= G_MAXUINT32 ? G_MAXUINT32 : (guint32)count;
}

static guint64
small_burst(guint64 rate)
{
	return MAX(rate / BURST_PART, BURST_MIN);
}

/* @rate: bytes a second of this class's own; ceil and burst as the whole has them. */
static TcClass
class_for(guint minor, guint parent_minor, guint64 rate, guint64 burst, const QosRate *whole)
{
	TcClass result = {
		.handle = TC_CLASS(minor),
		.parent = parent_minor ? TC_CLASS(parent_minor) : TC_PARENT_ROOT,
		.rate = rate,
		.ceil = MAX(whole->peak, whole->average) * KIB,
		.quantum = (guint32)CLAMP(rate / QUANTUM_PART, QUANTUM_MIN, QUANTUM_MAX),
	};

	result.buffer = ticks(MAX(burst, small_burst(rate)), rate);
	result.cbuffer =
		ticks(whole->peak ? small_burst(result.ceil) : MAX(burst, small_burst(result.ceil)), result.ceil);
	return result;
}

/* (element-type TcClass): the guaranteed rates come out of the average, so that the sum stays what it is. */
static GArray *
wanted_classes(const QosRate *rate, const QosPlan *floors)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(TcClass));
	guint64 average = rate->average * KIB, burst = rate->burst * KIB, guaranteed = 0, rest;
	TcClass class;

	for (guint i = 0; floors && i < floors->floor_count; i++)
		guaranteed += floors->floors[i].rate * KIB;
	rest = average > guaranteed ? average - guaranteed : 0;
	class = class_for(CLASS_WHOLE, 0, average, burst, rate);
	g_array_append_val(list, class);
	class = class_for(CLASS_REST, CLASS_WHOLE, MAX(rest, REST_RATE_MIN), burst, rate);
	g_array_append_val(list, class);
	for (guint i = 0; floors && i < floors->floor_count; i++) {
		class = class_for(floors->floors[i].class_id, CLASS_WHOLE, floors->floors[i].rate * KIB, 0, rate);
		g_array_append_val(list, class);
	}
	return list;
}

static const TcClass *
find_class(const GArray *list, guint32 handle)
{
	for (guint i = 0; i < list->len; i++) {
		const TcClass *class = &g_array_index(list, TcClass, i);

		if (class->handle == handle)
			return class;
	}
	return NULL;
}

static gboolean
class_equal(const TcClass *a, const TcClass *b)
{
	return a->rate == b->rate && a->ceil == b->ceil && a->buffer == b->buffer && a->cbuffer == b->cbuffer &&
	       a->quantum == b->quantum;
}

static gboolean
set_leaf(Links *links, guint32 index, const TcClass *class, const char *dev, GError **error)
{
	guint32 bytes = (guint32)CLAMP(class->ceil / FIFO_PART, FIFO_MIN, FIFO_MAX);
	int result;

	if (!links->no_fair_queue) {
		result = tc_fair_queue_set(links->rtnl, index, class->handle);
		if (result != -ENOENT)
			return check(result, "fq_codel", dev, error);
		links->no_fair_queue = TRUE;
	}
	return check(tc_fifo_set(links->rtnl, index, class->handle, bytes), "bfifo", dev, error);
}

static gboolean
set_classes(Links *links, guint32 index, const GArray *wanted, const GArray *there, const char *dev, GError **error)
{
	for (guint i = 0; i < wanted->len; i++) {
		const TcClass *class = &g_array_index(wanted, TcClass, i);
		const TcClass *before = find_class(there, class->handle);

		if (before && class_equal(before, class))
			continue;
		if (!check(tc_class_set(links->rtnl, index, class), "sch_htb", dev, error))
			return FALSE;
		if (class->handle != TC_CLASS(CLASS_WHOLE) && (!before || links->no_fair_queue) &&
		    !set_leaf(links, index, class, dev, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
drop_classes(Links *links, guint32 index, const GArray *wanted, const GArray *there, const char *dev, GError **error)
{
	for (guint i = 0; i < there->len; i++) {
		guint32 handle = g_array_index(there, TcClass, i).handle;

		if (!find_class(wanted, handle) &&
		    !check(tc_class_delete(links->rtnl, index, handle), "sch_htb", dev, error))
			return FALSE;
	}
	return TRUE;
}

/* --- filters --- */

static gboolean
filter_equal(const TcMacFilter *a, const TcMacFilter *b)
{
	return a->handle == b->handle && a->class_id == b->class_id && !memcmp(a->mac, b->mac, sizeof(a->mac));
}

static gboolean
has_filter(const GArray *list, const TcMacFilter *wanted)
{
	for (guint i = 0; i < list->len; i++) {
		if (filter_equal(&g_array_index(list, TcMacFilter, i), wanted))
			return TRUE;
	}
	return FALSE;
}

static GArray *
wanted_filters(const QosPlan *floors)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(TcMacFilter));

	for (guint i = 0; floors && i < floors->floor_count; i++) {
		const QosFloor *floor = &floors->floors[i];
		TcMacFilter filter = { .class_id = TC_CLASS(floor->class_id) };

		memcpy(filter.mac, floor->mac, sizeof(filter.mac));
		filter.handle = tc_mac_filter_handle(&filter);
		g_array_append_val(list, filter);
	}
	return list;
}

/* Those that go, go first: one that takes another's number must find it free. */
static gboolean
set_filters(Links *links, guint32 index, const GArray *wanted, const char *dev, GError **error)
{
	g_autoptr(GArray) there = g_array_new(FALSE, TRUE, sizeof(TcMacFilter));
	gboolean has_table;

	if (!check(tc_mac_filter_list(links->rtnl, index, there, &has_table), "cls_u32", dev, error))
		return FALSE;
	for (guint i = 0; i < there->len; i++) {
		const TcMacFilter *filter = &g_array_index(there, TcMacFilter, i);

		if (!has_filter(wanted, filter) &&
		    !check(tc_mac_filter_delete(links->rtnl, index, filter->handle), "cls_u32", dev, error))
			return FALSE;
	}
	if (wanted->len && !has_table && !check(tc_mac_table_add(links->rtnl, index), "cls_u32", dev, error))
		return FALSE;
	for (guint i = 0; i < wanted->len; i++) {
		const TcMacFilter *filter = &g_array_index(wanted, TcMacFilter, i);

		if (!has_filter(there, filter) &&
		    !check(tc_mac_filter_set(links->rtnl, index, filter), "cls_u32", dev, error))
			return FALSE;
	}
	return TRUE;
}

/* --- one direction: what goes out of an interface --- */

static gboolean
shape(Links *links, guint32 index, const QosRate *rate, const QosPlan *floors, const char *dev, GError **error)
{
	g_autoptr(GArray) classes = NULL, filters = NULL, there = NULL;
	TcQdisc root;
	int found = tc_qdisc_get(links->rtnl, index, TC_PARENT_ROOT, &root);
	gboolean is_ours = found > 0 && root.handle == TC_HTB_HANDLE && g_str_equal(root.kind, "htb");

	if (!check(found, "traffic control", dev, error))
		return FALSE;
	if (!rate->average)
		return !is_ours || check(tc_qdisc_delete(links->rtnl, index, TC_PARENT_ROOT), "sch_htb", dev, error);
	if (found && !is_ours) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "<bandwidth>: interface '%s' is shaped already, by %s %x:, which is not ours", dev,
				 root.kind, root.handle >> 16);
		return FALSE;
	}
	if (!found && !check(tc_htb_add(links->rtnl, index, CLASS_REST), "sch_htb", dev, error))
		return FALSE;
	classes = wanted_classes(rate, floors);
	filters = wanted_filters(floors);
	there = g_array_new(FALSE, TRUE, sizeof(TcClass));
	return check(tc_class_list(links->rtnl, index, there), "sch_htb", dev, error) &&
	       set_classes(links, index, classes, there, dev, error) &&
	       set_filters(links, index, filters, dev, error) && drop_classes(links, index, classes, there, dev, error);
}

/* --- the other direction: through an ifb --- */

static void
ifb_name(guint32 index, char name[LINK_NAME_MAX + 1])
{
	g_snprintf(name, LINK_NAME_MAX + 1, QOS_IFB_PREFIX "%u", index);
}

static gboolean
ifb_ensure(Links *links, const char *name, LinkInfo *ret_info, GError **error)
{
	gint found = links_find(links, name, ret_info, error);
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	struct nlattr *info;
	int result;

	if (found < 0)
		return FALSE;
	if (!found) {
		message = rtnl_request(links->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link), &link);
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
		info = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, "ifb");
		mnl_attr_nest_end(message, info);
		result = rtnl_run(links->rtnl, message);
		if (result == -EOPNOTSUPP)
			return missing("ifb", error);
		if (!links_check(result, error, "cannot create interface '%s'", name) ||
		    links_find(links, name, ret_info, error) <= 0)
			return FALSE;
	}
	if (!g_str_equal(ret_info->kind, "ifb")) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "interface '%s' is not an ifb", name);
		return FALSE;
	}
	return ret_info->is_up || links_set_up(links, name, TRUE, error);
}

static gboolean
redirect_set(Links *links, guint32 index, guint32 target, const char *dev, GError **error)
{
	TcQdisc ingress;
	guint32 there;
	guint others;
	int found = tc_qdisc_get(links->rtnl, index, TC_PARENT_IN, &ingress);

	if (!check(found, "traffic control", dev, error) ||
	    (!found && !check(tc_ingress_add(links->rtnl, index), "sch_ingress", dev, error)) ||
	    !check(tc_redirect_get(links->rtnl, index, &there, &others), "cls_u32", dev, error))
		return FALSE;
	if (there == target)
		return TRUE;
	if (there)
		tc_redirect_delete(links->rtnl, index);
	return check(tc_redirect_add(links->rtnl, index, target), "cls_u32 with act_mirred", dev, error);
}

static gboolean
redirect_clear(Links *links, guint32 index, const char *dev, GError **error)
{
	TcQdisc ingress;
	guint32 there;
	guint others;
	int found = tc_qdisc_get(links->rtnl, index, TC_PARENT_IN, &ingress);

	if (!check(found, "traffic control", dev, error))
		return FALSE;
	if (!found)
		return TRUE;
	if (!check(tc_redirect_get(links->rtnl, index, &there, &others), "cls_u32", dev, error))
		return FALSE;
	if (!there)
		return TRUE;
	if (others || !g_str_equal(ingress.kind, "ingress"))
		return check(tc_redirect_delete(links->rtnl, index), "cls_u32", dev, error);
	return check(tc_qdisc_delete(links->rtnl, index, TC_PARENT_IN), "sch_ingress", dev, error);
}

/* The ifb has its rates before the first packet comes there, and is deleted behind the last. */
static gboolean
shape_in(Links *links, guint32 index, const QosRate *rate, const char *dev, GError **error)
{
	char name[LINK_NAME_MAX + 1];
	LinkInfo ifb;

	ifb_name(index, name);
	if (!rate->average)
		return redirect_clear(links, index, dev, error) && links_delete(links, name, error);
	return ifb_ensure(links, name, &ifb, error) && shape(links, ifb.index, rate, NULL, name, error) &&
	       redirect_set(links, index, ifb.index, dev, error);
}

gboolean
qos_apply(Links *links, const char *dev, const QosPlan *plan, GError **error)
{
	guint32 index;

	if (links_record(links,
			 "qos %s out %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
			 " in %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " floors %u",
			 dev, plan->out.average, plan->out.peak, plan->out.burst, plan->in.average, plan->in.peak,
			 plan->in.burst, plan->floor_count))
		return TRUE;
	index = links_index(links, dev, error);
	return index && shape(links, index, &plan->out, plan, dev, error) &&
	       shape_in(links, index, &plan->in, dev, error);
}

gboolean
qos_tidy(Links *links, GError **error)
{
	g_autoptr(GArray) all = links_list(links, error);
	g_autoptr(GHashTable) indices = g_hash_table_new(NULL, NULL);
	gboolean ok = all != NULL;

	for (guint i = 0; all && i < all->len; i++)
		g_hash_table_add(indices, GUINT_TO_POINTER(g_array_index(all, LinkInfo, i).index));
	for (guint i = 0; all && i < all->len; i++) {
		const LinkInfo *info = &g_array_index(all, LinkInfo, i);
		guint64 index;

		if (g_str_equal(info->kind, "ifb") && g_str_has_prefix(info->name, QOS_IFB_PREFIX) &&
		    g_ascii_string_to_unsigned(info->name + strlen(QOS_IFB_PREFIX), 10, 1, G_MAXUINT32, &index, NULL) &&
		    !g_hash_table_contains(indices, GUINT_TO_POINTER((guint)index)))
			ok &= links_delete(links, info->name, ok ? error : NULL);
	}
	return ok;
}

/* --- what the kernel can do --- */

static char *
try_all(void)
{
	static const QosFloor floor = { .class_id = QOS_CLASS_FIRST, .mac = { 0x52, 0x54 }, .rate = 1 };
	QosPlan plan = { .out.average = 1000, .floors = &floor, .floor_count = 1 };
	g_autoptr(GError) error = NULL;
	g_autoptr(Links) links = NULL;
	const char *queue;

	if (unshare(CLONE_NEWNET) < 0)
		return g_strdup_printf("not known (no network namespace to try it in: %s)", g_strerror(errno));
	links = links_new(&error);
	if (!links || !qos_apply(links, "lo", &plan, &error))
		return g_strdup_printf("none: %s", error->message);
	queue = links->no_fair_queue ? "one queue a class" : "fq_codel";
	plan.in.average = 1000;
	if (!qos_apply(links, "lo", &plan, &error))
		return g_strdup_printf("htb with %s, outbound none: %s", queue, error->message);
	return g_strdup_printf("htb with %s, outbound through ifb", queue);
}

/* A namespace of its own for a thread: it ends with it. */
static gpointer
describe_thread(gpointer data)
{
	return try_all();
}

char *
qos_describe(void)
{
	return g_thread_join(g_thread_new("qos-probe", describe_thread, NULL));
}

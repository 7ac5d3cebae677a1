// SPDX-License-Identifier: GPL-2.0-or-later
/* Rates of an interface. */

#include "vswitch/qos.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
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

/* An interface that is brought to a plan, or only held against it. */
typedef struct {
	Links *links;
	GPtrArray *differences; /* of utf8; NULL: what differs is changed */
} Shaper;

/* Whether a difference is not to be changed, but told of. */
static gboolean G_GNUC_PRINTF(3, 4) is_told(const Shaper *shaper, const char *dev, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	if (!shaper->differences)
		return FALSE;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(shaper->differences, g_strdup_printf("bandwidth of interface '%s': %s", dev, what));
	return TRUE;
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

/* A class with others below shares out nothing itself: the kernel keeps the quantum that it was made with. */
static gboolean
class_equal(const TcClass *a, const TcClass *b)
{
	return a->rate == b->rate && a->ceil == b->ceil && a->buffer == b->buffer && a->cbuffer == b->cbuffer &&
	       (a->quantum == b->quantum || a->handle == TC_CLASS(CLASS_WHOLE));
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
set_class(const Shaper *shaper, guint32 index, const TcClass *class, const TcClass *before, const char *dev,
	  GError **error)
{
	gboolean is_same = before && class_equal(before, class), needs_leaf;

	if (!is_same &&
	    !is_told(shaper, dev, "class 51:%x %s", TC_H_MIN(class->handle),
		     before ? "has other rates" : "is missing") &&
	    !check(tc_class_set(shaper->links->rtnl, index, class), "sch_htb", dev, error))
		return FALSE;
	if (class->handle == TC_CLASS(CLASS_WHOLE) || (shaper->differences && !before))
		return TRUE;
	/* The length of a queue goes by the rate. In place of one that somebody took away the kernel has one of its
	 * own. */
	needs_leaf = !before || !before->leaf || (!is_same && !shaper->differences && shaper->links->no_fair_queue);
	return !needs_leaf || is_told(shaper, dev, "the queue of a class is missing") ||
	       set_leaf(shaper->links, index, class, dev, error);
}

static gboolean
set_classes(const Shaper *shaper, guint32 index, const GArray *wanted, const GArray *there, const char *dev,
	    GError **error)
{
	for (guint i = 0; i < wanted->len; i++) {
		const TcClass *class = &g_array_index(wanted, TcClass, i);

		if (!set_class(shaper, index, class, find_class(there, class->handle), dev, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
drop_classes(const Shaper *shaper, guint32 index, const GArray *wanted, const GArray *there, const char *dev,
	     GError **error)
{
	for (guint i = 0; i < there->len; i++) {
		guint32 handle = g_array_index(there, TcClass, i).handle;

		if (!find_class(wanted, handle) && !is_told(shaper, dev, "class 51:%x is not ours", TC_H_MIN(handle)) &&
		    !check(tc_class_delete(shaper->links->rtnl, index, handle), "sch_htb", dev, error))
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
set_filters(const Shaper *shaper, guint32 index, const GArray *wanted, const char *dev, GError **error)
{
	g_autoptr(GArray) there = g_array_new(FALSE, TRUE, sizeof(TcMacFilter));
	Rtnl *rtnl = shaper->links->rtnl;
	gboolean has_table;

	if (!check(tc_mac_filter_list(rtnl, index, there, &has_table), "cls_u32", dev, error))
		return FALSE;
	for (guint i = 0; i < there->len; i++) {
		const TcMacFilter *filter = &g_array_index(there, TcMacFilter, i);

		if (!has_filter(wanted, filter) &&
		    !is_told(shaper, dev, "a filter to class 51:%x is not ours", TC_H_MIN(filter->class_id)) &&
		    !check(tc_mac_filter_delete(rtnl, index, filter->handle), "cls_u32", dev, error))
			return FALSE;
	}
	if (wanted->len && !has_table && !is_told(shaper, dev, "the table of destinations is missing") &&
	    !check(tc_mac_table_add(rtnl, index), "cls_u32", dev, error))
		return FALSE;
	for (guint i = 0; i < wanted->len; i++) {
		const TcMacFilter *filter = &g_array_index(wanted, TcMacFilter, i);

		if (!has_filter(there, filter) &&
		    !is_told(shaper, dev, "the filter to class 51:%x is missing", TC_H_MIN(filter->class_id)) &&
		    !check(tc_mac_filter_set(rtnl, index, filter), "cls_u32", dev, error))
			return FALSE;
	}
	return TRUE;
}

/* --- one direction: what goes out of an interface --- */

static gboolean
refuse_other(const Shaper *shaper, const TcQdisc *root, const char *dev, GError **error)
{
	if (is_told(shaper, dev, "it is shaped by %s %x:, which is not ours", root->kind, root->handle >> 16))
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "<bandwidth>: interface '%s' is shaped already, by %s %x:, which is not ours", dev, root->kind,
			 root->handle >> 16);
	return FALSE;
}

/* What cannot be changed in place. */
static gboolean
is_built_otherwise(const TcQdisc *root, const GArray *classes)
{
	for (guint i = 0; i < classes->len; i++) {
		const TcClass *class = &g_array_index(classes, TcClass, i);
		guint32 parent = class->handle == TC_CLASS(CLASS_WHOLE) ? TC_PARENT_ROOT : TC_CLASS(CLASS_WHOLE);

		if (class->parent != parent)
			return TRUE;
	}
	return root->default_class != CLASS_REST;
}

static gboolean
shape(const Shaper *shaper, guint32 index, const QosRate *rate, const QosPlan *floors, const char *dev, GError **error)
{
	g_autoptr(GArray) classes = NULL, filters = NULL, there = g_array_new(FALSE, TRUE, sizeof(TcClass));
	Rtnl *rtnl = shaper->links->rtnl;
	TcQdisc root;
	int found = tc_qdisc_get(rtnl, index, TC_PARENT_ROOT, &root);
	gboolean is_ours = found > 0 && root.handle == TC_HTB_HANDLE && g_str_equal(root.kind, "htb");

	/* A kernel that shapes nothing has nothing to be taken away. */
	if (!rate->average && found == -EOPNOTSUPP)
		return TRUE;
	if (!check(found, "traffic control", dev, error))
		return FALSE;
	if (!rate->average)
		return !is_ours || is_told(shaper, dev, "it is shaped, and shall not be") ||
		       check(tc_qdisc_delete(rtnl, index, TC_PARENT_ROOT), "sch_htb", dev, error);
	if (found && !is_ours)
		return refuse_other(shaper, &root, dev, error);
	if (found && !check(tc_class_list(rtnl, index, there), "sch_htb", dev, error))
		return FALSE;
	if (found && is_built_otherwise(&root, there)) {
		if (is_told(shaper, dev, "its classes hang together otherwise"))
			return TRUE;
		if (!check(tc_qdisc_delete(rtnl, index, TC_PARENT_ROOT), "sch_htb", dev, error))
			return FALSE;
		g_array_set_size(there, 0);
		found = 0;
	}
	if (!found) {
		if (is_told(shaper, dev, "it is not shaped"))
			return TRUE;
		if (!check(tc_htb_add(rtnl, index, CLASS_REST), "sch_htb", dev, error))
			return FALSE;
	}
	classes = wanted_classes(rate, floors);
	filters = wanted_filters(floors);
	return set_classes(shaper, index, classes, there, dev, error) &&
	       set_filters(shaper, index, filters, dev, error) &&
	       drop_classes(shaper, index, classes, there, dev, error);
}

/* --- the other direction: through an ifb --- */

static void
ifb_name(guint32 index, char name[LINK_NAME_MAX + 1])
{
	g_snprintf(name, LINK_NAME_MAX + 1, QOS_IFB_PREFIX "%u", index);
}

static gboolean
ifb_create(Links *links, const char *name, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message =
		rtnl_request(links->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link), &link);
	struct nlattr *info;
	int result;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "ifb");
	mnl_attr_nest_end(message, info);
	result = rtnl_run(links->rtnl, message);
	if (result == -EOPNOTSUPP)
		return missing("ifb", error);
	return links_check(result, error, "cannot create interface '%s'", name);
}

/* @ret_info: its index is 0 where it is missing, which was told */
static gboolean
ifb_ensure(const Shaper *shaper, const char *name, const char *dev, LinkInfo *ret_info, GError **error)
{
	Links *links = shaper->links;
	gint found = links_find(links, name, ret_info, error);

	if (found < 0)
		return FALSE;
	if (!found) {
		*ret_info = (LinkInfo){ 0 };
		if (is_told(shaper, dev, "its ifb '%s' is missing", name))
			return TRUE;
		if (!ifb_create(links, name, error) || links_find(links, name, ret_info, error) <= 0)
			return FALSE;
	}
	if (!g_str_equal(ret_info->kind, "ifb")) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "interface '%s' is not an ifb", name);
		return FALSE;
	}
	return ret_info->is_up || is_told(shaper, dev, "its ifb '%s' is down", name) ||
	       links_set_up(links, name, TRUE, error);
}

static gboolean
redirect_set(const Shaper *shaper, guint32 index, guint32 target, const char *dev, GError **error)
{
	Rtnl *rtnl = shaper->links->rtnl;
	TcQdisc ingress;
	guint32 there = 0;
	guint others;
	int found = tc_qdisc_get(rtnl, index, TC_PARENT_IN, &ingress);

	if (!check(found, "traffic control", dev, error) ||
	    (found && !check(tc_redirect_get(rtnl, index, &there, &others), "cls_u32", dev, error)))
		return FALSE;
	if (there == target || is_told(shaper, dev, "what comes in does not go to its ifb"))
		return TRUE;
	if (!found && !check(tc_ingress_add(rtnl, index), "sch_ingress", dev, error))
		return FALSE;
	/* One whose ifb is gone leads nowhere. */
	if (found)
		tc_redirect_delete(rtnl, index);
	return check(tc_redirect_add(rtnl, index, target), "cls_u32 with act_mirred", dev, error);
}

static gboolean
redirect_clear(const Shaper *shaper, guint32 index, const char *dev, GError **error)
{
	Rtnl *rtnl = shaper->links->rtnl;
	TcQdisc ingress;
	guint32 there;
	guint others;
	int found = tc_qdisc_get(rtnl, index, TC_PARENT_IN, &ingress);

	if (!found || found == -EOPNOTSUPP)
		return TRUE;
	if (!check(found, "traffic control", dev, error))
		return FALSE;
	if (!check(tc_redirect_get(rtnl, index, &there, &others), "cls_u32", dev, error))
		return FALSE;
	if (!there || is_told(shaper, dev, "what comes in goes to an ifb, and shall not"))
		return TRUE;
	if (others || !g_str_equal(ingress.kind, "ingress"))
		return check(tc_redirect_delete(rtnl, index), "cls_u32", dev, error);
	return check(tc_qdisc_delete(rtnl, index, TC_PARENT_IN), "sch_ingress", dev, error);
}

static gboolean
ifb_clear(const Shaper *shaper, const char *name, const char *dev, GError **error)
{
	gint found = links_find(shaper->links, name, NULL, error);

	return !found || (found > 0 && (is_told(shaper, dev, "its ifb '%s' is left", name) ||
					links_delete(shaper->links, name, error)));
}

/* The ifb has its rates before the first packet comes there, and is deleted behind the last. */
static gboolean
shape_in(const Shaper *shaper, guint32 index, const QosRate *rate, const char *dev, GError **error)
{
	char name[LINK_NAME_MAX + 1];
	LinkInfo ifb;

	ifb_name(index, name);
	if (!rate->average)
		return redirect_clear(shaper, index, dev, error) && ifb_clear(shaper, name, dev, error);
	if (!ifb_ensure(shaper, name, dev, &ifb, error))
		return FALSE;
	return !ifb.index || (shape(shaper, ifb.index, rate, NULL, name, error) &&
			      redirect_set(shaper, index, ifb.index, dev, error));
}

static gboolean
run(const Shaper *shaper, const char *dev, const QosPlan *plan, GError **error)
{
	guint32 index = links_index(shaper->links, dev, error);

	return index && shape(shaper, index, &plan->out, plan, dev, error) &&
	       shape_in(shaper, index, &plan->in, dev, error);
}

gboolean
qos_apply(Links *links, const char *dev, const QosPlan *plan, GError **error)
{
	const Shaper shaper = { links, NULL };

	return links_record(links,
			    "qos %s out %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
			    " in %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " floors %u",
			    dev, plan->out.average, plan->out.peak, plan->out.burst, plan->in.average, plan->in.peak,
			    plan->in.burst, plan->floor_count) ||
	       run(&shaper, dev, plan, error);
}

void
qos_check(Links *links, const char *dev, const QosPlan *plan, GPtrArray *differences)
{
	const Shaper shaper = { links, differences };
	g_autoptr(GError) error = NULL;

	if (links->rtnl && !run(&shaper, dev, plan, &error))
		g_ptr_array_add(differences, g_strdup(error->message));
}

gboolean
qos_is_ifb(const char *name, guint32 *ret_index)
{
	guint64 index;

	if (!g_str_has_prefix(name, QOS_IFB_PREFIX) ||
	    !g_ascii_string_to_unsigned(name + strlen(QOS_IFB_PREFIX), 10, 1, G_MAXUINT32, &index, NULL))
		return FALSE;
	*ret_index = (guint32)index;
	return TRUE;
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
		guint32 index;

		if (g_str_equal(info->kind, "ifb") && qos_is_ifb(info->name, &index) &&
		    !g_hash_table_contains(indices, GUINT_TO_POINTER(index)))
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

// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel IP sets as boxes that do not overlap. */

#include "rules/ip_set.h"

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "rules/ir.h"

void
ip_set_free(IpSet *set)
{
	if (!set)
		return;
	g_array_unref(set->elements);
	g_free(set->name);
	g_free(set->layout);
	g_free(set);
}

static void
add_field(IpSet *set, IpSetFieldKind kind, guint word, guint len, gboolean is_range)
{
	set->fields[set->field_count++] = (IpSetField){ kind, word, set->key_len, len, is_range };
	set->key_len += (len + 3) & ~3u;
	set->is_interval |= is_range;
}

IpSet *
ip_set_new(const char *name, const char *dimensions, gboolean is_ipv4)
{
	IpSet *set = g_new0(IpSet, 1);
	GString *layout = g_string_new(NULL);

	set->name = g_strdup(name);
	set->is_ipv4 = is_ipv4;
	set->elements = g_array_new(FALSE, TRUE, sizeof(IpSetElement));
	for (const char *letter = dimensions; *letter; letter++) {
		guint word = set->words++;

		switch (*letter) {
		case 'i':
		case 'n':
			add_field(set, IP_SET_FIELD_ADDRESS, word, is_ipv4 ? 4 : 16, *letter == 'n');
			g_string_append(layout, *letter == 'n' ? "-net" : "-ip");
			break;
		case 'm':
		case 'M':
			add_field(set, IP_SET_FIELD_MAC, word, 6, *letter == 'M');
			g_string_append(layout, *letter == 'M' ? "-anymac" : "-mac");
			break;
		default:
			add_field(set, IP_SET_FIELD_PROTOCOL, word, 1, FALSE);
			add_field(set, IP_SET_FIELD_PORT, word, 2, FALSE);
			g_string_append(layout, "-port");
			break;
		}
	}
	if (set->is_interval && set->field_count == 1)
		add_field(set, IP_SET_FIELD_PAD, 0, 2, TRUE);
	set->layout = g_string_free(layout, FALSE);
	memmove(set->layout, set->layout + 1, strlen(set->layout));
	return set;
}

/* --- words --- */

gboolean
ip_set_check_words(const IpSet *set, const char *words, GError **error)
{
	guint count = 1;

	for (const char *at = words; *at; at++)
		count += *at == ',';
	if (count >= set->words)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "IP set '%s' has %u dimensions, but ipsetflags '%s' names %u: it would never match", set->name,
			 set->words, words, count);
	return FALSE;
}

gboolean
ip_set_word_is_src(const char *words, guint index)
{
	for (; index && words; index--) {
		words = strchr(words, ',');
		if (words)
			words++;
	}
	return words && g_str_has_prefix(words, "src");
}

/* --- overlaps --- */

typedef struct {
	const IpSet *set;
	const IpSetField *ranges[IP_SET_FIELDS_MAX];
	guint range_count;
	GArray *out;
	IpSetElement cell; /* being narrowed down, field by field */
} Flatten;

static int
compare_exact(gconstpointer a, gconstpointer b, gpointer data)
{
	const IpSetElement *x = *(const IpSetElement *const *)a, *y = *(const IpSetElement *const *)b;
	const IpSet *set = data;

	for (guint i = 0; i < set->field_count; i++) {
		const IpSetField *field = &set->fields[i];
		int order = field->is_range ? 0 : memcmp(x->low + field->offset, y->low + field->offset, field->len);

		if (order)
			return order;
	}
	return 0;
}

static void
previous_value(guint8 *value, guint len)
{
	for (guint i = len; i-- > 0;)
		if (value[i]--)
			return;
}

/* Grows the cell before by this one where only @last tells them apart and they touch. */
static gboolean
join_before(Flatten *flatten, const IpSetField *last)
{
	IpSetElement *before;
	guint8 next[16];

	if (!flatten->out->len || !last)
		return FALSE;
	before = &g_array_index(flatten->out, IpSetElement, flatten->out->len - 1);
	if (before->timeout_sec != flatten->cell.timeout_sec ||
	    !rule_bytes_next(before->high + last->offset, last->len, next) ||
	    memcmp(next, flatten->cell.low + last->offset, last->len) != 0)
		return FALSE;
	for (guint i = 0; i < flatten->set->field_count; i++) {
		const IpSetField *field = &flatten->set->fields[i];

		if (field != last &&
		    (memcmp(before->low + field->offset, flatten->cell.low + field->offset, field->len) != 0 ||
		     memcmp(before->high + field->offset, flatten->cell.high + field->offset, field->len) != 0))
			return FALSE;
	}
	memcpy(before->high + last->offset, flatten->cell.high + last->offset, last->len);
	return TRUE;
}

/* All of @list cover the cell. */
static gboolean
emit_cell(Flatten *flatten, const GPtrArray *list, GError **error)
{
	const IpSetField *last = flatten->range_count ? flatten->ranges[flatten->range_count - 1] : NULL;
	const IpSetElement *narrow = list->pdata[0];
	guint32 timeout = narrow->timeout_sec;
	gboolean nomatch = narrow->nomatch;

	for (guint i = 1; i < list->len; i++) {
		const IpSetElement *element = list->pdata[i];

		timeout = timeout && element->timeout_sec ? MAX(timeout, element->timeout_sec) : 0;
		nomatch |= element->nomatch;
		/* Networks lie in each other: the narrower one begins later or ends earlier. */
		for (guint r = 0; r < flatten->range_count; r++) {
			const IpSetField *field = flatten->ranges[r];

			if (memcmp(element->low + field->offset, narrow->low + field->offset, field->len) > 0 ||
			    memcmp(element->high + field->offset, narrow->high + field->offset, field->len) < 0)
				narrow = element;
		}
	}
	if (nomatch && narrow->nomatch)
		return TRUE;
	flatten->cell.timeout_sec = nomatch ? narrow->timeout_sec : timeout;
	if (join_before(flatten, last))
		return TRUE;
	if (flatten->out->len >= IP_SET_ELEMENTS_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "IP set '%s' has more than %d elements", flatten->set->name,
				 IP_SET_ELEMENTS_MAX);
		return FALSE;
	}
	g_array_append_val(flatten->out, flatten->cell);
	return TRUE;
}

static int
compare_bytes(gconstpointer a, gconstpointer b, gpointer data)
{
	return memcmp(a, b, GPOINTER_TO_UINT(data));
}

static int
compare_low(gconstpointer a, gconstpointer b, gpointer data)
{
	const IpSetElement *x = *(const IpSetElement *const *)a, *y = *(const IpSetElement *const *)b;
	const IpSetField *field = data;

	return memcmp(x->low + field->offset, y->low + field->offset, field->len);
}

/* Cut the range of one field where any element begins or ends, and go on with those that cover each piece. */
static gboolean
split(Flatten *flatten, GPtrArray *list, guint range, GError **error)
{
	const IpSetField *field = flatten->ranges[range];
	g_autoptr(GArray) cuts = NULL;
	g_autoptr(GPtrArray) active = NULL;
	guint begun = 0;

	if (range == flatten->range_count)
		return emit_cell(flatten, list, error);
	cuts = g_array_sized_new(FALSE, TRUE, 16, 2 * list->len);
	active = g_ptr_array_new();
	for (guint i = 0; i < list->len; i++) {
		const IpSetElement *element = list->pdata[i];
		guint8 cut[16] = { 0 };

		memcpy(cut, element->low + field->offset, field->len);
		g_array_append_vals(cuts, cut, 1);
		if (rule_bytes_next(element->high + field->offset, field->len, cut))
			g_array_append_vals(cuts, cut, 1);
	}
	g_array_sort_with_data(cuts, compare_bytes, GUINT_TO_POINTER(field->len));
	g_ptr_array_sort_with_data(list, compare_low, (gpointer)field);
	for (guint c = 0; c < cuts->len; c++) {
		const guint8 *cut = (const guint8 *)cuts->data + 16 * (gsize)c, *end = cut + 16;

		if (c + 1 < cuts->len && memcmp(cut, end, field->len) == 0)
			continue;
		for (guint i = active->len; i-- > 0;) {
			const IpSetElement *element = active->pdata[i];

			if (memcmp(element->high + field->offset, cut, field->len) < 0)
				g_ptr_array_remove_index_fast(active, i);
		}
		for (; begun < list->len; begun++) {
			const IpSetElement *element = list->pdata[begun];

			if (memcmp(element->low + field->offset, cut, field->len) > 0)
				break;
			g_ptr_array_add(active, list->pdata[begun]);
		}
		if (!active->len)
			continue;
		memcpy(flatten->cell.low + field->offset, cut, field->len);
		if (c + 1 < cuts->len) {
			memcpy(flatten->cell.high + field->offset, end, field->len);
			previous_value(flatten->cell.high + field->offset, field->len);
		} else {
			memset(flatten->cell.high + field->offset, 0xff, field->len);
		}
		g_autoptr(GPtrArray) covering = g_ptr_array_copy(active, NULL, NULL);
		if (!split(flatten, covering, range + 1, error))
			return FALSE;
	}
	return TRUE;
}

gboolean
ip_set_flatten(IpSet *set, GError **error)
{
	g_autoptr(GArray) out = g_array_new(FALSE, TRUE, sizeof(IpSetElement));
	g_autoptr(GPtrArray) sorted = g_ptr_array_new(), group = g_ptr_array_new();
	Flatten flatten = { .set = set, .out = out };
	gboolean nomatch = FALSE;

	for (guint i = 0; i < set->field_count; i++)
		if (set->fields[i].is_range && set->fields[i].kind != IP_SET_FIELD_PAD)
			flatten.ranges[flatten.range_count++] = &set->fields[i];
	for (guint i = 0; i < set->elements->len; i++) {
		IpSetElement *element = &g_array_index(set->elements, IpSetElement, i);

		nomatch |= element->nomatch;
		g_ptr_array_add(sorted, element);
	}
	if (nomatch && flatten.range_count > 1) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "IP set '%s' has nomatch elements in more than one dimension", set->name);
		return FALSE;
	}
	g_ptr_array_sort_with_data(sorted, compare_exact, set);
	for (guint i = 0; i < sorted->len; i++) {
		g_ptr_array_add(group, sorted->pdata[i]);
		if (i + 1 < sorted->len && compare_exact(&sorted->pdata[i], &sorted->pdata[i + 1], set) == 0)
			continue;
		flatten.cell = *(const IpSetElement *)sorted->pdata[i];
		flatten.cell.nomatch = FALSE;
		if (!split(&flatten, group, 0, error))
			return FALSE;
		g_ptr_array_set_size(group, 0);
	}
	g_array_unref(set->elements);
	set->elements = g_steal_pointer(&out);
	return TRUE;
}

/* --- one packet --- */

/* As ip_set_get_ip_port() of the kernel reads it. */
static gboolean
port_value(const PacketView *packet, gboolean is_src, guint8 ret_bytes[2])
{
	guint8 value[16];
	RuleField field = is_src ? RULE_FIELD_L4_SRC_PORT : RULE_FIELD_L4_DST_PORT;

	memset(ret_bytes, 0, 2);
	switch (packet->l4_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		if (!packet_field(packet, field, value))
			return FALSE;
		memcpy(ret_bytes, value, 2);
		return TRUE;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* Type and code stand where a source port would. */
		if (!packet_field(packet, RULE_FIELD_L4_SRC_PORT, value))
			return FALSE;
		memcpy(ret_bytes, value, 2);
		return TRUE;
	default:
		return packet->has_l4;
	}
}

static gboolean
packet_key(const IpSet *set, const PacketView *packet, const char *words, guint8 *ret_key)
{
	for (guint i = 0; i < set->field_count; i++) {
		const IpSetField *field = &set->fields[i];
		gboolean is_src = ip_set_word_is_src(words, field->word), ok = TRUE;
		guint8 value[16] = { 0 };

		switch (field->kind) {
		case IP_SET_FIELD_ADDRESS:
			if (set->is_ipv4)
				ok = packet_field(packet, is_src ? RULE_FIELD_IP4_SRC : RULE_FIELD_IP4_DST, value);
			else
				ok = packet_field(packet, is_src ? RULE_FIELD_IP6_SRC : RULE_FIELD_IP6_DST, value);
			break;
		case IP_SET_FIELD_MAC:
			ok = packet_field(packet, is_src ? RULE_FIELD_ETHER_SRC : RULE_FIELD_ETHER_DST, value);
			break;
		case IP_SET_FIELD_PROTOCOL:
			ok = packet_field(packet, RULE_FIELD_L4_PROTOCOL, value);
			break;
		case IP_SET_FIELD_PORT:
			ok = port_value(packet, is_src, value);
			break;
		case IP_SET_FIELD_PAD:
			break;
		}
		if (!ok)
			return FALSE;
		memcpy(ret_key + field->offset, value, field->len);
	}
	return TRUE;
}

gboolean
ip_set_test(const IpSet *set, const PacketView *packet, const char *words)
{
	guint8 key[IP_SET_KEY_MAX] = { 0 };

	if (!packet_key(set, packet, words, key))
		return FALSE;
	for (guint i = 0; i < set->elements->len; i++) {
		const IpSetElement *element = &g_array_index(set->elements, IpSetElement, i);
		gboolean holds = TRUE;

		for (guint f = 0; holds && f < set->field_count; f++) {
			const IpSetField *field = &set->fields[f];

			holds = memcmp(key + field->offset, element->low + field->offset, field->len) >= 0 &&
				memcmp(key + field->offset, element->high + field->offset, field->len) <= 0;
		}
		if (holds)
			return TRUE;
	}
	return FALSE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of attributes: from text and back, by the attribute's type. */

#include "nwfilter/value.h"
#include "nwfilter/words.h"
#include "base/error.h"
#include "base/xml.h"

#include <arpa/inet.h>
#include <string.h>

#define IPSET_NAME_MAX	31 /* bytes: the kernel's IPSET_MAXNAMELEN less its NUL */
#define IPSET_FLAGS_MAX 6  /* dimensions the language allows */

/* IEEE 802, 8.2.2: set in the addresses of groups. Ours: libvirt takes no mask but a prefix. */
static const guint8 group_bit[6] = { 0x01 };

/* How one text is read: what a type's reader gets and may set. */
typedef struct {
	const NwAttrInfo *attr;
	gboolean lenient;
	char *note; /* owned: a doubtful spelling and how it was understood */
} Reading;

G_GNUC_PRINTF(2, 3)
static void
reading_note(Reading *reading, const char *format, ...)
{
	va_list args;

	if (reading->note)
		return;
	va_start(args, format);
	reading->note = g_strdup_vprintf(format, args);
	va_end(args);
}

void
nw_attr_range(const NwAttrInfo *attr, guint32 *ret_min, guint32 *ret_max)
{
	*ret_min = attr->min;
	*ret_max = attr->max;
	if (attr->max)
		return;
	switch (attr->type) {
	case NW_TYPE_UINT8:
	case NW_TYPE_IPPROTO:
		*ret_max = G_MAXUINT8;
		break;
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_ETHERTYPE:
	case NW_TYPE_ARP_OPCODE:
		*ret_max = G_MAXUINT16;
		break;
	case NW_TYPE_UINT32:
		*ret_max = G_MAXUINT32;
		break;
	case NW_TYPE_IPV4_MASK:
		*ret_max = 32;
		break;
	case NW_TYPE_IPV6_MASK:
		*ret_max = 128;
		break;
	case NW_TYPE_BOOLEAN:
	case NW_TYPE_MAC:
	case NW_TYPE_MAC_MASK:
	case NW_TYPE_IPV4:
	case NW_TYPE_IPV6:
	case NW_TYPE_STATE:
	case NW_TYPE_TCP_FLAGS:
	case NW_TYPE_ND_OPTIONS:
	case NW_TYPE_IPSET:
	case NW_TYPE_IPSET_FLAGS:
	case NW_TYPE_COMMENT:
		break;
	}
}

char *
nw_attr_expects(const NwAttrInfo *attr)
{
	g_autofree char *number = NULL;
	g_autofree char *words = NULL;
	guint32 min, max;

	nw_attr_range(attr, &min, &max);
	number = g_strdup_printf("a number from %u to %u, decimal%s", min, max,
				 attr->type == NW_TYPE_UINT16_DECIMAL ? "" : " or 0x hexadecimal");
	words = nw_words_list(nw_words_of(attr->type));
	switch (attr->type) {
	case NW_TYPE_UINT8:
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_UINT32:
		return g_steal_pointer(&number);
	case NW_TYPE_ETHERTYPE:
	case NW_TYPE_IPPROTO:
	case NW_TYPE_ARP_OPCODE:
		return g_strdup_printf("%s, or one of: %s", number, words);
	case NW_TYPE_BOOLEAN:
	case NW_TYPE_ND_OPTIONS:
		return g_strdup_printf("one of: %s", words);
	case NW_TYPE_MAC:
		return g_strdup("a MAC address such as 52:54:00:12:34:56");
	case NW_TYPE_MAC_MASK:
		return g_strdup("a MAC mask of one bits followed by zero bits, such as ff:ff:ff:00:00:00, or "
				"01:00:00:00:00:00");
	case NW_TYPE_IPV4:
		return g_strdup("an IPv4 address of four decimal parts, such as 192.0.2.1");
	case NW_TYPE_IPV4_MASK:
		return g_strdup("a prefix length from 0 to 32 or a mask such as 255.255.255.0");
	case NW_TYPE_IPV6:
		return g_strdup("an IPv6 address such as 2001:db8::1");
	case NW_TYPE_IPV6_MASK:
		return g_strdup("a prefix length from 0 to 128 or a mask such as ffff:ffff::");
	case NW_TYPE_STATE:
		return g_strdup_printf("NONE, or a list with commas of: %s", words);
	case NW_TYPE_TCP_FLAGS:
		return g_strdup_printf("MASK/FLAGS, each of them ALL, NONE or a list with commas of: %s", words);
	case NW_TYPE_IPSET:
		return g_strdup_printf("a set's name: 1 to %d letters, digits, blanks or '_', '.', ':', '+', '-'",
				       IPSET_NAME_MAX);
	case NW_TYPE_IPSET_FLAGS:
		return g_strdup_printf("1 to %d words with commas of: src, dst", IPSET_FLAGS_MAX);
	case NW_TYPE_COMMENT:
		return g_strdup_printf("at most %d bytes without control characters", NW_COMMENT_MAX);
	}
	return NULL;
}

/* Digits of one base to the end of the text; stops growing past 32 bits. */
static gboolean
digits_parse(const char *text, guint base, guint64 *ret_number)
{
	guint64 number = 0;

	if (!*text)
		return FALSE;
	for (; *text; text++) {
		gint digit = g_ascii_xdigit_value(*text);

		if (digit < 0 || (guint)digit >= base)
			return FALSE;
		if (number <= G_MAXUINT32)
			number = number * base + (guint)digit;
	}
	*ret_number = number;
	return TRUE;
}

static gboolean
number_parse(Reading *reading, const char *text, NwValue *value)
{
	gboolean allow_hex = reading->attr->type != NW_TYPE_UINT16_DECIMAL;
	const char *start = text;
	guint32 min, max;
	guint64 number;

	nw_attr_range(reading->attr, &min, &max);
	if (reading->lenient) {
		while (g_ascii_isspace(*start))
			start++;
		if (*start == '+')
			start++;
		if (start != text)
			reading_note(reading, "read as '%s'", start);
	}
	if (g_ascii_strncasecmp(start, "0x", 2) == 0) {
		if (!allow_hex || !digits_parse(start + 2, 16, &number))
			return FALSE;
		value->is_hex = TRUE;
	} else if (!digits_parse(start, 10, &number)) {
		if (!reading->lenient || !allow_hex || !digits_parse(start, 16, &number))
			return FALSE;
		value->is_hex = TRUE;
		reading_note(reading, "bare hexadecimal, read as 0x%" G_GINT64_MODIFIER "x", number);
	}
	if (number < min || number > max)
		return FALSE;
	value->number = (guint32)number;
	return TRUE;
}

static gboolean
word_or_number_parse(Reading *reading, const char *text, NwValue *value)
{
	const Word *word = word_find(nw_words_of(reading->attr->type), text);

	if (!word)
		return number_parse(reading, text, value);
	value->number = word->number;
	return word->number >= reading->attr->min;
}

static gboolean
word_only_parse(Reading *reading, const char *text, NwValue *value)
{
	const Word *word = word_find(nw_words_of(reading->attr->type), text);

	if (word)
		value->number = word->number;
	return word != NULL;
}

static gboolean
boolean_parse(Reading *reading, const char *text, NwValue *value)
{
	for (const Word *word = nw_words_of(NW_TYPE_BOOLEAN); word->name; word++) {
		if (strcmp(word->name, text) != 0)
			continue;
		value->number = word->number;
		return TRUE;
	}
	value->number = 0;
	reading_note(reading, "read as false");
	return reading->lenient;
}

gboolean
nw_mac_parse(const char *text, guint8 ret_mac[6])
{
	guint8 mac[6];

	for (guint i = 0; i < 6; i++) {
		gint high = g_ascii_xdigit_value(text[0]);
		gint low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);

		if (high < 0)
			return FALSE;
		mac[i] = (guint8)(low < 0 ? high : high << 4 | low);
		text += low < 0 ? 1 : 2;
		if (*text != (i < 5 ? ':' : '\0'))
			return FALSE;
		text++;
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return TRUE;
}

char *
nw_mac_format(const guint8 mac[6])
{
	return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* Number of leading one bits; -1 when a one follows a zero. */
static gint
prefix_len(const guint8 *bytes, guint len)
{
	guint bits = 0;

	while (bits < len * 8 && bytes[bits / 8] & 0x80 >> bits % 8)
		bits++;
	for (guint i = bits; i < len * 8; i++) {
		if (bytes[i / 8] & 0x80 >> i % 8)
			return -1;
	}
	return (gint)bits;
}

static gboolean
ipv4_parse(Reading *reading, const char *text, guint8 *bytes)
{
	char canonical[INET_ADDRSTRLEN];
	struct in_addr address;

	if (inet_pton(AF_INET, text, bytes) == 1)
		return TRUE;
	/* inet_aton() stops at a blank and takes the rest for granted. */
	if (!reading->lenient || strpbrk(text, " \t\n\r\f\v") || !inet_aton(text, &address))
		return FALSE;
	memcpy(bytes, &address, sizeof(address));
	inet_ntop(AF_INET, bytes, canonical, sizeof(canonical));
	reading_note(reading, "short form, read as %s", canonical);
	return TRUE;
}

static gboolean
ip_mask_parse(Reading *reading, const char *text, NwValue *value)
{
	gboolean is_v4 = reading->attr->type == NW_TYPE_IPV4_MASK;
	guint len = is_v4 ? 4 : 16;
	guint64 number;
	gint bits;

	memset(value->bytes, 0, sizeof(value->bytes));
	if (digits_parse(text, 10, &number)) {
		if (number > len * 8)
			return FALSE;
		for (guint i = 0; i < number; i++)
			value->bytes[i / 8] |= (guint8)(0x80 >> i % 8);
		value->number = (guint32)number;
		return TRUE;
	}
	if (is_v4 ? !ipv4_parse(reading, text, value->bytes) : inet_pton(AF_INET6, text, value->bytes) != 1)
		return FALSE;
	bits = prefix_len(value->bytes, len);
	value->number = (guint32)MAX(bits, 0);
	return bits >= 0;
}

/*
 * A list of words with commas to numbers or-ed together. libvirt needs no commas between the words, and lets NONE
 * wipe the others.
 */
static gboolean
word_list_parse(Reading *reading, const char *text, gsize len, guint32 *ret_bits)
{
	const char *end = text + len;
	gboolean is_none = FALSE, after_word = FALSE;
	guint count = 0;
	guint32 bits = 0;

	while (text < end) {
		const Word *word;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (*text == ',') {
			if (!after_word) {
				if (!reading->lenient)
					return FALSE;
				reading_note(reading, "empty parts of the list are passed over");
			}
			after_word = FALSE;
			text++;
			continue;
		}
		word = word_find_prefix(nw_words_of(reading->attr->type), text, (gsize)(end - text));
		if (!word)
			return FALSE;
		if (after_word) {
			if (!reading->lenient)
				return FALSE;
			reading_note(reading, "words without a comma between them are read as a list");
		}
		is_none |= word->number == 0;
		bits |= word->number;
		count++;
		after_word = TRUE;
		text += strlen(word->name);
	}
	if (count && !after_word) {
		if (!reading->lenient)
			return FALSE;
		reading_note(reading, "empty parts of the list are passed over");
	}
	if (is_none && count > 1) {
		if (!reading->lenient)
			return FALSE;
		reading_note(reading, "read as NONE, which wipes the other words");
	}
	*ret_bits = is_none ? 0 : bits;
	return TRUE;
}

static gboolean
state_parse(Reading *reading, const char *text, NwValue *value)
{
	if (!*text) {
		reading_note(reading, "read as NONE");
		return reading->lenient;
	}
	return word_list_parse(reading, text, strlen(text), &value->number);
}

static gboolean
tcp_flags_parse(Reading *reading, const char *text, NwValue *value)
{
	const char *slash = strchr(text, '/');
	guint32 mask, flags;

	if (!slash || !word_list_parse(reading, text, (gsize)(slash - text), &mask) ||
	    !word_list_parse(reading, slash + 1, strlen(slash + 1), &flags))
		return FALSE;
	value->number = mask << 8 | flags;
	return TRUE;
}

static gboolean
ipset_parse(const char *text, NwValue *value)
{
	gsize len = strlen(text);

	if (len < 1 || len > IPSET_NAME_MAX)
		return FALSE;
	for (gsize i = 0; i < len; i++) {
		if (!g_ascii_isalnum(text[i]) && !strchr("_.:+ -", text[i]))
			return FALSE;
	}
	value->text = g_strdup(text);
	return TRUE;
}

static gboolean
ipset_flags_parse(const char *text, NwValue *value)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	guint count = g_strv_length(words);

	if (count < 1 || count > IPSET_FLAGS_MAX)
		return FALSE;
	for (guint i = 0; i < count; i++) {
		char *lower = g_ascii_strdown(g_strstrip(words[i]), -1);

		g_free(words[i]);
		words[i] = lower;
		if (strcmp(lower, "src") != 0 && strcmp(lower, "dst") != 0)
			return FALSE;
	}
	value->text = g_strjoinv(",", words);
	return TRUE;
}

static gboolean
comment_parse(Reading *reading, const char *text, NwValue *value)
{
	g_autofree char *clean = g_strdup(text);
	gboolean has_control = FALSE;

	if (strlen(clean) > NW_COMMENT_MAX) {
		char *end = g_utf8_find_prev_char(clean, clean + NW_COMMENT_MAX + 1);

		if (!reading->lenient)
			return FALSE;
		*end = '\0';
		reading_note(reading, "cut to %d bytes", NW_COMMENT_MAX);
	}
	for (char *p = clean; *p; p++) {
		/* C0, DEL; the C1 controls are two bytes in UTF-8 and harm no line-based output. */
		if ((guchar)*p >= 0x20 && *p != 0x7f)
			continue;
		*p = ' ';
		has_control = TRUE;
	}
	if (has_control) {
		if (!reading->lenient)
			return FALSE;
		reading_note(reading, "control characters became blanks");
	}
	value->text = g_steal_pointer(&clean);
	return TRUE;
}

static gboolean
literal_parse(Reading *reading, const char *text, NwValue *value)
{
	switch (reading->attr->type) {
	case NW_TYPE_BOOLEAN:
		return boolean_parse(reading, text, value);
	case NW_TYPE_UINT8:
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_UINT32:
		return number_parse(reading, text, value);
	case NW_TYPE_ETHERTYPE:
	case NW_TYPE_IPPROTO:
	case NW_TYPE_ARP_OPCODE:
		return word_or_number_parse(reading, text, value);
	case NW_TYPE_MAC:
		return nw_mac_parse(text, value->bytes);
	case NW_TYPE_MAC_MASK:
		return nw_mac_parse(text, value->bytes) &&
		       (prefix_len(value->bytes, 6) >= 0 || !memcmp(value->bytes, group_bit, sizeof(group_bit)));
	case NW_TYPE_IPV4:
		return ipv4_parse(reading, text, value->bytes);
	case NW_TYPE_IPV6:
		return inet_pton(AF_INET6, text, value->bytes) == 1;
	case NW_TYPE_IPV4_MASK:
	case NW_TYPE_IPV6_MASK:
		return ip_mask_parse(reading, text, value);
	case NW_TYPE_ND_OPTIONS:
		return word_only_parse(reading, text, value);
	case NW_TYPE_STATE:
		return state_parse(reading, text, value);
	case NW_TYPE_TCP_FLAGS:
		return tcp_flags_parse(reading, text, value);
	case NW_TYPE_IPSET:
		return ipset_parse(text, value);
	case NW_TYPE_IPSET_FLAGS:
		return ipset_flags_parse(text, value);
	case NW_TYPE_COMMENT:
		return comment_parse(reading, text, value);
	}
	return FALSE;
}

/* Takes over the value and the note of a finished reading, or says what was expected. */
static gboolean
reading_finish(Reading *reading, const char *text, NwValue *value, gboolean ok, NwValue *ret_value, GError **error)
{
	g_autofree char *quoted = NULL;
	g_autofree char *expects = NULL;

	if (ok) {
		nw_value_clear(ret_value);
		value->negate = ret_value->negate;
		value->line = ret_value->line;
		*ret_value = *value;
		ret_value->is_set = TRUE;
		return TRUE;
	}
	nw_value_clear(value);
	g_clear_pointer(&reading->note, g_free);
	quoted = xml_quote(text);
	expects = nw_attr_expects(reading->attr);
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "%s='%s': expected %s", reading->attr->name, quoted, expects);
	return FALSE;
}

gboolean
nw_value_parse(const NwAttrInfo *attr, const char *text, gboolean lenient, NwValue *ret_value, char **ret_note,
	       GError **error)
{
	Reading reading = { .attr = attr, .lenient = lenient };
	NwValue value = { 0 };
	gboolean ok;

	if (ret_note)
		*ret_note = NULL;
	if (*text == '$' && attr->type != NW_TYPE_COMMENT) {
		if (!nw_var_ref_parse(text, &value.var, error)) {
			g_prefix_error(error, "%s=", attr->name);
			return FALSE;
		}
		value.is_var = TRUE;
		return reading_finish(&reading, text, &value, TRUE, ret_value, error);
	}
	ok = literal_parse(&reading, text, &value);
	ok = reading_finish(&reading, text, &value, ok, ret_value, error);
	if (ret_note && ok && lenient)
		*ret_note = g_steal_pointer(&reading.note);
	g_free(reading.note);
	return ok;
}

gboolean
nw_value_parse_literal(const NwAttrInfo *attr, const char *text, NwValue *ret_value, GError **error)
{
	Reading reading = { .attr = attr };
	NwValue value = { 0 };
	gboolean ok = literal_parse(&reading, text, &value);

	ok = reading_finish(&reading, text, &value, ok, ret_value, error);
	g_free(reading.note);
	return ok;
}

static char *
number_format(const NwValue *value)
{
	return g_strdup_printf(value->is_hex ? "0x%x" : "%u", value->number);
}

static char *
address_format(int family, const NwValue *value)
{
	char text[INET6_ADDRSTRLEN];

	return g_strdup(inet_ntop(family, value->bytes, text, sizeof(text)));
}

char *
nw_value_format(const NwAttrInfo *attr, const NwValue *value)
{
	const Word *words = nw_words_of(attr->type);

	if (value->is_var)
		return nw_var_ref_format(&value->var);
	switch (attr->type) {
	case NW_TYPE_UINT8:
	case NW_TYPE_UINT16:
	case NW_TYPE_UINT16_DECIMAL:
	case NW_TYPE_UINT32:
		return number_format(value);
	case NW_TYPE_BOOLEAN:
	case NW_TYPE_ND_OPTIONS:
	case NW_TYPE_ETHERTYPE:
	case NW_TYPE_IPPROTO:
	case NW_TYPE_ARP_OPCODE: {
		const char *name = word_name(words, value->number);

		return name ? g_strdup(name) : number_format(value);
	}
	case NW_TYPE_MAC:
	case NW_TYPE_MAC_MASK:
		return nw_mac_format(value->bytes);
	case NW_TYPE_IPV4:
		return address_format(AF_INET, value);
	case NW_TYPE_IPV6:
		return address_format(AF_INET6, value);
	case NW_TYPE_IPV4_MASK:
	case NW_TYPE_IPV6_MASK:
		return g_strdup_printf("%u", value->number);
	case NW_TYPE_STATE:
		return nw_words_format_bits(words, value->number);
	case NW_TYPE_TCP_FLAGS: {
		g_autofree char *mask = nw_words_format_bits(words, value->number >> 8);
		g_autofree char *flags = nw_words_format_bits(words, value->number & 0xff);

		return g_strdup_printf("%s/%s", mask, flags);
	}
	case NW_TYPE_IPSET:
	case NW_TYPE_IPSET_FLAGS:
	case NW_TYPE_COMMENT:
		return g_strdup(value->text);
	}
	return NULL;
}

gint
nw_value_compare(const NwAttrInfo *attr, const NwValue *a, const NwValue *b)
{
	if (attr->type == NW_TYPE_IPV4 || attr->type == NW_TYPE_IPV6)
		return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	return a->number < b->number ? -1 : a->number > b->number;
}

void
nw_value_clear(NwValue *value)
{
	g_clear_pointer(&value->var.name, g_free);
	g_clear_pointer(&value->text, g_free);
	value->is_set = FALSE;
	value->is_var = FALSE;
}

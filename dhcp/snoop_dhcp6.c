// SPDX-License-Identifier: GPL-2.0-or-later
/* DHCPv6 as the guest's client and its servers speak it, relays included: RFC 8415. */

#include <string.h>

#include "dhcp/snoop_private.h"

#define RELAYS_MAX   8 /* RFC 8415 7.6, HOP_COUNT_LIMIT */
#define DUID_LEN_MIN 3 /* RFC 8415 11.1: a type and 1 to 128 bytes */
#define DUID_LEN_MAX 130

enum {
	OPTION_CLIENT_ID = 1,
	OPTION_SERVER_ID = 2,
	OPTION_IA_NA = 3,
	OPTION_IA_TA = 4,
	OPTION_IA_ADDRESS = 5,
	OPTION_RELAY_MESSAGE = 9,
	OPTION_STATUS = 13,
	OPTION_RAPID_COMMIT = 14,
	OPTION_IA_PD = 25,
	OPTION_IA_PREFIX = 26,
};

typedef enum {
	ID_MAY,
	ID_MUST,
	ID_MUST_NOT,
} IdRule;

/* Which messages there are and which identifiers make them valid: RFC 8415 16.2 to 16.12. */
static const struct {
	guint8 is_known, is_to_guest, client, server; /* the latter two: IdRule */
} messages[] = {
	[DHCPV6_SOLICIT] = { TRUE, FALSE, ID_MUST, ID_MUST_NOT },
	[DHCPV6_ADVERTISE] = { TRUE, TRUE, ID_MUST, ID_MUST },
	[DHCPV6_REQUEST] = { TRUE, FALSE, ID_MUST, ID_MUST },
	[DHCPV6_CONFIRM] = { TRUE, FALSE, ID_MUST, ID_MUST_NOT },
	[DHCPV6_RENEW] = { TRUE, FALSE, ID_MUST, ID_MUST },
	[DHCPV6_REBIND] = { TRUE, FALSE, ID_MUST, ID_MUST_NOT },
	/* To INFORMATION-REQUEST the client need not be named. */
	[DHCPV6_REPLY] = { TRUE, TRUE, ID_MAY, ID_MUST },
	[DHCPV6_RELEASE] = { TRUE, FALSE, ID_MUST, ID_MUST },
	[DHCPV6_DECLINE] = { TRUE, FALSE, ID_MUST, ID_MUST },
	[DHCPV6_RECONFIGURE] = { TRUE, TRUE, ID_MUST, ID_MUST },
	[DHCPV6_INFORMATION_REQUEST] = { TRUE, FALSE, ID_MAY, ID_MAY },
};

typedef struct {
	guint16 code;
	Cursor body;
} Option;

/* A status code, or none. */
typedef struct {
	gboolean is_there;
	guint16 code;
} Status;

/* RFC 8415 21.1; @count: how many this list has had. */
static SnoopVerdict
next_option(Cursor *options, guint *count, Option *ret_option)
{
	guint16 len;

	if ((*count)++ == SNOOP_OPTIONS_MAX)
		return SNOOP_TOO_MANY;
	if (!cursor_u16(options, &ret_option->code) || !cursor_u16(options, &len) ||
	    !cursor_sub(options, len, &ret_option->body))
		return SNOOP_TRUNCATED;
	return SNOOP_OK;
}

/* RFC 8415 21.13. */
static SnoopVerdict
take_status(Status *status, Cursor body)
{
	guint16 code;

	if (!cursor_u16(&body, &code))
		return SNOOP_BAD_LENGTH;
	if (status->is_there && status->code != code)
		return SNOOP_DUPLICATE;
	*status = (Status){ TRUE, code };
	return SNOOP_OK;
}

/* The status among the options of an IA or of what is in it; walks them all, so that later walks find them sound. */
static SnoopVerdict
find_status(Cursor options, Status *ret_status)
{
	*ret_status = (Status){ 0 };
	for (guint count = 0; options.left > 0;) {
		Option option;
		SnoopVerdict verdict = next_option(&options, &count, &option);

		if (verdict == SNOOP_OK && option.code == OPTION_STATUS)
			verdict = take_status(ret_status, option.body);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	return SNOOP_OK;
}

/*
 * What the options of an address or prefix leave of it. Granted is what a client takes: nothing with a failure, or
 * preferred for longer than it is valid (RFC 8415 21.6, 21.22). What a client names may be a wish such as ::/56, which
 * is no address of anybody.
 */
static SnoopVerdict
take_address(Cursor options, guint32 preferred_sec, SnoopAddress *address, SnoopEvent *event)
{
	gboolean is_usable = snoop_address_is_usable(&address->address, address->prefix_len, SNOOP_SCOPE_GRANT);
	Status status;
	SnoopVerdict verdict = find_status(options, &status);

	if (verdict != SNOOP_OK)
		return verdict;
	if (event->is_to_guest) {
		if (status.code != 0 || preferred_sec > address->valid_sec)
			return SNOOP_OK;
		if (!is_usable)
			return SNOOP_BAD_VALUE;
	}
	return is_usable ? snoop_event_add(event, address) : SNOOP_OK;
}

/* RFC 8415 21.6. */
static SnoopVerdict
parse_ia_address(Cursor body, guint32 iaid, SnoopEvent *event)
{
	SnoopAddress address = { .kind = SNOOP_ADDRESS, .prefix_len = 128, .iaid = iaid };
	guint32 preferred_sec;

	if (!(cursor_address(&body, AF_INET6, &address.address) && cursor_u32(&body, &preferred_sec) &&
	      cursor_u32(&body, &address.valid_sec)))
		return SNOOP_BAD_LENGTH;
	return take_address(body, preferred_sec, &address, event);
}

/* RFC 8415 21.22: bits behind the prefix say nothing. */
static SnoopVerdict
parse_ia_prefix(Cursor body, guint32 iaid, SnoopEvent *event)
{
	SnoopAddress address = { .kind = SNOOP_PREFIX, .iaid = iaid };
	guint32 preferred_sec;

	if (!(cursor_u32(&body, &preferred_sec) && cursor_u32(&body, &address.valid_sec) &&
	      cursor_u8(&body, &address.prefix_len) && cursor_address(&body, AF_INET6, &address.address)))
		return SNOOP_BAD_LENGTH;
	if (address.prefix_len > 128)
		return SNOOP_BAD_VALUE;
	address.address = ip_address_network(&address.address, address.prefix_len);
	return take_address(body, preferred_sec, &address, event);
}

/* What is in an identity association; of another kind's it is to be ignored. */
static SnoopVerdict
parse_ia_options(Cursor options, guint16 ia_code, guint32 iaid, SnoopEvent *event)
{
	guint16 wanted = ia_code == OPTION_IA_PD ? OPTION_IA_PREFIX : OPTION_IA_ADDRESS;

	for (guint count = 0; options.left > 0;) {
		Option option;
		SnoopVerdict verdict = next_option(&options, &count, &option);

		if (verdict == SNOOP_OK && option.code == wanted)
			verdict = ia_code == OPTION_IA_PD ? parse_ia_prefix(option.body, iaid, event)
							  : parse_ia_address(option.body, iaid, event);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	return SNOOP_OK;
}

/* RFC 8415 21.4, 21.5, 21.21. An IA whose times contradict each other is as if it were not there. */
static SnoopVerdict
parse_ia(const Option *ia, SnoopEvent *event)
{
	Cursor body = ia->body;
	guint32 iaid, t1_sec = 0, t2_sec = 0;
	Status status;
	SnoopVerdict verdict;

	if (!cursor_u32(&body, &iaid))
		return SNOOP_BAD_LENGTH;
	if (ia->code != OPTION_IA_TA && !(cursor_u32(&body, &t1_sec) && cursor_u32(&body, &t2_sec)))
		return SNOOP_BAD_LENGTH;
	verdict = find_status(body, &status);
	if (verdict != SNOOP_OK)
		return verdict;
	if (event->is_to_guest && (status.code != 0 || (t2_sec && t1_sec > t2_sec)))
		return SNOOP_OK;
	return parse_ia_options(body, ia->code, iaid, event);
}

/* RFC 8415 11.1, 21.2, 21.3. */
static SnoopVerdict
take_duid(Cursor body, guint8 *bytes, guint32 *len)
{
	if (body.left < DUID_LEN_MIN || body.left > DUID_LEN_MAX)
		return SNOOP_BAD_LENGTH;
	if (*len)
		return *len == body.left && memcmp(bytes, body.at, body.left) == 0 ? SNOOP_OK : SNOOP_DUPLICATE;
	memcpy(bytes, body.at, body.left);
	*len = (guint32)body.left;
	return SNOOP_OK;
}

static SnoopVerdict
take_option(const Option *option, Status *status, SnoopEvent *event)
{
	switch (option->code) {
	case OPTION_CLIENT_ID:
		return take_duid(option->body, event->client, &event->client_len);
	case OPTION_SERVER_ID:
		return take_duid(option->body, event->server_id, &event->server_id_len);
	case OPTION_STATUS:
		return take_status(status, option->body);
	case OPTION_RAPID_COMMIT:
		event->rapid_commit = TRUE;
		return option->body.left ? SNOOP_BAD_LENGTH : SNOOP_OK;
	case OPTION_IA_NA:
	case OPTION_IA_TA:
	case OPTION_IA_PD:
		return parse_ia(option, event);
	default:
		return SNOOP_OK;
	}
}

static gboolean
id_is_right(IdRule rule, guint32 len)
{
	switch (rule) {
	case ID_MAY:
		return TRUE;
	case ID_MUST:
		return len > 0;
	case ID_MUST_NOT:
		return len == 0;
	}
	return FALSE;
}

/* A message that says no gives nothing. */
static void
take_back(SnoopEvent *event)
{
	memset(event->addresses, 0, sizeof(event->addresses));
	event->address_count = 0;
}

/* RFC 8415 8: the rest of a message, behind its type. */
static SnoopVerdict
parse_message(guint8 type, Cursor message, SnoopEvent *event)
{
	Status status = { 0 };
	guint8 high;
	guint16 low;

	if (!cursor_u8(&message, &high) || !cursor_u16(&message, &low))
		return SNOOP_TRUNCATED;
	event->message = type;
	event->transaction = (guint32)high << 16 | low;
	for (guint count = 0; message.left > 0;) {
		Option option;
		SnoopVerdict verdict = next_option(&message, &count, &option);

		if (verdict == SNOOP_OK)
			verdict = take_option(&option, &status, event);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	if (!id_is_right(messages[type].client, event->client_len) ||
	    !id_is_right(messages[type].server, event->server_id_len))
		return SNOOP_BAD_VALUE;
	event->status = (guint8)MIN(status.code, 255);
	if (event->is_to_guest && status.code)
		take_back(event);
	/* RFC 8415 16.10: what a client asked for under its name is answered under it. */
	return event->is_to_guest && event->address_count && !event->client_len ? SNOOP_BAD_VALUE : SNOOP_OK;
}

/* RFC 8415 9: hop count, two addresses, and among the options the message that is relayed. */
static SnoopVerdict
open_relay(Cursor *message)
{
	Cursor options = *message;
	gboolean is_there = FALSE;

	if (!cursor_skip(&options, 1 + 16 + 16))
		return SNOOP_TRUNCATED;
	for (guint count = 0; options.left > 0;) {
		Option option;
		SnoopVerdict verdict = next_option(&options, &count, &option);

		if (verdict != SNOOP_OK)
			return verdict;
		if (option.code != OPTION_RELAY_MESSAGE)
			continue;
		if (is_there)
			return SNOOP_DUPLICATE;
		is_there = TRUE;
		*message = option.body;
	}
	return is_there ? SNOOP_OK : SNOOP_BAD_VALUE;
}

SnoopVerdict
snoop_dhcp6_parse(Cursor message, SnoopEvent *event)
{
	guint8 relay_type = event->is_to_guest ? DHCPV6_RELAY_REPLY : DHCPV6_RELAY_FORWARD;
	guint8 type;

	if (!snoop_address_is_usable(&event->source, 128, SNOOP_SCOPE_LINK))
		return SNOOP_BAD_VALUE;
	event->protocol = SNOOP_DHCPV6;
	if (event->is_to_guest)
		event->server = event->source;
	if (!cursor_u8(&message, &type))
		return SNOOP_TRUNCATED;
	for (guint relays = 0; type == relay_type; relays++) {
		SnoopVerdict verdict = relays < RELAYS_MAX ? open_relay(&message) : SNOOP_TOO_MANY;

		if (verdict != SNOOP_OK)
			return verdict;
		event->is_relayed = TRUE;
		if (!cursor_u8(&message, &type))
			return SNOOP_TRUNCATED;
	}
	if (type == DHCPV6_RELAY_FORWARD || type == DHCPV6_RELAY_REPLY)
		return SNOOP_BAD_VALUE;
	if (type >= G_N_ELEMENTS(messages) || !messages[type].is_known)
		return SNOOP_NOT_OURS;
	if (messages[type].is_to_guest != event->is_to_guest)
		return SNOOP_BAD_VALUE;
	return parse_message(type, message, event);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DHCPv4 as the guest's client and its servers speak it: RFC 2131, RFC 2132, long options of RFC 3396.
 *
 * Clients and servers differ in which of two contradicting options they take; so such a message is refused.
 */

#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>

#include "dhcp/snoop_private.h"

#define MAGIC_COOKIE 0x63825363
#define SNAME_LEN    64
#define FILE_LEN     128

enum {
	BOOT_REQUEST = 1,
	BOOT_REPLY = 2,
};
enum {
	OVERLOAD_FILE = 1,
	OVERLOAD_SNAME = 2,
};
enum {
	OPTION_PAD = 0,
	OPTION_RELAY_AGENT = 82, /* RFC 3046 */
	OPTION_END = 255,
};

/* The options that are read: RFC 2132 and RFC 4039. */
typedef enum {
	VALUE_OVERLOAD,
	VALUE_MESSAGE,
	VALUE_SERVER,
	VALUE_REQUESTED,
	VALUE_LEASE,
	VALUE_CLIENT,
	VALUE_RAPID_COMMIT,
	VALUE_COUNT,
} ValueIndex;

static const struct {
	guint8 code;
	guint8 min_len, max_len; /* if the same, the option stands once */
} values[VALUE_COUNT] = {
	[VALUE_OVERLOAD] = { 52, 1, 1 },     [VALUE_MESSAGE] = { 53, 1, 1 },
	[VALUE_SERVER] = { 54, 4, 4 },	     [VALUE_REQUESTED] = { 50, 4, 4 },
	[VALUE_LEASE] = { 51, 4, 4 },	     [VALUE_CLIENT] = { 61, 2, SNOOP_CLIENT_MAX },
	[VALUE_RAPID_COMMIT] = { 80, 0, 0 },
};

typedef struct {
	gboolean is_there;
	gsize len;
	guint8 bytes[SNOOP_CLIENT_MAX];
} Value;

/* The fixed part of a message (RFC 2131 2), and what its options say. */
typedef struct {
	guint8 op, hardware_type, hardware_len;
	guint32 transaction;
	IpAddress client, yours, relay; /* ciaddr, yiaddr, giaddr */
	const guint8 *hardware;
	Cursor sname, file, options;

	guint option_count;
	gboolean has_relay_agent;
	Value values[VALUE_COUNT];
} Message;

static SnoopVerdict
read_header(Cursor bytes, Message *message)
{
	guint8 hops;
	guint16 secs, flags;
	guint32 cookie;
	IpAddress next_server;

	if (!(cursor_u8(&bytes, &message->op) && cursor_u8(&bytes, &message->hardware_type) &&
	      cursor_u8(&bytes, &message->hardware_len) && cursor_u8(&bytes, &hops) &&
	      cursor_u32(&bytes, &message->transaction) && cursor_u16(&bytes, &secs) && cursor_u16(&bytes, &flags) &&
	      cursor_address(&bytes, AF_INET, &message->client) && cursor_address(&bytes, AF_INET, &message->yours) &&
	      cursor_address(&bytes, AF_INET, &next_server) && cursor_address(&bytes, AF_INET, &message->relay) &&
	      (message->hardware = cursor_take(&bytes, 16)) && cursor_sub(&bytes, SNAME_LEN, &message->sname) &&
	      cursor_sub(&bytes, FILE_LEN, &message->file) && cursor_u32(&bytes, &cookie)))
		return SNOOP_TRUNCATED;
	if (message->hardware_type != ARPHRD_ETHER || message->hardware_len != ETH_ALEN || cookie != MAGIC_COOKIE)
		return SNOOP_BAD_VALUE;
	message->options = bytes;
	return SNOOP_OK;
}

/*
 * The parts of an option are one (RFC 3396). Nobody splits one of four bytes, but some say it twice: that is no harm
 * if they say the same.
 */
static SnoopVerdict
value_add(Value *value, ValueIndex index, Cursor part)
{
	gsize max_len = values[index].max_len;
	gboolean is_whole = value->is_there && values[index].min_len == max_len && value->len == max_len;

	if (is_whole && part.left == max_len)
		return memcmp(value->bytes, part.at, max_len) == 0 ? SNOOP_OK : SNOOP_DUPLICATE;
	value->is_there = TRUE;
	if (part.left > max_len - value->len)
		return SNOOP_BAD_LENGTH;
	memcpy(value->bytes + value->len, part.at, part.left);
	value->len += part.left;
	return SNOOP_OK;
}

static SnoopVerdict
take_option(Message *message, guint8 code, Cursor body)
{
	if (code == OPTION_RELAY_AGENT)
		message->has_relay_agent = TRUE;
	for (ValueIndex i = 0; i < VALUE_COUNT; i++) {
		if (values[i].code == code)
			return value_add(&message->values[i], i, body);
	}
	return SNOOP_OK;
}

/* One of the fields that hold options; each ends with an option that says so (RFC 2131 4.1). */
static SnoopVerdict
read_options(Message *message, Cursor options)
{
	guint8 code, len;
	Cursor body;

	while (cursor_u8(&options, &code)) {
		SnoopVerdict verdict;

		if (code == OPTION_PAD)
			continue;
		if (code == OPTION_END)
			return SNOOP_OK;
		if (message->option_count++ == SNOOP_OPTIONS_MAX)
			return SNOOP_TOO_MANY;
		if (!cursor_u8(&options, &len) || !cursor_sub(&options, len, &body))
			return SNOOP_TRUNCATED;
		verdict = take_option(message, code, body);
		if (verdict != SNOOP_OK)
			return verdict;
	}
	return SNOOP_TRUNCATED;
}

/* Behind the options' own field file, then sname (RFC 3396), where option 52 says that they hold options. */
static SnoopVerdict
read_overloaded(Message *message)
{
	Value overload = message->values[VALUE_OVERLOAD];
	SnoopVerdict verdict = SNOOP_OK;

	if (!overload.is_there)
		return SNOOP_OK;
	if (overload.len != 1)
		return SNOOP_BAD_LENGTH;
	if (overload.bytes[0] == 0 || overload.bytes[0] > (OVERLOAD_FILE | OVERLOAD_SNAME))
		return SNOOP_BAD_VALUE;
	if (overload.bytes[0] & OVERLOAD_FILE)
		verdict = read_options(message, message->file);
	if (verdict == SNOOP_OK && overload.bytes[0] & OVERLOAD_SNAME)
		verdict = read_options(message, message->sname);
	return verdict;
}

static SnoopVerdict
check_values(const Message *message)
{
	for (ValueIndex i = 0; i < VALUE_COUNT; i++) {
		if (message->values[i].is_there && message->values[i].len < values[i].min_len)
			return SNOOP_BAD_LENGTH;
	}
	return SNOOP_OK;
}

static SnoopVerdict
read_message(Cursor bytes, Message *message)
{
	SnoopVerdict verdict = read_header(bytes, message);

	if (verdict == SNOOP_OK)
		verdict = read_options(message, message->options);
	if (verdict == SNOOP_OK)
		verdict = read_overloaded(message);
	return verdict == SNOOP_OK ? check_values(message) : verdict;
}

/* The address of an option; 0.0.0.0 is none. */
static IpAddress
value_address(const Message *message, ValueIndex index)
{
	static const IpAddress none = { 0 }, unset = { .family = AF_INET };
	Cursor cursor = cursor_over(message->values[index].bytes, message->values[index].len);
	IpAddress address;

	if (!cursor_address(&cursor, AF_INET, &address) || ip_address_equal(&address, &unset))
		return none;
	return address;
}

static gboolean
is_zero(const IpAddress *address)
{
	static const IpAddress unset = { .family = AF_INET };

	return ip_address_equal(address, &unset);
}

/*
 * An ACK to INFORM gives no address (RFC 2131 4.3.5), and some servers then fill in half of one. Where one sends back
 * what its client wrote to yiaddr, and a time that it asked for, ciaddr tells: it is the client's address, and that is
 * what a renewal grants (table 3).
 */
static SnoopVerdict
take_grant(const Message *message, SnoopEvent *event)
{
	Cursor lease = cursor_over(message->values[VALUE_LEASE].bytes, message->values[VALUE_LEASE].len);
	SnoopAddress granted = { .address = message->yours, .kind = SNOOP_ADDRESS, .prefix_len = 32 };

	if (!message->values[VALUE_LEASE].is_there || is_zero(&message->yours))
		return event->message == DHCPV4_ACK ? SNOOP_OK : SNOOP_BAD_VALUE;
	if (!is_zero(&message->client) && !ip_address_equal(&message->client, &message->yours))
		return SNOOP_BAD_VALUE;
	if (!cursor_u32(&lease, &granted.valid_sec))
		return SNOOP_BAD_LENGTH;
	if (!snoop_address_is_usable(&granted.address, 32, SNOOP_SCOPE_GRANT))
		return SNOOP_BAD_VALUE;
	return snoop_event_add(event, &granted);
}

/* RFC 2131 table 3: a server names itself. */
static SnoopVerdict
check_reply(const Message *message, SnoopEvent *event)
{
	if (message->op != BOOT_REPLY || !event->is_to_guest)
		return SNOOP_BAD_VALUE;
	if (!snoop_address_is_usable(&event->server, 32, SNOOP_SCOPE_GRANT))
		return SNOOP_BAD_VALUE;
	return event->message == DHCPV4_NAK ? SNOOP_OK : take_grant(message, event);
}

/* RFC 2131 table 5. */
static SnoopVerdict
check_request(const Message *message, SnoopEvent *event)
{
	gboolean gives_up = event->message == DHCPV4_DECLINE || event->message == DHCPV4_RELEASE;

	if (message->op != BOOT_REQUEST || event->is_to_guest)
		return SNOOP_BAD_VALUE;
	if (event->message == DHCPV4_RELEASE)
		event->requested = message->client;
	else if (!event->requested.family && event->message != DHCPV4_DECLINE)
		event->requested = message->client;
	if (is_zero(&event->requested))
		event->requested.family = 0;
	if (gives_up && !event->requested.family)
		return SNOOP_BAD_VALUE;
	if (message->has_relay_agent || !is_zero(&message->relay))
		event->is_relayed = TRUE;
	return SNOOP_OK;
}

SnoopVerdict
snoop_dhcp4_parse(Cursor bytes, SnoopEvent *event)
{
	Message message = { 0 };
	const Value *client = &message.values[VALUE_CLIENT];
	SnoopVerdict verdict = read_message(bytes, &message);

	if (verdict != SNOOP_OK)
		return verdict;
	if (!message.values[VALUE_MESSAGE].is_there)
		return SNOOP_NOT_OURS; /* BOOTP */
	event->protocol = SNOOP_DHCPV4;
	event->message = message.values[VALUE_MESSAGE].bytes[0];
	event->transaction = message.transaction;
	memcpy(event->hardware, message.hardware, ETH_ALEN);
	event->has_hardware = TRUE;
	event->server = value_address(&message, VALUE_SERVER);
	event->requested = value_address(&message, VALUE_REQUESTED);
	event->rapid_commit = message.values[VALUE_RAPID_COMMIT].is_there ? 1 : 0;
	event->client_len = (guint32)client->len;
	memcpy(event->client, client->bytes, client->len);

	switch (event->message) {
	case DHCPV4_OFFER:
	case DHCPV4_ACK:
	case DHCPV4_NAK:
		return check_reply(&message, event);
	case DHCPV4_DISCOVER:
	case DHCPV4_REQUEST:
	case DHCPV4_DECLINE:
	case DHCPV4_RELEASE:
	case DHCPV4_INFORM:
		return check_request(&message, event);
	default:
		return SNOOP_NOT_OURS;
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel logs of a packet to a group of nflog. */

#include "dhcp/nflog.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>

typedef struct {
	guint16 type;
	const guint8 *value;
	gsize len;
} Attribute;

/* What is gathered before it is known which interface is the port. */
typedef struct {
	NflogRecord record;
	guint32 in, out, physical_in, physical_out;
	const guint8 *hardware_header;
	gsize hardware_header_len;
} Reading;

static guint16
host16(const guint8 *bytes)
{
	guint16 value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static guint32
network32(const guint8 *bytes)
{
	guint32 value;

	memcpy(&value, bytes, sizeof(value));
	return GUINT32_FROM_BE(value);
}

static gboolean
next_attribute(const guint8 *bytes, gsize len, gsize *offset, Attribute *ret_attribute)
{
	gsize left = len - *offset, attribute_len;

	if (left < NLA_HDRLEN)
		return FALSE;
	attribute_len = host16(bytes + *offset);
	if (attribute_len < NLA_HDRLEN || attribute_len > left)
		return FALSE;
	ret_attribute->type = host16(bytes + *offset + sizeof(guint16)) & NLA_TYPE_MASK;
	ret_attribute->value = bytes + *offset + NLA_HDRLEN;
	ret_attribute->len = attribute_len - NLA_HDRLEN;
	/* The last one need not be padded. */
	*offset += MIN(NLA_ALIGN(attribute_len), left);
	return TRUE;
}

static gboolean
set_number(const Attribute *attribute, guint32 *ret_number)
{
	if (attribute->len != sizeof(guint32))
		return FALSE;
	*ret_number = network32(attribute->value);
	return TRUE;
}

static gboolean
set_prefix(const Attribute *attribute, char *prefix)
{
	if (attribute->len == 0 || attribute->len > NFLOG_PREFIX_MAX || attribute->value[attribute->len - 1] != '\0')
		return FALSE;
	memcpy(prefix, attribute->value, attribute->len);
	return TRUE;
}

static gboolean
set_header(const Attribute *attribute, NflogRecord *record)
{
	const struct nfulnl_msg_packet_hdr *header = (const void *)attribute->value;

	if (attribute->len != sizeof(*header))
		return FALSE;
	record->hook = header->hook;
	return TRUE;
}

static gboolean
set_bytes(const Attribute *attribute, const guint8 **ret_bytes, gsize *ret_len)
{
	*ret_bytes = attribute->value;
	*ret_len = attribute->len;
	return TRUE;
}

/* Two attributes in one. */
static gboolean
set_vlan(const Attribute *attribute, NflogRecord *record)
{
	gsize offset = 0;

	for (guint count = 0; offset < attribute->len && count < NFLOG_ATTRIBUTES_MAX; count++) {
		guint16 value;
		Attribute part;

		if (!next_attribute(attribute->value, attribute->len, &offset, &part))
			return FALSE;
		if (part.len < sizeof(value))
			continue;
		memcpy(&value, part.value, sizeof(value));
		if (part.type == NFULA_VLAN_PROTO)
			record->vlan_protocol = GUINT16_FROM_BE(value);
		else if (part.type == NFULA_VLAN_TCI)
			record->vlan_tci = GUINT16_FROM_BE(value);
	}
	return TRUE;
}

static gboolean
take_attribute(Reading *reading, const Attribute *attribute)
{
	NflogRecord *record = &reading->record;

	switch (attribute->type) {
	case NFULA_PACKET_HDR:
		return set_header(attribute, record);
	case NFULA_IFINDEX_INDEV:
		return set_number(attribute, &reading->in);
	case NFULA_IFINDEX_OUTDEV:
		return set_number(attribute, &reading->out);
	case NFULA_IFINDEX_PHYSINDEV:
		return set_number(attribute, &reading->physical_in);
	case NFULA_IFINDEX_PHYSOUTDEV:
		return set_number(attribute, &reading->physical_out);
	case NFULA_PREFIX:
		return set_prefix(attribute, record->prefix);
	case NFULA_SEQ:
		record->has_sequence = TRUE;
		return set_number(attribute, &record->sequence);
	case NFULA_VLAN:
		record->is_tagged = TRUE;
		return set_vlan(attribute, record);
	case NFULA_L2HDR:
		return set_bytes(attribute, &record->link_header, &record->link_header_len);
	case NFULA_HWHEADER:
		return set_bytes(attribute, &reading->hardware_header, &reading->hardware_header_len);
	case NFULA_PAYLOAD:
		return set_bytes(attribute, &record->payload, &record->payload_len);
	default:
		return TRUE;
	}
}

gboolean
nflog_record_read(const guint8 *bytes, gsize len, NflogRecord *ret_record)
{
	Reading reading = { 0 };
	NflogRecord *record = &reading.record;
	gsize offset = sizeof(struct nfgenmsg);
	guint count = 0;

	if (len < offset || bytes[1] != NFNETLINK_V0)
		return FALSE;
	record->family = bytes[0];
	while (offset < len) {
		Attribute attribute;

		if (++count > NFLOG_ATTRIBUTES_MAX || !next_attribute(bytes, len, &offset, &attribute) ||
		    !take_attribute(&reading, &attribute))
			return FALSE;
	}
	record->ifindex_in = reading.physical_in ? reading.physical_in : reading.in;
	record->ifindex_out = reading.physical_out ? reading.physical_out : reading.out;
	if (!record->link_header) {
		record->link_header = reading.hardware_header;
		record->link_header_len = reading.hardware_header_len;
	}
	*ret_record = *record;
	return TRUE;
}

gboolean
nflog_record_frame(const NflogRecord *record, guint8 *frame, gsize size, gsize *ret_frame_len)
{
	/* A header with a tag in it is longer, but the payload begins where that of one without does. */
	if ((record->family != NFPROTO_BRIDGE && record->family != NFPROTO_IPV4 && record->family != NFPROTO_IPV6) ||
	    record->link_header_len < NFLOG_ETHER_HEADER || !record->payload_len || size < NFLOG_ETHER_HEADER ||
	    record->payload_len > size - NFLOG_ETHER_HEADER)
		return FALSE;
	memcpy(frame, record->link_header, NFLOG_ETHER_HEADER);
	memcpy(frame + NFLOG_ETHER_HEADER, record->payload, record->payload_len);
	*ret_frame_len = NFLOG_ETHER_HEADER + record->payload_len;
	return TRUE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel IP sets (ipset(8)) as nf_tables can hold them.
 *
 * nf_tables cannot look into an IP set: its content is read and kept as a set of nf_tables' own. The meaning is that of
 * xt_set: each word src or dst of a rule says where one dimension of the set is read from, words too many do nothing,
 * and a port is compared together with its protocol (of ICMP: type and code; of protocols without ports: 0).
 */
#pragma once

#include "rules/packet.h"

#define IP_SET_FIELDS_MAX   5	  /* address, protocol, port, address; or two with a field that is always there */
#define IP_SET_KEY_MAX	    64	  /* bytes of a key: the kernel's registers */
#define IP_SET_ELEMENTS_MAX 65536 /* of one set, overlaps taken apart */

typedef enum {
	IP_SET_FIELD_ADDRESS,
	IP_SET_FIELD_MAC,
	IP_SET_FIELD_PROTOCOL, /* of layer 4 */
	IP_SET_FIELD_PORT,
	IP_SET_FIELD_PAD, /* ethertype, any: a set of ranges needs two fields */
} IpSetFieldKind;

typedef struct {
	IpSetFieldKind kind;
	guint word;	   /* which of the rule's words says src or dst */
	guint offset;	   /* in the key */
	guint len;	   /* bytes; the next field begins at a multiple of 4 */
	gboolean is_range; /* else low and high are always equal */
} IpSetField;

/* A box: from low to high in each field. No two boxes of a set overlap. */
typedef struct {
	guint8 low[IP_SET_KEY_MAX], high[IP_SET_KEY_MAX];
	guint32 timeout_sec; /* left; 0: for good */
	gboolean nomatch;    /* while a set is read only */
} IpSetElement;

typedef struct {
	char *name;
	char *layout;	  /* "net-port", say: what kind of set can hold it */
	gboolean is_ipv4; /* the packets that it is for */
	guint words;	  /* src and dst that a rule must say */
	IpSetField fields[IP_SET_FIELDS_MAX];
	guint field_count, key_len;
	gboolean is_interval;
	GArray *elements; /* of IpSetElement */
} IpSet;

/**
 * ip_set_read: a set of this network namespace, for packets of one family
 *
 * The members of a list:set are joined. Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED saying why for a set that is not
 * there, is of the other family or of a type that cannot be held; %SLUICE_ERROR_LIMIT; %SLUICE_ERROR_SYSTEM.
 */
IpSet *ip_set_read(const char *name, gboolean is_ipv4, GError **error);
void ip_set_free(IpSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IpSet, ip_set_free)

/**
 * ip_set_new: an empty set
 * @dimensions: a letter each: i address, n network, p port, m MAC address, M one that may be missing
 */
IpSet *ip_set_new(const char *name, const char *dimensions, gboolean is_ipv4);

/** ip_set_check_words: whether a rule's words, "src,dst", are enough for the set */
gboolean ip_set_check_words(const IpSet *set, const char *words, GError **error);

/** ip_set_word_is_src: the word at @index of "src,dst" */
gboolean ip_set_word_is_src(const char *words, guint index);

/**
 * ip_set_flatten: take overlapping elements apart, and let those go that nomatch takes out
 *
 * Where elements overlap the longest timeout holds; with nomatch the narrowest element decides, as in ipset(8).
 *
 * Errors: %SLUICE_ERROR_LIMIT; %SLUICE_ERROR_CONFIG_UNSUPPORTED for nomatch where more than one dimension is a range.
 */
gboolean ip_set_flatten(IpSet *set, GError **error);

/** ip_set_test: whether the packet is in the set; a packet without one of the fields is not */
gboolean ip_set_test(const IpSet *set, const PacketView *packet, const char *words);

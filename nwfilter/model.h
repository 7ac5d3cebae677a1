// SPDX-License-Identifier: GPL-2.0-or-later
/* The filter language as data: what one <filter> and one <filterbinding> document say. */
#pragma once

#include "rules/field.h"
#include "rules/ir.h"
#include "rules/vars.h"

#define NW_NAME_MAX	     255 /* bytes of a filter's name: it is a file name too */
#define NW_CHAIN_NAME_MAX    12	 /* bytes of a chain's name */
#define NW_FILTER_BYTES_MAX  (4 * 1024 * 1024)
#define NW_FILTER_ITEMS_MAX  16384 /* rules and references of one filter */
#define NW_INCLUDE_DEPTH_MAX 32
#define NW_TREE_RULES_MAX    65536 /* rules of a whole tree */
#define NW_COMMENT_MAX	     256
#define NW_PRIORITY_MIN	     (-1000)
#define NW_PRIORITY_MAX	     1000
#define NW_PRIORITY_DEFAULT  500

typedef enum {
	NW_TYPE_BOOLEAN,
	NW_TYPE_UINT8,
	NW_TYPE_UINT16,
	NW_TYPE_UINT16_DECIMAL, /* connlimit-above: no hexadecimal */
	NW_TYPE_UINT32,
	NW_TYPE_MAC,
	NW_TYPE_MAC_MASK,
	NW_TYPE_IPV4,
	NW_TYPE_IPV4_MASK,
	NW_TYPE_IPV6,
	NW_TYPE_IPV6_MASK,
	NW_TYPE_ETHERTYPE, /* number or arp rarp ipv4 ipv6 vlan */
	NW_TYPE_IPPROTO,   /* number or tcp udp … */
	NW_TYPE_ARP_OPCODE,
	NW_TYPE_STATE,	    /* bits of RULE_CT_… */
	NW_TYPE_TCP_FLAGS,  /* mask << 8 | flags */
	NW_TYPE_ND_OPTIONS, /* %NW_ND_NONE, %NW_ND_NONCE */
	NW_TYPE_IPSET,
	NW_TYPE_IPSET_FLAGS,
	NW_TYPE_COMMENT,
} NwType;

/* Options that a message of neighbour discovery has, its link-layer address aside. */
enum { NW_ND_NONE, NW_ND_NONCE };

/* What an attribute contributes to the match of its field. */
typedef enum {
	NW_ROLE_VALUE,	     /* the value, or the lower end of a range */
	NW_ROLE_MASK,	     /* mask of the attribute before it; of a rate: its burst */
	NW_ROLE_RANGE_START, /* start of a second way to say a range (srcipfrom) */
	NW_ROLE_RANGE_END,   /* upper end of the range that the attribute before it starts */
	NW_ROLE_IPSET_FLAGS, /* flags of the ipset attribute before it */
	NW_ROLE_COMMENT,
} NwRole;

typedef struct {
	const char *name;
	NwType type;
	NwRole role;
	RuleField field;  /* RULE_FIELD_NONE for a comment */
	guint32 min, max; /* of numbers; 0, 0: the type's own range */
} NwAttrInfo;

typedef enum {
	NW_FAMILY_ANY, /* layer 2, any protocol */
	NW_FAMILY_IPV4,
	NW_FAMILY_IPV6,
} NwFamily;

/* One protocol element of the language. */
typedef struct {
	const char *element;
	gboolean is_layer3; /* evaluated in the second stage, with connection tracking */
	NwFamily family;
	guint16 ethertype;  /* frames it means; 0: any */
	gint16 l4_protocol; /* packets it means; -1: any */
	const NwAttrInfo *attrs;
	guint attr_count;
} NwProtoInfo;

#define NW_ATTR_MAX 40 /* attributes of one protocol element */

/* One attribute as written. */
typedef struct {
	gboolean is_set;
	gboolean negate; /* match='no' on the element it stood in */
	gboolean is_var;
	gboolean is_hex; /* a number written in hexadecimal: printed so */
	guint line;
	RuleVarRef var;	  /* owned, when is_var */
	guint32 number;	  /* numbers, enumerations, booleans, states, flags; prefix length of IP masks */
	guint8 bytes[16]; /* addresses and masks in network order */
	char *text;	  /* owned: comment, ipset name, ipset flags ("src,dst") */
} NwValue;

typedef struct {
	RuleAction action;
	RuleDirection direction;
	gint priority;
	gboolean statematch;
	const NwProtoInfo *proto; /* NULL: no protocol element, matches every frame */
	NwValue *values;	  /* proto->attr_count, in the table's order; NULL without a proto */
	guint line;
} NwRule;

typedef struct {
	char *filter;
	RuleVars *params;
	guint line;
} NwInclude;

/* Exactly one of the two is set. */
typedef struct {
	NwRule *rule;
	NwInclude *include;
} NwItem;

typedef struct {
	char *name;
	char *uuid; /* canonical text; never NULL after parsing (generated when absent) */
	gboolean uuid_generated;
	char *chain; /* "root" where not given */
	gint chain_priority;
	RuleVlanPolicy vlan_policy;
	gboolean has_own_chain; /* for rules on layer 3 too: their "return" comes back */
	guint line;		/* of the document's element */
	GPtrArray *items;	/* of NwItem, in the order written */
	char *file;		/* for messages: where the text came from */
} NwFilter;

typedef struct {
	char *owner_name;
	char *owner_uuid;
	char *port_dev; /* the port's interface name, at most 15 bytes */
	char *link_dev; /* may be NULL */
	guint8 mac[6];
	char *filter;
	RuleVars *params;
} NwBinding;

/* The table of all protocol elements, in nwfilter/proto.c; ends with element == NULL. */
extern const NwProtoInfo nw_protos[];

/**
 * nw_proto_find: the entry of a protocol element
 *
 * Returns: NULL when the language has no such element.
 */
const NwProtoInfo *nw_proto_find(const char *element);

void nw_item_free(NwItem *item);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwItem, nw_item_free)
void nw_filter_free(NwFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwFilter, nw_filter_free)
void nw_binding_free(NwBinding *binding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwBinding, nw_binding_free)

/**
 * nw_filter_parse: read one <filter> document
 * @text: the document, not trusted: no network, no entities, bounded size and depth
 * @file: its name for messages ("FILE:LINE: what and why")
 * @lenient: accept what libvirt accepts; each loss is appended to @ret_warnings
 * @ret_warnings: (element-type utf8) (nullable) (out): only with @lenient
 *
 * Errors: %SLUICE_ERROR_XML, %SLUICE_ERROR_XML_DETAIL, %SLUICE_ERROR_LIMIT.
 */
NwFilter *nw_filter_parse(const char *text, const char *file, gboolean lenient, GPtrArray **ret_warnings,
			  GError **error);

/**
 * nw_filter_format: the canonical document, as libvirt prints it
 *
 * Returns: (transfer full): ends with a newline.
 */
char *nw_filter_format(const NwFilter *filter);

/** nw_filter_equal: whether two definitions say the same (their canonical texts are equal) */
gboolean nw_filter_equal(const NwFilter *a, const NwFilter *b);

NwBinding *nw_binding_parse(const char *text, const char *file, GError **error);
char *nw_binding_format(const NwBinding *binding);
NwBinding *nw_binding_copy(const NwBinding *binding);

/** nw_binding_same_rules: whether two bindings give a port the same rules: MAC, filter, parameters */
gboolean nw_binding_same_rules(const NwBinding *a, const NwBinding *b);

/** nw_binding_vars: what its filter's variables stand for: the parameters, and MAC where they do not give it (transfer
 * full) */
RuleVars *nw_binding_vars(const NwBinding *binding);

#define NW_LAYER3_CHAIN	     "layer3-chain" /* the attribute of a filter */
#define NW_VLAN_POLICY_PARAM "VLAN_POLICY"

/**
 * nw_vlan_policy_parse: read the word for it, in any case
 *
 * Errors: %SLUICE_ERROR_XML_DETAIL naming @what, the words that there are, and the one found.
 */
gboolean nw_vlan_policy_parse(const char *what, const char *text, RuleVlanPolicy *ret_policy, GError **error);

/**
 * nw_params_vlan_policy: what the parameter VLAN_POLICY says
 * @ret_policy: %RULE_VLAN_UNSAID where it is not among @params
 *
 * Errors: as nw_vlan_policy_parse(); more than one value.
 */
gboolean nw_params_vlan_policy(const RuleVars *params, RuleVlanPolicy *ret_policy, GError **error);

/**
 * nw_name_check: whether a filter's name may be used
 *
 * Not empty, at most %NW_NAME_MAX bytes, no '/', no control character, not "." or "..": it is a file name too.
 */
gboolean nw_name_check(const char *name, GError **error);

/**
 * nw_chain_check: whether a chain may be called so
 *
 * "root", or a name that starts with a protocol's prefix; at most %NW_CHAIN_NAME_MAX of [A-Za-z0-9_.:-].
 */
gboolean nw_chain_check(const char *chain, GError **error);

/** nw_var_ref_parse: read "$NAME", "$NAME[n]" or "$NAME[@i]"; blanks inside the brackets are allowed */
gboolean nw_var_ref_parse(const char *text, RuleVarRef *ret_var, GError **error);

/** nw_chain_default_priority: of a chain by its prefix (table 18.1 of the guide), 0 for root */
gint nw_chain_default_priority(const char *chain);

/** nw_chain_ethertype: what frames a chain sees by its prefix; 0: all (root, mac, stp) */
guint16 nw_chain_ethertype(const char *chain);

/**
 * nw_lookup_fn: finds a filter by name for a tree
 *
 * Returns: (transfer none): NULL when there is none.
 */
typedef const NwFilter *(*NwLookupFn)(const char *name, gpointer user_data);

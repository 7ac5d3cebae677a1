// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the networks' firewall before they become messages or text. */
#pragma once

#include "vswitch/net_firewall.h"

#define FW_TABLE NET_FIREWALL_NFT_TABLE

typedef enum {
	FW_ACCEPT,
	FW_RETURN,
	FW_REJECT,
	FW_DROP,
	FW_JUMP,
	FW_MASQUERADE,
	FW_SNAT,
	FW_DNAT,
	FW_DISPATCH_IIF, /* nft: iifname vmap @target */
	FW_DISPATCH_OIF,
	FW_SERVICES, /* nft: iifname . protocol . port in @target: accept */
	FW_CHECKSUM, /* iptables: fill in the UDP checksum */
} FwAction;

/* What is not set does not matter. Strings live as long as the FwTable and the specs it was made from. */
typedef struct {
	const char *iif, *oif;
	NetFirewallSubnet saddr, daddr;
	gboolean daddr_not;
	guint8 protocol;
	guint16 port_first, port_last; /* destination */
	gboolean established;	       /* or related */
	gboolean is_dnat;	       /* the connection's destination was changed */
	gboolean is_invalid;	       /* of no connection that can be */
	gboolean is_local;	       /* the destination is an address of the host */

	FwAction action;
	const char *target; /* chain, map or set */
	IpAddress to_first, to_last;
	guint16 to_port_first, to_port_last;
	const char *network; /* name, for comment and errors */
} FwRule;

typedef struct {
	const char *name;
	const char *type; /* "filter", "nat"; NULL: a chain that others jump to */
	guint32 hook;
	gint32 priority;
	const char *priority_name;
	const char *network; /* (nullable): said in the comment of the first rule */
	GArray *rules;	     /* of FwRule */
} FwChain;

/* Elements of the maps (bridge -> jump) and of the set of services. */
typedef struct {
	const char *set;
	const char *bridge;
	const char *chain;   /* map */
	guint8 protocol;     /* set */
	guint16 port;	     /* set */
	const char *network; /* for errors */
} FwElement;

typedef struct {
	GPtrArray *chains; /* of FwChain */
	GArray *elements;  /* of FwElement */
	GStringChunk *strings;
} FwTable;

#define FW_MAP_FROM	"forward-from"
#define FW_MAP_TO	"forward-to"
#define FW_MAP_NAT	"nat"
#define FW_MAP_HAIRPIN	"hairpin"
#define FW_SET_SERVICES "services"

/** fw_specs_check: whether these networks can be, one by one and together */
gboolean fw_specs_check(const NetFirewallSpec *specs, guint count, GError **error);

/** fw_spec_allows: whether guests of @from may open connections to guests of @to */
gboolean fw_spec_allows(const NetFirewallSpec *to, const NetFirewallSpec *from);

/** fw_subnet_translates: whether sources of this subnet become an address of the host */
gboolean fw_subnet_translates(const NetFirewallSpec *spec, const NetFirewallSubnet *subnet);

/** fw_has_family: whether the network has a subnet of @family */
gboolean fw_has_family(const NetFirewallSpec *spec, gint family);

/** fw_forward_last_target: the port that a forward's last port is sent to */
guint16 fw_forward_last_target(const NetFirewallPortForward *forward);

/** fw_forward_accept: what lets a forwarded connection in; without action */
FwRule fw_forward_accept(const NetFirewallSpec *spec, const NetFirewallPortForward *forward);

/** fw_forward_translate: what sends a connection on */
FwRule fw_forward_translate(const NetFirewallSpec *spec, const NetFirewallPortForward *forward);

/** fw_translate_rules: call @add for each rule that translates sources of this subnet, multicast exceptions first */
void fw_translate_rules(const NetFirewallSpec *spec, const NetFirewallSubnet *subnet,
			void (*add)(gpointer data, FwRule rule), gpointer data);

/** fw_table_new: the nft rules of networks that were checked; without networks no chains, and then no table */
FwTable *fw_table_new(const NetFirewallSpec *specs, guint count);
void fw_table_free(FwTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FwTable, fw_table_free)

/** fw_protocol_word: "tcp", "udp", "sctp": for nft and iptables alike */
const char *fw_protocol_word(guint8 protocol);

/** fw_rule_append_nft: as `nft list` shows it, without its comment */
void fw_rule_append_nft(GString *out, const FwRule *rule);

/** fw_chain_comment: of its first rule (transfer full); NULL: none */
char *fw_chain_comment(const FwChain *chain);

/* How the kernel can be asked; what one change did. */
typedef struct FwKernel FwKernel;

/** fw_kernel_new: as the configuration says; @no_kernel there: as if it held nothing, and nothing is sent */
FwKernel *fw_kernel_new(const NetFirewallConfig *config, GError **error);
void fw_kernel_free(FwKernel *kernel);

/** fw_kernel_apply: make the kernel hold just this table; @ret_messages: how many were sent */
gboolean fw_kernel_apply(FwKernel *kernel, const FwTable *table, guint *ret_messages, GError **error);

#define FW_XT_FAMILIES 2 /* iptables, ip6tables */

/* What one of the tools holds that is ours. */
typedef struct {
	gboolean is_known;
	guint jumps;  /* bits: which of the jumps from built-in chains are there */
	guint chains; /* bits: which of our chains */
	char *marker; /* (nullable): name of the chain that carries the digest */
} FwXtState;

/** fw_xt_read: from what iptables-save prints */
void fw_xt_read(FwXtState *state, const char *saved);

/**
 * fw_xt_text: input of iptables-restore (AF_INET) or ip6tables-restore for networks that were checked
 * @state: (nullable): what is there; changed to what will be; NULL: nothing
 *
 * Returns: (transfer full): NULL when nothing is to be changed.
 */
char *fw_xt_text(FwXtState *state, gint family, const NetFirewallSpec *specs, guint count);

/** fw_kernel_differs: @ret_messages: how many fw_kernel_apply() would send */
gboolean fw_kernel_differs(FwKernel *kernel, const FwTable *table, guint *ret_messages, GError **error);
guint32 fw_kernel_port_id(const FwKernel *kernel);

/** fw_table_print: a script for `nft -f` (transfer full) */
char *fw_table_print(const FwTable *table);

/* --- addresses --- */

void fw_address_append(GString *out, const IpAddress *address);
void fw_subnet_append(GString *out, const NetFirewallSubnet *subnet);

/** fw_subnet_network: the subnet with its host bits cleared */
NetFirewallSubnet fw_subnet_network(const NetFirewallSubnet *subnet);

/** fw_subnet_parse: a constant such as "224.0.0.0/24" */
NetFirewallSubnet fw_subnet_parse(const char *text);

/** fw_address_len: bytes of an address */
guint fw_address_len(gint family);

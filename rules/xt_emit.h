// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The eb/iptables back end: programs of ports as input of ebtables-restore, iptables-restore and ip6tables-restore.
 *
 * The link stage becomes ebtables' table nat, the network stage iptables' and ip6tables' table filter, in the chains
 * libvirt uses (IF is the port's interface, CHAIN a filter's chain):
 *
 *   ebtables     PREROUTING -i IF -> libvirt-I-IF -> I-IF-CHAIN      from the guest
 *                POSTROUTING -o IF -> libvirt-O-IF -> O-IF-CHAIN     to the guest
 *                 … -> I.N-IF: what is above the rate of the Nth rule that has one
 *                 … -> I.wN-IF: what the Nth rule that drops shall drop, while somebody asks (XtPort.why_group)
 *   ip(6)tables  FORWARD -> libvirt-in -> FI-IF                      from the guest, accept is RETURN
 *                FORWARD -> libvirt-out -> FO-IF                     to the guest, bridged only
 *                FORWARD -> libvirt-in-post                          what FI-IF let through is accepted
 *                INPUT -> libvirt-host-in -> HI-IF                   from the guest to the host, the same as FI-IF
 *                FI-IF -> FI.N-IF (FO, HI likewise)                  the chains of filters that have their own on layer
 * 3
 *                 … -> FI.wN-IF (FO, HI likewise)                    as I.wN-IF
 *
 * Where a port is listened to (rules/nft_learn.h), libvirt-I-IF and libvirt-O-IF begin with rules that copy frames to
 * the log, at a rate for each kind. To the guest this is before its filter, too: an ACCEPT ends the last table that
 * ebtables has there. So a copy does not mean that the guest hears the frame. Of answers those of each server in
 * DHCPSERVER, DHCPSERVERV6 have a rate of their own; where none is given, who floods the guest with answers hides
 * others, and what a server tells all hides what it tells this guest.
 *
 * A rule with variables becomes one rule for each tuple of their values (rules/learned.h: where one is learned and has
 * no value, there is no rule, or one for any address). Where the tools say less than the language:
 *
 *   reject       drops in ebtables
 *   dscp         ebtables compares the whole type of service: four rules, one for each value of the ECN bits (RFC 3168)
 *   ARP          ebtables itself demands Ethernet's (IPv4's) type and length of an address it compares; "no such
 *                address" is a jump to libvirt-arp-odd. With a protocol type that is not IPv4 the length of protocol
 *                addresses goes unseen, with a hardware type that is not Ethernet that of hardware addresses.
 *                An ARP packet that is cut, and one of other types than the rule's addresses need, is judged by the
 *                tool's own demands
 *   STP          Linux's ebt_stp takes the protocol identifier for one byte and reads all behind it one byte early;
 *                it compares fields in configuration messages only
 *   802.1ad      ebtables on nf_tables does not count a service tag (0x88a8) as a VLAN
 *   IPv6         ebtables looks for the protocol behind an authentication header, and finds none where nothing follows
 *                or in a later fragment
 *   fragments    iptables on nf_tables reads ports from the payload of a later fragment, where nothing has put the
 *                packet together
 *   cut headers  iptables drops what has not the whole header that a rule asks for
 *   TCP options  iptables takes one that runs over the header's end
 *   rate         ebtables counts in units of 1/10000 s: of rates that do not divide 10000 it takes the next higher
 *                that does; a rule with variables counts for each tuple of their values by itself
 *   connlimit    beside a list, counts for each of its values by itself
 *   icmp         type 255 is iptables' number for any type
 *   comments     in iptables only, their first 255 bytes
 *
 * What they cannot say at all is an error that names file and line:
 *
 *   ebtables     a dscp that is not; VLAN 4095; ports where the protocol is not one of TCP, UDP, UDP-Lite, SCTP, DCCP;
 *                odd ARP lengths that do not drop; a return above a rate; IP sets, connection limits and states
 *
 *   iptables     an ICMP code without its type, a code under a type that is not; TCP option 0; ports of a protocol
 *                that is not TCP, UDP or SCTP; a mask of a MAC address; accept in a filter's own chain of layer 3 rules
 *
 *   both         one field compared twice; chain names of more than %XT_CHAIN_NAME_MAX bytes
 */
#pragma once

#include "rules/drop_reason.h"
#include "rules/ir.h"

#define XT_CHAIN_NAME_MAX 28   /* as the tools have it: XT_EXTENSION_MAXNAMELEN - 1 */
#define XT_RULES_MAX	  4096 /* that one rule may become */

typedef struct {
	const char *name; /* the interface */
	const RuleProgram *program;
	const RuleVars *vars; /* MAC among them */
	guint listens;	      /* bits 1 << NftLearn: frames that are copied to the log */
	guint16 learn_group;  /* of nfnetlink_log */
	guint16 why_group; /* likewise, where rules that drop say so, each by itself: rules/nft_why.h; 0: they do not */
	gboolean is_blocked; /* @program is not its filter's: that cannot be put into force */
} XtPort;

typedef enum {
	XT_EBTABLES,
	XT_IPTABLES,
	XT_IP6TABLES,
} XtTool;
#define XT_TOOL_COUNT 3

#define XT_SLOTS_MAX 99 /* sets of rules that one port may have at a time */

/* The jumps to a port's rules stand in these chains of iptables and ip6tables. */
extern const char
	*const xt_base_chains[]; /* NULL-terminated; all but the last are entered from FORWARD, it from INPUT */

/* Where ebtables sends ARP whose addresses may have another length than Ethernet's and IPv4's: all ports share it. */
#define XT_ARP_ODD_CHAIN "libvirt-arp-odd"

/* A line that drops. What goes to %XT_ARP_ODD_CHAIN is none: there it is not known whose frame it is. */
typedef struct {
	gsize offset; /* in XtRules.rules */
	RuleWay way;
	DropReason reason;
	guint site;		/* number in XtRules.sites, from 1 on; 0: nobody asks */
	guint64 packets, bytes; /* the reader's: as last read */
} XtDrop;

/* A rule that drops, for who asks. */
typedef struct {
	RuleWay way;
	RuleAction action;
	DropReason reason;
	char *filter, *place, *words; /* place: FILE:LINE */
} XtSite;

/* The rules of one port for one tool. */
typedef struct {
	GPtrArray *chains; /* of utf8: their names */
	GString *rules;	   /* lines "-A CHAIN …" */
	GPtrArray *links;  /* of utf8: "PARENT …", the rules that lead to the chains */
	gboolean uses_arp_odd;
	GArray *drops;	    /* of XtDrop, in the order of the lines */
	GPtrArray *sites;   /* of XtSite; none unless XtPort.why_group is set */
	guint32 generation; /* tells the sites from those of other rules of the port */
	char *digest;	    /* of all of it but what is read, hexadecimal */
	char *plain_digest; /* as it were if nobody asked: rules that agree in it decide the same */
} XtRules;

void xt_rules_free(XtRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XtRules, xt_rules_free)

/**
 * xt_rules_emit: the rules of one port
 * @slot: 0 for the chains that libvirt's names belong to. Any other for a second set of ip(6)tables rules that a packet
 *	must pass before those: chains FJ-IF, FP-IF, HJ-IF (FJ2-IF …), where to accept is to go on. Its links belong in
 *	front of all others.
 * @ret_rules: (out): NULL when the tool has nothing to do for the port
 *
 * Errors: as xt_emit().
 */
gboolean xt_rules_emit(const XtPort *port, XtTool tool, guint slot, XtRules **ret_rules, GError **error);

/** xt_arp_odd_append: the rules of %XT_ARP_ODD_CHAIN */
void xt_arp_odd_append(GString *out);

/* What each tool loads; NULL: it has nothing to do. */
typedef struct {
	char *ebtables;	 /* ebtables-restore --noflush */
	char *iptables;	 /* iptables-restore -n */
	char *ip6tables; /* ip6tables-restore -n */
} XtInput;

void xt_input_free(XtInput *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XtInput, xt_input_free)

/**
 * xt_emit: the rules of these ports, all in one input for each tool
 * @ports: every port that shall have rules: libvirt-in and its like are made anew and hold these only
 *
 * The tables are taken to hold no jumps to libvirt's chains yet.
 *
 * Errors: %SLUICE_ERROR_CONFIG_UNSUPPORTED for what the tools cannot say, %SLUICE_ERROR_BUILD_FIREWALL for variables
 * that are missing, of the wrong type or of unequal length, %SLUICE_ERROR_LIMIT past %XT_RULES_MAX.
 */
XtInput *xt_emit(const XtPort *ports, guint port_count, GError **error);

/** xt_input_print: all inputs in one text, each behind a line "# TOOL OPTIONS" */
char *xt_input_print(const XtInput *input);

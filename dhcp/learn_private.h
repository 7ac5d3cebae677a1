// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of the binding table share. */
#pragma once

#include "dhcp/learn.h"

typedef struct PortState PortState;

/* An address as others are kept from it: in force, tentative, or fixed. */
typedef struct {
	PortState *port;
	IpAddress address;
	guint8 prefix_len;
	gboolean is_soft; /* tentative: gives way to a grant */
	guint64 serial;	  /* unique */
	guint32 segment;
	GSequenceIter *by_segment, *by_address; /* NULL: holds nothing */
} Held;

typedef struct {
	LearnEntry entry;
	Held held;
	gint64 due_ms;	    /* when it ends, or is bound; %G_MAXINT64: never */
	GSequenceIter *due; /* NULL when never */
} Binding;

/* A request of the guest whose answer is awaited. */
typedef struct {
	guint8 protocol, message;
	gboolean is_rapid;
	guint32 id;
	gint64 until_ms;
	IpAddress server;  /* DHCPv4: as named; family 0: any */
	GBytes *client;	   /* client id, DUID; NULL: none */
	GBytes *server_id; /* DHCPv6: as named; NULL: any */
} Transaction;

struct PortState {
	char *name;
	guint8 mac[6];
	gboolean is_bound; /* else kept for its leases; what follows is empty then, but for @bindings */
	LearnMethod method;
	gboolean ipv4, ipv6;
	guint claims_max;
	guint32 segment;
	GArray *dhcp_servers, *dhcpv6_servers; /* of IpAddress */
	GPtrArray *fixed;		       /* of Held */
	GPtrArray *bindings;		       /* of Binding, by address */
	GPtrArray *transactions;	       /* of Transaction, oldest first */
	GList *kept;			       /* its link in LearnTable's kept; NULL while bound */
};

struct LearnTable {
	LearnOps ops;
	GHashTable *ports;		    /* name to PortState (owned) */
	guint bound_count;		    /* of them */
	guint binding_count;		    /* of all ports */
	GQueue kept;			    /* ports that are not bound, longest first */
	GSequence *due;			    /* of Binding, by due_ms */
	GSequence *by_segment, *by_address; /* of Held */
	guint prefix_count[129];	    /* Helds by prefix_len that are less than an address */
	GHashTable *pending;		    /* ports (PortState) that learn_table_expire() is to name */
	gboolean is_changed;		    /* for learn_table_expire() */
	guint64 serial;
};

/* A frame while it is looked at. */
typedef struct {
	LearnTable *table;
	PortState *port;
	const SnoopEvent *event;
	gint64 now_ms;
	IpAddress about;
} Learning;

/* --- learn_index.c: who holds what --- */

void learn_held_insert(LearnTable *table, Held *held);
void learn_held_remove(LearnTable *table, Held *held);

/**
 * learn_held_by_others: what others hold of an address or prefix; NULL: nothing
 * @is_all: else up to the first that is not soft, which is the last then
 *
 * Returns: (transfer container) (element-type Held)
 */
GPtrArray *learn_held_by_others(LearnTable *table, const PortState *port, guint32 segment, const IpAddress *address,
				guint prefix_len, gboolean is_all);

/** learn_held_conflict: whether the host, or another port for good (@may_push: tentative does not count), holds it */
gboolean learn_held_conflict(LearnTable *table, const PortState *port, guint32 segment, const IpAddress *address,
			     guint prefix_len, gboolean may_push);

/** learn_held_push: others' tentative addresses give way */
void learn_held_push(LearnTable *table, const PortState *port, const IpAddress *address, guint prefix_len);

/* --- learn_binding.c --- */

/** learn_address_is_usable: an address that a host may have and that is learned at all, or such a prefix */
gboolean learn_address_is_usable(const IpAddress *address, guint prefix_len);
gboolean learn_source_is_dhcp(LearnSource source);
guint16 learn_source_family(LearnSource source);

Binding *learn_binding_find(const PortState *port, const IpAddress *address, guint prefix_len);
/** learn_binding_new: a copy of @entry, not among @port's yet */
Binding *learn_binding_new(PortState *port, const LearnEntry *entry);
void learn_binding_free(Binding *binding);
/** learn_binding_add: @binding (transfer full) */
void learn_binding_add(LearnTable *table, Binding *binding, gint64 now_ms);
/** learn_binding_steal: out of its port and all indexes (transfer full) */
Binding *learn_binding_steal(LearnTable *table, Binding *binding);
void learn_binding_remove(LearnTable *table, Binding *binding);
/** learn_binding_forget: learn_binding_remove() by the way of another port's business: learn_table_expire() tells */
void learn_binding_forget(LearnTable *table, Binding *binding);
/** learn_binding_bind: in force until @expires */
void learn_binding_bind(LearnTable *table, Binding *binding, gint64 expires);
/** learn_binding_is_address: no delegated prefix */
gboolean learn_binding_is_address(const Binding *binding);

/* --- learn_port.c --- */

PortState *learn_port_find(const LearnTable *table, const char *name);
/** learn_port_new: kept, not bound */
PortState *learn_port_new(LearnTable *table, const char *name, const guint8 *mac);
void learn_port_free(gpointer port);
/** learn_port_forget_if_empty: a port that is not bound and has nothing; it is gone then */
void learn_port_forget_if_empty(LearnTable *table, PortState *port);
/** learn_port_clear: of all entries; returns whether one was in force */
gboolean learn_port_clear(LearnTable *table, PortState *port);
/** learn_port_review: hold anew what new settings or another segment leave; returns whether something in force went */
gboolean learn_port_review(LearnTable *table, PortState *port);
/** learn_port_set_fixed: not held before learn_port_review(); @addresses: of IpAddress, or NULL */
void learn_port_set_fixed(LearnTable *table, PortState *port, const GArray *addresses);
/** learn_port_pending: learn_table_expire() is to name it */
void learn_port_pending(LearnTable *table, PortState *port);
gboolean learn_port_awaits(const PortState *port, guint16 family);
/** learn_port_allows: whether its method and families allow such an entry */
gboolean learn_port_allows(const PortState *port, const LearnEntry *entry);
gboolean learn_port_has_bound(const PortState *port);
/** learn_port_address_count: of a family, prefixes not among them */
guint learn_port_address_count(const PortState *port, guint16 family);
/** learn_port_claims_over: more addresses than may be, and claims among them */
gboolean learn_port_claims_over(const PortState *port, guint16 family);
/** learn_port_claims_trim: claims past the limit go, the latest first; returns whether one was in force */
gboolean learn_port_claims_trim(LearnTable *table, PortState *port, guint16 family);

/* --- learn.c --- */

guint32 learn_table_segment(const LearnTable *table, const char *port);
/** learn_table_sweep: forget what ended, bind what was tentative long enough */
void learn_table_sweep(LearnTable *table, gint64 now_ms);
/** learn_table_make_room: for @count more; ports that are not bound give way, the longest first, but not @except */
gboolean learn_table_make_room(LearnTable *table, guint count, const PortState *except);

/* --- learn_grant.c --- */

/** learn_client_text: a client id or DUID as entries have it (transfer full); NULL for none */
char *learn_client_text(GBytes *client);
/** learn_entry_is_of: whether this client has it by DHCP of this version */
gboolean learn_entry_is_of(const LearnEntry *entry, LearnSource source, const char *client);
/** learn_port_servers: those that the port is told to trust; empty: any */
const GArray *learn_port_servers(const PortState *port, LearnSource source);
/** learn_event_server: whom an answer says it is of; DHCPv6 names servers by their DUID only: whom it comes from */
const IpAddress *learn_event_server(const SnoopEvent *event);
/**
 * learn_grant: what the event's addresses make of the port's
 * @client: NULL: known by its MAC
 * @is_replacing: what the client has of the same kind, and the message does not name, goes
 */
LearnResult learn_grant(Learning *learning, LearnSource source, GBytes *client, gboolean is_replacing);

/* --- learn_dhcp.c, learn_neighbor.c --- */

LearnResult learn_dhcpv4(Learning *learning);
LearnResult learn_dhcpv6(Learning *learning);
LearnResult learn_arp(Learning *learning);
LearnResult learn_nd(Learning *learning);

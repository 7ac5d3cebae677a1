// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which port may use which address: the binding table of source address validation (SAVI).
 *
 * DHCP learning follows RFC 7513, neighbour discovery and ARP RFC 6620 (first come, first served), both together
 * RFC 8074: what a server granted is stronger than what a guest claims. The table is pure: time is passed in, the
 * kernel and the disk are reached by those who call. States of an address on a port:
 *
 *	(nothing) --DAD probe------------------------> TENTATIVE --LEARN_DAD_MS without an objection--> BOUND
 *	(nothing) --ARP or ND claim------------------------------------------------------------------> BOUND
 *	(nothing) --ACK or REPLY to a request of this port, from a server that is trusted------------> BOUND
 *	TENTATIVE --another station answers or probes for it--> (nothing)
 *	BOUND     --ACK or REPLY again-----------------------------------> BOUND until the new time, be it earlier
 *	BOUND     --RELEASE, DECLINE, NAK, lifetime 0, expiry, flush-----> (nothing)
 *	BOUND     --another address for the same client (DHCPv4: client id, else chaddr; DHCPv6: DUID, IAID and kind)-->
 *		  the new one in its place, in one change
 *
 * An address or delegated prefix that another port of the segment holds is not learned. A port that is not bound holds
 * nothing against others; a TENTATIVE address gives way to what a server grants, to claims and probes it does not.
 * A delegated prefix is no address where they are counted, and one shorter than %LEARN_PREFIX_LEN_MIN is not learned.
 *
 * A REPLY to CONFIRM changes nothing: it has no lifetimes, a success of another server outweighs NotOnLink (RFC 8415
 * 18.2.10.3), and a client that is told NotOnLink solicits again: that answer replaces its addresses.
 *
 * An address that another port has is not learned; but where the port's servers are named, what one of them grants it
 * takes from a port that merely claims it.
 *
 * Link-local IPv6 addresses are not learned: filters let a guest use them as they stand.
 */
#pragma once

#include "dhcp/snoop.h"

#define LEARN_PORTS_MAX	       65536
#define LEARN_PORT_ADDRESSES   16 /* of one port by DHCP, both families together; what ends first gives way */
#define LEARN_TRANSACTIONS_MAX 16 /* open ones of a port; the oldest gives way */
#define LEARN_TRANSACTION_SEC  120
#define LEARN_DAD_MS	       1000 /* RFC 4862 5.1: RetransTimer */
#define LEARN_CLAIMS_MAX       64   /* of LearnPort's claims_max */
#define LEARN_PREFIX_LEN_MIN   32
#define LEARN_RECORDS_MAX      131072 /* of the table and its store; what ports hold that are not bound gives way */
#define LEARN_STORE_BYTES_MAX  (128 * 1024 * 1024)
#define LEARN_SERVERS_MAX      64

typedef enum {
	LEARN_METHOD_NONE,
	LEARN_METHOD_DHCP,
	LEARN_METHOD_ANY,
} LearnMethod;

typedef enum {
	LEARN_BY_DHCPV4,
	LEARN_BY_DHCPV6,
	LEARN_BY_ARP,
	LEARN_BY_ND,
} LearnSource;

typedef enum {
	LEARN_TENTATIVE,
	LEARN_BOUND,
} LearnState;

/* A port on which something is learned. */
typedef struct {
	const char *name;
	guint8 mac[6];
	LearnMethod method;
	gboolean ipv4, ipv6; /* which families are awaited; of others no address is learned */
	/* addresses of a family with which no more are learned by ARP and ND (method any); leases count, too */
	guint claims_max;
	GArray *dhcp_servers, *dhcpv6_servers; /* of IpAddress; empty or NULL: any */
	GArray *fixed;			       /* of IpAddress: given to the port, held against others; may be NULL */
} LearnPort;

/* One address of a port. */
typedef struct {
	IpAddress address;
	guint8 prefix_len; /* 32, 128; less: a delegated prefix */
	LearnSource source;
	LearnState state;
	gint64 expires; /* seconds since the epoch; 0: never */
	guint32 iaid;
	char *client; /* client id or DUID as pairs of hexadecimal digits; NULL: known by its MAC */
	IpAddress server;
} LearnEntry;

typedef enum {
	LEARN_IGNORED,	   /* nothing to learn from it */
	LEARN_NOTED,	   /* a request or a probe: its answer is awaited */
	LEARN_CHANGED,	   /* the port's addresses are others now */
	LEARN_REFRESHED,   /* the same addresses, other times */
	LEARN_CONFLICT,	   /* held by another port or the host; nothing of the message was taken */
	LEARN_NOT_TRUSTED, /* not from one of the port's servers, or it names another */
	LEARN_NOT_ASKED,   /* no request of this port has this transaction */
	LEARN_FOREIGN,	   /* the hardware address is not the port's */
	LEARN_FULL,	   /* the port, or the table, has as many as it may; nothing of the message was taken */
} LearnResult;

typedef struct {
	/*
	 * The broadcast domain that the port is in, say its bridge's ifindex; 0: not known: compared with all. Asked
	 * at learn_table_set_port(), learn_table_port_moved() and for each of the port's events: a port that moved
	 * loses what is held there.
	 */
	guint32 (*segment)(const char *port, gpointer data);
	/* whether the host itself has an address in that segment whose first @prefix_len bits are these */
	gboolean (*is_host_address)(guint32 segment, const IpAddress *address, guint prefix_len, gpointer data);
	gpointer data;
} LearnOps;

typedef struct LearnTable LearnTable;

LearnTable *learn_table_new(const LearnOps *ops);
void learn_table_free(LearnTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LearnTable, learn_table_free)

/**
 * learn_table_set_port: a port that is new, or whose binding says something else now
 * @now_ms: milliseconds since the epoch
 *
 * Leases that the table kept for this name and MAC are in force again; those of another MAC on this name are forgotten,
 * and so is what the new method, families or limit do not allow, and what another port holds by now. What other ports
 * have learned of the addresses that are fixed here they lose: learn_table_expire() names them.
 *
 * @ret_has: whether it has addresses (learn_table_addresses() differs from an empty list)
 *
 * Errors: %SLUICE_ERROR_LIMIT, %SLUICE_ERROR_INVALID_ARG for a name that no interface can have; nothing is changed.
 */
gboolean learn_table_set_port(LearnTable *table, const LearnPort *port, gint64 now_ms, gboolean *ret_has,
			      GError **error);

/**
 * learn_table_remove_port: its binding is gone
 *
 * Leases by DHCP are kept, out of force, until they expire; what was claimed is forgotten.
 */
void learn_table_remove_port(LearnTable *table, const char *name);

/**
 * learn_table_forget_claims: of ports that are not bound
 *
 * For when all are that will be: records that were read before may be of ports whose bindings ended meanwhile.
 */
void learn_table_forget_claims(LearnTable *table);

/** learn_table_port_moved: it may be in another segment now */
void learn_table_port_moved(LearnTable *table, const char *name, gint64 now_ms);

/**
 * learn_table_event: what a frame says
 * @ret_about: (out) (optional): the address that %LEARN_CONFLICT, %LEARN_FULL, %LEARN_NOT_TRUSTED speak of
 */
LearnResult learn_table_event(LearnTable *table, const char *port, const SnoopEvent *event, gint64 now_ms,
			      IpAddress *ret_about);

/**
 * learn_table_expire: forget what ended, bind what was tentative long enough
 * @changed: (element-type utf8) (nullable): copies of the names of ports whose addresses are others now are appended,
 * here and below; it is to have g_free()
 * @ret_next_ms: when to call again; %G_MAXINT64: not before something else happens
 *
 * To be called after each of the other calls, too: they first forget what ended, and may take addresses from other
 * ports than theirs. Those ports are named here.
 *
 * Returns: whether anything changed since the last call in that way, leases of ports that are not bound included.
 */
gboolean learn_table_expire(LearnTable *table, gint64 now_ms, GPtrArray *changed, gint64 *ret_next_ms);

/** learn_table_addresses: what is %LEARN_BOUND on a port: (transfer container) (element-type LearnEntry): sorted */
GPtrArray *learn_table_addresses(const LearnTable *table, const char *port);

/** learn_table_flush: forget what a port has learned, or with NULL all; names that change are appended to @changed */
gboolean learn_table_flush(LearnTable *table, const char *port, GPtrArray *changed);

/* What is stored, exported and listed of an entry. */
typedef struct {
	char *port;
	guint8 mac[6];
	LearnEntry entry;
	gboolean in_force; /* its port is there; for learn_table_restore() without meaning */
} LearnRecord;

void learn_record_free(gpointer record);

/** learn_table_records: all entries that are bound, of one port or with NULL of all (transfer full), sorted */
GPtrArray *learn_table_records(const LearnTable *table, const char *port);

/**
 * learn_table_restore: take records in, all or none
 * @may_replace: all that a port of these records has already; else that is an error
 * @changed: names of ports whose addresses are others now are appended
 *
 * Records that ended are left out. Ports need not be there yet: then learn_table_set_port() decides what is in force.
 *
 * Errors: %SLUICE_ERROR_LIMIT; %SLUICE_ERROR_OPERATION_INVALID: an address that another port holds, naming both; a port
 * that is bound with another MAC, or does not learn such addresses.
 */
gboolean learn_table_restore(LearnTable *table, const GPtrArray *records, gint64 now_ms, gboolean may_replace,
			     GPtrArray *changed, GError **error);

/** learn_records_format: JSON, one object a record (transfer full) */
char *learn_records_format(const GPtrArray *records);

/**
 * learn_records_parse: (transfer full) (element-type LearnRecord)
 * @label: what errors call the text; they name the record, counted from 1, and the field
 *
 * Errors: %SLUICE_ERROR_INVALID_ARG, %SLUICE_ERROR_LIMIT.
 */
GPtrArray *learn_records_parse(const char *text, const char *label, GError **error);

/**
 * learn_store_load: the records of the file @path; no file is none
 *
 * Errors: the file is there and cannot be read as such: the caller keeps it aside.
 */
GPtrArray *learn_store_load(const char *path, GError **error);
gboolean learn_store_save(const char *path, const LearnTable *table, GError **error);

const char *learn_result_name(LearnResult result);
const char *learn_source_name(LearnSource source);
const char *learn_method_name(LearnMethod method);

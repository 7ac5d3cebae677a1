// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What sluice-snoop says to the daemon: one datagram a message, of fixed size for its kind. The daemon does not trust
 * it: whoever took sluice-snoop over can say what it likes about addresses, but nothing that is not a message.
 */
#pragma once

#include "dhcp/snoop.h"

#define SNOOP_WIRE_MAGIC    0x534e4f50 /* "SNOP" */
#define SNOOP_WIRE_VERSION  2	       /* another whenever a structure below changes */
#define SNOOP_VERDICT_COUNT (SNOOP_TAGGED + 1)

typedef enum {
	SNOOP_WIRE_EVENT = 1,
	SNOOP_WIRE_STATUS, /* the first one: ready, and without privileges; later ones when a number has changed */
	SNOOP_WIRE_DROP,   /* a packet that a rule dropped */
} SnoopWireKind;

typedef struct {
	guint32 magic;
	guint16 version;
	guint16 kind; /* SnoopWireKind */
	guint32 size; /* of what follows */
	guint32 zero;
} SnoopWireHeader;

/* Since the process began. */
typedef struct {
	guint64 frames;			       /* that the kernel logged for us and that were read */
	guint64 events;			       /* that were sent */
	guint64 ignored;		       /* logged for somebody else: another prefix, no bridge, no port */
	guint64 lost_kernel;		       /* logged, but there was no room */
	guint64 lost_queue;		       /* events that the daemon did not read in time */
	guint64 verdicts[SNOOP_VERDICT_COUNT]; /* frames by what snoop_parse() said */
} SnoopStatus;

#define SNOOP_DROP_BYTES_MAX 256

/* The daemon never looks into the bytes. */
typedef struct {
	guint32 ifindex;			   /* the port's */
	guint32 template_number, generation, site; /* of the rule: rules/nft_why.h */
	guint32 len;				   /* bytes of the frame that are here, a VLAN tag with them */
	guint8 bytes[SNOOP_DROP_BYTES_MAX];
} SnoopDrop;

typedef struct {
	SnoopWireHeader header;
	union {
		SnoopDrop drop;
		SnoopEvent event;
		SnoopStatus status;
	};
} SnoopWireMessage;

/** snoop_wire_init: a header for @kind; returns the bytes to send */
gsize snoop_wire_init(SnoopWireMessage *message, SnoopWireKind kind);

/**
 * snoop_wire_check: whether @len received bytes are a message, with every field in its range
 *
 * Returns: NULL, or what is wrong.
 */
const char *snoop_wire_check(const SnoopWireMessage *message, gsize len);

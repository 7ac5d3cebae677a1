// SPDX-License-Identifier: GPL-2.0-or-later
/* One packet out of a class, as the line that packet_build() reads. */
#pragma once

#include "rules/packet_text.h"
#include "rules/symbolic.h"

#define SYMBOLIC_PREFERRED_MAX 3

/* Values to try first, in their order; RULE_FIELD_NONE ends the list. */
typedef struct {
	RuleField field;
	guint count;
	FieldValue values[SYMBOLIC_PREFERRED_MAX];
} SymbolicPreferred;

/* How odd a packet may be. */
typedef enum {
	SYMBOLIC_USUAL,	    /* each field that has preferred values has one of them */
	SYMBOLIC_ANY_VALUE, /* any that the class allows */
	SYMBOLIC_ALL_FORMS, /* also what only a frame in hexadecimal can say */
} SymbolicEffort;
#define SYMBOLIC_EFFORT_COUNT 3

/** SymbolicConfirmFn: whether a packet of the class is one that is looked for */
typedef gboolean (*SymbolicConfirmFn)(const PacketView *packet, const RuleConn *conn, gpointer user_data);

/**
 * symbolic_find_packet: a packet of @cube that @confirm agrees to
 * @behind: kind of what stands behind two tags, where the class says nothing of it; %PACKET_PLAIN: no matter
 *
 * A cube may be empty, and not all packets can be said in a line: then there is none.
 *
 * Returns: (transfer full): NULL where none was found.
 */
char *symbolic_find_packet(const SymbolicSpace *space, const SymbolicCube *cube, const SymbolicPreferred *preferred,
			   PacketKind behind, SymbolicEffort effort, SymbolicConfirmFn confirm, gpointer user_data);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What on this host would break guests: facts, and checks that turn facts into findings.
 *
 * A check is a row of doctor_checks and a function of the facts alone, so tests hand it facts that they made. Facts are
 * read once (cli/doctor_facts.h); what could not be read is noted with its reason, and the checks that need it are
 * skipped with that reason.
 */
#pragma once

#include <jansson.h>

#include "base/paths.h"
#include "nwfilter/model.h"
#include "rules/host_rules.h"
#include "vswitch/links.h"
#include "vswitch/network.h"

#define DOCTOR_OWN_TABLES	 "sluice" /* their names begin so */
#define DOCTOR_FINDINGS_MAX	 1000	  /* of one check */
#define DOCTOR_CONNTRACK_PERCENT 90	  /* of its table: from there on it counts as full */
#define DOCTOR_FUTURE_SEC	 60 /* a file written later than now by more was written before the clock was set back */

typedef enum {
	DOCTOR_NOTE,	/* worth knowing */
	DOCTOR_WARNING, /* breaks some guests, or some day */
	DOCTOR_ERROR,	/* breaks guests now */
} DoctorSeverity;

/* What checks need to know. */
typedef enum {
	DOCTOR_NEED_DAEMON, /* what it says of itself */
	DOCTOR_NEED_NETWORKS,
	DOCTOR_NEED_BINDINGS,
	DOCTOR_NEED_LINKS, /* with their addresses and routes */
	DOCTOR_NEED_RULES,
	DOCTOR_NEED_SOCKETS,
	DOCTOR_NEED_PROCESSES,
	DOCTOR_NEED_FILES, /* the daemon's */
	DOCTOR_NEED_COUNT,
} DoctorNeed;

typedef struct {
	Network *network;
	gboolean is_active;
} DoctorNetwork;

/* A bridge that guests are or will be on. */
typedef struct {
	char name[LINK_NAME_MAX + 1];
	guint32 index;
	const Network *network; /* (nullable): that it belongs to */
	gboolean is_own;	/* the daemon made it for that network */
} DoctorBridge;

/* A UDP socket, or one of TCP that listens. */
typedef struct {
	gboolean is_tcp;
	IpAddress address; /* of a family always; zero: any */
	guint16 port;
	guint32 index; /* of the interface it is bound to; 0: any */
	guint pid;     /* 0: not known */
	char *name;    /* of the process; NULL: not known */
	char *unit;    /* of systemd; NULL: none */
	gboolean is_ours;
} DoctorSocket;

typedef struct {
	/* Why it is not known; NULL: it is. */
	char *lacks[DOCTOR_NEED_COUNT];
	gboolean host_only;    /* the daemon was not asked */
	char *daemon_problem;  /* NULL: it answers, or was not asked */
	char *root;	       /* (nullable): as on the command line */
	GHashTable *describes; /* its description of itself: name -> value */
	GPtrArray *damaged;    /* of utf8: files that cannot be read, and why */
	GPtrArray *networks;   /* of DoctorNetwork */
	GPtrArray *bindings;   /* of NwBinding */
	GArray *links, *addresses, *routes;
	GArray *bridges;     /* of DoctorBridge: doctor_facts_settle() */
	GHashTable *sysctls; /* path below /proc/sys/net -> value, as far as they exist */
	HostRules *rules;
	GPtrArray *sockets;	  /* of DoctorSocket */
	GHashTable *programs;	  /* names of processes of interest that run */
	gboolean wants_bridge_nf; /* the daemon turned bridge-nf-call on, because filters need it */
	gboolean has_dnsmasq;
	gint64 now_sec, program_sec; /* wall clock; when our own program was written to disk */
	gboolean is_synchronised;    /* something keeps the clock */
	char *future_file;	     /* one that was written after now; NULL: none */
	gint64 future_sec;
} DoctorFacts;

typedef struct DoctorCheck DoctorCheck;

typedef struct {
	const DoctorCheck *check;
	char *subject;	  /* network, port, interface or setting */
	char *text;	  /* the cause, one sentence */
	GPtrArray *fixes; /* of commands, one after another; empty where only a person can tell */
} DoctorFinding;

typedef struct {
	GPtrArray *findings; /* of DoctorFinding */
	GPtrArray *skipped;  /* of DoctorFinding, with the reason as text */
	GPtrArray *words;    /* of utf8: what doctor_word() quoted */
	const DoctorCheck *check;
	guint count; /* of findings of @check */
} DoctorReport;

struct DoctorCheck {
	const char *id;
	DoctorSeverity severity;
	guint needs;	  /* bits 1 << DoctorNeed */
	const char *what; /* what is wrong then */
	const char *fix;  /* what mends it, in general */
	void (*run)(const DoctorFacts *facts, DoctorReport *report);
};

/* Ends with id == NULL. */
extern const DoctorCheck doctor_checks[];

/** doctor_check_find: NULL when there is none of that name */
const DoctorCheck *doctor_check_find(const char *id);
const char *doctor_severity_name(DoctorSeverity severity);

/** doctor_facts_new: nothing is known, and nothing is lacking */
DoctorFacts *doctor_facts_new(void);
void doctor_facts_free(DoctorFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DoctorFacts, doctor_facts_free)

/** doctor_facts_settle: find the bridges, once links, networks and bindings are known */
void doctor_facts_settle(DoctorFacts *facts);

/** doctor_run: all checks, or only the one given */
DoctorReport *doctor_run(const DoctorFacts *facts, const DoctorCheck *only);
void doctor_report_free(DoctorReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DoctorReport, doctor_report_free)

/** doctor_report_worst: the gravest severity found, or -1 */
gint doctor_report_worst(const DoctorReport *report);

/** doctor_report_print: findings in the order of the checks, then what was skipped (transfer full) */
char *doctor_report_print(const DoctorReport *report);

/** doctor_report_to_json: the same, as sluice(1) has it (transfer full) */
json_t *doctor_report_to_json(const DoctorReport *report);

/* --- for the checks --- */

/** doctor_found: (transfer none): a new finding of the check that runs */
DoctorFinding *doctor_found(DoctorReport *report, const char *subject, const char *format, ...) G_GNUC_PRINTF(3, 4);

/** doctor_retell: another cause in place of the one it has */
void doctor_retell(DoctorFinding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** doctor_fix: one more command that mends it, for a shell; names go through doctor_word() */
void doctor_fix(DoctorFinding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** doctor_is_plain: whether a name means itself to a shell and to nft */
gboolean doctor_is_plain(const char *name);

/**
 * doctor_word: a name as one word of a shell, for doctor_fix(): networks' and interfaces' names may hold anything
 *
 * Returns: (transfer none): lives as long as the report.
 */
const char *doctor_word(DoctorReport *report, const char *name);

/** doctor_sysctl: a number below /proc/sys/net; -1 where there is none */
gint64 doctor_sysctl(const DoctorFacts *facts, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** doctor_link: by name; NULL where there is none */
const LinkInfo *doctor_link(const DoctorFacts *facts, const char *name);

/** doctor_link_by_index: likewise */
const LinkInfo *doctor_link_by_index(const DoctorFacts *facts, guint32 index);

/** doctor_default_route: the best one of a family; NULL where there is none */
const LinkRoute *doctor_default_route(const DoctorFacts *facts, guint16 family);

/** doctor_has_family: whether the network has an address of %AF_INET or %AF_INET6 */
gboolean doctor_has_family(const Network *network, guint16 family);

/** doctor_has_dns: whether dnsmasq serves DNS there */
gboolean doctor_has_dns(const Network *network);

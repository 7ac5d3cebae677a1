// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each operation with its first call failing that changes something, then its second, and so on until there is none.
 *
 * It fails whole or succeeds whole; the daemon lives, the kernel equals the state, the same operation succeeds
 * afterwards; a daemon that is started again holds the same and finds nothing left over.
 *
 * Or with a crash before each of these calls: what is killed at a random moment seldom dies between two of them.
 */

#include "tests/survival/survival.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/survival/fault.h"

#define CALLS_MAX    500
#define SETTLE_US    3000
#define RANDOM_STEPS 200
#define STEPS_BEFORE 4 /* a crash, at random: each meets another state */
#define CRASH_ROUNDS 2
#define CRASH_MISSES 4
#define SHOWN	     20

typedef struct {
	Survival *survival;
	FaultControl *control;
	gboolean is_crash;
	guint tried, refused, wrong; /* refused: of crashes, done all the same */
} Faults;

static void
complain(Faults *faults, const Op *op, const char *what, const char *text)
{
	if (faults->wrong++ >= SHOWN)
		return;
	if (faults->is_crash)
		printf("# %s %s, killed before call %d (%s): %s: %s\n", op->name, op->subject, faults->control->at,
		       faults->control->what, what, text);
	else
		printf("# %s %s, call %d (%s) fails with %s: %s: %s\n", op->name, op->subject, faults->control->at,
		       faults->control->what,
		       g_strerror(strstr(faults->control->what, "netlink") ? faults->control->code_netlink
									   : faults->control->code),
		       what, text);
}

static void
advance(Survival *survival, const Op *op)
{
	GHashTable *after = survival_map_copy(survival->model, op->after);

	g_hash_table_unref(survival->model);
	survival->model = after;
}

/* What is there becomes the model, so that one fault is not told again and again. */
static void
compare(Faults *faults, const Op *op, const char *when)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GHashTable) got = survival_read(faults->survival, &error);
	g_autofree char *differences = got ? survival_compare(faults->survival->model, got) : g_strdup(error->message);
	g_autofree char *check = survival_check(faults->survival);

	if (differences)
		complain(faults, op, when, differences);
	if (check)
		complain(faults, op, when, check);
	if (differences && got) {
		g_hash_table_unref(faults->survival->model);
		faults->survival->model = g_steal_pointer(&got);
	}
}

static void
step(Survival *survival)
{
	g_auto(Op) op = { 0 };

	survival_op_random(survival, &op);
	if (survival_op_run(survival, &op, NULL) == OUTCOME_DONE)
		advance(survival, &op);
}

/* Whatever makes the operation possible. */
static gboolean
reach(Faults *faults, const OpKind *kind, Op *op)
{
	Survival *survival = faults->survival;

	for (guint i = 0; i < RANDOM_STEPS; i++) {
		if (survival_op_plan(survival, kind, (guint)g_rand_int_range(survival->random, 0, (gint)kind->count),
				     op))
			return TRUE;
		step(survival);
	}
	printf("# %s cannot be reached\n", kind->name);
	faults->wrong++;
	return FALSE;
}

static Outcome
run_armed(Faults *faults, const Op *op, int at, GError **error)
{
	static const int codes[] = { ENOSPC, EIO, EPERM }, netlink_codes[] = { ENOBUFS, EPERM };
	FaultControl *control = faults->control;
	GRand *random = faults->survival->random;
	Outcome outcome;

	memset(control, 0, sizeof(*control));
	control->at = at;
	control->is_crash = faults->is_crash;
	control->code = codes[g_rand_int_range(random, 0, G_N_ELEMENTS(codes))];
	control->code_netlink = netlink_codes[g_rand_int_range(random, 0, G_N_ELEMENTS(netlink_codes))];
	control->armed = 1;
	outcome = survival_op_run(faults->survival, op, error);
	/* What follows the answer belongs to it. */
	g_usleep(SETTLE_US);
	control->armed = 0;
	return outcome;
}

static gboolean
restart(Faults *faults, const Op *op, int signal_number)
{
	g_autoptr(GError) error = NULL;

	survival_kill(faults->survival, signal_number);
	if (survival_start(faults->survival, &error))
		return TRUE;
	complain(faults, op, "the daemon does not start", error->message);
	return FALSE;
}

/* Likewise. */
static gboolean
one_crash(Faults *faults, const OpKind *kind, int at)
{
	Survival *survival = faults->survival;
	g_autoptr(GError) error = NULL;
	g_autofree char *differences = NULL;
	g_auto(Op) op = { 0 };
	gboolean fired, is_done;
	Outcome outcome;

	for (gint steps = g_rand_int_range(survival->random, 0, STEPS_BEFORE); steps > 0; steps--)
		step(survival);
	if (!reach(faults, kind, &op))
		return FALSE;
	outcome = run_armed(faults, &op, at, &error);
	fired = faults->control->what[0] != '\0';
	faults->tried += fired;
	if (outcome == OUTCOME_REFUSED)
		complain(faults, &op, "refused", error->message);
	/* What was acknowledged has to be there, though it died on what follows the answer. */
	if (outcome == OUTCOME_DONE)
		advance(survival, &op);
	if (!fired)
		return FALSE;
	if (!restart(faults, &op, 0))
		return FALSE;
	differences = survival_settle(survival, &op, &is_done);
	faults->refused += is_done;
	if (differences)
		complain(faults, &op, "settle", differences);
	compare(faults, &op, "started again");
	return TRUE;
}

/* FALSE: there is no such call any more, or nothing can go on. */
static gboolean
one_fault(Faults *faults, const OpKind *kind, int at)
{
	Survival *survival = faults->survival;
	g_autoptr(GError) error = NULL, again = NULL;
	g_auto(Op) op = { 0 };
	Outcome outcome;
	gboolean fired;

	if (!reach(faults, kind, &op))
		return FALSE;
	outcome = run_armed(faults, &op, at, &error);
	fired = faults->control->what[0] != '\0';
	faults->tried += fired;
	faults->refused += outcome == OUTCOME_REFUSED;
	if (outcome == OUTCOME_CUT) {
		complain(faults, &op, "the daemon ended", error->message);
		return restart(faults, &op, SIGKILL);
	}
	if (outcome == OUTCOME_REFUSED && !fired)
		complain(faults, &op, "refused without a fault", error->message);
	if (outcome == OUTCOME_DONE)
		advance(survival, &op);
	compare(faults, &op, outcome == OUTCOME_DONE ? "done, but" : "refused, but");
	if (outcome == OUTCOME_REFUSED) {
		if (survival_op_run(survival, &op, &again) == OUTCOME_DONE)
			advance(survival, &op);
		else
			complain(faults, &op, "the same again is refused", again->message);
	}
	if (!restart(faults, &op, SIGTERM))
		return FALSE;
	compare(faults, &op, "started again");
	return fired;
}

/* Of crashes the next operation of a kind may have calls that this one had not: on a network that runs, say. */
static void
all_calls(Faults *faults, const OpKind *kind)
{
	guint misses = 0;

	for (int at = 1; at < CALLS_MAX && misses < (faults->is_crash ? CRASH_MISSES : 1);) {
		if (faults->is_crash ? one_crash(faults, kind, at) : one_fault(faults, kind, at)) {
			misses = 0;
			at++;
		} else {
			misses++;
		}
	}
}

gboolean
survival_faults(Survival *survival, const char *control_path, gboolean is_crash)
{
	Faults faults = { .survival = survival, .is_crash = is_crash };
	int fd = open(control_path, O_RDWR | O_CLOEXEC);
	const OpKind *kinds = survival->networks ? survival_network_kinds : survival_kinds;
	const char *asked = g_getenv("ROUNDS");
	guint rounds = is_crash ? (asked ? (guint)strtoul(asked, NULL, 10) : CRASH_ROUNDS) : 1;

	faults.control = mmap(NULL, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (faults.control == MAP_FAILED)
		return FALSE;
	survival->leases = TRUE;
	for (const OpKind *kind = kinds; kind->name; kind++) {
		guint before = faults.tried, refused = faults.refused;
		for (guint round = 0; round < rounds; round++)
			all_calls(&faults, kind);
		printf("# measured: %s: %u %s, %u %s\n", kind->name, faults.tried - before,
		       is_crash ? "crashes" : "faults", faults.refused - refused,
		       is_crash ? "with the operation done" : "refused");
	}
	return !faults.wrong && faults.tried;
}

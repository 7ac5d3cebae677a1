// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each operation with its first call failing that changes something, then its second, and so on until there is none.
 *
 * It fails whole or succeeds whole; the daemon lives, the kernel equals the state, the same operation succeeds
 * afterwards; a daemon that is started again holds the same and finds nothing left over.
 */

#include "tests/survival/survival.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/survival/fault.h"

#define CALLS_MAX    500
#define SETTLE_US    3000
#define RANDOM_STEPS 200
#define SHOWN	     20

typedef struct {
	Survival *survival;
	FaultControl *control;
	guint tried, refused, wrong;
} Faults;

static void
complain(Faults *faults, const Op *op, const char *what, const char *text)
{
	if (faults->wrong++ < SHOWN)
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

/* Whatever makes the operation possible. */
static gboolean
reach(Survival *survival, const OpKind *kind, Op *op)
{
	for (guint i = 0; i < RANDOM_STEPS; i++) {
		g_auto(Op) other = { 0 };

		if (survival_op_plan(survival, kind, (guint)g_rand_int_range(survival->random, 0, (gint)kind->count),
				     op))
			return TRUE;
		survival_op_random(survival, &other);
		if (survival_op_run(survival, &other, NULL) == OUTCOME_DONE)
			advance(survival, &other);
	}
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

/* FALSE: there is no such call any more, or nothing can go on. */
static gboolean
one_fault(Faults *faults, const OpKind *kind, int at)
{
	Survival *survival = faults->survival;
	g_autoptr(GError) error = NULL, again = NULL;
	g_auto(Op) op = { 0 };
	Outcome outcome;
	gboolean fired;

	if (!reach(survival, kind, &op)) {
		printf("# %s cannot be reached\n", kind->name);
		faults->wrong++;
		return FALSE;
	}
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

gboolean
survival_faults(Survival *survival, const char *control_path)
{
	Faults faults = { .survival = survival };
	int fd = open(control_path, O_RDWR | O_CLOEXEC);
	const OpKind *kinds = survival->networks ? survival_network_kinds : survival_kinds;

	faults.control = mmap(NULL, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (faults.control == MAP_FAILED)
		return FALSE;
	survival->leases = TRUE;
	for (const OpKind *kind = kinds; kind->name; kind++) {
		guint before = faults.tried, refused = faults.refused;
		int at = 1;

		while (at < CALLS_MAX && one_fault(&faults, kind, at))
			at++;
		printf("# measured: %s: %u faults, %u refused\n", kind->name, faults.tried - before,
		       faults.refused - refused);
	}
	return !faults.wrong && faults.tried;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * survive ROOT BUILD KILLS SEED [networks|[networks-]faults|[networks-]crashes]: operations at random, one after the
 * other, until the daemon is killed; then it is started again and must hold what was acknowledged, and of what was
 * under way all or nothing. KILLS times.
 */

#include "tests/survival/fault.h"
#include "tests/survival/survival.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_WITHIN_US	40000
#define LEASES_EVERY	5      /* kills: the guest is heard, which takes longer */
#define SLOW_US		300000 /* and where other programs load the rules */
#define START_CUT_US	70000
#define START_CUT_EVERY 5

typedef struct {
	pid_t daemon;
	gulong after_us;
} Killer;

typedef struct {
	guint kills, cut_starts, done, under_way, under_way_done;
	GHashTable *cut; /* name of an operation -> how often it was under way */
	gint64 start_us, start_max_us;
} Tally;

static gpointer
kill_later(gpointer data)
{
	const Killer *killer = data;

	g_usleep(killer->after_us);
	kill(killer->daemon, SIGKILL);
	return NULL;
}

static gboolean
wrong(const Survival *survival, const Tally *tally, const char *what, const char *text)
{
	printf("# kill %u: %s: %s\n", tally->kills, what, text);
	return FALSE;
}

/* Operations until one of them is cut off, which is left in @ret_cut. */
static gboolean
work(Survival *survival, Tally *tally, Op *ret_cut)
{
	gint within = survival->leases || survival->networks || survival_on_iptables() ? SLOW_US : KILL_WITHIN_US;
	Killer killer = { survival->daemon, (gulong)g_rand_int_range(survival->random, 0, within) };
	GThread *thread = g_thread_new("killer", kill_later, &killer);
	gboolean ok = TRUE;

	for (;;) {
		g_autoptr(GError) error = NULL;
		Outcome outcome;

		survival_op_random(survival, ret_cut);
		outcome = survival_op_run(survival, ret_cut, &error);
		if (outcome == OUTCOME_CUT)
			break;
		if (outcome == OUTCOME_REFUSED) {
			printf("# %s %s\n", ret_cut->name, ret_cut->subject);
			ok = wrong(survival, tally, "refused", error->message);
			break;
		}
		g_autoptr(GHashTable) before = survival->model;
		survival->model = survival_map_copy(before, ret_cut->after);
		survival_op_clear(ret_cut);
		tally->done++;
	}
	g_thread_join(thread);
	return ok;
}

static gboolean
start_again(Survival *survival, Tally *tally)
{
	g_autoptr(GError) error = NULL;
	gint64 begin;

	while (g_rand_int_range(survival->random, 0, START_CUT_EVERY) == 0) {
		survival_start_cut(survival, START_CUT_US);
		tally->cut_starts++;
	}
	begin = g_get_monotonic_time();
	if (!survival_start(survival, &error))
		return wrong(survival, tally, "start", error->message);
	begin = g_get_monotonic_time() - begin;
	tally->start_us += begin;
	tally->start_max_us = MAX(tally->start_max_us, begin);
	return TRUE;
}

static gboolean
settle(Survival *survival, Tally *tally, const Op *cut)
{
	gboolean is_done;
	g_autofree char *differences = survival_settle(survival, cut, &is_done);

	g_hash_table_insert(tally->cut, (gpointer)cut->name,
			    GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(tally->cut, cut->name)) + 1));
	tally->under_way++;
	tally->under_way_done += is_done;
	if (!differences)
		return TRUE;
	printf("# under way was %s %s\n", cut->name, cut->subject);
	return wrong(survival, tally, "settle", differences);
}

static gboolean
one_kill(Survival *survival, Tally *tally)
{
	g_auto(Op) cut = { 0 };
	g_autofree char *differences = NULL;
	gboolean ok;
	int status;

	survival->leases = !survival->networks && tally->kills % LEASES_EVERY == 0;
	ok = work(survival, tally, &cut);
	status = survival_kill(survival, 0);

	tally->kills++;
	if (!ok)
		return FALSE;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		g_autofree char *text = g_strdup_printf("status 0x%x in %s %s", (guint)status, cut.name, cut.subject);

		return wrong(survival, tally, "the daemon ended by itself", text);
	}
	if (!start_again(survival, tally) || !settle(survival, tally, &cut))
		return FALSE;
	survival_plug(survival, g_hash_table_contains(survival->model, "binding " SURVIVAL_REBOUND));
	differences = survival_check(survival);
	if (!differences)
		return TRUE;
	printf("# under way was %s %s\n", cut.name, cut.subject);
	return wrong(survival, tally, "check", differences);
}

static void
tell(const Tally *tally)
{
	GHashTableIter iter;
	gpointer name, count;

	printf("# measured: %u operations done, %u kills, %u more while starting; of %u operations under way %u were "
	       "done\n",
	       tally->done, tally->kills, tally->cut_starts, tally->under_way, tally->under_way_done);
	if (tally->kills)
		printf("# measured restart: mean %.0f ms, max %.0f ms\n", (double)tally->start_us / tally->kills / 1000,
		       (double)tally->start_max_us / 1000);
	g_hash_table_iter_init(&iter, tally->cut);
	while (g_hash_table_iter_next(&iter, &name, &count))
		printf("# %4u in %s\n", GPOINTER_TO_UINT(count), (const char *)name);
}

int
main(int argc, char **argv)
{
	g_autoptr(SluicePaths) paths = NULL;
	g_autoptr(GError) error = NULL;
	Survival survival = { 0 };
	Tally tally = { .cut = g_hash_table_new(g_str_hash, g_str_equal) };
	g_autofree char *log = NULL, *control = NULL, *library = NULL;
	guint wanted;
	gboolean ok, faults, crashes;

	if (argc < 5 || argc > 6) {
		fputs("usage: survive ROOT BUILD KILLS SEED [networks|[networks-]faults|[networks-]crashes]\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	survival.networks = argc == 6 && g_str_has_prefix(argv[5], "networks");
	crashes = argc == 6 && g_str_has_suffix(argv[5], "crashes");
	faults = crashes || (argc == 6 && g_str_has_suffix(argv[5], "faults"));
	survival.guarded = survival_map_new();
	survival.root = argv[1];
	survival.build = argv[2];
	survival.paths = paths = sluice_paths_new(argv[1]);
	survival.random = g_rand_new_with_seed((guint32)strtoul(argv[4], NULL, 10));
	wanted = (guint)strtoul(argv[3], NULL, 10);
	log = g_build_filename(argv[1], "..", "work", "daemon.log", NULL);
	survival.log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	control = g_build_filename(argv[1], "..", "work", "fault", NULL);
	library = g_build_filename(argv[2], "tests", "fault.so", NULL);
	if (faults && g_file_set_contents(control, (const char *)&(FaultControl){ 0 }, sizeof(FaultControl), NULL)) {
		survival.fault = control;
		survival.fault_library = library;
	}
	ok = survival_start(&survival, &error) && (survival.model = survival_read(&survival, &error)) &&
	     survival_setup(&survival, &error);
	if (!ok)
		printf("# set-up: %s\n", error->message);
	puts("ready");
	ok = ok && (!faults || survival_faults(&survival, control, crashes));
	while (ok && !faults && tally.kills < wanted)
		ok = one_kill(&survival, &tally);
	if (!faults)
		tell(&tally);
	survival_kill(&survival, SIGTERM);
	g_rand_free(survival.random);
	g_hash_table_unref(tally.cut);
	g_hash_table_unref(survival.guarded);
	g_clear_pointer(&survival.model, g_hash_table_unref);
	return ok ? 0 : 1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* How sluice-snoop gives up all that it does not need. */

#include "dhcp/snoop_lockdown.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

#define MEMORY_MAX (512UL * 1024 * 1024) /* of addresses; libraries take about 100 MB of them */

static gboolean
fail(GError **error, const char *what)
{
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s: %m", what);
	return FALSE;
}

static gboolean
find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, GError **error)
{
	const struct passwd *entry;

	if (!name)
		name = getpwnam(SNOOP_USER_DEFAULT) ? SNOOP_USER_DEFAULT : SNOOP_USER_FALLBACK;
	errno = 0;
	entry = getpwnam(name);
	if (!entry) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "there is no user '%s'%s%s", name, errno ? ": " : "",
				 errno ? g_strerror(errno) : "");
		return FALSE;
	}
	if (entry->pw_uid == 0 || entry->pw_gid == 0) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "user '%s' or its group is root", name);
		return FALSE;
	}
	*ret_uid = entry->pw_uid;
	*ret_gid = entry->pw_gid;
	return TRUE;
}

static gboolean
enter_empty_root(GError **error)
{
	static const char *const places[] = { "/run", "/tmp" };

	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *path = g_build_filename(places[i], "sluice-snoop-XXXXXX", NULL);

		if (!g_mkdtemp_full(path, 0500))
			continue;
		/* Removed, it stays ours, and nobody can make anything in it. */
		if (chdir(path) < 0 || rmdir(path) < 0 || chroot(".") < 0 || chdir("/") < 0)
			return fail(error, "cannot enter an empty root");
		return TRUE;
	}
	return fail(error, "cannot make an empty root in /run or /tmp");
}

/* The group goes first, and the bounding set while it still may be changed: libcap-ng knows the order. */
static gboolean
drop_identity(uid_t uid, gid_t gid, GError **error)
{
	int status;

	capng_clear(CAPNG_SELECT_ALL);
	status = capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
	if (status != 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot become user %u, group %u (step %d): %m", uid, gid,
				 -status);
		return FALSE;
	}
	return TRUE;
}

static gboolean
set_flags(GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(error, "cannot set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(error, "cannot become undumpable");
	return TRUE;
}

static gboolean
set_limits(guint fd_count, GError **error)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t value;
	} limits[] = {
		/* poll() takes as many as may be open. */
		{ RLIMIT_NOFILE, fd_count },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
#if !WITH_SANITIZER /* its shadow is terabytes of addresses; its reports may go to a file */
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_AS, MEMORY_MAX },
#endif
	};

	/* A word to a standard error that is a file gets an error then, not a signal. */
	signal(SIGXFSZ, SIG_IGN);
	for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
		const struct rlimit limit = { limits[i].value, limits[i].value };

		if (setrlimit(limits[i].resource, &limit) < 0)
			return fail(error, "cannot set a limit");
	}
	return TRUE;
}

static gboolean
verify(uid_t uid, gid_t gid, GError **error)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	if (getresuid(&real, &effective, &saved) < 0 || getresgid(&real_group, &effective_group, &saved_group) < 0)
		return fail(error, "cannot read the identity back");
	if (real != uid || effective != uid || saved != uid || real_group != gid || effective_group != gid ||
	    saved_group != gid || getgroups(0, NULL) != 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "the identity is not the one that was asked for");
		return FALSE;
	}
	if (setuid(0) == 0 || setgid(0) == 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "root can be had again");
		return FALSE;
	}
	if (capng_get_caps_process() < 0 || capng_have_capabilities(CAPNG_SELECT_ALL) != CAPNG_NONE ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "some capability is left");
		return FALSE;
	}
	return TRUE;
}

static gboolean
add_rules(scmp_filter_ctx filter, int send_fd)
{
	/* What the loop was seen to call, and what the C library calls in the place of these elsewhere. */
	static const int calls[] = {
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(recvfrom),
		SCMP_SYS(recvmsg),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
#if WITH_SANITIZER /* memory of its own, locks, and to end after a report */
		SCMP_SYS(mmap),
		SCMP_SYS(munmap),
		SCMP_SYS(madvise),
		SCMP_SYS(futex),
		SCMP_SYS(sched_yield),
		SCMP_SYS(getpid),
		SCMP_SYS(gettid),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(sigaltstack),
		SCMP_SYS(getrlimit),
#endif
	};

	for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
		int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		/* A call that this processor's table lacks needs no rule. */
		if (status < 0 && status != -EDOM && status != -EINVAL)
			return FALSE;
	}
	/* No address: not even the sockets of nflog could be written to. */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)send_fd, 0), SCMP_A4(SCMP_CMP_EQ, 0, 0)) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0)) ==
		       0;
}

static gboolean
load_filter(int send_fd, GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int status = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) : -ENOMEM;

	if (status == 0)
		status = add_rules(filter, send_fd) ? seccomp_load(filter) : -EINVAL;
	if (status < 0)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot load the filter of system calls: %s",
				 g_strerror(-status));
	/* It is not released: to give the memory back may be a system call that the loop does not need. */
	return status == 0;
}

gboolean
snoop_lockdown(const SnoopLockdown *lockdown, GError **error)
{
	uid_t uid;
	gid_t gid;

	return find_user(lockdown->user, &uid, &gid, error) && enter_empty_root(error) &&
	       drop_identity(uid, gid, error) && set_flags(error) && set_limits(lockdown->fd_count, error) &&
	       verify(uid, gid, error) && load_filter(lockdown->send_fd, error);
}

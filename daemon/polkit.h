// SPDX-License-Identifier: GPL-2.0-or-later
/* polkit, asked by D-Bus whether the process at the other end of a socket may do something. Nothing waits for it. */
#pragma once

#include <gio/gio.h>

#define POLKIT_MANAGE	  "org.sluice.manage" /* the socket where things can be changed; systemd/org.sluice.policy */
#define POLKIT_READ	  "org.sluice.read"
#define POLKIT_TIMEOUT_MS 120000 /* for somebody to find the password */
#define POLKIT_ASKED_MAX  64	 /* questions at a time */
#define POLKIT_USER_MAX	  8	 /* of them, about one user's processes */

typedef struct Polkit Polkit;
typedef struct PolkitCheck PolkitCheck;

/* Whom the kernel named, and when that process began: its number alone may be another's by the time polkit looks. */
typedef struct {
	guint32 pid, uid;
	guint64 start_time; /* polkit_start_time(), when the client came */
} PolkitSubject;

/** PolkitDone: @error is NULL where it may; else it says why not. @error is the caller's */
typedef void (*PolkitDone)(const GError *error, gpointer data);

/**
 * polkit_new: asks nobody yet
 * @address: (nullable): of the bus; the system bus by default
 * @timeout_ms: 0: %POLKIT_TIMEOUT_MS
 */
Polkit *polkit_new(const char *address, guint timeout_ms);

/** polkit_free: what was asked and not cancelled is still answered */
void polkit_free(Polkit *polkit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Polkit, polkit_free)

/** polkit_start_time: of a process, in clock ticks since the boot; 0 where it is gone */
guint64 polkit_start_time(guint32 pid);

/**
 * polkit_check: ask; the user may be asked for a password
 * @action: POLKIT_MANAGE or POLKIT_READ
 * @done: called once, never before this returns and not after polkit_check_cancel()
 *
 * Errors, to @done: RPC_ERROR of %RPC_CODE_AUTH_FAILED in any case but a yes: a no, no polkit, no answer in time, too
 * many questions at a time.
 */
PolkitCheck *polkit_check(Polkit *polkit, const PolkitSubject *subject, const char *action, PolkitDone done,
			  gpointer data);

/** polkit_check_cancel: nobody wants to know any more */
void polkit_check_cancel(PolkitCheck *check);

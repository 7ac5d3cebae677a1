// SPDX-License-Identifier: GPL-2.0-or-later
/* polkit, asked by D-Bus whether the process at the other end of a socket may do something. */

#include "daemon/polkit.h"

#include "base/rpc_proto.h"
#include "base/state_file.h"

#include <string.h>

#define BUS_NAME	     "org.freedesktop.PolicyKit1"
#define BUS_PATH	     "/org/freedesktop/PolicyKit1/Authority"
#define INTERFACE	     "org.freedesktop.PolicyKit1.Authority"
#define TAKE_BACK_TIMEOUT_MS 5000
#define MAY_ASK		     1u /* AllowUserInteraction */
#define STAT_BYTES	     4096
#define STAT_START	     19 /* start time, counted from behind the state, which follows the name */

struct Polkit {
	char *address;
	guint timeout_ms;
	guint asked;	   /* questions under way */
	GHashTable *users; /* uid -> how many of them */
	guint64 next_id;
};

/* One call into the bus is under way at any time, unless it is refused: its end frees this. */
struct PolkitCheck {
	Polkit *polkit;
	PolkitSubject subject;
	const char *action;
	char *id; /* to cancel it by */
	GCancellable *cancellable;
	GDBusConnection *connection;
	guint timer;
	gboolean is_late;
	const char *refusal; /* why it is not asked; NULL: it is */
	PolkitDone done;     /* NULL: cancelled */
	gpointer data;
};

Polkit *
polkit_new(const char *address, guint timeout_ms)
{
	Polkit *polkit = g_rc_box_new0(Polkit);

	polkit->address = g_strdup(address);
	polkit->timeout_ms = timeout_ms ? timeout_ms : POLKIT_TIMEOUT_MS;
	polkit->users = g_hash_table_new(NULL, NULL);
	return polkit;
}

static void
clear(gpointer data)
{
	Polkit *polkit = data;

	g_hash_table_unref(polkit->users);
	g_free(polkit->address);
}

void
polkit_free(Polkit *polkit)
{
	if (polkit)
		g_rc_box_release_full(polkit, clear);
}

guint64
polkit_start_time(guint32 pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%u/stat", pid);
	g_autofree char *text = state_file_read(path, STAT_BYTES, NULL);
	/* The name may hold blanks and parentheses; nothing behind it does. */
	const char *rest = text ? strrchr(text, ')') : NULL;
	g_auto(GStrv) words = rest && rest[1] ? g_strsplit(rest + 2, " ", -1) : NULL;

	return words && g_strv_length(words) > STAT_START ? g_ascii_strtoull(words[STAT_START], NULL, 10) : 0;
}

static guint
asked_of(const Polkit *polkit, guint32 uid)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(polkit->users, GUINT_TO_POINTER(uid)));
}

static void
set_asked(Polkit *polkit, guint32 uid, guint count)
{
	if (count)
		g_hash_table_insert(polkit->users, GUINT_TO_POINTER(uid), GUINT_TO_POINTER(count));
	else
		g_hash_table_remove(polkit->users, GUINT_TO_POINTER(uid));
}

static void
hang_up(GDBusConnection *connection)
{
	g_dbus_connection_close(connection, NULL, NULL, NULL);
	g_object_unref(connection);
}

static void
check_free(PolkitCheck *check)
{
	Polkit *polkit = check->polkit;

	if (!check->refusal) {
		polkit->asked--;
		set_asked(polkit, check->subject.uid, asked_of(polkit, check->subject.uid) - 1);
	}
	polkit_free(polkit);
	if (check->timer)
		g_source_remove(check->timer);
	if (check->connection)
		hang_up(check->connection);
	g_object_unref(check->cancellable);
	g_free(check->id);
	g_free(check);
}

/* @reason: NULL: it may. Consumes the check. */
static void
check_end(PolkitCheck *check, const char *reason)
{
	g_autoptr(GError) error = NULL;

	if (reason)
		error = g_error_new(RPC_ERROR, RPC_CODE_AUTH_FAILED, "authentication failed: %s", reason);
	if (check->done)
		check->done(error, check->data);
	check_free(check);
}

static void
check_fail(PolkitCheck *check, GError *problem)
{
	g_autofree char *reason = NULL;

	if (check->is_late) {
		reason = g_strdup_printf("polkit has not answered within %u seconds", check->polkit->timeout_ms / 1000);
	} else {
		g_dbus_error_strip_remote_error(problem);
		reason = g_strdup_printf("polkit cannot be asked: %s", problem->message);
	}
	check_end(check, reason);
}

static void
on_taken_back(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

	g_clear_pointer(&answer, g_variant_unref);
	hang_up(G_DBUS_CONNECTION(source));
}

/* A dialogue that nobody waits for goes away. The connection stays until that has been heard. */
static void
take_back(PolkitCheck *check)
{
	GDBusConnection *connection = g_steal_pointer(&check->connection);

	g_dbus_connection_call(connection, BUS_NAME, BUS_PATH, INTERFACE, "CancelCheckAuthorization",
			       g_variant_new("(s)", check->id), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
			       TAKE_BACK_TIMEOUT_MS, NULL, on_taken_back, NULL);
}

static void
on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	PolkitCheck *check = data;
	g_autoptr(GError) problem = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(check->connection, result, &problem);
	gboolean may = FALSE, is_challenge = FALSE;

	if (!answer) {
		if (g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			take_back(check);
		check_fail(check, problem);
		return;
	}
	g_variant_get(answer, "((bb@a{ss}))", &may, &is_challenge, NULL);
	if (may)
		check_end(check, NULL);
	else if (is_challenge)
		check_end(check, "polkit wants a password, and there is no agent to ask for it (see pkttyagent(1))");
	else
		check_end(check, "polkit does not allow it");
}

static GVariant *
question(const PolkitCheck *check)
{
	GVariantBuilder process;

	g_variant_builder_init(&process, G_VARIANT_TYPE("a{sv}"));
	g_variant_builder_add(&process, "{sv}", "pid", g_variant_new_uint32(check->subject.pid));
	g_variant_builder_add(&process, "{sv}", "start-time", g_variant_new_uint64(check->subject.start_time));
	g_variant_builder_add(&process, "{sv}", "uid", g_variant_new_int32((gint32)check->subject.uid));
	return g_variant_new("((sa{sv})sa{ss}us)", "unix-process", &process, check->action, NULL, MAY_ASK, check->id);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	PolkitCheck *check = data;
	g_autoptr(GError) problem = NULL;

	check->connection = g_dbus_connection_new_for_address_finish(result, &problem);
	if (!check->connection) {
		check_fail(check, problem);
		return;
	}
	g_dbus_connection_call(check->connection, BUS_NAME, BUS_PATH, INTERFACE, "CheckAuthorization", question(check),
			       G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, G_MAXINT, check->cancellable,
			       on_answer, check);
}

static gboolean
on_late(gpointer data)
{
	PolkitCheck *check = data;

	check->timer = 0;
	check->is_late = TRUE;
	g_cancellable_cancel(check->cancellable);
	return G_SOURCE_REMOVE;
}

static gboolean
on_refused(gpointer data)
{
	PolkitCheck *check = data;

	check->timer = 0;
	check_end(check, check->refusal);
	return G_SOURCE_REMOVE;
}

PolkitCheck *
polkit_check(Polkit *polkit, const PolkitSubject *subject, const char *action, PolkitDone done, gpointer data)
{
	PolkitCheck *check = g_new0(PolkitCheck, 1);
	guint asked = asked_of(polkit, subject->uid);
	g_autofree char *address = polkit->address ? g_strdup(polkit->address)
						   : g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);

	*check = (PolkitCheck){ .polkit = g_rc_box_acquire(polkit),
				.subject = *subject,
				.action = action,
				.id = g_strdup_printf("sluiced-%" G_GUINT64_FORMAT, polkit->next_id++),
				.cancellable = g_cancellable_new(),
				.done = done,
				.data = data };
	if (!address)
		check->refusal = "polkit cannot be asked: there is no system bus";
	else if (polkit->asked >= POLKIT_ASKED_MAX || asked >= POLKIT_USER_MAX)
		check->refusal = "polkit is being asked too much at a time";
	if (check->refusal) {
		check->timer = g_idle_add(on_refused, check);
		return check;
	}
	polkit->asked++;
	set_asked(polkit, subject->uid, asked + 1);
	check->timer = g_timeout_add(polkit->timeout_ms, on_late, check);
	g_dbus_connection_new_for_address(
		address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, check->cancellable, on_connected, check);
	return check;
}

void
polkit_check_cancel(PolkitCheck *check)
{
	check->done = NULL;
	if (check->refusal)
		check_free(check);
	else
		g_cancellable_cancel(check->cancellable);
}

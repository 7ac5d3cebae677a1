// SPDX-License-Identifier: GPL-2.0-or-later
/* What clients take up, by user. */

#include "daemon/usage.h"

typedef struct {
	guint clients, clients_max;
	gsize bytes, bytes_max;
} Share;

struct Usage {
	Share root, others;
	GHashTable *users; /* uid -> Share, of users but root that have clients */
};

static Share
part_of(const Share *whole, guint parts)
{
	return (Share){ .clients_max = MAX(whole->clients_max / parts, 1), .bytes_max = whole->bytes_max / parts };
}

Usage *
usage_new(guint clients_max, gsize bytes_max)
{
	Usage *usage = g_new0(Usage, 1);

	usage->root = (Share){ .clients_max = clients_max, .bytes_max = bytes_max };
	usage->others = part_of(&usage->root, USAGE_OTHERS_SHARE);
	usage->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	return usage;
}

void
usage_free(Usage *usage)
{
	if (!usage)
		return;
	g_hash_table_unref(usage->users);
	g_free(usage);
}

static Share *
class_of(Usage *usage, guint32 uid)
{
	return uid ? &usage->others : &usage->root;
}

/* NULL for root, and for users without clients. */
static Share *
user_of(const Usage *usage, guint32 uid)
{
	return uid ? g_hash_table_lookup(usage->users, GUINT_TO_POINTER(uid)) : NULL;
}

UsageScope
usage_enter(Usage *usage, guint32 uid)
{
	Share *class = class_of(usage, uid), *user = user_of(usage, uid);

	if (class->clients >= class->clients_max ||
	    usage->root.clients + usage->others.clients >= usage->root.clients_max)
		return USAGE_CLASS;
	if (user && user->clients >= user->clients_max)
		return USAGE_USER;
	if (uid && !user) {
		user = g_new(Share, 1);
		*user = part_of(&usage->others, USAGE_USER_SHARE);
		g_hash_table_insert(usage->users, GUINT_TO_POINTER(uid), user);
	}
	class->clients++;
	if (user)
		user->clients++;
	return USAGE_WITHIN;
}

void
usage_leave(Usage *usage, guint32 uid)
{
	Share *user = user_of(usage, uid);

	class_of(usage, uid)->clients--;
	if (user && --user->clients == 0)
		g_hash_table_remove(usage->users, GUINT_TO_POINTER(uid));
}

void
usage_count(Usage *usage, guint32 uid, gsize before, gsize now)
{
	Share *class = class_of(usage, uid), *user = user_of(usage, uid);

	class->bytes = class->bytes - before + now;
	if (user)
		user->bytes = user->bytes - before + now;
}

UsageScope
usage_check(const Usage *usage, guint32 uid)
{
	const Share *class = uid ? &usage->others : &usage->root, *user = user_of(usage, uid);

	if (user && user->bytes > user->bytes_max)
		return USAGE_USER;
	return class->bytes > class->bytes_max ? USAGE_CLASS : USAGE_WITHIN;
}

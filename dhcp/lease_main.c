// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice-lease: dnsmasq's dhcp-script. dnsmasq runs it as an unprivileged user:
 *
 *	sluice-lease add|old|del MAC|DUID ADDRESS [HOSTNAME]	a lease came, is renewed, ended
 *	sluice-lease init					print the leases that dnsmasq shall know
 *
 * with more in the environment (dnsmasq's manual, --dhcp-script). It keeps the store, whether the daemon lives or not,
 * and then tells the daemon. All that it reads comes from a guest: bounded, held to a few characters, else left out.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/state_file.h"
#include "dhcp/dnsmasq_private.h"
#include "dhcp/lease.h"

#define TELL_WAIT_SEC 2
#define NOW_SEC()     (g_get_real_time() / G_USEC_PER_SEC)

typedef struct {
	const char *network, *dir, *events;
} Context;

/* dnsmasq asks for the leases before it drops its own privileges: then we take those of the folder's owner. */
static gboolean
drop_privileges(const Context *context)
{
	struct stat st;

	if (geteuid() != 0)
		return TRUE;
	return stat(context->dir, &st) == 0 && (st.st_uid == 0 || (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 &&
								   setuid(st.st_uid) == 0 && geteuid() != 0));
}

static char *
valid_env(const char *name, gboolean (*is_valid)(const char *text))
{
	const char *text = getenv(name);

	return text && is_valid(text) ? g_strdup(text) : NULL;
}

/* Two processes for one network wait for each other; the lock ends with the process. */
static gboolean
take_lock(const Context *context, GError **error)
{
	g_autofree char *path = lease_lock_path(context->dir, context->network);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), status = fd;

	while (fd >= 0 && (status = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (status >= 0)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot lock '%s': %m", path);
	return FALSE;
}

/* A store that is none must not keep the network from serving: it is kept beside a new one. */
static GPtrArray *
load(const Context *context, GError **error)
{
	g_autoptr(GError) local = NULL;
	GPtrArray *records = lease_store_load(context->dir, context->network, &local);
	g_autofree char *path = NULL, *aside = NULL;

	if (records)
		return records;
	path = lease_store_path(context->dir, context->network);
	aside = lease_damaged_path(context->dir, context->network);
	if (rename(path, aside) < 0) {
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	fprintf(stderr, "sluice-lease: network '%s': %s; kept as '%s'\n", context->network, local->message, aside);
	return lease_store_load(context->dir, context->network, error);
}

static gboolean
store(const Context *context, const GPtrArray *records, GError **error)
{
	g_autofree char *path = lease_store_path(context->dir, context->network);
	g_autofree char *text = lease_store_format(records);
	StateFile *file = state_file_prepare(path, text, STATE_FILE_DURABLE, error);

	return file && state_file_commit(file, error);
}

/* The daemon may be away: the store is what counts. */
static void
tell(const Context *context, const LeaseRecord *record, gboolean is_gone)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_sec = TELL_WAIT_SEC };
	g_autofree char *text = lease_event_format(context->network, record, is_gone);
	int fd;

	if (!context->events ||
	    g_strlcpy(address.sun_path, context->events, sizeof(address.sun_path)) >= sizeof(address.sun_path))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Its queue is short, and the daemon may be busy for a moment. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof(address));
	close(fd);
}

static gint64
expiry(void)
{
	const char *text = getenv("DNSMASQ_LEASE_EXPIRES");
	gint64 seconds = 0;

	/* Not set for a lease that never ends. */
	return text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &seconds, NULL) ? seconds : 0;
}

static LeaseRecord *
read_lease(int argc, char **argv)
{
	g_autoptr(LeaseRecord) record = g_new0(LeaseRecord, 1);
	const char *client = argv[2], *host_name = argc > 4 ? argv[4] : NULL;

	if (!ip_address_parse(argv[3], &record->address) || !lease_id_is_valid(client))
		return NULL;
	record->expiry = expiry();
	if (record->address.family == AF_INET) {
		record->mac = g_strdup(client);
		record->client_id = valid_env("DNSMASQ_CLIENT_ID", lease_id_is_valid);
	} else {
		record->client_id = g_strdup(client);
		record->mac = valid_env("DNSMASQ_MAC", lease_id_is_valid);
		record->iaid = valid_env("DNSMASQ_IAID", lease_id_is_valid);
		record->server_duid = valid_env("DNSMASQ_SERVER_DUID", lease_id_is_valid);
	}
	/* Not the one that the client says it has: dnsmasq gives a name once, and a forwarded port may go by it. */
	if (host_name && lease_host_name_is_valid(host_name))
		record->host_name = g_strdup(host_name);
	return g_steal_pointer(&record);
}

static void
drop(GPtrArray *records, const IpAddress *address)
{
	for (guint i = records->len; i-- > 0;) {
		if (ip_address_equal(&((const LeaseRecord *)records->pdata[i])->address, address))
			g_ptr_array_remove_index(records, i);
	}
}

static gboolean
put(const Context *context, const LeaseRecord *record, gboolean is_gone, GError **error)
{
	g_autoptr(GPtrArray) records = take_lock(context, error) ? load(context, error) : NULL;

	if (!records)
		return FALSE;
	lease_store_expire(records, NOW_SEC());
	drop(records, &record->address);
	if (!is_gone && records->len >= LEASES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "there are %d leases, which is the limit", LEASES_MAX);
		return FALSE;
	}
	if (!is_gone)
		g_ptr_array_add(records, lease_record_copy(record));
	return store(context, records, error);
}

static gboolean
change(const Context *context, int argc, char **argv, gboolean is_gone, GError **error)
{
	g_autoptr(LeaseRecord) record = argc > 3 ? read_lease(argc, argv) : NULL;
	gboolean ok;

	if (!record) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "the lease is not one");
		return FALSE;
	}
	ok = put(context, record, is_gone, error);
	/* Afterwards: the daemon reads the store then. */
	tell(context, record, is_gone);
	return ok;
}

/* Lines of dnsmasq's own lease file: those of IPv4, the server's DUID, those of IPv6. */
static gboolean
print_all(const Context *context, GError **error)
{
	g_autoptr(GPtrArray) records = take_lock(context, error) ? load(context, error) : NULL;
	const char *duid = NULL;
	char address[IP_TEXT_MAX];

	if (!records)
		return FALSE;
	lease_store_expire(records, NOW_SEC());
	for (guint pass = 0; pass < 2; pass++) {
		for (guint i = 0; i < records->len; i++) {
			const LeaseRecord *record = records->pdata[i];
			gboolean is_ipv6 = record->address.family == AF_INET6;
			const char *who = is_ipv6 ? record->iaid : record->mac;

			if (is_ipv6 != (pass == 1) || !who)
				continue;
			if (is_ipv6 && !duid && record->server_duid) {
				duid = record->server_duid;
				printf("duid %s\n", duid);
			}
			printf("%" G_GINT64_FORMAT " %s %s %s %s\n", record->expiry, who,
			       ip_address_format(&record->address, address),
			       record->host_name ? record->host_name : "*",
			       record->client_id ? record->client_id : "*");
		}
	}
	return fflush(stdout) == 0;
}

int
main(int argc, char **argv)
{
	Context context = { getenv(LEASE_ENV_NETWORK), getenv(LEASE_ENV_DIR), getenv(LEASE_ENV_EVENTS) };
	g_autoptr(GError) error = NULL;
	const char *action = argc > 1 ? argv[1] : "";
	gboolean ok;

	if (!context.network || !context.dir) {
		fprintf(stderr, "sluice-lease: started by dnsmasq only\n");
		return 2;
	}
	if (!drop_privileges(&context)) {
		fprintf(stderr, "sluice-lease: cannot drop privileges\n");
		return 1;
	}
	if (g_str_equal(action, "init"))
		ok = print_all(&context, &error);
	else if (g_str_equal(action, "add") || g_str_equal(action, "old"))
		ok = change(&context, argc, argv, FALSE, &error);
	else if (g_str_equal(action, "del"))
		ok = change(&context, argc, argv, TRUE, &error);
	else
		return 0; /* tftp, arp-add and others that do not concern leases */
	if (!ok)
		fprintf(stderr, "sluice-lease: network '%s': %s: %s\n", context.network, action,
			error ? error->message : "cannot write");
	return ok ? 0 : 1;
}

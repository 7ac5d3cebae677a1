// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's side of leases: lists, and what sluice-lease tells. */

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dhcp/lease.h"

#define EVENTS_PER_TURN 64

void
dhcp_lease_free(DhcpLease *lease)
{
	if (!lease)
		return;
	g_free(lease->iface);
	g_free(lease->mac);
	g_free(lease->iaid);
	g_free(lease->address);
	g_free(lease->host_name);
	g_free(lease->client_id);
	g_free(lease);
}

/* The prefix of the <ip> that the address belongs to. */
static guint
prefix_of(const Network *network, const IpAddress *address)
{
	for (guint i = 0; network && i < network->ips->len; i++) {
		const NetworkIp *ip = network->ips->pdata[i];

		if (ip_address_in(address, &ip->address, network_ip_prefix(ip)))
			return network_ip_prefix(ip);
	}
	return ip_address_bits(address);
}

static DhcpLease *
lease_new(const Network *network, const char *bridge, const LeaseRecord *record)
{
	DhcpLease *lease = g_new0(DhcpLease, 1);
	char address[IP_TEXT_MAX];

	lease->iface = g_strdup(bridge ? bridge : "");
	lease->expiry = record->expiry;
	lease->is_ipv6 = record->address.family == AF_INET6;
	lease->mac = g_strdup(record->mac);
	lease->iaid = g_strdup(record->iaid);
	lease->address = g_strdup(ip_address_format(&record->address, address));
	lease->prefix = prefix_of(network, &record->address);
	lease->host_name = g_strdup(record->host_name);
	lease->client_id = g_strdup(record->client_id);
	return lease;
}

static gint
compare_records(gconstpointer a, gconstpointer b)
{
	return ip_address_compare(&(*(const LeaseRecord *const *)a)->address,
				  &(*(const LeaseRecord *const *)b)->address);
}

GPtrArray *
dnsmasq_leases(const DnsmasqEnv *env, const Network *network, const char *bridge, const char *mac, GError **error)
{
	g_autoptr(GPtrArray) records = lease_store_load(env->lease_dir, network->name, error);
	GPtrArray *leases;

	if (!records)
		return NULL;
	leases = g_ptr_array_new_with_free_func((GDestroyNotify)dhcp_lease_free);
	lease_store_expire(records, g_get_real_time() / G_USEC_PER_SEC);
	g_ptr_array_sort(records, compare_records);
	for (guint i = 0; i < records->len; i++) {
		const LeaseRecord *record = records->pdata[i];

		if (!mac || (record->mac && g_ascii_strcasecmp(record->mac, mac) == 0))
			g_ptr_array_add(leases, lease_new(network, bridge, record));
	}
	return leases;
}

void
dnsmasq_leases_forget(const DnsmasqEnv *env, const char *network_name)
{
	g_autofree char *path = lease_store_path(env->lease_dir, network_name);
	g_autofree char *lock = lease_lock_path(env->lease_dir, network_name);
	g_autofree char *damaged = lease_damaged_path(env->lease_dir, network_name);

	g_unlink(path);
	g_unlink(lock);
	g_unlink(damaged);
}

/* --- events --- */

struct DhcpEvents {
	char *path;
	int fd;
	guint source;
	uid_t user;
	DhcpLeaseFn on_lease;
	gpointer data;
};

/* Who sent it stands beside it, from the kernel. */
static gssize
receive(const DhcpEvents *events, char *bytes, gsize size, uid_t *ret_uid)
{
	char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = { bytes, size };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	gssize len = recvmsg(events->fd, &message, MSG_DONTWAIT);

	*ret_uid = (uid_t)-1;
	for (struct cmsghdr *part_header = len >= 0 ? CMSG_FIRSTHDR(&message) : NULL; part_header;
	     part_header = CMSG_NXTHDR(&message, part_header)) {
		struct ucred sender;

		if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&sender, CMSG_DATA(part_header), sizeof(sender));
		*ret_uid = sender.uid;
	}
	return len;
}

static gboolean
on_event(gint fd, GIOCondition condition, gpointer data)
{
	DhcpEvents *events = data;

	for (guint i = 0; i < EVENTS_PER_TURN; i++) {
		char bytes[LEASE_EVENT_MAX];
		g_autofree char *network = NULL;
		g_autoptr(LeaseRecord) record = NULL;
		g_autoptr(DhcpLease) lease = NULL;
		gboolean is_gone;
		uid_t uid;
		gssize len = receive(events, bytes, sizeof(bytes), &uid);

		if (len < 0)
			break;
		if ((uid != 0 && uid != events->user) ||
		    !lease_event_parse(bytes, (gsize)len, &network, &record, &is_gone)) {
			log_warning("uid %u: a message on leases that is none", uid);
			continue;
		}
		lease = lease_new(NULL, NULL, record);
		events->on_lease(network, lease, is_gone, events->data);
	}
	return G_SOURCE_CONTINUE;
}

DhcpEvents *
dhcp_events_new(const DnsmasqEnv *env, DhcpLeaseFn on_lease, gpointer data, GError **error)
{
	g_autoptr(DhcpEvents) events = g_new0(DhcpEvents, 1);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct passwd *user = getpwnam(env->user);
	int yes = 1;

	events->fd = -1;
	events->on_lease = on_lease;
	events->data = data;
	events->user = user ? user->pw_uid : 0;
	if (g_strlcpy(address.sun_path, env->event_path, sizeof(address.sun_path)) >= sizeof(address.sun_path)) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "socket path '%s' is longer than %zu bytes",
				 env->event_path, sizeof(address.sun_path) - 1);
		return NULL;
	}
	events->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	g_unlink(env->event_path);
	/* Of those who may send, who did is looked at too. */
	if (events->fd < 0 || setsockopt(events->fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ||
	    bind(events->fd, (struct sockaddr *)&address, sizeof(address)) < 0 || g_chmod(env->event_path, 0600) < 0 ||
	    chown(env->event_path, events->user, (gid_t)-1) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot listen on '%s': %s", env->event_path,
				 g_strerror(errno));
		return NULL;
	}
	events->path = g_strdup(env->event_path);
	events->source = g_unix_fd_add(events->fd, G_IO_IN, on_event, events);
	return g_steal_pointer(&events);
}

void
dhcp_events_free(DhcpEvents *events)
{
	if (!events)
		return;
	if (events->source)
		g_source_remove(events->source);
	if (events->fd >= 0)
		close(events->fd);
	if (events->path)
		g_unlink(events->path);
	g_free(events->path);
	g_free(events);
}

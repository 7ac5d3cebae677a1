// SPDX-License-Identifier: GPL-2.0-or-later
/* Checksums that a DHCP client sees which reads raw packets. */

#include "vswitch/net_checksum.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process_fds.h"

#define DHCP_SERVER_PORT 67

gboolean
net_bridge_tx_checksum_off(const char *bridge, GError **error)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
	struct ifreq request = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
	status = fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &request);
	if (status < 0)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot turn off checksum offload of bridge '%s': %s",
				 bridge, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return status == 0;
}

static gboolean
is_dhcp_server(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t address_len = sizeof(address), type_len = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_DGRAM ||
	    getsockname(fd, (struct sockaddr *)&address, &address_len) < 0)
		return FALSE;
	/* The port stands in the same place of both families' addresses. */
	return (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
	       ((struct sockaddr_in *)&address)->sin_port == g_htons(DHCP_SERVER_PORT);
}

gboolean
net_dhcp_server_checksum_off(pid_t pid, GError **error)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), on = 1;
	g_autoptr(GArray) sockets = process < 0 ? NULL : process_fds_copy(process, pid, is_dhcp_server);
	guint done = 0;

	for (guint i = 0; sockets && i < sockets->len; i++)
		if (setsockopt(g_array_index(sockets, int, i), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) == 0)
			done++;
	if (process >= 0)
		close(process);
	if (!done)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM,
				 "process %d has no DHCP socket whose checksums could be turned off", (int)pid);
	return done > 0;
}

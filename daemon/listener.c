// SPDX-License-Identifier: GPL-2.0-or-later
/* A socket that is listened on: its path, rights, and who connects. */

#include "daemon/listener.h"

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"

#include <errno.h>
#include <glib-unix.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG	 128
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS	 100
#define UNIX_SOCKETS	 "/proc/net/unix"
#define UNIX_BYTES_MAX	 (16 * 1024 * 1024)
#define UNIX_LISTENS	 0x10000 /* flags of a socket that listens: include/linux/net.h */

struct Listener {
	char *path;
	int fd;
	guint watch;
	ListenerConfig config;
};

static gboolean on_accept(int fd, GIOCondition condition, gpointer data);

static gboolean
on_accept_again(gpointer data)
{
	Listener *listener = data;

	listener->watch = g_unix_fd_add(listener->fd, G_IO_IN, on_accept, listener);
	return G_SOURCE_REMOVE;
}

static gboolean
on_accept(int fd, GIOCondition condition, gpointer data)
{
	Listener *listener = data;

	for (guint i = 0; i < ACCEPTS_PER_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			listener->config.add(client, listener->config.is_ro, listener->config.data);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return G_SOURCE_CONTINUE;
		/* Out of descriptors or memory: the client stays in the queue; do not spin on it. */
		log_warning("cannot accept a client: %s", g_strerror(errno));
		listener->watch = g_timeout_add(ACCEPT_PAUSE_MS, on_accept_again, listener);
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static gboolean
set_group(const char *path, const char *name, GError **error)
{
	const struct group *group = getgrnam(name ? name : LISTENER_GROUP);

	if (!group && !name) {
		log_info("there is no group '%s': '%s' is for root alone", LISTENER_GROUP, path);
		return TRUE;
	}
	if (!group) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "there is no group '%s'", name);
		return FALSE;
	}
	if (chown(path, (uid_t)-1, group->gr_gid) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot give '%s' to group '%s': %s", path, group->gr_name,
				 g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* Seen from outside: to connect would wake a daemon that systemd starts on demand. */
static gboolean
is_listened_on(const char *path)
{
	g_autofree char *text = state_file_read(UNIX_SOCKETS, UNIX_BYTES_MAX, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

	for (guint i = 1; lines && lines[i]; i++) {
		const char *name = strchr(lines[i], '/');
		guint flags;

		if (name && g_str_equal(name, path) && sscanf(lines[i], "%*s %*x %*x %x", &flags) == 1 &&
		    flags & UNIX_LISTENS)
			return TRUE;
	}
	return FALSE;
}

/* A listener in another network namespace is not in the list. */
static gboolean
answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	gboolean result;

	if (fd < 0)
		return TRUE;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	result = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
	close(fd);
	return result;
}

gboolean
listener_check_free(const char *path, GError **error)
{
	struct stat info;

	if (lstat(path, &info) < 0)
		return TRUE;
	if (S_ISSOCK(info.st_mode) && !is_listened_on(path) && !answers(path))
		return TRUE;
	sluice_error_set(
		error, SLUICE_ERROR_OPERATION_FAILED,
		"drop_in_sockets: another daemon listens on '%s': stop and disable it and its .socket unit first",
		path);
	return FALSE;
}

/* Nobody else can connect before mode and group are right. */
static gboolean
bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t old_mask = umask(0177);
	int status;

	unlink(address->sun_path);
	status = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(old_mask);
	return status == 0;
}

Listener *
listener_new(const char *path, const ListenerConfig *config, GError **error)
{
	g_autoptr(Listener) listener = g_new0(Listener, 1);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	gboolean for_all = config->is_ro || config->is_public;

	listener->config = *config;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot open a socket: %s", g_strerror(errno));
		return NULL;
	}
	if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path)) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED, "socket path '%s' is longer than %zu bytes",
				 path, sizeof(address.sun_path) - 1);
		return NULL;
	}
	if (!bind_private(listener->fd, &address)) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot bind '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	listener->path = g_strdup(path);
	if (!for_all && !set_group(path, config->group, error))
		return NULL;
	if (chmod(path, for_all ? 0666 : 0660) < 0 || listen(listener->fd, LISTEN_BACKLOG) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot listen on '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	listener->watch = g_unix_fd_add(listener->fd, G_IO_IN, on_accept, listener);
	return g_steal_pointer(&listener);
}

void
listener_free(Listener *listener)
{
	if (!listener)
		return;
	if (listener->watch)
		g_source_remove(listener->watch);
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->path)
		unlink(listener->path);
	g_free(listener->path);
	g_free(listener);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The sockets and the clients on them, on the main loop. */

#include "daemon/server.h"

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/listener.h"
#include "daemon/usage.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_PER_TURN 4 /* of answer and send, before other clients get their turn */
#define SOCKET_DIR_MODE 0755
#define TICK_SEC	1

/* What libvirt's daemons for networks and for filters are found by. */
static const char *const drop_in_names[] = { "virtnetworkd-sock", "virtnwfilterd-sock" };

typedef struct {
	Server *server;
	Session *session;
	int fd;
	gsize counted; /* bytes held for it, as in the usage */
	guint in_watch, out_watch, gone_watch, idle;
} Client;

struct Server {
	Daemon *daemon;
	Usage *usage;
	guint tick;
	GHashTable *clients;  /* set; owns */
	GPtrArray *listeners; /* of Listener; owned */
	guint turned_away;    /* clients, since it was last told */
	guint32 turned_away_uid;
};

static void client_update(Client *client);

static void
clear_source(guint *source)
{
	if (*source)
		g_source_remove(*source);
	*source = 0;
}

static void
client_free(gpointer data)
{
	Client *client = data;

	clear_source(&client->in_watch);
	clear_source(&client->out_watch);
	clear_source(&client->gone_watch);
	clear_source(&client->idle);
	usage_count(client->server->usage, client->session->uid, client->counted, 0);
	usage_leave(client->server->usage, client->session->uid);
	client->server->daemon->client_count--;
	close(client->fd);
	session_free(client->session);
	g_free(client);
}

static void
client_drop(Client *client)
{
	g_hash_table_remove(client->server->clients, client);
}

/* Sends what the socket takes. Returns FALSE when the peer is gone. */
static gboolean
client_flush(Client *client)
{
	Session *session = client->session;

	while (session->out.head) {
		const GByteArray *frame = session->out.head->data;
		gssize sent = send(client->fd, frame->data + session->out_pos, frame->len - session->out_pos,
				   MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		session_sent(session, (gsize)sent);
	}
	return TRUE;
}

static void
client_count(Client *client)
{
	const Session *session = client->session;
	gsize held = session->in->len + session->out_bytes;

	usage_count(client->server->usage, session->uid, client->counted, held);
	client->counted = held;
}

/* Who holds most of what is too much goes: not who came last, which may hold next to nothing. */
static void
cut_largest(Server *server, guint32 uid, UsageScope scope)
{
	Client *largest = NULL;
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, server->clients);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		Client *client = key;
		guint32 other = client->session->uid;

		if ((scope == USAGE_USER ? other == uid : !other == !uid) &&
		    (!largest || client->counted > largest->counted))
			largest = client;
	}
	log_warning("too many bytes are held for %s: a client of uid %u, which holds %" G_GSIZE_FORMAT ", is cut off",
		    scope == USAGE_USER ? "one user" : "clients", largest->session->uid, largest->counted);
	client_drop(largest);
}

/* Not while a call is being served: whose it is may be who is cut off. */
static void
enforce_usage(Server *server, guint32 uid)
{
	UsageScope scope;

	while ((scope = usage_check(server->usage, uid)) != USAGE_WITHIN)
		cut_largest(server, uid, scope);
}

/* Answers and sends by turns, as long as the client takes it. Frees the client where it is done. */
static void
client_pump(Client *client)
{
	Session *session = client->session;
	Server *server = client->server;

	for (guint round = 0; round < ROUNDS_PER_TURN; round++) {
		if (session->state == SESSION_BROKEN || !client_flush(client) ||
		    (session->state == SESSION_CLOSING && !session->out.head)) {
			client_drop(client);
			return;
		}
		if (session->out.head || !session_has_frame(session))
			break;
		session_process(session);
	}
	client_count(client);
	enforce_usage(server, session->uid);
	if (g_hash_table_contains(server->clients, client))
		client_update(client);
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
	guint8 block[SERVER_READ_BLOCK];
	Client *client = data;
	gssize len = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (len <= 0) {
		client_drop(client);
		return G_SOURCE_CONTINUE;
	}
	session_feed(client->session, block, (gsize)len);
	client_pump(client);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
	client_pump(data);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_idle(gpointer data)
{
	Client *client = data;

	client->idle = 0;
	session_process(client->session);
	client_pump(client);
	return G_SOURCE_REMOVE;
}

static gboolean
on_gone(int fd, GIOCondition condition, gpointer data)
{
	client_drop(data);
	return G_SOURCE_CONTINUE;
}

/* The answer to a call that took its time is queued. */
static void
on_answer(gpointer data)
{
	client_pump(data);
}

/* Brings the watches to what the session needs now. */
static void
client_update(Client *client)
{
	const Session *session = client->session;
	gboolean wants_out = session->out.head != NULL;
	gboolean wants_in = session_may_read(session);
	gboolean wants_turn = !wants_out && !wants_in && !session->check;

	/* While somebody is asked about it, all there is to see is that it goes. */
	if (session->check && !client->gone_watch)
		client->gone_watch = g_unix_fd_add(client->fd, G_IO_HUP | G_IO_ERR, on_gone, client);
	else if (!session->check)
		clear_source(&client->gone_watch);
	if (wants_in && !client->in_watch)
		client->in_watch = g_unix_fd_add(client->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, client);
	else if (!wants_in)
		clear_source(&client->in_watch);
	if (wants_out && !client->out_watch)
		client->out_watch = g_unix_fd_add(client->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_writable, client);
	else if (!wants_out)
		clear_source(&client->out_watch);
	if (wants_turn && !client->idle)
		client->idle = g_idle_add(on_idle, client);
}

void
server_add_client(Server *server, int fd, gboolean from_ro_socket)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	Client *client;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		log_warning("cannot tell who a client is: %s", g_strerror(errno));
		close(fd);
		return;
	}
	if (usage_enter(server->usage, peer.uid) != USAGE_WITHIN) {
		server->turned_away++;
		server->turned_away_uid = peer.uid;
		close(fd);
		return;
	}
	client = g_new0(Client, 1);
	client->server = server;
	client->fd = fd;
	client->session = session_new(server->daemon, from_ro_socket, peer.uid);
	session_set_peer(client->session, peer.pid);
	client->session->on_answer = on_answer;
	client->session->on_answer_data = client;
	g_hash_table_add(server->clients, client);
	server->daemon->client_count++;
	log_info("client: pid %d uid %u gid %u%s", (int)peer.pid, peer.uid, peer.gid,
		 from_ro_socket ? ", read-only" : "");
	client_update(client);
}

/* One line a second, however many try. */
static void
tell_turned_away(Server *server)
{
	if (!server->turned_away)
		return;
	log_warning("too many clients: %u were turned away, the last of uid %u", server->turned_away,
		    server->turned_away_uid);
	server->turned_away = 0;
}

static gboolean
on_tick(gpointer data)
{
	Server *server = data;
	gint64 now_sec = g_get_monotonic_time() / G_USEC_PER_SEC;
	g_autoptr(GPtrArray) due = g_ptr_array_new();
	GHashTableIter iter;
	gpointer key;

	tell_turned_away(server);
	g_hash_table_iter_init(&iter, server->clients);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		Client *client = key;
		const Session *session = client->session;
		guint queued = session->out.length;

		session_tick(client->session, now_sec);
		/* Events may have made it hold too much. */
		if (session->state == SESSION_BROKEN || session->out.length != queued ||
		    usage_check(server->usage, session->uid) != USAGE_WITHIN)
			g_ptr_array_add(due, client);
	}
	for (guint i = 0; i < due->len; i++) {
		/* The one before may have cut it off. */
		if (g_hash_table_contains(server->clients, due->pdata[i]))
			client_pump(due->pdata[i]);
	}
	return G_SOURCE_CONTINUE;
}

/* The one whose call it is may be in the middle of it, so nothing is sent here. */
static void
on_network_event(const char *name, const guint8 *uuid, const NetworkNotice *notice, gpointer data)
{
	Server *server = data;
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, server->clients);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		Client *client = key;

		session_network_event(client->session, name, uuid, notice);
		client_count(client);
		client_update(client);
	}
}

static void
on_client(int fd, gboolean is_ro, gpointer data)
{
	server_add_client(data, fd, is_ro);
}

static gboolean
listen_on(Server *server, const char *path, gboolean is_ro, const ServerConfig *config, GError **error)
{
	const ListenerConfig listener_config = {
		.is_ro = is_ro,
		.is_public = config->rw_is_public,
		.group = config->socket_group,
		.add = on_client,
		.data = server,
	};
	Listener *listener = listener_new(path, &listener_config, error);

	if (listener)
		g_ptr_array_add(server->listeners, listener);
	return listener != NULL;
}

/* All are looked at before the first is touched. */
static gboolean
open_drop_in(Server *server, const SluicePaths *paths, const ServerConfig *config, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	gboolean ok = TRUE;

	for (guint i = 0; i < 2 * G_N_ELEMENTS(drop_in_names); i++) {
		g_autofree char *name = g_strconcat(drop_in_names[i / 2], i % 2 ? "-ro" : "", NULL);

		g_ptr_array_add(list, g_build_filename(paths->socket_dir, name, NULL));
	}
	for (guint i = 0; ok && i < list->len; i++)
		ok = listener_check_free(list->pdata[i], error);
	for (guint i = 0; ok && i < list->len; i++)
		ok = listen_on(server, list->pdata[i], i % 2, config, error);
	return ok;
}

Server *
server_new(Daemon *daemon, const SluicePaths *paths, const ServerConfig *config, GError **error)
{
	g_autoptr(Server) server = g_new0(Server, 1);

	server->daemon = daemon;
	server->usage =
		usage_new(config->max_clients, config->buffered_max ? config->buffered_max : SERVER_BUFFERED_MAX);
	server->clients = g_hash_table_new_full(NULL, NULL, client_free, NULL);
	server->listeners = g_ptr_array_new_with_free_func((GDestroyNotify)listener_free);
	if (!state_dir_ensure(paths->socket_dir, SOCKET_DIR_MODE, NULL, error) ||
	    !listen_on(server, paths->socket, FALSE, config, error) ||
	    !listen_on(server, paths->socket_ro, TRUE, config, error) ||
	    (config->drop_in && !open_drop_in(server, paths, config, error)))
		return NULL;
	server->tick = g_timeout_add_seconds(TICK_SEC, on_tick, server);
	daemon->on_network_event = on_network_event;
	daemon->event_data = server;
	return g_steal_pointer(&server);
}

void
server_free(Server *server)
{
	if (!server)
		return;
	clear_source(&server->tick);
	server->daemon->on_network_event = NULL;
	g_ptr_array_unref(server->listeners);
	g_hash_table_unref(server->clients);
	usage_free(server->usage);
	g_free(server);
}

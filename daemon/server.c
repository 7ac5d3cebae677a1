// SPDX-License-Identifier: GPL-2.0-or-later
/* The sockets and the clients on them, on the main loop. */

#include "daemon/server.h"

#include "base/error.h"
#include "base/log.h"
#include "base/state_file.h"
#include "daemon/listener.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_PER_TURN 4 /* of answer and send, before other clients get their turn */
#define SOCKET_DIR_MODE 0755
#define TICK_SEC	1

/* What libvirt's daemons for networks and for filters are found by. */
static const char *const drop_in_names[] = { "virtnetworkd-sock", "virtnwfilterd-sock" };

/* What a class of clients takes up, and may. */
typedef struct {
	guint clients, clients_max;
	gsize bytes, bytes_max;
} Usage;

typedef struct {
	Server *server;
	Session *session;
	int fd;
	gsize counted; /* bytes held for it, as in the usage */
	Usage *usage;
	guint in_watch, out_watch, idle;
} Client;

struct Server {
	Daemon *daemon;
	Usage root, others;
	guint tick;
	GHashTable *clients;  /* set; owns */
	GPtrArray *listeners; /* of Listener; owned */
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
	clear_source(&client->idle);
	client->usage->bytes -= client->counted;
	client->usage->clients--;
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

/* Answers and sends by turns, as long as the client takes it. Frees the client where it is done. */
static void
client_pump(Client *client)
{
	Session *session = client->session;
	gsize held;

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
	held = session->in->len + session->out_bytes;
	client->usage->bytes += held - client->counted;
	client->counted = held;
	if (client->usage->bytes > client->usage->bytes_max) {
		log_warning("more than %" G_GSIZE_FORMAT " bytes are held for clients: uid %u is cut off",
			    client->usage->bytes_max, session->uid);
		client_drop(client);
		return;
	}
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

/* Brings the watches to what the session needs now. */
static void
client_update(Client *client)
{
	const Session *session = client->session;
	gboolean wants_out = session->out.head != NULL;
	gboolean wants_in = session_may_read(session);
	gboolean wants_turn = !wants_out && !wants_in;

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
	Usage *usage;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		log_warning("cannot tell who a client is: %s", g_strerror(errno));
		close(fd);
		return;
	}
	usage = peer.uid == 0 ? &server->root : &server->others;
	if (usage->clients >= usage->clients_max ||
	    server->root.clients + server->others.clients >= server->root.clients_max) {
		log_warning("there are %u clients already: uid %u is turned away", usage->clients, peer.uid);
		close(fd);
		return;
	}
	client = g_new0(Client, 1);
	client->server = server;
	client->fd = fd;
	client->usage = usage;
	usage->clients++;
	client->session = session_new(server->daemon, from_ro_socket, peer.uid);
	g_hash_table_add(server->clients, client);
	server->daemon->client_count++;
	log_info("client: pid %d uid %u gid %u%s", (int)peer.pid, peer.uid, peer.gid,
		 from_ro_socket ? ", read-only" : "");
	client_update(client);
}

static gboolean
on_tick(gpointer data)
{
	Server *server = data;
	gint64 now_sec = g_get_monotonic_time() / G_USEC_PER_SEC;
	g_autoptr(GPtrArray) due = g_ptr_array_new();
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, server->clients);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		Client *client = key;
		guint queued = client->session->out.length;

		session_tick(client->session, now_sec);
		if (client->session->state == SESSION_BROKEN || client->session->out.length != queued)
			g_ptr_array_add(due, client);
	}
	for (guint i = 0; i < due->len; i++)
		client_pump(g_ptr_array_index(due, i));
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
	server->root = (Usage){ .clients_max = config->max_clients, .bytes_max = SERVER_BUFFERED_MAX };
	server->others = (Usage){
		.clients_max = MAX(config->max_clients / SERVER_OTHERS_SHARE, 1),
		.bytes_max = SERVER_BUFFERED_MAX / SERVER_OTHERS_SHARE,
	};
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
	g_free(server);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load ROOT CLIENTS OPERATIONS SEED: so many clients at once on the daemon's socket, each a thread with a connection of
 * its own, which define, list, bind, update and undefine at random; beside them clients that misbehave, all the time.
 *
 * On names of its own nothing that a client asks may fail. On names that all share it may find that another was faster.
 * Prints calls by kind and how long they took; ends with 1 where something failed that had no right to.
 */

#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OWN	     3 /* filters, ports and networks of each client */
#define SHARED	     4
#define CLIENTS_MAX  200
#define FAULTS_SHOWN 10
#define PAUSE_US     2000
#define IDLE_CLIENTS 8
#define JUNK_BYTES   65536
#define UPDATE_ADD   3u
#define UPDATE_DEL   2u
#define SECTION_HOST 4u
#define CONFIG	     2u

typedef enum {
	OP_FILTER_DEFINE,
	OP_FILTER_UNDEFINE,
	OP_FILTER_LIST,
	OP_FILTER_XML,
	OP_BIND,
	OP_UNBIND,
	OP_NET_DEFINE,
	OP_NET_UNDEFINE,
	OP_NET_LIST,
	OP_NET_UPDATE,
	OP_SHARED,
	OP_COUNT,
} Op;

static const char *const op_names[] = { "filter-define",  "filter-undefine", "filter-list",    "filter-xml",
					"binding-create", "binding-delete",  "network-define", "network-undefine",
					"network-list",	  "network-update",  "shared-filter" };

typedef struct {
	RpcValue handle; /* text NULL: not there */
	gboolean bound, has_host;
} Thing;

typedef struct {
	SluicePaths *paths;
	gint left, failed, stop, shared_lost; /* atomic */
	GMutex lock;
	GArray *took[OP_COUNT]; /* of gint64, microseconds */
} Load;

typedef struct {
	Load *load;
	guint number;
	CliClient *rpc;
	GRand *random;
	Thing filters[OWN], networks[OWN];
	Op op;
} Client;

static gboolean
call(Client *client, guint32 number, const RpcValues *args, RpcValues *ret, GError **error)
{
	gint64 start = g_get_monotonic_time(), took;
	gboolean ok = cli_client_call(client->rpc, RPC_PROGRAM_REMOTE, number, args, ret, error);

	took = g_get_monotonic_time() - start;
	g_mutex_lock(&client->load->lock);
	g_array_append_val(client->load->took[client->op], took);
	g_mutex_unlock(&client->load->lock);
	return ok;
}

/* A call that has no right to fail. */
static gboolean
must(Client *client, guint32 number, const RpcValues *args, RpcValues *ret)
{
	g_autoptr(GError) error = NULL;

	if (call(client, number, args, ret, &error))
		return TRUE;
	if (g_atomic_int_add(&client->load->failed, 1) < FAULTS_SHOWN)
		printf("# client %u: %s: %s\n", client->number, op_names[client->op], error->message);
	return FALSE;
}

static void
set_handle(Thing *thing, const RpcValue *handle)
{
	g_free(thing->handle.text);
	thing->handle.text = g_strdup(handle->text);
	memcpy(thing->handle.uuid, handle->uuid, sizeof(thing->handle.uuid));
}

static void
use_handle(RpcValues *args, const Thing *thing)
{
	args->at[0].text = g_strdup(thing->handle.text);
	memcpy(args->at[0].uuid, thing->handle.uuid, sizeof(thing->handle.uuid));
}

static void
forget(Thing *thing)
{
	g_clear_pointer(&thing->handle.text, g_free);
	thing->has_host = FALSE;
}

static char *
filter_document(const Client *client, const char *name)
{
	return g_strdup_printf("<filter name='%s'><rule action='%s' direction='inout'><tcp dstportstart='%d'/></rule>"
			       "<rule action='drop' direction='in'/></filter>",
			       name, g_rand_boolean(client->random) ? "accept" : "drop",
			       g_rand_int_range(client->random, 1, 65535));
}

static void
define_filter(Client *client, guint which)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	g_autofree char *name = g_strdup_printf("c%u-%u", client->number, which);

	args.at[0].text = filter_document(client, name);
	if (must(client, RPC_PROC_FILTER_DEFINE, &args, &ret))
		set_handle(&client->filters[which], &ret.at[0]);
}

static void
bind_port(Client *client, guint which)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup_printf("<filterbinding><owner><name>vm</name><uuid>0b4a4dbe-c3f9-4c6b-a4a4-"
					  "7a4f9f2b1c11</uuid></owner><portdev name='p%u-%u'/><mac address='52:54:00:"
					  "00:%02x:%02x'/><filterref filter='c%u-%u'/></filterbinding>",
					  client->number, which, client->number, which, client->number, which);
	client->filters[which].bound = must(client, RPC_PROC_BINDING_CREATE, &args, &ret);
}

static void
unbind_port(Client *client, guint which)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].text = g_strdup_printf("p%u-%u", client->number, which);
	args.at[0].text2 = g_strdup("any");
	client->filters[which].bound = !must(client, RPC_PROC_BINDING_DELETE, &args, &ret);
}

static void
define_network(Client *client, guint which)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	guint subnet = client->number * OWN + which;

	args.at[0].text = g_strdup_printf("<network><name>n%u-%u</name><bridge name='lb%u'/><ip address='10.%u.%u.1' "
					  "prefix='24'><dhcp><range start='10.%u.%u.10' end='10.%u.%u.99'/></dhcp>"
					  "</ip></network>",
					  client->number, which, subnet, 100 + subnet / 256, subnet % 256,
					  100 + subnet / 256, subnet % 256, 100 + subnet / 256, subnet % 256);
	if (must(client, RPC_PROC_NETWORK_DEFINE, &args, &ret)) {
		set_handle(&client->networks[which], &ret.at[0]);
		client->networks[which].has_host = FALSE;
	}
}

static void
update_network(Client *client, guint which)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };
	Thing *network = &client->networks[which];
	guint subnet = client->number * OWN + which;

	use_handle(&args, network);
	args.at[1].number = network->has_host ? UPDATE_DEL : UPDATE_ADD;
	args.at[2].number = SECTION_HOST;
	args.at[3].number = (guint32)-1;
	args.at[4].text =
		g_strdup_printf("<host mac='52:54:00:00:00:01' ip='10.%u.%u.5'/>", 100 + subnet / 256, subnet % 256);
	args.at[5].number = CONFIG;
	if (must(client, RPC_PROC_NETWORK_UPDATE, &args, &ret))
		network->has_host = !network->has_host;
}

static void
on_thing(Client *client, guint32 number, Thing *thing)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	use_handle(&args, thing);
	if (must(client, number, &args, &ret) &&
	    (number == RPC_PROC_FILTER_UNDEFINE || number == RPC_PROC_NETWORK_UNDEFINE))
		forget(thing);
}

static void
list(Client *client, guint32 number)
{
	g_auto(RpcValues) args = { 0 }, ret = { 0 };

	args.at[0].number = 1;
	must(client, number, &args, &ret);
}

/* A filter of everybody's: that another has just taken it away, or binds it, is what happens to one who shares. */
static void
share(Client *client)
{
	g_autofree char *name = g_strdup_printf("shared-%d", g_rand_int_range(client->random, 0, SHARED));
	g_auto(RpcValues) args = { 0 }, found = { 0 }, ret = { 0 };
	g_autoptr(GError) error = NULL;

	if (g_rand_boolean(client->random)) {
		args.at[0].text = filter_document(client, name);
		must(client, RPC_PROC_FILTER_DEFINE, &args, &ret);
		return;
	}
	args.at[0].text = g_steal_pointer(&name);
	if (call(client, RPC_PROC_FILTER_BY_NAME, &args, &found, &error)) {
		call(client, RPC_PROC_FILTER_UNDEFINE, &found, &ret, &error);
	}
	if (error && g_error_matches(error, RPC_ERROR, 62)) {
		g_atomic_int_inc(&client->load->shared_lost);
	} else if (error) {
		g_atomic_int_inc(&client->load->failed);
		printf("# client %u: shared filter: %s\n", client->number, error->message);
	}
}

static void
step(Client *client)
{
	guint which = (guint)g_rand_int_range(client->random, 0, OWN);
	Thing *filter = &client->filters[which], *network = &client->networks[which];

	client->op = (Op)g_rand_int_range(client->random, 0, OP_COUNT);
	switch (client->op) {
	case OP_FILTER_LIST:
		return list(client, RPC_PROC_FILTER_LIST);
	case OP_NET_LIST:
		return list(client, RPC_PROC_NETWORK_LIST);
	case OP_SHARED:
		return share(client);
	case OP_FILTER_UNDEFINE:
		if (filter->handle.text && !filter->bound)
			return on_thing(client, RPC_PROC_FILTER_UNDEFINE, filter);
		break;
	case OP_FILTER_XML:
		if (filter->handle.text)
			return on_thing(client, RPC_PROC_FILTER_XML, filter);
		break;
	case OP_BIND:
		if (filter->handle.text && !filter->bound)
			return bind_port(client, which);
		break;
	case OP_UNBIND:
		if (filter->bound)
			return unbind_port(client, which);
		break;
	case OP_NET_UNDEFINE:
		if (network->handle.text)
			return on_thing(client, RPC_PROC_NETWORK_UNDEFINE, network);
		break;
	case OP_NET_UPDATE:
		if (network->handle.text)
			return update_network(client, which);
		break;
	default:
		break;
	}
	/* There is nothing yet to do that with. */
	if (client->op >= OP_NET_DEFINE) {
		client->op = OP_NET_DEFINE;
		define_network(client, which);
	} else {
		client->op = OP_FILTER_DEFINE;
		define_filter(client, which);
	}
}

static gpointer
run_client(gpointer data)
{
	Client *client = data;
	g_autoptr(GError) error = NULL;

	client->rpc = cli_client_new(client->load->paths, NULL, FALSE, &error);
	if (!client->rpc) {
		printf("# client %u: %s\n", client->number, error->message);
		g_atomic_int_inc(&client->load->failed);
		return NULL;
	}
	while (g_atomic_int_add(&client->load->left, -1) > 0)
		step(client);
	cli_client_free(client->rpc);
	for (guint i = 0; i < OWN; i++) {
		forget(&client->filters[i]);
		forget(&client->networks[i]);
	}
	return NULL;
}

/* --- clients that misbehave --- */

static int
connect_raw(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_usec = 200000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
			connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static gboolean
send_call(int fd, guint32 number, const char *text, guint64 word, guint32 length)
{
	const RpcHeader header = { .program = RPC_PROGRAM_REMOTE, .version = RPC_PROGRAM_VERSION, .procedure = number };
	g_auto(XdrWriter) writer = { 0 };
	g_auto(RpcValues) args = { 0 };
	g_autoptr(GByteArray) frame = NULL;

	args.at[0].text = g_strdup(text);
	args.at[0].number = word;
	rpc_frame_begin(&writer, &header);
	rpc_values_put(&writer, rpc_proc_find(RPC_PROGRAM_REMOTE, number)->args, &args);
	frame = rpc_frame_end(&writer);
	if (length) {
		guint32 wire = GUINT32_TO_BE(length);

		memcpy(frame->data, &wire, sizeof(wire));
	}
	return send(fd, frame->data, frame->len, MSG_NOSIGNAL) == (gssize)frame->len;
}

static gboolean
stopped(const Load *load)
{
	return g_atomic_int_get(&load->stop);
}

/* Half a call, and nothing any more; nothing at all. */
static gpointer
run_silent(gpointer data)
{
	Load *load = data;
	int fds[IDLE_CLIENTS];

	for (guint i = 0; i < IDLE_CLIENTS; i++) {
		fds[i] = connect_raw(i % 2 ? load->paths->socket : load->paths->socket_ro);
		if (fds[i] >= 0 && i % 4 < 2)
			(void)!send(fds[i], "\0\0\0\x40\x20\0", 6, MSG_NOSIGNAL);
	}
	while (!stopped(load))
		g_usleep(PAUSE_US);
	for (guint i = 0; i < IDLE_CLIENTS; i++)
		close(fds[i]);
	return NULL;
}

/* A call of the largest size that holds nothing, and one that is larger, again and again. */
static gpointer
run_large(gpointer data)
{
	Load *load = data;
	g_autofree guint8 *junk = g_malloc0(JUNK_BYTES);

	while (!stopped(load)) {
		int fd = connect_raw(load->paths->socket);
		gsize left = RPC_FRAME_MAX;

		if (fd < 0 || !send_call(fd, RPC_PROC_OPEN, "sluice:///system", 0, 0) ||
		    !send_call(fd, RPC_PROC_FILTER_DEFINE, "x", 0, RPC_FRAME_MAX))
			left = 0;
		for (gssize sent = 1; left && sent > 0 && !stopped(load); left -= (gsize)MAX(sent, 0))
			sent = send(fd, junk, MIN(left, JUNK_BYTES), MSG_NOSIGNAL);
		if (fd >= 0)
			close(fd);
		fd = connect_raw(load->paths->socket);
		/* One byte too long: the connection ends at once. */
		if (fd >= 0 && send_call(fd, RPC_PROC_AUTH_LIST, NULL, 0, RPC_FRAME_MAX + 1) &&
		    recv(fd, junk, JUNK_BYTES, 0) > 0)
			g_atomic_int_inc(&load->failed);
		if (fd >= 0)
			close(fd);
		g_usleep(10 * PAUSE_US);
	}
	return NULL;
}

/* Calls, and never reads what is answered. */
static gpointer
run_deaf(gpointer data)
{
	Load *load = data;

	while (!stopped(load)) {
		int fd = connect_raw(load->paths->socket_ro);
		guint tries = 0;

		if (fd < 0 || !send_call(fd, RPC_PROC_OPEN, "sluice:///system", 0, 0))
			tries = G_MAXUINT;
		while (tries != G_MAXUINT && !stopped(load) && send_call(fd, RPC_PROC_FILTER_LIST, NULL, 1, 0))
			tries++;
		for (guint i = 0; i < 100 && !stopped(load); i++)
			g_usleep(PAUSE_US);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* --- the whole --- */

static gint
compare_times(gconstpointer a, gconstpointer b)
{
	gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;

	return (left > right) - (left < right);
}

static void
tell(const char *name, GArray *times)
{
	if (!times->len)
		return;
	g_array_sort(times, compare_times);
	printf("# measured %-16s %5u calls: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", name, times->len,
	       (double)g_array_index(times, gint64, times->len / 2) / 1000,
	       (double)g_array_index(times, gint64, times->len * 99 / 100) / 1000,
	       (double)g_array_index(times, gint64, times->len - 1) / 1000);
}

static void
tell_all(Load *load, gint64 took)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(gint64));

	for (guint i = 0; i < OP_COUNT; i++) {
		tell(op_names[i], load->took[i]);
		g_array_append_vals(all, load->took[i]->data, load->took[i]->len);
		g_array_unref(load->took[i]);
	}
	tell("all", all);
	printf("# measured %.1f s, %.0f calls a second; %d found a shared filter gone; %d failed\n",
	       (double)took / G_USEC_PER_SEC, all->len / ((double)took / G_USEC_PER_SEC), load->shared_lost,
	       load->failed);
}

int
main(int argc, char **argv)
{
	static const GThreadFunc bad[] = { run_silent, run_large, run_deaf };
	GThread *threads[CLIENTS_MAX], *bad_threads[G_N_ELEMENTS(bad)];
	guint count = argc == 5 ? (guint)atoi(argv[2]) : 0;
	Load load = { 0 };
	Client *clients;
	gint64 start;

	if (!count || count > CLIENTS_MAX) {
		fputs("usage: load ROOT CLIENTS OPERATIONS SEED\n", stderr);
		return 2;
	}
	load.paths = sluice_paths_new(argv[1]);
	load.left = atoi(argv[3]);
	for (guint i = 0; i < OP_COUNT; i++)
		load.took[i] = g_array_new(FALSE, FALSE, sizeof(gint64));
	clients = g_new0(Client, count);
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		bad_threads[i] = g_thread_new("bad", bad[i], &load);
	start = g_get_monotonic_time();
	for (guint i = 0; i < count; i++) {
		clients[i] = (Client){ .load = &load,
				       .number = i,
				       .random = g_rand_new_with_seed((guint32)atoi(argv[4]) + i) };
		threads[i] = g_thread_new("client", run_client, &clients[i]);
	}
	for (guint i = 0; i < count; i++) {
		g_thread_join(threads[i]);
		g_rand_free(clients[i].random);
	}
	start = g_get_monotonic_time() - start;
	g_atomic_int_set(&load.stop, TRUE);
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		g_thread_join(bad_threads[i]);
	tell_all(&load, start);
	g_free(clients);
	sluice_paths_free(load.paths);
	return load.failed != 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's facts: sockets of DHCP and DNS by sock_diag, and the processes that hold them. */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/doctor_facts.h"

#define CMDLINE_BYTES_MAX 65536
#define RECEIVE_BYTES	  (64 * 1024)

static const guint16 service_ports[] = { 53, 67, 547 };

static const char *const libvirt_programs[] = { "libvirtd", "virtnetworkd", "virtnwfilterd" };

typedef struct {
	DoctorFacts *facts;
	gboolean is_tcp;
	GHashTable *by_inode; /* of DoctorSocket (transfer none) */
} SocketDump;

/* --- sockets --- */

static int
socket_cb(const struct nlmsghdr *header, void *data)
{
	SocketDump *dump = data;
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	guint16 port = g_ntohs(message->id.idiag_sport);
	DoctorSocket *held;
	gboolean is_wanted = FALSE;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return MNL_CB_OK;
	for (guint i = 0; i < G_N_ELEMENTS(service_ports); i++)
		is_wanted |= port == service_ports[i];
	if (!is_wanted)
		return MNL_CB_OK;
	held = g_new0(DoctorSocket, 1);
	held->is_tcp = dump->is_tcp;
	held->port = port;
	held->index = message->id.idiag_if;
	held->address.family = message->idiag_family;
	memcpy(held->address.bytes, message->id.idiag_src, held->address.family == AF_INET ? 4 : 16);
	g_ptr_array_add(dump->facts->sockets, held);
	g_hash_table_insert(dump->by_inode, GUINT_TO_POINTER(message->idiag_inode), held);
	return MNL_CB_OK;
}

static gboolean
dump_sockets(SocketDump *dump, struct mnl_socket *diag, guint8 family, GError **error)
{
	char buffer[RECEIVE_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *wanted;
	int status = MNL_CB_OK;

	request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	wanted = mnl_nlmsg_put_extra_header(request, sizeof(*wanted));
	wanted->sdiag_family = family;
	wanted->sdiag_protocol = dump->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	wanted->idiag_states = dump->is_tcp ? 1u << TCP_LISTEN : G_MAXUINT32;
	if (mnl_socket_sendto(diag, request, request->nlmsg_len) < 0)
		status = MNL_CB_ERROR;
	while (status == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(diag, buffer, sizeof(buffer));

		status = len < 0 ? MNL_CB_ERROR : mnl_cb_run(buffer, (size_t)len, 0, 0, socket_cb, dump);
	}
	if (status == MNL_CB_STOP)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot list the %s sockets: %s", dump->is_tcp ? "TCP" : "UDP",
			 g_strerror(errno));
	return FALSE;
}

static gboolean
gather_sockets(DoctorFacts *facts, GHashTable *by_inode, GError **error)
{
	static const guint8 families[] = { AF_INET, AF_INET6 };
	struct mnl_socket *diag = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	gboolean ok = diag && mnl_socket_bind(diag, 0, MNL_SOCKET_AUTOPID) == 0;

	if (!ok)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot list sockets: %s", g_strerror(errno));
	for (guint i = 0; i < 2 * G_N_ELEMENTS(families) && ok; i++) {
		SocketDump dump = { facts, i % 2, by_inode };

		ok = dump_sockets(&dump, diag, families[i / 2], error);
	}
	if (diag)
		mnl_socket_close(diag);
	return ok;
}

/* A socket that nobody was found to hold may be one that was closed meanwhile: it is in nobody's way. */
static void
forget_closed_sockets(DoctorFacts *facts, GHashTable *by_inode)
{
	g_autoptr(DoctorFacts) again = doctor_facts_new();
	g_autoptr(GHashTable) now = g_hash_table_new(NULL, NULL);
	GHashTableIter iter;
	gpointer inode, socket;

	if (!gather_sockets(again, now, NULL))
		return;
	g_hash_table_iter_init(&iter, by_inode);
	while (g_hash_table_iter_next(&iter, &inode, &socket))
		if (!((const DoctorSocket *)socket)->pid && !g_hash_table_contains(now, inode))
			g_ptr_array_remove(facts->sockets, socket);
}

/* --- processes --- */

static char *
process_text(guint pid, const char *file, gsize *ret_len)
{
	g_autofree char *path = g_strdup_printf("/proc/%u/%s", pid, file);
	char *text = NULL;

	return g_file_get_contents(path, &text, ret_len, NULL) ? text : NULL;
}

static char *
process_name(guint pid)
{
	char *name = process_text(pid, "comm", NULL);

	return name ? g_strchomp(name) : NULL;
}

/* "0::/system.slice/named.service" */
static char *
process_unit(guint pid)
{
	g_autofree char *text = process_text(pid, "cgroup", NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *last = strrchr(*line, '/');

		if (last && g_str_has_suffix(last, ".service"))
			return g_strdup(last + 1);
	}
	return NULL;
}

/* Words of a command line end with NUL. */
static gboolean
has_word_below(guint pid, const char *folder)
{
	gsize len = 0;
	g_autofree char *text = process_text(pid, "cmdline", &len);

	for (gsize i = 0; text && i < MIN(len, CMDLINE_BYTES_MAX); i++)
		text[i] = text[i] ? text[i] : ' ';
	return text && strstr(text, folder);
}

static void
own_socket(DoctorSocket *held, guint pid, const SluicePaths *paths)
{
	held->pid = pid;
	held->name = process_name(pid);
	held->unit = process_unit(pid);
	held->is_ours = g_strcmp0(held->name, "dnsmasq") == 0 && has_word_below(pid, paths->dnsmasq_dir);
}

static void
look_at_descriptors(guint pid, GHashTable *by_inode, const SluicePaths *paths)
{
	g_autofree char *folder = g_strdup_printf("/proc/%u/fd", pid);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		char target[64];
		ssize_t len = readlink(path, target, sizeof(target) - 1);
		guint64 inode;
		DoctorSocket *held = NULL;

		if (len <= 0)
			continue;
		target[len] = '\0';
		g_strdelimit(target, "]", '\0');
		if (g_str_has_prefix(target, "socket:[") &&
		    g_ascii_string_to_unsigned(target + strlen("socket:["), 10, 1, G_MAXUINT32, &inode, NULL))
			held = g_hash_table_lookup(by_inode, GUINT_TO_POINTER((guint)inode));
		if (held && !held->pid)
			own_socket(held, pid, paths);
	}
}

static char *
network_namespace(const char *pid)
{
	g_autofree char *path = g_build_filename("/proc", pid, "ns/net", NULL);

	return g_file_read_link(path, NULL);
}

void
doctor_gather_sockets(DoctorFacts *facts, const SluicePaths *paths)
{
	g_autoptr(GHashTable) by_inode = g_hash_table_new(NULL, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *own = network_namespace("self");
	g_autoptr(GDir) dir = NULL;
	const char *name;

	if (!gather_sockets(facts, by_inode, &error))
		facts->lacks[DOCTOR_NEED_SOCKETS] = g_strdup(error->message);
	g_clear_error(&error);
	dir = geteuid() == 0 ? g_dir_open("/proc", 0, &error) : NULL;
	if (!dir) {
		facts->lacks[DOCTOR_NEED_PROCESSES] =
			g_strdup(error ? error->message : "who holds a socket is told to root only");
		return;
	}
	for (guint i = 0; i < DOCTOR_PROCESSES_MAX && (name = g_dir_read_name(dir)); i++) {
		g_autofree char *there = NULL, *program = NULL;
		guint64 pid;

		if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXUINT32, &pid, NULL))
			continue;
		there = network_namespace(name);
		if (g_strcmp0(own, there) != 0)
			continue;
		look_at_descriptors((guint)pid, by_inode, paths);
		program = process_name((guint)pid);
		for (guint k = 0; program && k < G_N_ELEMENTS(libvirt_programs); k++) {
			if (g_str_equal(program, libvirt_programs[k]))
				g_hash_table_add(facts->programs, g_strdup(program));
		}
	}
	forget_closed_sockets(facts, by_inode);
}

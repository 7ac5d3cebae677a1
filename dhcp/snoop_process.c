// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop of sluice-snoop: packets of nflog groups in, messages to the daemon out. */

#include "dhcp/snoop_process.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/time_left.h"

#define RECORDS_TURN   64   /* of a group, before the others and the daemon's end are looked at */
#define STATUS_MS      1000 /* between two messages of numbers that change */
#define LATE_MS	       100  /* before numbers that had no room are sent again */
#define MSEC_PER_SEC   1000
#define NANOSEC_PER_MS 1000000

typedef struct {
	NflogSocket *socket;
	SnoopHandler handler;
} Group;

struct SnoopProcess {
	int fd;
	Group groups[SNOOP_GROUPS_MAX];
	guint group_count;
	const Group *current; /* whose packets are read now */
	SnoopStatus status, told;
	gboolean is_ready_told, is_status_late;
	gboolean is_daemon_gone;
	gint64 status_due_ms;
	SnoopWireMessage message; /* too much for each frame's stack */
	guint8 frame[SNOOP_FRAME_MAX];
};

static gint64
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (gint64)now.tv_sec * MSEC_PER_SEC + now.tv_nsec / NANOSEC_PER_MS;
}

static gboolean
send_message(SnoopProcess *process, const SnoopWireMessage *message, gsize size)
{
	if (send(process->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		return TRUE;
	process->is_daemon_gone = errno != EAGAIN && errno != ENOBUFS && errno != EINTR;
	return FALSE;
}

static gboolean
is_changed(const SnoopProcess *process)
{
	return !process->is_ready_told || memcmp(&process->status, &process->told, sizeof(process->status)) != 0;
}

/* What does not go now goes before anything else. */
static void
send_status(SnoopProcess *process)
{
	SnoopWireMessage message = { 0 };
	gsize size = snoop_wire_init(&message, SNOOP_WIRE_STATUS);

	message.status = process->status;
	process->is_status_late = !send_message(process, &message, size);
	if (process->is_status_late)
		return;
	process->told = process->status;
	process->is_ready_told = TRUE;
	process->status_due_ms = now_ms() + STATUS_MS;
}

static void
send_frame(SnoopProcess *process, SnoopWireKind kind)
{
	gsize size = snoop_wire_init(&process->message, kind);

	/* In a flood each place that gets free would be an event's: the numbers go first. */
	if (process->is_status_late)
		send_status(process);
	if (!process->is_status_late && send_message(process, &process->message, size))
		process->status.events++;
	else
		process->status.lost_queue++;
}

void
snoop_process_learn(SnoopProcess *process, const NflogRecord *record)
{
	gboolean is_to_guest = g_str_equal(record->prefix, NFLOG_PREFIX_TO_GUEST);
	guint32 ifindex = is_to_guest ? record->ifindex_out : record->ifindex_in;
	SnoopVerdict verdict;
	gsize len;

	if (record->family != NFPROTO_BRIDGE ||
	    (!is_to_guest && !g_str_equal(record->prefix, NFLOG_PREFIX_FROM_GUEST)) || !ifindex ||
	    !nflog_record_frame(record, process->frame, sizeof(process->frame), &len)) {
		process->status.ignored++;
		return;
	}
	process->status.frames++;
	/* No bytes of an earlier frame shall be left in what is sent. */
	memset(&process->message, 0, sizeof(process->message));
	if (record->is_tagged)
		verdict = SNOOP_TAGGED;
	else /* the kernel does not say how long it was: one that fills the buffer may have been longer */
		verdict = snoop_parse(process->frame, len, len < sizeof(process->frame) ? len : len + 1, is_to_guest,
				      &process->message.event);
	process->status.verdicts[verdict]++;
	if (verdict == SNOOP_OK) {
		process->message.event.ifindex = ifindex;
		send_frame(process, SNOOP_WIRE_EVENT);
	}
}

/* One number and what must stand behind it. */
static gboolean
take_number(const char **at, char end, guint32 *ret_number)
{
	guint64 number = 0;

	if (!g_ascii_isdigit(**at))
		return FALSE;
	for (; g_ascii_isdigit(**at); (*at)++) {
		number = number * 10 + (guint64)(**at - '0');
		if (number > G_MAXUINT32)
			return FALSE;
	}
	*ret_number = (guint32)number;
	return *(*at)++ == end;
}

static gboolean
take_prefix(const char *prefix, const char *start, SnoopDrop *drop)
{
	const char *at = prefix + strlen(start);

	return g_str_has_prefix(prefix, start) && take_number(&at, '.', &drop->template_number) &&
	       take_number(&at, ':', &drop->generation) && take_number(&at, '\0', &drop->site);
}

#define TAG_AT	12
#define TAG_LEN 4

/* The frame as it was: its tag back where it stood. */
static void
copy_frame(const SnoopProcess *process, const NflogRecord *record, gsize len, SnoopDrop *drop)
{
	gsize tag = record->vlan_protocol ? TAG_LEN : 0;
	gsize rest = MIN(len - TAG_AT, SNOOP_DROP_BYTES_MAX - TAG_AT - tag);
	const guint16 words[] = { g_htons(record->vlan_protocol), g_htons(record->vlan_tci) };

	memcpy(drop->bytes, process->frame, TAG_AT);
	memcpy(drop->bytes + TAG_AT, words, tag);
	memcpy(drop->bytes + TAG_AT + tag, process->frame + TAG_AT, rest);
	drop->len = (guint32)(TAG_AT + tag + rest);
}

void
snoop_process_drop(SnoopProcess *process, const NflogRecord *record)
{
	SnoopDrop *drop = &process->message.drop;
	gboolean is_to_guest = g_str_has_prefix(record->prefix, NFLOG_PREFIX_DROP_TO);
	gsize len;

	memset(&process->message, 0, sizeof(process->message));
	drop->ifindex = is_to_guest || record->hook == NF_BR_POST_ROUTING ? record->ifindex_out : record->ifindex_in;
	if (!take_prefix(record->prefix, is_to_guest ? NFLOG_PREFIX_DROP_TO : NFLOG_PREFIX_DROP, drop) ||
	    !drop->ifindex || !nflog_record_frame(record, process->frame, sizeof(process->frame), &len)) {
		process->status.ignored++;
		return;
	}
	process->status.frames++;
	copy_frame(process, record, len, drop);
	send_frame(process, SNOOP_WIRE_DROP);
}

SnoopProcess *
snoop_process_new(int fd)
{
	SnoopProcess *process = g_new0(SnoopProcess, 1);

	process->fd = fd;
	return process;
}

void
snoop_process_free(SnoopProcess *process)
{
	if (!process)
		return;
	for (guint i = 0; i < process->group_count; i++)
		nflog_socket_free(process->groups[i].socket);
	g_free(process);
}

gboolean
snoop_process_add_group(SnoopProcess *process, guint16 group, SnoopHandler handler, GError **error)
{
	NflogSocket *socket;

	g_return_val_if_fail(process->group_count < SNOOP_GROUPS_MAX, FALSE);
	socket = nflog_socket_open(group, error);
	if (!socket)
		return FALSE;
	process->groups[process->group_count++] = (Group){ socket, handler };
	return TRUE;
}

int
snoop_process_fd_max(const SnoopProcess *process)
{
	int highest = process->fd;

	for (guint i = 0; i < process->group_count; i++)
		highest = MAX(highest, nflog_socket_fd(process->groups[i].socket));
	return highest;
}

static void
on_record(const NflogRecord *record, gpointer data)
{
	SnoopProcess *process = data;

	process->current->handler(process, record);
}

static gboolean
read_groups(SnoopProcess *process, const struct pollfd *polls)
{
	process->status.lost_kernel = 0;
	for (guint i = 0; i < process->group_count; i++) {
		process->current = &process->groups[i];
		if (polls[i].revents && !nflog_socket_read(process->current->socket, RECORDS_TURN, on_record, process))
			return FALSE;
		process->status.lost_kernel += nflog_socket_counts(process->current->socket)->lost;
	}
	return TRUE;
}

static int
wait_ms(const SnoopProcess *process)
{
	if (process->is_status_late)
		return LATE_MS;
	return is_changed(process) ? (int)time_left(process->status_due_ms, now_ms(), STATUS_MS) : -1;
}

gboolean
snoop_process_run(SnoopProcess *process)
{
	struct pollfd polls[SNOOP_GROUPS_MAX + 1];
	guint count = process->group_count;

	for (guint i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = nflog_socket_fd(process->groups[i].socket), .events = POLLIN };
	/* It says nothing; that it closed its end is told without being asked for. */
	polls[count] = (struct pollfd){ .fd = process->fd };
	send_status(process);
	while (!process->is_daemon_gone) {
		if (poll(polls, count + 1, wait_ms(process)) < 0) {
			if (errno == EINTR)
				continue;
			return FALSE;
		}
		if (polls[count].revents)
			return TRUE;
		if (!read_groups(process, polls))
			return FALSE;
		if (is_changed(process) && now_ms() >= process->status_due_ms)
			send_status(process);
	}
	return TRUE;
}

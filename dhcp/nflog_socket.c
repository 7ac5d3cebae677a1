// SPDX-License-Identifier: GPL-2.0-or-later
/* One group of nflog, read through libpcap's device "nflog:GROUP". */

#include "dhcp/nflog_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* libpcap's own buffer, which must hold any message: one that it cuts is an error to it. */
#define SNAPSHOT_BYTES	 65535
#define RECEIVE_BUFFER	 (4 * 1024 * 1024) /* of the kernel, for bursts; a small packet takes about 1 KB of it */
#define TIMEOUT_CENTISEC 1		   /* the kernel's shortest; with a threshold of 1 it is never needed */
#define ACK_WAIT_MS	 1000
#define LOGGER_BYTES_MAX 64
#define LOGGER_DIR	 "/proc/sys/net/netfilter/nf_log/"

struct NflogSocket {
	pcap_t *pcap;
	NflogCounts counts;
	gboolean has_sequence;
	guint32 next_sequence;
	/* while reading */
	NflogRecordFunc func;
	gpointer data;
};

/* The loggers that libpcap replaces: AF_INET's and AF_INET6's. */
static const char *const logger_files[] = { LOGGER_DIR "2", LOGGER_DIR "10" };
typedef struct {
	char names[G_N_ELEMENTS(logger_files)][LOGGER_BYTES_MAX];
} Loggers;

static void
loggers_read(Loggers *ret_loggers)
{
	for (guint i = 0; i < G_N_ELEMENTS(logger_files); i++) {
		int fd = open(logger_files[i], O_RDONLY | O_CLOEXEC);
		ssize_t len = fd < 0 ? 0 : read(fd, ret_loggers->names[i], LOGGER_BYTES_MAX - 1);

		ret_loggers->names[i][MAX(len, 0)] = '\0';
		if (fd >= 0)
			close(fd);
	}
}

static gboolean
logger_write(const char *path, const char *name, GError **error)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	gboolean ok = fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name);

	if (!ok)
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot put back the logger in '%s': %m", path);
	if (fd >= 0)
		close(fd);
	return ok;
}

static gboolean
loggers_restore(const Loggers *before, GError **error)
{
	Loggers now = { 0 };

	loggers_read(&now);
	for (guint i = 0; i < G_N_ELEMENTS(logger_files); i++) {
		if (!g_str_equal(before->names[i], now.names[i]) &&
		    !logger_write(logger_files[i], before->names[i], error))
			return FALSE;
	}
	return TRUE;
}

static void
put_config(struct nlmsghdr *message, guint16 group, guint32 sequence)
{
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(NFLOG_PAYLOAD_MAX),
						     .copy_mode = NFULNL_COPY_PACKET };
	struct nfgenmsg *header;

	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = sequence;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(group);
	mnl_attr_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(1));
	mnl_attr_put_u32(message, NFULA_CFG_TIMEOUT, htonl(TIMEOUT_CENTISEC));
	mnl_attr_put_u16(message, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
}

/* Packets may come before the answer: those are not missed, as nobody was told that we listen. Returns an errno. */
static int
await_ack(int fd, guint32 sequence)
{
	g_autofree guint8 *buffer = g_malloc(SNAPSHOT_BYTES);
	gint64 deadline = g_get_monotonic_time() + ACK_WAIT_MS * G_TIME_SPAN_MILLISECOND;

	while (g_get_monotonic_time() < deadline) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		ssize_t len = poll(&pollfd, 1, ACK_WAIT_MS) > 0 ? recv(fd, buffer, SNAPSHOT_BYTES, MSG_DONTWAIT) : 0;
		int left = (int)MAX(len, 0);

		for (struct nlmsghdr *message = (void *)buffer; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type == NLMSG_ERROR && message->nlmsg_seq == sequence &&
			    mnl_nlmsg_get_payload_len(message) >= sizeof(*answer))
				return -answer->error;
		}
	}
	return ETIMEDOUT;
}

/* Each packet at once, with a number, and not more of it than is looked at. */
static gboolean
configure(int fd, guint16 group, GError **error)
{
	guint8 buffer[MNL_NLMSG_HDRLEN + 128] = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	guint32 sequence = (guint32)g_get_monotonic_time();
	int size = RECEIVE_BUFFER, one = 1;

	/* A full buffer is no error, which libpcap would take for the end: the numbers tell what was lost. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one)) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot set up nflog's buffer: %m");
		return FALSE;
	}
	put_config(message, group, sequence);
	if (sendto(fd, message, message->nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		goto fail;
	errno = await_ack(fd, sequence);
	if (errno == 0)
		return TRUE;
fail:
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot configure nflog group %u: %m", group);
	return FALSE;
}

static gboolean
open_group(NflogSocket *self, guint16 group, GError **error)
{
	g_autofree char *device = g_strdup_printf("nflog:%u", group);
	char words[PCAP_ERRBUF_SIZE] = "";
	int status;

	self->pcap = pcap_create(device, words);
	if (!self->pcap) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s: %s", device, words);
		return FALSE;
	}
	pcap_set_snaplen(self->pcap, SNAPSHOT_BYTES);
	status = pcap_activate(self->pcap);
	if (status < 0) {
		const char *more = pcap_geterr(self->pcap);

		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot listen to nflog group %u: %s", group,
				 *more ? more : pcap_statustostr(status));
		return FALSE;
	}
	if (pcap_set_datalink(self->pcap, DLT_NFLOG) < 0 || pcap_setnonblock(self->pcap, 1, words) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read %s: %s%s", device, words,
				 pcap_geterr(self->pcap));
		return FALSE;
	}
	return configure(pcap_get_selectable_fd(self->pcap), group, error);
}

NflogSocket *
nflog_socket_open(guint16 group, GError **error)
{
	g_autoptr(NflogSocket) self = g_new0(NflogSocket, 1);
	Loggers before = { 0 };
	gboolean ok;

	loggers_read(&before);
	ok = open_group(self, group, error);
	return loggers_restore(&before, ok ? error : NULL) && ok ? g_steal_pointer(&self) : NULL;
}

void
nflog_socket_free(NflogSocket *self)
{
	if (!self)
		return;
	if (self->pcap)
		pcap_close(self->pcap);
	g_free(self);
}

int
nflog_socket_fd(const NflogSocket *self)
{
	return pcap_get_selectable_fd(self->pcap);
}

static void
count_lost(NflogSocket *self, const NflogRecord *record)
{
	if (!record->has_sequence)
		return;
	if (self->has_sequence)
		self->counts.lost += record->sequence - self->next_sequence;
	self->has_sequence = TRUE;
	self->next_sequence = record->sequence + 1;
}

static void
on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	NflogSocket *self = (void *)user;
	NflogRecord record;

	self->counts.records++;
	if (!nflog_record_read(bytes, header->caplen, &record)) {
		self->counts.malformed++;
		return;
	}
	count_lost(self, &record);
	self->func(&record, self->data);
}

gboolean
nflog_socket_read(NflogSocket *self, guint records_max, NflogRecordFunc func, gpointer data)
{
	self->func = func;
	self->data = data;
	for (guint count = 0; count < records_max;) {
		struct pollfd pollfd = { .fd = nflog_socket_fd(self), .events = POLLIN };
		int got;

		/* libpcap takes an empty socket for a broken one. */
		if (poll(&pollfd, 1, 0) <= 0)
			return TRUE;
		got = pcap_dispatch(self->pcap, (int)(records_max - count), on_packet, (u_char *)self);
		if (got < 0)
			return FALSE;
		/* Something that is no packet counts too, that the loop ends. */
		count += (guint)MAX(got, 1);
	}
	return TRUE;
}

const NflogCounts *
nflog_socket_counts(const NflogSocket *self)
{
	return &self->counts;
}

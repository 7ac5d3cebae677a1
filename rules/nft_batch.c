// SPDX-License-Identifier: GPL-2.0-or-later
/* Netlink transactions with nf_tables. */

#include "rules/nft_batch.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

#define NFT_MESSAGE_MAX	  (128 * 1024) /* one message with its elements; attribute lengths are 16 bits */
#define NFT_RECEIVE_BYTES (1024 * 1024)
#define NFT_DUMP_TRIES	  20
#define NFT_COMMIT_TRIES  10

struct NftSocket {
	struct mnl_socket *mnl;
	guint32 sequence;
	guint send_buffer;
};

struct NftBatch {
	char *table;
	gint32 behind;
	char *data;
	gsize len, size;
	GPtrArray *what; /* of utf8, one for each message between begin and end */
	guint32 set_id;
	guint rule_count;
};

NftSocket *
nft_socket_open(GError **error)
{
	g_autoptr(NftSocket) nft_socket = g_new0(NftSocket, 1);
	int on = 1, receive = NFT_RECEIVE_BYTES;

	nft_socket->mnl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft_socket->mnl || mnl_socket_bind(nft_socket->mnl, 0, MNL_SOCKET_AUTOPID) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot open a netlink socket: %s", g_strerror(errno));
		return NULL;
	}
	mnl_socket_setsockopt(nft_socket->mnl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nft_socket->mnl, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(mnl_socket_get_fd(nft_socket->mnl), SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive));
	nft_socket->sequence = (guint32)g_get_real_time() & 0x7fffffff;
	return g_steal_pointer(&nft_socket);
}

void
nft_socket_close(NftSocket *nft_socket)
{
	if (!nft_socket)
		return;
	if (nft_socket->mnl)
		mnl_socket_close(nft_socket->mnl);
	g_free(nft_socket);
}

/* Room for one message of the largest size behind what is there. */
static void
batch_reserve(NftBatch *batch)
{
	if (batch->size - batch->len >= NFT_MESSAGE_MAX)
		return;
	batch->size = MAX(batch->size * 2, batch->len + 2 * NFT_MESSAGE_MAX);
	batch->data = g_realloc(batch->data, batch->size);
}

guint32
nft_socket_port_id(const NftSocket *nft_socket)
{
	return mnl_socket_get_portid(nft_socket->mnl);
}

NftBatch *
nft_batch_new(void)
{
	return nft_batch_new_for(NFT_TABLE, 0);
}

NftBatch *
nft_batch_new_for(const char *table, gint32 behind)
{
	NftBatch *batch = g_new0(NftBatch, 1);

	batch->table = g_strdup(table);
	batch->behind = behind;
	batch->what = g_ptr_array_new_with_free_func(g_free);
	batch_reserve(batch);
	nftnl_batch_begin(batch->data, 0);
	batch->len = ((struct nlmsghdr *)batch->data)->nlmsg_len;
	return batch;
}

void
nft_batch_free(NftBatch *batch)
{
	if (!batch)
		return;
	g_ptr_array_unref(batch->what);
	g_free(batch->table);
	g_free(batch->data);
	g_free(batch);
}

struct nlmsghdr *
nft_batch_begin(NftBatch *batch, guint16 type, guint16 family, guint16 flags, const char *what)
{
	batch_reserve(batch);
	g_ptr_array_add(batch->what, g_strdup(what));
	batch->rule_count += type == NFT_MSG_NEWRULE;
	return nftnl_nlmsg_build_hdr(batch->data + batch->len, type, family, flags, batch->what->len);
}

void
nft_batch_end(NftBatch *batch, struct nlmsghdr *message)
{
	g_assert(message->nlmsg_len <= NFT_MESSAGE_MAX);
	batch->len += MNL_ALIGN(message->nlmsg_len);
}

const char *
nft_batch_table(const NftBatch *batch)
{
	return batch->table;
}

gint32
nft_batch_behind(const NftBatch *batch)
{
	return batch->behind;
}

guint
nft_batch_count(const NftBatch *batch)
{
	return batch->what->len;
}

void
nft_batch_foreach(const NftBatch *batch, void (*each)(const struct nlmsghdr *message, gpointer data), gpointer data)
{
	const char *at = batch->data, *end = batch->data + batch->len;

	/* The first begins the batch. */
	at += MNL_ALIGN(((const struct nlmsghdr *)at)->nlmsg_len);
	while (at < end) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)at;

		each(message, data);
		at += MNL_ALIGN(message->nlmsg_len);
	}
}

guint
nft_batch_rule_count(const NftBatch *batch)
{
	return batch->rule_count;
}

guint32
nft_batch_next_set_id(NftBatch *batch)
{
	return ++batch->set_id;
}

/* Messages carry their number in the batch; the socket's sequence makes them unlike those of an earlier batch. */
static void
batch_number(NftBatch *batch, guint32 base)
{
	char *at = batch->data, *end = batch->data + batch->len;

	for (guint32 i = 0; at < end; i++) {
		struct nlmsghdr *header = (struct nlmsghdr *)at;

		header->nlmsg_seq = base + i;
		at += MNL_ALIGN(header->nlmsg_len);
	}
}

typedef struct {
	guint32 base;
	guint count; /* messages, the batch's begin and end included */
	int error;   /* the first */
	guint32 index;
	guint64 refused; /* bit N: message N, the batch's begin counted; of the first 64 */
	gboolean acked;
	guint32 offset; /* of the attribute at fault in the first one's message; 0 is none */
	char reason[128];
} Outcome;

static int
attr_cb(const struct nlattr *attr, void *data)
{
	Outcome *outcome = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		g_strlcpy(outcome->reason, mnl_attr_get_str(attr), sizeof(outcome->reason));
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		outcome->offset = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static void
read_answer(Outcome *outcome, const struct nlmsghdr *header)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);
	guint32 index = header->nlmsg_seq - outcome->base;

	if (header->nlmsg_type != NLMSG_ERROR || index >= outcome->count ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(*answer))
		return;
	if (!answer->error) {
		outcome->acked = TRUE;
		return;
	}
	if (index < 64)
		outcome->refused |= G_GUINT64_CONSTANT(1) << index;
	if (outcome->error)
		return;
	outcome->error = -answer->error;
	outcome->index = index;
	if (header->nlmsg_flags & NLM_F_ACK_TLVS) {
		gsize offset = sizeof(*answer);

		if (!(header->nlmsg_flags & NLM_F_CAPPED))
			offset += mnl_nlmsg_get_payload_len(&answer->msg);
		if (offset < mnl_nlmsg_get_payload_len(header))
			mnl_attr_parse(header, (unsigned int)offset, attr_cb, outcome);
	}
}

static gboolean
socket_send(NftSocket *nft_socket, NftBatch *batch, GError **error)
{
	int fd = mnl_socket_get_fd(nft_socket->mnl);
	int wanted = (int)(batch->len * 2 + 65536);

	if (batch->len > NFT_BATCH_BYTES_MAX) {
		sluice_error_set(error, SLUICE_ERROR_LIMIT, "a change of the rules is larger than %d bytes",
				 NFT_BATCH_BYTES_MAX);
		return FALSE;
	}
	if ((guint)wanted > nft_socket->send_buffer) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted));
		nft_socket->send_buffer = (guint)wanted;
	}
	while (mnl_socket_sendto(nft_socket->mnl, batch->data, batch->len) < 0)
		if (errno != EINTR) {
			sluice_error_set(error, SLUICE_ERROR_SYSTEM,
					 "cannot send %" G_GSIZE_FORMAT " bytes of rules: %s", batch->len,
					 g_strerror(errno));
			return FALSE;
		}
	return TRUE;
}

/* The kernel has answered all when the send returns: read until there is no more. */
static gboolean
socket_answers(NftSocket *nft_socket, Outcome *outcome, GError **error)
{
	static const guint size = 64 * 1024;
	g_autofree char *buffer = g_malloc(size);

	for (;;) {
		ssize_t len = recv(mnl_socket_get_fd(nft_socket->mnl), buffer, size, MSG_DONTWAIT);
		int rest = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return TRUE;
		if (len < 0) {
			/* ENOBUFS: answers were lost, so the outcome is not known. */
			sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read the kernel's answer: %s",
					 g_strerror(errno));
			return FALSE;
		}
		for (const struct nlmsghdr *header = (void *)buffer; mnl_nlmsg_ok(header, rest);
		     header = mnl_nlmsg_next(header, &rest))
			read_answer(outcome, header);
	}
}

static gboolean
socket_exchange(NftSocket *nft_socket, NftBatch *batch, Outcome *ret_outcome, GError **error)
{
	gsize len = batch->len;
	char *at = batch->data;
	struct nlmsghdr *last = NULL;
	gboolean ok;

	/* One answer for the last message tells that the whole was taken. */
	for (; at < batch->data + batch->len; at += MNL_ALIGN(last->nlmsg_len))
		last = (struct nlmsghdr *)at;
	g_assert(last); /* the begin is always there */
	last->nlmsg_flags |= NLM_F_ACK;
	batch_reserve(batch);
	nftnl_batch_end(batch->data + batch->len, 0);
	batch->len += ((struct nlmsghdr *)(batch->data + batch->len))->nlmsg_len;

	*ret_outcome = (Outcome){ .base = nft_socket->sequence, .count = batch->what->len + 2 };
	nft_socket->sequence += ret_outcome->count;
	batch_number(batch, ret_outcome->base);
	ok = socket_send(nft_socket, batch, error) && socket_answers(nft_socket, ret_outcome, error);
	batch->len = len;
	return ok;
}

/* Those that the kernel loads when a rule first has one. Other expressions name what may be missing themselves. */
static const struct {
	const char *expr, *modules;
} modular[] = {
	{ "connlimit", "nft_connlimit" },
	{ "ct", "nft_ct" },
	{ "dynset", "nft_limit or nft_connlimit" },
	{ "limit", "nft_limit" },
	{ "log", "nft_log or nfnetlink_log" },
	{ "masq", "nft_masq" },
	{ "nat", "nft_nat" },
	{ "objref", "nft_objref" },
	{ "redir", "nft_redir" },
	{ "reject", "nft_reject" },
};

/* What of the kernel is likely to be absent, when it says no more than that something is; NULL is not known. */
static const char *
missing_module(const NftBatch *batch, const Outcome *outcome)
{
	const char *at = batch->data;
	const struct nlmsghdr *message = (const void *)at;
	const struct nlattr *element, *attr;

	for (guint32 i = 0; i < outcome->index; i++, message = (const void *)at)
		at += MNL_ALIGN(message->nlmsg_len);
	if (outcome->error != ENOENT || NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWRULE || !outcome->offset ||
	    outcome->offset + sizeof(*element) > message->nlmsg_len)
		return NULL;
	element = (const void *)(at + outcome->offset);
	if (mnl_attr_get_type(element) != NFTA_LIST_ELEM || outcome->offset + element->nla_len > message->nlmsg_len)
		return NULL;
	mnl_attr_for_each_nested(attr, element)
	{
		if (mnl_attr_get_type(attr) != NFTA_EXPR_NAME || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		for (guint i = 0; i < G_N_ELEMENTS(modular); i++)
			if (g_str_equal(mnl_attr_get_str(attr), modular[i].expr))
				return modular[i].modules;
	}
	return NULL;
}

gboolean
nft_socket_commit(NftSocket *nft_socket, NftBatch *batch, GError **error)
{
	Outcome outcome;

	if (!batch->what->len)
		return TRUE;
	/* Another program's change came in between: nothing of ours was taken, so it is sent again. */
	for (guint try = 0; try < NFT_COMMIT_TRIES; try++) {
		if (!socket_exchange(nft_socket, batch, &outcome, error))
			return FALSE;
		if (outcome.error != ERESTART && outcome.error != EAGAIN && outcome.error != EINTR)
			break;
	}
	if (outcome.error) {
		const char *what = outcome.index >= 1 && outcome.index <= batch->what->len
					   ? batch->what->pdata[outcome.index - 1]
					   : "the whole change";
		const char *module = missing_module(batch, &outcome);

		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "the kernel refused %s: %s%s%s%s%s", what,
				 g_strerror(outcome.error), outcome.reason[0] ? ": " : "", outcome.reason,
				 module ? ": it may lack " : "", module ? module : "");
		return FALSE;
	}
	if (!outcome.acked) {
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "the kernel did not answer a change of the rules");
		return FALSE;
	}
	return TRUE;
}

gboolean
nft_socket_try_each(NftSocket *nft_socket, NftBatch *batch, guint64 *ret_refused)
{
	/* There is no table of this name. */
	struct nlmsghdr *message = nft_batch_begin(batch, NFT_MSG_DELTABLE, NFPROTO_BRIDGE, 0, "probe");
	const guint64 must_fail = G_GUINT64_CONSTANT(1) << batch->what->len;
	Outcome outcome;

	g_return_val_if_fail(batch->what->len <= NFT_TRY_MAX, FALSE);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, "sluice-probe-none");
	nft_batch_end(batch, message);
	if (!socket_exchange(nft_socket, batch, &outcome, NULL) || !(outcome.refused & must_fail))
		return FALSE;
	*ret_refused = (outcome.refused & ~must_fail) >> 1;
	return TRUE;
}

static gboolean
socket_reopen(NftSocket *nft_socket)
{
	mnl_socket_close(nft_socket->mnl);
	nft_socket->mnl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	return nft_socket->mnl && mnl_socket_bind(nft_socket->mnl, 0, MNL_SOCKET_AUTOPID) == 0;
}

gboolean
nft_socket_dump(NftSocket *nft_socket, struct nlmsghdr *request, mnl_cb_t callback, void (*reset)(gpointer),
		gpointer data, GError **error)
{
	static const guint size = 64 * 1024;
	g_autofree char *buffer = g_malloc(size);

	for (guint try = 0; try < NFT_DUMP_TRIES; try++) {
		int status = MNL_CB_OK;

		/* What is left of an interrupted dump would be taken for the next one's: start with a new socket. */
		if (try && !socket_reopen(nft_socket))
			break;
		if (reset)
			reset(data);
		request->nlmsg_seq = ++nft_socket->sequence;
		if (mnl_socket_sendto(nft_socket->mnl, request, request->nlmsg_len) < 0)
			break;
		while (status == MNL_CB_OK) {
			ssize_t len = mnl_socket_recvfrom(nft_socket->mnl, buffer, size);

			if (len < 0 && errno == EINTR)
				continue;
			status = len < 0 ? MNL_CB_ERROR
					 : mnl_cb_run(buffer, (size_t)len, request->nlmsg_seq,
						      mnl_socket_get_portid(nft_socket->mnl), callback, data);
		}
		if (status == MNL_CB_STOP)
			return TRUE;
		if (errno != EINTR)
			break;
	}
	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read the rules from the kernel: %s", g_strerror(errno));
	return FALSE;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* A client's bytes into a session with a daemon behind it that has no kernel.
 *
 * Byte 0 says how they come: bit 0, on the read-only socket; the other bits, in blocks of that many bytes (0: all at
 * once). The rest is the stream.
 */

#include <stdint.h>
#include <stdlib.h>

#include "daemon/session.h"
#include "tests/unit/fixture.h"

#define ROUNDS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Fixture fixture;

static void
remove_root(void)
{
	fixture_down(&fixture, NULL);
}

/* As a client that reads all it gets; checks that what it gets are frames. */
static void
drain(Session *session)
{
	for (guint round = 0; round < ROUNDS_MAX; round++) {
		while (session->out.head) {
			const GByteArray *frame = session->out.head->data;
			XdrReader reader = { .data = frame->data, .len = frame->len };
			RpcHeader header;

			if (!rpc_header_get(&reader, &header) || header.length != frame->len)
				abort();
			session_sent(session, frame->len);
		}
		if (session->state >= SESSION_CLOSING || !session_has_frame(session))
			return;
		session_process(session);
	}
	abort();
}

/* Back to an empty daemon, so that each input stands for itself. */
static void
reset(void)
{
	Daemon *daemon = fixture.daemon;
	g_autoptr(GPtrArray) bindings = binding_store_list(daemon->bindings);
	g_autoptr(GPtrArray) filters = filter_store_list(daemon->filters);

	for (guint i = 0; i < bindings->len; i++) {
		const NwBinding *binding = g_ptr_array_index(bindings, i);

		if (!binding_store_delete(daemon->bindings, daemon->engine, binding->port_dev, NULL))
			abort();
	}
	if (!nw_engine_sweep(daemon->engine, NULL))
		abort();
	for (guint i = 0; i < filters->len; i++) {
		const NwFilter *filter = g_ptr_array_index(filters, i);

		if (!filter_store_undefine(daemon->filters, daemon->engine, filter->name, FALSE, NULL))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Session) session = NULL;
	gsize block;

	if (!fixture.daemon) {
		/* Files are written for real: in memory they cost little. */
		if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
			g_setenv("TMPDIR", "/dev/shm", TRUE);
		fixture_up(&fixture, NULL);
		atexit(remove_root);
	}
	if (!size)
		return 0;
	session = session_new(fixture.daemon, data[0] & 1, 0);
	block = data[0] >> 1;
	for (gsize at = 1; at < size && session->state < SESSION_CLOSING;) {
		gsize len = block ? MIN(block, size - at) : size - at;

		session_feed(session, data + at, len);
		session_tick(session, session->last_heard_sec + SESSION_PING_AFTER_SEC);
		drain(session);
		at += len;
	}
	reset();
	return 0;
}

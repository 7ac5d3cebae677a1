// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The helper for FTP: there while a port's filter asks for RELATED connections.
 *
 * It is a transaction of its own, before the rules that hope for it and after the last of them is gone. Where it fails
 * the log says so, once, and the filter stands: it lets less pass than it could.
 */

#include "base/log.h"
#include "nwfilter/engine_private.h"
#include "rules/nft_helper.h"

#define TAKE_TRIES    100
#define TAKE_PAUSE_US 5000

/* Said once: a guest that comes and goes must not fill the log. */
static void
say(NwEngine *engine, const char *why)
{
	if (!engine->said_helper)
		log_warning("a filter asks for RELATED connections, but those of FTP will not be: %s", why);
	engine->said_helper = TRUE;
}

gboolean
engine_helper_open(NwEngine *engine)
{
	if (engine->config.no_kernel || engine->config.tool_runner)
		return FALSE;
	if (!engine->owner)
		engine->owner = nft_socket_open(NULL);
	if (engine->owner && !engine->reader)
		engine->reader = nft_socket_open(NULL);
	if (!engine->reader)
		return FALSE;
	nft_features_probe(engine->owner, &engine->features);
	/* Behind iptables it is br_netfilter that brings bridged packets to connection tracking. */
	if (engine->xt)
		engine->features.bridge_ct = FALSE;
	return TRUE;
}

/* An earlier daemon's socket, which owned the tables, may go a moment after its lock. */
static gboolean
take(NwEngine *engine, guint tables)
{
	for (guint try = 0; try < TAKE_TRIES; try++) {
		g_autoptr(NftBatch) batch = nft_batch_new();

		nft_helper_take(batch, &engine->features, tables);
		if (nft_socket_commit(engine->owner, batch, NULL))
			return TRUE;
		g_usleep(TAKE_PAUSE_US);
	}
	return FALSE;
}

void
engine_helper_adopt(NwEngine *engine)
{
	guint exists, whole, wanted = nft_helper_tables(&engine->features);
	g_autoptr(GError) error = NULL;

	if (!engine->reader)
		return;
	if (!nft_helper_find(engine->reader, &exists, &whole, &error)) {
		log_warning("what is there of the helper for FTP is not known: %s", error->message);
		return;
	}
	engine->helper_tables = exists;
	engine->helper_is_whole = (!exists || take(engine, exists)) && exists == wanted && whole == wanted;
	engine->needs_sweep |= exists != 0;
}

void
engine_helper_require(NwEngine *engine)
{
	guint wanted = nft_helper_tables(&engine->features);
	g_autoptr(NftBatch) batch = NULL;
	g_autoptr(GError) error = NULL;

	if (engine->helper_is_whole || engine->config.no_kernel || engine->config.tool_runner)
		return;
	if (!engine->features.ftp_helper) {
		say(engine, "nf_tables of this kernel has no helper for it (module nf_conntrack_ftp)");
		return;
	}
	batch = nft_batch_new();
	nft_helper_create(batch, &engine->features, wanted, engine->helper_tables);
	if (!nft_socket_commit(engine->owner, batch, &error)) {
		say(engine, error->message);
		return;
	}
	engine->helper_is_whole = TRUE;
	engine->helper_tables = wanted;
}

void
engine_helper_sweep(NwEngine *engine, gboolean is_needed)
{
	g_autoptr(NftBatch) batch = NULL;
	g_autoptr(GError) error = NULL;

	if (is_needed || !engine->helper_tables)
		return;
	batch = nft_batch_new();
	nft_helper_delete(batch, engine->helper_tables);
	if (!nft_socket_commit(engine->owner, batch, &error)) {
		log_warning("the helper for FTP stays: %s", error->message);
		return;
	}
	engine->helper_tables = 0;
	engine->helper_is_whole = FALSE;
}

void
engine_helper_forget(NwEngine *engine)
{
	engine->helper_tables = 0;
	engine->helper_is_whole = FALSE;
}

const char *
engine_helper_describe(const NwEngine *engine)
{
	return engine->features.ftp_helper ? "ftp" : "none (data connections of FTP are not RELATED)";
}

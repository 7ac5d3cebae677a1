// SPDX-License-Identifier: GPL-2.0-or-later
/* Learning as the daemon does it. */

#include "daemon/learning.h"

#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/state_file.h"
#include "base/time_left.h"

struct Learning {
	LearningConfig config;
	char *store, *snoop_path, *snoop_user;
	LearnTable *table;
	NwEngine *engine; /* NULL until it is started */
	SnoopChild *child;
	GHashTable *changed;  /* utf8: ports whose rules are to follow -> whether their addresses are others */
	GHashTable *said;     /* "PORT RESULT" -> gint64: when it was logged, in seconds */
	GHashTable *learners; /* utf8: ports that learn */
	gboolean unsaved;
	guint source;
	gint64 source_ms; /* when it fires, by the monotonic clock: the other may be set in between */
};

static gint64
now_ms(void)
{
	return g_get_real_time() / 1000;
}

static GHashTable *
ports_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static gboolean run(gpointer data);

/* --- what the table asks --- */

static guint32
segment_of(const char *port, gpointer data)
{
	const Learning *learning = data;
	LinkInfo info;

	return links_find(learning->config.links, port, &info, NULL) == 1 ? info.master : 0;
}

static gboolean
is_host_address(guint32 segment, const IpAddress *address, guint prefix_len, gpointer data)
{
	const Learning *learning = data;
	char name[IF_NAMESIZE];
	g_autoptr(GArray) addresses = NULL;

	if (!segment || !if_indextoname(segment, name))
		return FALSE;
	addresses = links_addresses(learning->config.links, name, NULL);
	for (guint i = 0; addresses && i < addresses->len; i++)
		if (ip_address_in(&g_array_index(addresses, LinkAddress, i).address, address, prefix_len))
			return TRUE;
	return FALSE;
}

/* --- what the engine asks and tells --- */

static GArray *
learned(const NwBinding *binding, const NwLearning *what, gpointer data)
{
	const Learning *learning = data;
	g_autoptr(GPtrArray) records = learn_table_records(learning->table, binding->port_dev);
	GArray *list = g_array_new(FALSE, TRUE, sizeof(NwLearned));
	gint64 now = now_ms() / 1000;

	for (guint i = 0; i < records->len; i++) {
		const LearnRecord *record = records->pdata[i];
		const LearnEntry *entry = &record->entry;
		NwLearned one = { .address = entry->address,
				  .prefix_len = entry->prefix_len,
				  .expires = entry->expires };

		one.is_claim = entry->source == LEARN_BY_ARP || entry->source == LEARN_BY_ND;
		if (memcmp(record->mac, binding->mac, sizeof(record->mac)) || (one.expires && one.expires <= now) ||
		    (one.is_claim && what->method != NW_LEARN_ANY) ||
		    !(entry->address.family == AF_INET ? what->ipv4 : what->ipv6))
			continue;
		g_array_append_val(list, one);
	}
	return list;
}

static void
wake(Learning *learning, gint64 at_ms)
{
	gint64 wait = time_left(at_ms, now_ms(), LEARNING_LOOK_MS), due = g_get_monotonic_time() / 1000 + wait;

	if (learning->source && learning->source_ms <= due)
		return;
	if (learning->source)
		g_source_remove(learning->source);
	learning->source = g_timeout_add((guint)wait, run, learning);
	learning->source_ms = due;
}

/* @is_other: its addresses are others now, else only their ends are. */
static void
mark_changed(Learning *learning, const char *port, gboolean is_other)
{
	gboolean was_other = g_hash_table_lookup(learning->changed, port) != NULL;

	g_hash_table_insert(learning->changed, g_strdup(port), GINT_TO_POINTER(is_other || was_other));
}

static void on_event(const SnoopEvent *event, gpointer data);

static void
child_start(Learning *learning)
{
	SnoopChildConfig config = {
		.path = learning->snoop_path,
		.user = learning->snoop_user,
		.group = learning->config.group,
		.on_event = on_event,
		.data = learning,
	};

	if (!learning->child && !learning->config.no_kernel)
		learning->child = snoop_child_new(&config);
}

static void
set_port(Learning *learning, const NwBinding *binding, const NwLearning *what, GArray *fixed)
{
	static const LearnMethod methods[] = {
		[NW_LEARN_ANY] = LEARN_METHOD_ANY,
		[NW_LEARN_DHCP] = LEARN_METHOD_DHCP,
		[NW_LEARN_NONE] = LEARN_METHOD_NONE,
	};
	g_autoptr(GArray) servers = nw_learning_servers(binding, AF_INET);
	g_autoptr(GArray) servers6 = nw_learning_servers(binding, AF_INET6);
	g_autoptr(GArray) before = learned(binding, what, learning);
	g_autoptr(GPtrArray) after = NULL;
	g_autoptr(GError) error = NULL;
	gboolean has;
	LearnPort port = {
		.name = binding->port_dev,
		.method = nw_learning_is_needed(what) ? methods[what->method] : LEARN_METHOD_NONE,
		.ipv4 = what->ipv4,
		.ipv6 = what->ipv6,
		.claims_max = what->claims_max,
		.dhcp_servers = servers,
		.dhcpv6_servers = servers6,
		.fixed = fixed,
	};

	memcpy(port.mac, binding->mac, sizeof(port.mac));
	if (!learn_table_set_port(learning->table, &port, now_ms(), &has, &error)) {
		log_error("port '%s' cannot learn addresses: %s", binding->port_dev, error->message);
		return;
	}
	/* What it had kept may be another port's by now. */
	after = learn_table_addresses(learning->table, binding->port_dev);
	if (nw_learning_is_needed(what) && after->len != before->len)
		mark_changed(learning, binding->port_dev, TRUE);
}

static gboolean
is_of_port(gpointer key, gpointer value, gpointer port)
{
	return g_str_has_prefix(key, port) && ((const char *)key)[strlen(port)] == ' ';
}

static void
on_learning(const NwBinding *binding, const NwLearning *what, gpointer data)
{
	Learning *learning = data;
	g_autoptr(GArray) fixed = nw_learning_fixed(binding);

	g_hash_table_remove(learning->learners, binding->port_dev);
	if (what && nw_learning_is_needed(what)) {
		g_hash_table_add(learning->learners, g_strdup(binding->port_dev));
		child_start(learning);
	}
	/* A port whose addresses are given learns nothing, but others cannot learn what is its. */
	if (what && (nw_learning_is_needed(what) || fixed->len))
		set_port(learning, binding, what, fixed);
	else
		learn_table_remove_port(learning->table, binding->port_dev);
	if (!what)
		g_hash_table_foreach_remove(learning->said, is_of_port, binding->port_dev);
	wake(learning, now_ms());
}

/* --- events --- */

/* Refusals are worth a line, but a guest that repeats itself is not. */
static void
say(Learning *learning, const char *port, LearnResult result, const SnoopEvent *event, const IpAddress *about)
{
	g_autofree char *key = g_strdup_printf("%s %s", port, learn_result_name(result));
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC, *last = g_hash_table_lookup(learning->said, key);
	char text[IP_TEXT_MAX];

	if (last && now - *last < LEARNING_SAY_AGAIN_SEC)
		return;
	g_hash_table_insert(learning->said, g_steal_pointer(&key), g_memdup2(&now, sizeof(now)));
	ip_address_format(about, text);
	switch (result) {
	case LEARN_CONFLICT:
		log_warning("port '%s' claims %s, which another port or the host has: not learned", port, text);
		break;
	case LEARN_NOT_TRUSTED:
		log_warning("port '%s': the DHCP server %s is not one of its servers: not learned", port, text);
		break;
	case LEARN_FULL:
		log_warning("port '%s' has as many addresses as it may: %s is not learned", port, text);
		break;
	case LEARN_NOT_ASKED:
	case LEARN_FOREIGN:
		log_info("port '%s': %s message ignored: %s", port, snoop_protocol_name(event->protocol),
			 learn_result_name(result));
		break;
	case LEARN_IGNORED:
	case LEARN_NOTED:
	case LEARN_CHANGED:
	case LEARN_REFRESHED:
		break;
	}
}

static void
on_event(const SnoopEvent *event, gpointer data)
{
	Learning *learning = data;
	IpAddress about = { 0 };
	char port[IF_NAMESIZE];
	LearnResult result;

	/* It may be gone by now. */
	if (!if_indextoname(event->ifindex, port) || !g_hash_table_contains(learning->learners, port))
		return;
	result = learn_table_event(learning->table, port, event, now_ms(), &about);
	log_debug("port '%s': %s message %u: %s", port, snoop_protocol_name(event->protocol), event->message,
		  learn_result_name(result));
	if (result == LEARN_CHANGED || result == LEARN_REFRESHED) {
		learning->unsaved = TRUE;
		mark_changed(learning, port, result == LEARN_CHANGED);
		wake(learning, now_ms() + (result == LEARN_CHANGED ? 0 : LEARNING_REFRESH_MS));
	} else {
		say(learning, port, result, event, &about);
		/* Even where a frame teaches nothing something may be found to have ended. */
		wake(learning, now_ms());
	}
}

void
learning_link_changed(Learning *learning, const LinkInfo *info)
{
	/* One that is plugged into nothing has no neighbours to give way to. */
	if (!info->master)
		return;
	learn_table_port_moved(learning->table, info->name, now_ms());
	wake(learning, now_ms());
}

/* --- the effect --- */

static gboolean
save(Learning *learning, GError **error)
{
	if (learning->unsaved && !learning->config.no_kernel &&
	    !learn_store_save(learning->store, learning->table, error))
		return FALSE;
	learning->unsaved = FALSE;
	return TRUE;
}

static void
log_addresses(const Learning *learning, const char *port)
{
	g_autoptr(GPtrArray) entries = learn_table_addresses(learning->table, port);
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < entries->len; i++) {
		const LearnEntry *entry = entries->pdata[i];
		char address[IP_TEXT_MAX];

		g_string_append_printf(text, "%s%s", i ? ", " : "", ip_address_format(&entry->address, address));
		if (entry->prefix_len < ip_address_bits(&entry->address))
			g_string_append_printf(text, "/%u", entry->prefix_len);
		g_string_append_printf(text, " by %s", learn_source_name(entry->source));
	}
	log_info("port '%s' has learned: %s", port, entries->len ? text->str : "nothing");
}

/* Store what is known, then bring the ports' rules up to it. */
static gboolean
apply(Learning *learning, GError **error)
{
	g_autoptr(GPtrArray) failed = NULL, names = g_ptr_array_new();
	g_autoptr(GHashTable) changed = NULL;
	GHashTableIter iter;
	gpointer name, is_other;

	if (!save(learning, error))
		return FALSE;
	if (!learning->engine || !g_hash_table_size(learning->changed))
		return TRUE;
	/* The engine's callbacks may mark ports anew. */
	changed = g_steal_pointer(&learning->changed);
	learning->changed = ports_new();
	g_hash_table_iter_init(&iter, changed);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_ptr_array_add(names, name);
	if (!nw_engine_relearn(learning->engine, names, &failed, error)) {
		g_hash_table_iter_init(&iter, changed);
		while (g_hash_table_iter_next(&iter, &name, &is_other))
			mark_changed(learning, name, is_other != NULL);
		return FALSE;
	}
	for (guint i = 0; i < failed->len; i++)
		log_error("%s", (const char *)failed->pdata[i]);
	g_hash_table_iter_init(&iter, changed);
	while (g_hash_table_iter_next(&iter, &name, &is_other)) {
		if (!is_other)
			continue;
		log_addresses(learning, name);
		learning->config.on_changed(name, learning->config.data);
	}
	return TRUE;
}

/* What ended ends; returns when to look again. */
static gint64
expire(Learning *learning)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	gint64 next_ms = G_MAXINT64;

	learning->unsaved |= learn_table_expire(learning->table, now_ms(), changed, &next_ms);
	for (guint i = 0; i < changed->len; i++)
		mark_changed(learning, changed->pdata[i], TRUE);
	return next_ms;
}

static gboolean
run(gpointer data)
{
	Learning *learning = data;
	g_autoptr(GError) error = NULL;
	gint64 next_ms;

	learning->source = 0;
	next_ms = expire(learning);
	if (!apply(learning, &error)) {
		gint64 retry_ms = now_ms() + LEARNING_RETRY_MS;

		log_error("cannot put into force what ports have learned: %s", error->message);
		next_ms = MIN(next_ms, retry_ms);
	}
	if (next_ms != G_MAXINT64)
		wake(learning, next_ms);
	return G_SOURCE_REMOVE;
}

/* --- the daemon's part --- */

/* Port by port, so that what one port cannot have any more, say an address that is the host's by now, is lost alone. */
static void
load_ports(Learning *learning, const GPtrArray *records)
{
	for (guint at = 0, count; at < records->len; at += count) {
		const LearnRecord *first = records->pdata[at];
		g_autoptr(GError) error = NULL;

		for (count = 1; at + count < records->len; count++)
			if (!g_str_equal(((const LearnRecord *)records->pdata[at + count])->port, first->port))
				break;
		const GPtrArray part = { records->pdata + at, count };
		if (!learn_table_restore(learning->table, &part, now_ms(), TRUE, NULL, &error))
			log_error("what a port learned before is lost: %s", error->message);
	}
}

static void
load(Learning *learning)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) records = learn_store_load(learning->store, &error);

	if (records)
		load_ports(learning, records);
	else
		state_file_set_aside(learning->store, "addresses learned before", error);
}

Learning *
learning_new(const LearningConfig *config)
{
	Learning *learning = g_new0(Learning, 1);
	LearnOps ops = { segment_of, is_host_address, learning };

	learning->config = *config;
	learning->store = g_strdup(config->paths->learned_file);
	learning->snoop_path = g_strdup(config->paths->snoop_helper);
	learning->snoop_user = g_strdup(config->snoop_user);
	learning->changed = ports_new();
	learning->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	learning->learners = ports_new();
	learning->table = learn_table_new(&ops);
	load(learning);
	return learning;
}

void
learning_free(Learning *learning)
{
	g_autoptr(GError) error = NULL;

	if (!learning)
		return;
	if (learning->source)
		g_source_remove(learning->source);
	if (learning->engine && !save(learning, &error))
		log_error("what ports have learned is lost: %s", error->message);
	snoop_child_stop(learning->child);
	learn_table_free(learning->table);
	g_hash_table_unref(learning->changed);
	g_hash_table_unref(learning->said);
	g_hash_table_unref(learning->learners);
	g_free(learning->store);
	g_free(learning->snoop_path);
	g_free(learning->snoop_user);
	g_free(learning);
}

void
learning_configure(Learning *learning, NwEngineConfig *config)
{
	config->learned = learned;
	config->on_learning = on_learning;
	config->learn_data = learning;
	config->learn_group = learning->config.group;
}

void
learning_start(Learning *learning, NwEngine *engine)
{
	learning->engine = engine;
	learn_table_forget_claims(learning->table);
	wake(learning, now_ms());
}

void
learning_settle(Learning *learning)
{
	/* What waits for longer, gathered renewals or another try, goes on waiting. */
	if (!learning->source || learning->source_ms > g_get_monotonic_time() / 1000)
		return;
	g_source_remove(learning->source);
	run(learning);
}

GPtrArray *
learning_records(const Learning *learning, const char *port)
{
	return learn_table_records(learning->table, port);
}

/* What a port, or with NULL all, had before a change that could not be stored or put into force. */
static void
put_back(Learning *learning, const char *port, const GPtrArray *before)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	learn_table_flush(learning->table, port, changed);
	if (!learn_table_restore(learning->table, before, now_ms(), TRUE, changed, &error))
		log_error("cannot put back what ports had learned: %s", error->message);
	for (guint i = 0; i < changed->len; i++)
		g_hash_table_add(learning->changed, g_strdup(changed->pdata[i]));
	/* The file and the kernel may have the new state, or the old one: both are brought to this, now or soon. */
	learning->unsaved = TRUE;
	if (!apply(learning, NULL))
		wake(learning, now_ms() + LEARNING_RETRY_MS);
}

static gboolean
apply_now(Learning *learning, const GPtrArray *changed, const char *port, const GPtrArray *before, GError **error)
{
	for (guint i = 0; i < changed->len; i++)
		mark_changed(learning, changed->pdata[i], TRUE);
	learning->unsaved = TRUE;
	wake(learning, expire(learning));
	if (apply(learning, error))
		return TRUE;
	put_back(learning, port, before);
	return FALSE;
}

gboolean
learning_flush(Learning *learning, const char *port, GError **error)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) before = learn_table_records(learning->table, port);

	learn_table_flush(learning->table, port, changed);
	return apply_now(learning, changed, port, before, error);
}

gboolean
learning_restore(Learning *learning, const char *port, const GPtrArray *records, gboolean may_replace, GError **error)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) before = learn_table_records(learning->table, port);

	return learn_table_restore(learning->table, records, now_ms(), may_replace, changed, error) &&
	       apply_now(learning, changed, port, before, error);
}

char *
learning_describe(const Learning *learning)
{
	g_autoptr(GPtrArray) records = learn_table_records(learning->table, NULL);
	g_autofree char *snoop = snoop_child_describe(learning->child);

	return g_strdup_printf("learning: %u ports, %u addresses\n%s\n", g_hash_table_size(learning->learners),
			       records->len, snoop);
}

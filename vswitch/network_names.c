// SPDX-License-Identifier: GPL-2.0-or-later
/* What names of the network language may be made of; they end in configuration files of other programs. */

#include "vswitch/network_names.h"
#include "base/ip_address.h"

#include <string.h>

#define DNS_NAME_MAX  253 /* RFC 1035, 2.3.4, as text */
#define DNS_LABEL_MAX 63
#define DUID_MAX      128 /* bytes, RFC 8415, 11.1 */

static gboolean
is_made_of(const char *text, const char *more)
{
	const char *start = text;

	while (*text && (g_ascii_isalnum(*text) || strchr(more, *text)))
		text++;
	return text != start && !*text;
}

gboolean
network_name_is_valid(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

gboolean
network_dns_name_is_valid(const char *name)
{
	g_auto(GStrv) labels = g_strsplit(name, ".", -1);
	guint count = g_strv_length(labels);

	if (!is_made_of(name, "-_.") || strlen(name) > DNS_NAME_MAX)
		return FALSE;
	for (guint i = 0; i < count; i++) {
		/* A dot at the end stands for the root. */
		if ((!*labels[i] && (i + 1 < count || count == 1 || i == 0)) || strlen(labels[i]) > DNS_LABEL_MAX)
			return FALSE;
	}
	return strcmp(name, ".") != 0;
}

gboolean
network_host_name_is_valid(const char *name)
{
	return g_ascii_isalnum(*name) && network_dns_name_is_valid(name);
}

gboolean
network_dns_owner_is_valid(const char *name)
{
	return *name && !strpbrk(name, " ,");
}

gboolean
network_service_is_valid(const char *name)
{
	return is_made_of(name, "_-+/*");
}

gboolean
network_proto_is_valid(const char *name)
{
	return is_made_of(name, "-+/");
}

gboolean
network_duid_is_valid(const char *text)
{
	for (guint bytes = 1; bytes <= DUID_MAX; bytes++) {
		if (!g_ascii_isxdigit(*text++))
			return FALSE;
		if (g_ascii_isxdigit(*text))
			text++;
		if (!*text)
			return TRUE;
		if (*text++ != ':')
			return FALSE;
	}
	return FALSE;
}

gboolean
network_address_is_valid(const char *text)
{
	IpAddress address;

	return ip_address_parse(text, &address);
}

gboolean
network_target_is_valid(const char *name)
{
	return strcmp(name, ".") == 0 || network_dns_name_is_valid(name);
}

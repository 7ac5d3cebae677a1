// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirtd as a back end: what it makes of the same filters, on the same ports. tests/differential/libvirt starts it.
 */

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "tests/differential/backend.h"

#define URI	   "nwfilter:///system"
#define FOLDER	   "/run/differential"
#define PORTS_MAX  8 /* each takes libvirt a second or more */
#define REASON_MAX 70

static GString *undo; /* virsh's commands that take away what is there */

/* The words of virsh's first complaint, behind "Failed to …", without names and numbers. */
static char *
reason_of(const char *said)
{
	const char *first = strstr(said, "error: "), *next = first ? strchr(first, '\n') : NULL;
	const char *last = next && g_str_has_prefix(next + 1, "error: ") ? next + 1 : first;
	g_autoptr(GRegex) names = g_regex_new("(/[^ ]*|'[^']*'|\\b[a-z-]*[0-9][-a-z0-9.:]*)", 0, 0, NULL);
	g_autofree char *line = g_strndup(last ? last + 7 : said, last ? strcspn(last + 7, "\n") : REASON_MAX);
	g_autofree char *plain = g_regex_replace_literal(names, line, -1, 0, "*", 0, NULL);

	return g_strdup_printf("libvirt: %.*s", REASON_MAX, plain);
}

static gboolean
virsh(const char *commands, char **ret_said, GError **error)
{
	g_autoptr(GSubprocess) process =
		g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, error, "virsh", "-q",
				 "-c", URI, commands, NULL);

	return process && g_subprocess_communicate_utf8(process, NULL, NULL, ret_said, NULL, error);
}

static gboolean
write_file(const char *name, const char *text, GString *commands, const char *command, GError **error)
{
	g_autofree char *path = g_strdup_printf(FOLDER "/%s.xml", name);

	g_string_append_printf(commands, "%s %s;", command, path);
	return g_file_set_contents(path, text, -1, error);
}

/* The documents as libvirt is to read them: the root last, because it refers to the others. */
static gboolean
bind_one(const Subject *subject, char **ret_refused, GError **error)
{
	g_autoptr(GString) commands = g_string_new(NULL);
	g_autofree char *binding = nw_binding_format(subject->binding), *said = NULL;
	gboolean ok = TRUE;

	g_string_append_printf(undo, "nwfilter-binding-delete %s;", subject->binding->port_dev);
	for (guint i = subject->filters->len; ok && i-- > 0;) {
		const NwFilter *filter = subject->filters->pdata[i];
		g_autofree char *text = nw_filter_format(filter);

		ok = write_file(filter->name, text, commands, "nwfilter-define", error);
	}
	for (guint i = 0; i < subject->filters->len; i++)
		g_string_append_printf(undo, "nwfilter-undefine %s;",
				       ((const NwFilter *)subject->filters->pdata[i])->name);
	if (!ok || !write_file(subject->binding->port_dev, binding, commands, "nwfilter-binding-create", error) ||
	    !virsh(commands->str, &said, error))
		return FALSE;
	if (strstr(said, "error: "))
		*ret_refused = reason_of(said);
	return TRUE;
}

static gboolean
libvirt_load(Subject *const *subjects, guint count, char **ret_refused, GError **error)
{
	if (!undo)
		undo = g_string_new(NULL);
	g_mkdir_with_parents(FOLDER, 0755);
	if (!backend_set_bridge_nf(TRUE, error))
		return FALSE;
	for (guint i = 0; i < count; i++)
		if (subjects[i]->program->vlan_policy > RULE_VLAN_PASS)
			ret_refused[i] = g_strdup("libvirt passes over vlan-policy");
		else if (!bind_one(subjects[i], &ret_refused[i], error))
			return FALSE;
	return TRUE;
}

static gboolean
libvirt_unload(GError **error)
{
	g_autofree char *said = NULL;
	gboolean ok = !undo || !undo->len || virsh(undo->str, &said, error);

	if (undo)
		g_string_truncate(undo, 0);
	return ok;
}

const Backend backend_libvirt = { "libvirt", libvirt_load, libvirt_unload, PORTS_MAX };

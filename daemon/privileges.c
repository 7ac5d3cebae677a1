// SPDX-License-Identifier: GPL-2.0-or-later
/* What of root's power the daemon keeps, and what its children may have of it. */

#include "daemon/privileges.h"

#include "base/error.h"
#include "base/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

const Privilege privileges[] = {
	{ CAP_NET_ADMIN, "net_admin", PRIVILEGE_OURS | PRIVILEGE_CHILDREN,
	  "rules, links, addresses, traffic control, /proc/sys/net; eb/iptables, dnsmasq" },
	{ CAP_NET_RAW, "net_raw", PRIVILEGE_CHILDREN,
	  "iptables' own socket; dnsmasq looks whether an address is free" },
	{ CAP_NET_BIND_SERVICE, "net_bind_service", PRIVILEGE_CHILDREN, "dnsmasq's ports 53, 67, 69 and 547" },
	{ CAP_SETUID, "setuid", PRIVILEGE_CHILDREN,
	  "dnsmasq, sluice-lease and sluice-snoop become users of their own" },
	{ CAP_SETGID, "setgid", PRIVILEGE_CHILDREN, "the same" },
	{ CAP_CHOWN, "chown", PRIVILEGE_OURS | PRIVILEGE_CHILDREN,
	  "the socket's group, the leases' owner; dnsmasq's pid file" },
	{ CAP_DAC_OVERRIDE, "dac_override", PRIVILEGE_OURS | PRIVILEGE_CHILDREN,
	  "leases and sockets of other users: dnsmasq's, Open vSwitch's" },
	{ CAP_KILL, "kill", PRIVILEGE_OURS, "signals to dnsmasq, which is another user" },
	{ CAP_SYS_PTRACE, "sys_ptrace", PRIVILEGE_OURS, "dnsmasq's namespaces and its sockets" },
	{ CAP_SYS_CHROOT, "sys_chroot", PRIVILEGE_CHILDREN, "sluice-snoop's root is an empty folder" },
	{ CAP_SETPCAP, "setpcap", PRIVILEGE_CHILDREN,
	  "at start, to take the rest from our children; sluice-snoop's own can have none" },
	{ 0 },
};

/* Leaves in libcap-ng's set what we want of what is held. */
static void
choose(gboolean is_root)
{
	gboolean held[CAP_LAST_CAP + 1] = { FALSE };

	for (const Privilege *p = privileges; p->name; p++) {
		held[p->capability] = capng_have_capability(CAPNG_PERMITTED, (unsigned)p->capability);
		if (!held[p->capability] && is_root)
			log_warning("started without the capability %s: %s", p->name, p->why);
	}
	capng_clear(CAPNG_SELECT_BOTH);
	for (const Privilege *p = privileges; p->name; p++) {
		guint sets = CAPNG_PERMITTED;

		if (!held[p->capability])
			continue;
		/* no_new_privs lets no child have what we do not hold ourselves. */
		if (p->use & PRIVILEGE_OURS)
			sets |= CAPNG_EFFECTIVE;
		if (p->use & PRIVILEGE_CHILDREN)
			sets |= CAPNG_BOUNDING_SET;
		capng_update(CAPNG_ADD, (capng_type_t)sets, (unsigned)p->capability);
	}
}

gboolean
privileges_limit(GError **error)
{
	gboolean is_root, may_bound;

	if (capng_get_caps_process() < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read our own capabilities");
		return FALSE;
	}
	is_root = capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	choose(is_root);
	/* Without the right to bound children, they have what was left to us from outside. */
	if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot give up capabilities: %s", g_strerror(errno));
		return FALSE;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot refuse new privileges: %s", g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

static char *
names_of(capng_type_t set)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		const char *name =
			capng_have_capability(set, (unsigned)i) ? capng_capability_to_name((unsigned)i) : NULL;

		if (name)
			g_string_append_printf(text, "%s%s", text->len ? " " : "", name);
	}
	return g_strdup(text->len ? text->str : "none");
}

char *
privileges_describe(void)
{
	g_autofree char *ours = NULL, *children = NULL;

	if (capng_get_caps_process() < 0)
		return g_strdup("unknown");
	ours = names_of(CAPNG_EFFECTIVE);
	children = names_of(CAPNG_BOUNDING_SET);
	return g_strdup_printf("%s; children: %s; %s", ours, children,
			       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no new privileges" : "new privileges");
}

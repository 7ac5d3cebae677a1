// SPDX-License-Identifier: GPL-2.0-or-later
/* Links: entries of a bridge's MAC table, macvtap devices, and what a physical function does for its virtual ones. */

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/error.h"
#include "vswitch/links_private.h"

gboolean
links_fdb_add(Links *links, const char *name, const guint8 *mac, GError **error)
{
	struct nlmsghdr *message;
	struct ndmsg *entry;
	guint32 index;

	if (links_record(links, "fdb %s %02x:%02x:%02x:%02x:%02x:%02x", name, mac[0], mac[1], mac[2], mac[3], mac[4],
			 mac[5]))
		return TRUE;
	index = links_index(links, name, error);
	if (!index)
		return FALSE;
	message = rtnl_request(links->rtnl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*entry), &entry);
	entry->ndm_family = AF_BRIDGE;
	entry->ndm_ifindex = (int)index;
	entry->ndm_state = NUD_NOARP; /* static: neither aged nor taken by another port */
	entry->ndm_flags = NTF_MASTER;
	mnl_attr_put(message, NDA_LLADDR, 6, mac);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot tell the bridge of '%s' its MAC address",
			   name);
}

/* --- macvtap --- */

static const struct {
	guint32 number;
	const char *name;
} macvtap_modes[] = {
	[LINK_MACVTAP_PRIVATE] = { MACVLAN_MODE_PRIVATE, "private" },
	[LINK_MACVTAP_VEPA] = { MACVLAN_MODE_VEPA, "vepa" },
	[LINK_MACVTAP_BRIDGE] = { MACVLAN_MODE_BRIDGE, "bridge" },
	[LINK_MACVTAP_PASSTHROUGH] = { MACVLAN_MODE_PASSTHRU, "passthrough" },
};

gboolean
links_macvtap_create(Links *links, const LinkMacvtap *macvtap, GError **error)
{
	struct ifinfomsg *link;
	struct nlmsghdr *message;
	struct nlattr *info, *data;
	guint32 parent;

	if (links_record(links, "macvtap %s on %s mode %s", macvtap->name, macvtap->parent,
			 macvtap_modes[macvtap->mode].name)) {
		links_record_add(links, macvtap->name, "macvtap");
		return TRUE;
	}
	parent = links_index(links, macvtap->parent, error);
	if (!parent)
		return FALSE;
	message = rtnl_request(links->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link), &link);
	mnl_attr_put_strz(message, IFLA_IFNAME, macvtap->name);
	mnl_attr_put(message, IFLA_ADDRESS, 6, macvtap->mac);
	mnl_attr_put_u32(message, IFLA_LINK, parent);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "macvtap");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u32(message, IFLA_MACVLAN_MODE, macvtap_modes[macvtap->mode].number);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	if (!links_check(rtnl_run(links->rtnl, message), error, "cannot create macvtap '%s' on '%s'", macvtap->name,
			 macvtap->parent))
		return FALSE;
	/* In passthrough the new link begins with its parent's address, whatever it was told. */
	if (macvtap->mode != LINK_MACVTAP_PASSTHROUGH || links_set_mac(links, macvtap->name, macvtap->mac, error))
		return TRUE;
	links_delete(links, macvtap->name, NULL);
	return FALSE;
}

/* --- virtual functions --- */

typedef struct {
	guint32 index;
	LinkVf vf;
	gboolean is_found;
} VfQuestion;

/* The attributes of one virtual function; each begins with its number. */
static int
vf_attr_cb(const struct nlattr *attr, void *data)
{
	const void *payload = mnl_attr_get_payload(attr);
	gsize len = mnl_attr_get_payload_len(attr);
	VfQuestion *question = data;
	guint32 index;

	if (len < sizeof(index))
		return MNL_CB_OK;
	memcpy(&index, payload, sizeof(index));
	if (index != question->index)
		return MNL_CB_OK;
	switch (mnl_attr_get_type(attr)) {
	case IFLA_VF_MAC: {
		struct ifla_vf_mac mac;

		if (len < sizeof(mac))
			break;
		memcpy(&mac, payload, sizeof(mac));
		memcpy(question->vf.mac, mac.mac, sizeof(question->vf.mac));
		question->is_found = TRUE;
		break;
	}
	case IFLA_VF_VLAN: {
		struct ifla_vf_vlan vlan;

		if (len < sizeof(vlan))
			break;
		memcpy(&vlan, payload, sizeof(vlan));
		question->vf.vlan = (guint16)vlan.vlan;
		question->vf.priority = (guint8)vlan.qos;
		break;
	}
	case IFLA_VF_TRUST: {
		struct ifla_vf_trust trust;

		if (len < sizeof(trust))
			break;
		memcpy(&trust, payload, sizeof(trust));
		/* All ones: the driver does not know. */
		question->vf.trust = trust.setting == 1	  ? LINK_VF_ON
				     : trust.setting == 0 ? LINK_VF_OFF
							  : LINK_VF_UNSAID;
		break;
	}
	}
	return MNL_CB_OK;
}

static int
vf_info_cb(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_VF_INFO)
		mnl_attr_parse_nested(attr, vf_attr_cb, data);
	return MNL_CB_OK;
}

static int
vf_list_cb(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_VFINFO_LIST)
		mnl_attr_parse_nested(attr, vf_info_cb, data);
	return MNL_CB_OK;
}

static int
vf_link_cb(const struct nlmsghdr *message, void *data)
{
	mnl_attr_parse(message, sizeof(struct ifinfomsg), vf_list_cb, data);
	return MNL_CB_OK;
}

gboolean
links_vf_get(Links *links, const char *pf, guint index, LinkVf *ret_vf, GError **error)
{
	VfQuestion question = { .index = index };
	struct ifinfomsg *link;
	struct nlmsghdr *message;

	if (!links->rtnl) {
		*ret_vf = question.vf;
		return TRUE;
	}
	message = rtnl_request(links->rtnl, RTM_GETLINK, 0, sizeof(*link), &link);
	mnl_attr_put_strz(message, IFLA_IFNAME, pf);
	mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	if (!links_check(rtnl_get(links->rtnl, message, vf_link_cb, &question), error,
			 "cannot ask '%s' for virtual function %u", pf, index))
		return FALSE;
	if (question.is_found) {
		*ret_vf = question.vf;
		return TRUE;
	}
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "'%s' has no virtual function %u", pf, index);
	return FALSE;
}

gboolean
links_vf_set(Links *links, const char *pf, guint index, const LinkVf *vf, GError **error)
{
	struct ifla_vf_mac mac = { .vf = index };
	struct ifla_vf_vlan vlan = { .vf = index, .vlan = vf->vlan, .qos = vf->priority };
	struct ifla_vf_trust trust = { .vf = index, .setting = vf->trust == LINK_VF_ON };
	struct nlmsghdr *message;
	struct nlattr *list, *info;
	struct ifinfomsg *link;
	guint32 pf_index;

	memcpy(mac.mac, vf->mac, sizeof(vf->mac));
	if (links_record(links, "vf %s %u mac %02x:%02x:%02x:%02x:%02x:%02x vlan %u priority %u trust %s", pf, index,
			 vf->mac[0], vf->mac[1], vf->mac[2], vf->mac[3], vf->mac[4], vf->mac[5], vf->vlan, vf->priority,
			 vf->trust == LINK_VF_UNSAID ? "as-is"
			 : vf->trust == LINK_VF_ON   ? "on"
						     : "off"))
		return TRUE;
	pf_index = links_index(links, pf, error);
	if (!pf_index)
		return FALSE;
	message = rtnl_request(links->rtnl, RTM_SETLINK, 0, sizeof(*link), &link);
	link->ifi_index = (int)pf_index;
	list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
	info = mnl_attr_nest_start(message, IFLA_VF_INFO);
	mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	/* Drivers that know no trust refuse the whole message: it is named only where it is asked for. */
	if (vf->trust != LINK_VF_UNSAID)
		mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trust), &trust);
	mnl_attr_nest_end(message, info);
	mnl_attr_nest_end(message, list);
	return links_check(rtnl_run(links->rtnl, message), error, "cannot set virtual function %u of '%s'", index, pf);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The interface of a port whose user is not libvirt. */

#include "vswitch/port_device.h"

#include <stdio.h>
#include <string.h>

#include "base/device_name.h"
#include "base/error.h"
#include "vswitch/ovs.h"
#include "vswitch/sriov.h"

/* The first octet of a tap: above all vendors', so that the bridge does not take its address for its own. */
#define TAP_MAC_OCTET 0xfe
/* Two lines: the interface, and what the virtual function was before. */
#define NOTE_DEV "dev %15s"
#define NOTE_VF	 "vf %15s %u %2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx vlan %hu priority %hhu trust %u"

typedef struct {
	char dev[LINK_NAME_MAX + 1]; /* empty: none */
	char pf[LINK_NAME_MAX + 1];  /* empty: no virtual function was touched */
	guint index;
	LinkVf vf; /* as it was */
} Notes;

static char *
notes_format(const Notes *notes)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const LinkVf *vf = &notes->vf;

	if (*notes->dev)
		g_string_append_printf(text, "dev %s\n", notes->dev);
	if (*notes->pf)
		g_string_append_printf(text, "vf %s %u %02x:%02x:%02x:%02x:%02x:%02x vlan %u priority %u trust %u\n",
				       notes->pf, notes->index, vf->mac[0], vf->mac[1], vf->mac[2], vf->mac[3],
				       vf->mac[4], vf->mac[5], vf->vlan, vf->priority, (guint)vf->trust);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static Notes
notes_parse(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	Notes notes = { 0 };

	for (char **line = lines; *line; line++) {
		Notes read = { 0 };
		LinkVf *vf = &read.vf;
		guint trust;

		if (sscanf(*line, NOTE_DEV, read.dev) == 1) {
			memcpy(notes.dev, read.dev, sizeof(notes.dev));
		} else if (sscanf(*line, NOTE_VF, read.pf, &read.index, &vf->mac[0], &vf->mac[1], &vf->mac[2],
				  &vf->mac[3], &vf->mac[4], &vf->mac[5], &vf->vlan, &vf->priority, &trust) == 11) {
			vf->trust = (LinkVfSwitch)MIN(trust, (guint)LINK_VF_ON);
			memcpy(read.dev, notes.dev, sizeof(read.dev));
			notes = read;
		}
	}
	return notes;
}

/* --- taps --- */

static gboolean
is_ovs(const NetworkPort *port)
{
	return port->virtual_port && port->virtual_port->type == NETWORK_VIRTUAL_PORT_OPENVSWITCH;
}

static gboolean
plug_tap(const PortHost *host, const NetworkPort *port, const char *name, GError **error)
{
	Links *links = host->links;

	if (is_ovs(port))
		return ovs_port_add(host->tools, port, name, error);
	if (!links_set_master(links, name, port->plug->bridge, error) ||
	    (port->options && port->options->isolated == NETWORK_YES &&
	     !links_port_set(links, name, LINK_PORT_ISOLATED, TRUE, error)))
		return FALSE;
	/* The bridge neither learns where guests are nor floods what it does not know: it is told. */
	return port->plug->mac_table != NETWORK_MAC_TABLE_LIBVIRT ||
	       (links_port_set(links, name, LINK_PORT_LEARNING, FALSE, error) &&
		links_port_set(links, name, LINK_PORT_UNICAST_FLOOD, FALSE, error) &&
		links_fdb_add(links, name, port->mac->address.bytes, error));
}

static gboolean
make_tap(const PortHost *host, const NetworkPort *port, const char *name, GError **error)
{
	const NetworkDevice *device = port->device;
	/* Whether there are vnet headers is for the one to say who opens it. */
	LinkTap tap = { .name = name, .vnet_header = TRUE, .owner = G_MAXUINT32, .group = G_MAXUINT32 };
	LinkInfo bridge;
	guint8 mac[6];
	gint found = links_find(host->links, port->plug->bridge, &bridge, error);

	if (found <= 0) {
		if (!found)
			sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is no bridge '%s'",
					 port->plug->bridge);
		return FALSE;
	}
	if (device) {
		tap.multi_queue = device->multi_queue == NETWORK_YES;
		tap.owner = device->owner.is_set ? (guint32)device->owner.value : G_MAXUINT32;
		tap.group = device->group.is_set ? (guint32)device->group.value : G_MAXUINT32;
	}
	if (!links_tap_create(host->links, &tap, error))
		return FALSE;
	memcpy(mac, port->mac->address.bytes, sizeof(mac));
	mac[0] = TAP_MAC_OCTET;
	if (links_set_mac(host->links, name, mac, error) &&
	    (!bridge.mtu || links_set_mtu(host->links, name, bridge.mtu, error)) && plug_tap(host, port, name, error) &&
	    links_set_up(host->links, name, TRUE, error))
		return TRUE;
	if (is_ovs(port))
		ovs_port_remove(host->tools, port->plug->bridge, name, NULL);
	links_delete(host->links, name, NULL);
	return FALSE;
}

gboolean
port_device_plug(const PortHost *host, const NetworkPort *port, GError **error)
{
	LinkInfo bridge;
	gint found;

	if (!port->plug || !port->plug->bridge || !port->device || !port->device->name || is_ovs(port))
		return TRUE;
	found = links_find(host->links, port->plug->bridge, &bridge, error);
	if (!found)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is no bridge '%s'", port->plug->bridge);
	return found > 0 && (!bridge.mtu || links_set_mtu(host->links, port->device->name, bridge.mtu, error)) &&
	       plug_tap(host, port, port->device->name, error) &&
	       links_set_up(host->links, port->device->name, TRUE, error);
}

/* --- virtual functions --- */

static gboolean
set_vf(const PortHost *host, const NetworkPort *port, Notes *notes, GError **error)
{
	LinkVf vf;

	if (port->vlan && (port->vlan->trunk == NETWORK_YES || port->vlan->tags->len != 1)) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "a virtual function of '%s' takes one VLAN tag, not a trunk", notes->pf);
		return FALSE;
	}
	if (!links_vf_get(host->links, notes->pf, notes->index, &notes->vf, error))
		return FALSE;
	vf = notes->vf;
	memcpy(vf.mac, port->mac->address.bytes, sizeof(vf.mac));
	vf.vlan = port->vlan ? ((const NetworkVlanTag *)port->vlan->tags->pdata[0])->id : 0;
	vf.priority = 0;
	/* A guest that may change its filters needs a function that may; no other gets that from its predecessor. */
	if (port->rx_filters && port->rx_filters->trust_guest == NETWORK_YES)
		vf.trust = LINK_VF_ON;
	else if (vf.trust == LINK_VF_ON)
		vf.trust = LINK_VF_OFF;
	if (links_vf_set(host->links, notes->pf, notes->index, &vf, error))
		return TRUE;
	/* Drivers take the parts of it one after another. */
	links_vf_set(host->links, notes->pf, notes->index, &notes->vf, NULL);
	return FALSE;
}

static gboolean
note_vf(Notes *notes, const char *pf)
{
	return g_strlcpy(notes->pf, pf, sizeof(notes->pf)) < sizeof(notes->pf);
}

static gboolean
make_hostdev(const PortHost *host, const NetworkPort *port, Notes *notes, GError **error)
{
	g_autofree char *pf = NULL;

	return sriov_find(host->sysfs, port->plug->address, &pf, &notes->index, error) && note_vf(notes, pf) &&
	       set_vf(host, port, notes, error);
}

/* --- macvtap --- */

static LinkMacvtapMode
macvtap_mode(NetworkForwardMode mode)
{
	return mode == NETWORK_FORWARD_PRIVATE	     ? LINK_MACVTAP_PRIVATE
	       : mode == NETWORK_FORWARD_VEPA	     ? LINK_MACVTAP_VEPA
	       : mode == NETWORK_FORWARD_PASSTHROUGH ? LINK_MACVTAP_PASSTHROUGH
						     : LINK_MACVTAP_BRIDGE;
}

/* One port alone has the device in passthrough: where that is a virtual function, it is set up as in hostdev. */
static gboolean
set_parent_vf(const PortHost *host, const NetworkPort *port, Notes *notes, GError **error)
{
	g_autofree char *pf = NULL;

	if (port->plug->mode != NETWORK_FORWARD_PASSTHROUGH)
		return TRUE;
	if (!sriov_find_dev(host->sysfs, port->plug->dev, &pf, &notes->index, error))
		return FALSE;
	if (pf)
		return note_vf(notes, pf) && set_vf(host, port, notes, error);
	if (!port->vlan)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			 "'%s' is no virtual function: nothing tags the frames of a port on it", port->plug->dev);
	return FALSE;
}

static gboolean
restore_vf(const PortHost *host, const Notes *notes, GError **error)
{
	return !*notes->pf || links_vf_set(host->links, notes->pf, notes->index, &notes->vf, error);
}

static gboolean
make_direct(const PortHost *host, const NetworkPort *port, const char *name, Notes *notes, GError **error)
{
	LinkMacvtap macvtap = {
		.name = name,
		.parent = port->plug->dev,
		.mode = macvtap_mode(port->plug->mode),
		.mac = port->mac->address.bytes,
	};

	if (!set_parent_vf(host, port, notes, error))
		return FALSE;
	if (links_macvtap_create(host->links, &macvtap, error)) {
		/* Frames reach a macvtap only while its parent is up. */
		if (links_set_up(host->links, macvtap.parent, TRUE, error) &&
		    links_set_up(host->links, name, TRUE, error))
			return TRUE;
		links_delete(host->links, name, NULL);
	}
	restore_vf(host, notes, NULL);
	return FALSE;
}

/* --- all --- */

static gboolean
check_association(const NetworkPort *port, GError **error)
{
	if (!port->virtual_port || !port->virtual_port->type || is_ovs(port))
		return TRUE;
	sluice_error_set(
		error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
		"no interface is made for a port with such a <virtualport>: it would have to be associated with "
		"the switch (802.1Qbg, 802.1Qbh), which is not done");
	return FALSE;
}

/* Every macvtap may be opened several times; whose its character device is, udev's rules say. */
static gboolean
check_options(const NetworkPort *port, GError **error)
{
	const NetworkDevice *device = port->device;
	gboolean has_owner = device && (device->owner.is_set || device->group.is_set);

	if (port->plug->type == NETWORK_PLUG_DIRECT && has_owner) {
		sluice_error_set(
			error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
			"<sluice:device> owner and group are for taps: a macvtap's character device is root's");
		return FALSE;
	}
	if (port->plug->type == NETWORK_PLUG_HOSTDEV_PCI && (has_owner || (device && device->multi_queue))) {
		sluice_error_set(error, SLUICE_ERROR_CONFIG_UNSUPPORTED,
				 "<sluice:device> owner, group and multiQueue: a port that gets a virtual function has "
				 "no interface");
		return FALSE;
	}
	return TRUE;
}

static gboolean
check_name(const PortHost *host, const NetworkPort *port, const char *name, GError **error)
{
	gboolean has_device = port->plug->type != NETWORK_PLUG_HOSTDEV_PCI;
	gint found;

	if (!has_device && name) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG,
				 "a port that gets a virtual function has no interface to be called '%s'", name);
		return FALSE;
	}
	if (!has_device)
		return TRUE;
	if (!name || !device_name_is_valid(name)) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "'%s' is no name for an interface", name ? name : "");
		return FALSE;
	}
	found = links_find(host->links, name, NULL, error);
	if (found > 0)
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is an interface '%s' already", name);
	return found == 0;
}

gboolean
port_device_make(const PortHost *host, const NetworkPort *port, const char *name, char **ret_notes, GError **error)
{
	Notes notes = { 0 };
	gboolean ok = FALSE;

	if (!check_association(port, error) || !check_options(port, error) || !check_name(host, port, name, error))
		return FALSE;
	if (name)
		g_strlcpy(notes.dev, name, sizeof(notes.dev));
	switch (port->plug->type) {
	case NETWORK_PLUG_NONE:
		g_return_val_if_reached(FALSE);
	case NETWORK_PLUG_NETWORK:
	case NETWORK_PLUG_BRIDGE:
		ok = make_tap(host, port, name, error);
		break;
	case NETWORK_PLUG_DIRECT:
		ok = make_direct(host, port, name, &notes, error);
		break;
	case NETWORK_PLUG_HOSTDEV_PCI:
		ok = make_hostdev(host, port, &notes, error);
		break;
	}
	if (ok)
		*ret_notes = notes_format(&notes);
	return ok;
}

gboolean
port_device_remove(const PortHost *host, const NetworkPort *port, const char *text, GError **error)
{
	Notes notes = notes_parse(text);
	gboolean ok = TRUE;

	if (*notes.dev && port->plug->bridge && is_ovs(port))
		ok = ovs_port_remove(host->tools, port->plug->bridge, notes.dev, error);
	if (*notes.dev && !links_delete(host->links, notes.dev, ok ? error : NULL))
		ok = FALSE;
	if (!restore_vf(host, &notes, ok ? error : NULL))
		ok = FALSE;
	return ok;
}

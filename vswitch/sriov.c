// SPDX-License-Identifier: GPL-2.0-or-later
/* SR-IOV as sysfs shows it. */

#include "vswitch/sriov.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "vswitch/network_tables.h"

#define PCI_TEXT_MAX 32 /* bytes of "00000000:00:00.0" */

void
sriov_vf_free(SriovVf *vf)
{
	g_free(vf->dev);
	g_free(vf);
}

static char *
pci_text(const NetworkPci *address)
{
	return g_strdup_printf("%04x:%02x:%02x.%x", address->domain, address->bus, address->slot, address->function);
}

/* The PCI address that a link such as "../0000:03:10.0" leads to. */
static gboolean
read_pci_link(const char *path, NetworkPci *ret_address)
{
	g_autofree char *target = g_file_read_link(path, NULL);
	g_autofree char *name = target ? g_path_get_basename(target) : NULL;
	guint domain, bus, slot, function;
	int end = 0;

	if (!name || strlen(name) >= PCI_TEXT_MAX ||
	    sscanf(name, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 || name[end] || slot > 31 ||
	    function > 7)
		return FALSE;
	*ret_address = (NetworkPci){
		.type = 1,
		.domain = domain,
		.bus = (guint8)bus,
		.slot = (guint8)slot,
		.function = (guint8)function,
	};
	return TRUE;
}

/* Interfaces that a switch in the adapter shows for its ports to virtual functions ("pf0vf3") are not the function's.
 */
static gboolean
is_representor(const char *dir, const char *dev)
{
	g_autofree char *path = g_build_filename(dir, dev, "phys_port_name", NULL);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "vf");
}

/* The first interface below a device's folder "net" by name: sysfs has no order. */
static char *
device_dev(const char *device)
{
	g_autofree char *dir_path = g_build_filename(device, "net", NULL);
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	char *first = NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if ((first && strcmp(name, first) >= 0) || is_representor(dir_path, name))
			continue;
		g_free(first);
		first = g_strdup(name);
	}
	return first;
}

static char *
pci_path(const char *sysfs, const NetworkPci *address)
{
	g_autofree char *text = pci_text(address);

	return g_build_filename(sysfs, "bus/pci/devices", text, NULL);
}

static char *
dev_path(const char *sysfs, const char *dev, GError **error)
{
	g_autofree char *path = g_build_filename(sysfs, "class/net", dev, NULL);

	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return g_build_filename(path, "device", NULL);
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is no interface '%s'", dev);
	return NULL;
}

/* The virtual functions below one device's folder. */
static GPtrArray *
list_device(const char *sysfs, const char *device, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)sriov_vf_free);

	for (guint i = 0;; i++) {
		g_autofree char *link = g_strdup_printf("%s/virtfn%u", device, i);
		g_autofree char *path = NULL;
		NetworkPci address;
		SriovVf *vf;

		if (!read_pci_link(link, &address))
			return g_steal_pointer(&list);
		if (i == NETWORK_POOL_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT,
					 "%s has more than %d virtual functions, which is the limit", device,
					 NETWORK_POOL_MAX);
			return NULL;
		}
		path = pci_path(sysfs, &address);
		vf = g_new0(SriovVf, 1);
		vf->address = address;
		vf->index = i;
		vf->dev = device_dev(path);
		g_ptr_array_add(list, vf);
	}
}

GPtrArray *
sriov_list(const char *sysfs, const char *pf, GError **error)
{
	g_autofree char *device = dev_path(sysfs, pf, error);

	return device ? list_device(sysfs, device, error) : NULL;
}

gboolean
sriov_find(const char *sysfs, const NetworkPci *address, char **ret_pf, guint *ret_index, GError **error)
{
	g_autofree char *text = pci_text(address);
	g_autofree char *path = pci_path(sysfs, address);
	g_autofree char *physfn = g_build_filename(path, "physfn", NULL);
	g_autofree char *pf = NULL;
	g_autoptr(GPtrArray) list = NULL;
	NetworkPci parent;

	if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "there is no PCI device %s", text);
		return FALSE;
	}
	if (!read_pci_link(physfn, &parent)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "PCI device %s is not an SR-IOV Virtual Function", text);
		return FALSE;
	}
	pf = device_dev(physfn);
	if (!pf) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED,
				 "the physical function of PCI device %s has no interface", text);
		return FALSE;
	}
	list = list_device(sysfs, physfn, error);
	if (!list)
		return FALSE;
	for (guint i = 0; i < list->len; i++) {
		const SriovVf *vf = list->pdata[i];

		if (!network_pci_equal(&vf->address, address))
			continue;
		*ret_pf = g_steal_pointer(&pf);
		*ret_index = vf->index;
		return TRUE;
	}
	sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "'%s' does not list its virtual function %s", pf, text);
	return FALSE;
}

gboolean
sriov_find_dev(const char *sysfs, const char *dev, char **ret_pf, guint *ret_index, GError **error)
{
	g_autofree char *device = dev_path(sysfs, dev, error);
	g_autofree char *physfn = device ? g_build_filename(device, "physfn", NULL) : NULL;
	NetworkPci address;

	if (!device)
		return FALSE;
	if (!g_file_test(physfn, G_FILE_TEST_EXISTS)) {
		*ret_pf = NULL;
		return TRUE;
	}
	if (!read_pci_link(device, &address)) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "interface '%s' is no PCI device", dev);
		return FALSE;
	}
	return sriov_find(sysfs, &address, ret_pf, ret_index, error);
}

/* --- pools --- */

static gboolean
at_line(const Network *network, guint line, const char *what, GError **error)
{
	g_prefix_error(error, "%s:%u: %s: ", network->file ? network->file : network->name, line, what);
	return FALSE;
}

static gboolean
check_addresses(const char *sysfs, const Network *network, GError **error)
{
	const GPtrArray *addresses = network->forward->addresses;

	for (guint i = 0; i < addresses->len; i++) {
		const NetworkPci *address = addresses->pdata[i];
		g_autofree char *pf = NULL;
		guint index;

		if (!sriov_find(sysfs, address, &pf, &index, error))
			return at_line(network, address->line, "<address>", error);
	}
	return TRUE;
}

static void
add_to_pool(NetworkForward *forward, const SriovVf *vf)
{
	if (forward->mode == NETWORK_FORWARD_HOSTDEV) {
		g_ptr_array_add(forward->addresses, g_memdup2(&vf->address, sizeof(vf->address)));
	} else if (vf->dev) {
		NetworkInterface *interface = g_new0(NetworkInterface, 1);

		interface->dev = g_strdup(vf->dev);
		g_ptr_array_add(forward->interfaces, interface);
	}
}

static void
list_clear(const XmlElement *element, GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++)
		xml_map_free(element, list->pdata[i]);
	g_ptr_array_set_size(list, 0);
}

gboolean
sriov_pool_fill(const char *sysfs, Network *network, GError **error)
{
	NetworkForward *forward = network->forward;
	g_autoptr(GPtrArray) list = NULL;

	if (!forward)
		return TRUE;
	if (!forward->pf)
		return check_addresses(sysfs, network, error);
	sriov_pool_clear(network);
	list = sriov_list(sysfs, forward->pf->dev, error);
	for (guint i = 0; list && i < list->len; i++)
		add_to_pool(forward, list->pdata[i]);
	if (list && !forward->interfaces->len && !forward->addresses->len) {
		sluice_error_set(error, SLUICE_ERROR_OPERATION_FAILED, "No usable Vf's present on SRIOV PF %s",
				 forward->pf->dev);
		g_clear_pointer(&list, g_ptr_array_unref);
	}
	return list || at_line(network, forward->pf->line, "<pf>", error);
}

void
sriov_pool_clear(Network *network)
{
	if (!network->forward || !network->forward->pf)
		return;
	list_clear(&network_interface_element, network->forward->interfaces);
	list_clear(&network_pci_element, network->forward->addresses);
}

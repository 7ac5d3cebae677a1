// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SR-IOV as sysfs shows it (Documentation/ABI/testing/sysfs-bus-pci): the virtual functions of a physical one.
 *
 * Every function takes where sysfs is mounted, so that tests bring a tree of their own.
 */
#pragma once

#include "vswitch/network.h"

#define SRIOV_SYSFS "/sys"

/* A virtual function. */
typedef struct {
	NetworkPci address;
	guint index; /* its number, as the physical function's driver and rtnetlink count */
	char *dev;   /* its interface; NULL: it has none, as its driver is not a network driver */
} SriovVf;

void sriov_vf_free(SriovVf *vf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SriovVf, sriov_vf_free)

/**
 * sriov_list: the virtual functions of an interface
 * @pf: the physical function's interface
 *
 * Returns: (transfer full) (element-type SriovVf): by number; empty where it has none.
 * Errors: %SLUICE_ERROR_OPERATION_FAILED when there is no such interface, %SLUICE_ERROR_LIMIT.
 */
GPtrArray *sriov_list(const char *sysfs, const char *pf, GError **error);

/**
 * sriov_find: what a PCI address is a virtual function of
 * @ret_pf: (out) (transfer full): the physical function's interface
 * @ret_index: (out): the virtual function's number
 *
 * Errors: %SLUICE_ERROR_OPERATION_FAILED when there is no such device, or it is no virtual function.
 */
gboolean sriov_find(const char *sysfs, const NetworkPci *address, char **ret_pf, guint *ret_index, GError **error);

/** sriov_find_dev: likewise, of the interface of a virtual function; @ret_pf is NULL where it is none */
gboolean sriov_find_dev(const char *sysfs, const char *dev, char **ret_pf, guint *ret_index, GError **error);

/**
 * sriov_pool_fill: what a network's ports get, as of now
 * @network: with a <pf>, its virtual functions come into the pool; PCI addresses for mode hostdev, else interfaces
 *
 * Without <pf>, each listed PCI address must be a virtual function. Errors tell the element's file and line.
 */
gboolean sriov_pool_fill(const char *sysfs, Network *network, GError **error);

/** sriov_pool_clear: take out what a <pf> was expanded to, so that @network is a definition again */
void sriov_pool_clear(Network *network);

// SPDX-License-Identifier: GPL-2.0-or-later
/* One error domain for the whole project; each code has a libvirt number that clients act on. */
#pragma once

#include <glib.h>

#define SLUICE_ERROR (sluice_error_quark())

/* The order is free; base/error.c holds the one table to libvirt's error numbers. */
typedef enum {
	SLUICE_ERROR_INTERNAL,
	SLUICE_ERROR_NO_SUPPORT,
	SLUICE_ERROR_INVALID_ARG,
	SLUICE_ERROR_OPERATION_FAILED,
	SLUICE_ERROR_OPERATION_DENIED,
	SLUICE_ERROR_OPERATION_INVALID,
	SLUICE_ERROR_XML,	 /* the text is no XML; libvirt calls this XML detail, because its parser says where */
	SLUICE_ERROR_XML_DETAIL, /* the document is XML, but something in it is not allowed; libvirt: XML error */
	SLUICE_ERROR_SYSTEM,	 /* a system call failed; the text carries strerror */
	SLUICE_ERROR_RPC,
	SLUICE_ERROR_AUTH,
	SLUICE_ERROR_NO_NWFILTER,
	SLUICE_ERROR_BUILD_FIREWALL, /* a filter cannot be compiled, or the kernel refused it */
	SLUICE_ERROR_CONFIG_UNSUPPORTED,
	SLUICE_ERROR_NO_BINDING,
	SLUICE_ERROR_NO_NETWORK,
	SLUICE_ERROR_NO_PORT,
	SLUICE_ERROR_NO_METADATA,
	SLUICE_ERROR_PORT_EXISTS,
	SLUICE_ERROR_INVALID_MAC,
	SLUICE_ERROR_LIMIT, /* a named bound was crossed */
	SLUICE_ERROR_COUNT
} SluiceErrorCode;

GQuark sluice_error_quark(void);

/**
 * sluice_error_libvirt_code: the number a libvirt client knows this error by
 * @code: one of ours
 *
 * Returns: libvirt's virErrorNumber, e.g. 62 for %SLUICE_ERROR_NO_NWFILTER.
 */
int sluice_error_libvirt_code(SluiceErrorCode code);

/**
 * sluice_error_set: g_set_error() in our domain
 */
void sluice_error_set(GError **error, SluiceErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

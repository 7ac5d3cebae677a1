// SPDX-License-Identifier: GPL-2.0-or-later
/* The error domain and its mapping to libvirt's error numbers. */

#include "base/error.h"

G_DEFINE_QUARK(sluice - error, sluice_error)

static const int libvirt_codes[SLUICE_ERROR_COUNT] = {
	[SLUICE_ERROR_INTERNAL] = 1,
	[SLUICE_ERROR_NO_SUPPORT] = 3,
	[SLUICE_ERROR_INVALID_ARG] = 8,
	[SLUICE_ERROR_OPERATION_FAILED] = 9,
	[SLUICE_ERROR_OPERATION_DENIED] = 29,
	[SLUICE_ERROR_OPERATION_INVALID] = 55,
	[SLUICE_ERROR_XML] = 35,
	[SLUICE_ERROR_XML_DETAIL] = 27,
	[SLUICE_ERROR_SYSTEM] = 38,
	[SLUICE_ERROR_RPC] = 39,
	[SLUICE_ERROR_AUTH] = 45,
	[SLUICE_ERROR_NO_NWFILTER] = 62,
	[SLUICE_ERROR_BUILD_FIREWALL] = 63,
	[SLUICE_ERROR_CONFIG_UNSUPPORTED] = 67,
	[SLUICE_ERROR_NO_BINDING] = 101,
	[SLUICE_ERROR_NO_NETWORK] = 43,
	[SLUICE_ERROR_NO_PORT] = 107,
	[SLUICE_ERROR_NO_METADATA] = 111,
	[SLUICE_ERROR_PORT_EXISTS] = 106,
	[SLUICE_ERROR_INVALID_MAC] = 44,
	[SLUICE_ERROR_LIMIT] = 9,
};

int
sluice_error_libvirt_code(SluiceErrorCode code)
{
	g_return_val_if_fail((unsigned int)code < SLUICE_ERROR_COUNT, 1);
	return libvirt_codes[code];
}

void
sluice_error_set(GError **error, SluiceErrorCode code, const char *format, ...)
{
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	g_propagate_error(error, g_error_new_valist(SLUICE_ERROR, (int)code, format, args));
	va_end(args);
}

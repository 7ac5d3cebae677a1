// SPDX-License-Identifier: GPL-2.0-or-later
/* What names of the network language may be made of; they end in configuration files of other programs. */
#pragma once

#include <glib.h>

#define NETWORK_NAME_EXPECTED	   "a name without '/' that is not '.' or '..'"
#define NETWORK_DNS_NAME_EXPECTED  "a DNS name: letters, digits, '-', '_' and '.', labels of 1 to 63 bytes"
#define NETWORK_HOST_EXPECTED	   "a DNS name that begins with a letter or a digit"
#define NETWORK_DNS_OWNER_EXPECTED "a name without blanks and commas"
#define NETWORK_SERVICE_EXPECTED   "letters, digits, '_', '-', '+', '/' and '*'"
#define NETWORK_PROTO_EXPECTED	   "letters, digits, '-', '+' and '/'"
#define NETWORK_DUID_EXPECTED	   "a DUID: pairs of hexadecimal digits between colons"
#define NETWORK_ADDRESS_EXPECTED   "an IPv4 or IPv6 address"
#define NETWORK_TARGET_EXPECTED	   "'.' or " NETWORK_DNS_NAME_EXPECTED

gboolean network_name_is_valid(const char *name);
gboolean network_dns_name_is_valid(const char *name);
gboolean network_host_name_is_valid(const char *name);
gboolean network_dns_owner_is_valid(const char *name);
gboolean network_service_is_valid(const char *name);
gboolean network_proto_is_valid(const char *name);
gboolean network_duid_is_valid(const char *text);
gboolean network_address_is_valid(const char *text);
gboolean network_target_is_valid(const char *name);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing one section of a network's definition, as virNetworkUpdate() does. */
#pragma once

#include "vswitch/network.h"

/* The numbers are libvirt's (virNetworkUpdateCommand). */
typedef enum {
	NETWORK_UPDATE_MODIFY = 1,
	NETWORK_UPDATE_DELETE = 2,
	NETWORK_UPDATE_ADD_LAST = 3,
	NETWORK_UPDATE_ADD_FIRST = 4,
} NetworkUpdateCommand;

/* The numbers are libvirt's (virNetworkUpdateSection). */
typedef enum {
	NETWORK_SECTION_BRIDGE = 1,
	NETWORK_SECTION_DOMAIN = 2,
	NETWORK_SECTION_IP = 3,
	NETWORK_SECTION_IP_DHCP_HOST = 4,
	NETWORK_SECTION_IP_DHCP_RANGE = 5,
	NETWORK_SECTION_FORWARD = 6,
	NETWORK_SECTION_FORWARD_INTERFACE = 7,
	NETWORK_SECTION_FORWARD_PF = 8,
	NETWORK_SECTION_PORT_GROUP = 9,
	NETWORK_SECTION_DNS_HOST = 10,
	NETWORK_SECTION_DNS_TXT = 11,
	NETWORK_SECTION_DNS_SRV = 12,
	NETWORK_SECTION_COUNT
} NetworkSection;

extern const Word network_update_command_words[]; /* "modify", "delete", "add-last", "add-first", and "add" */
extern const Word network_section_words[];	  /* as virsh net-update calls them */

/**
 * network_update: a definition with one section changed
 * @network: left as it is, so that a change of both the live and the stored definition can be all or nothing
 * @command: a number of a client; others than those of the enum are refused
 * @section: likewise
 * @parent_index: for the sections of <dhcp>: the number of the <ip>; -1: the one of the entry's address family that has
 *	<dhcp>, else the first of that family
 * @xml: the element, not trusted; of a DELETE with as much as finds one entry
 * @file: its name for messages
 *
 *	section			add				modify			delete
 *	ip-dhcp-host		no entry of its mac, name,	the one of its mac,	all that is given is
 *				id or ip			ip, name or id		equal
 *	ip-dhcp-range		not there			same start and end	same start and end
 *	forward-interface	not there			refused			by dev, if not in use
 *	portgroup		by name				by name			by name
 *	dns-host		by ip				by ip			by ip, hostname; one match
 *	dns-txt			by name				by name			by name and value
 *	dns-srv			not there			service, protocol,	all that is given is
 *								domain; one match	equal; one match
 *	ip			by address			by address		by address
 *	domain, forward,	none there			replaces it		what is given is equal
 *	forward-pf
 *	bridge			refused				replaces it, but the	refused
 *								name stays if not given
 *
 * libvirt refuses the last three rows. Whether a running network can follow a change is the caller's to see. The result
 * has no problem that @network has not (network_problems()) and is a document that is read again.
 *
 * Returns: (transfer full)
 *
 * Errors: as network_parse() for @xml; %SLUICE_ERROR_OPERATION_INVALID: nothing or something else is there;
 *	%SLUICE_ERROR_INVALID_ARG: numbers that are none; %SLUICE_ERROR_NO_SUPPORT: a refused field of the table above.
 */
Network *network_update(const Network *network, gint command, gint section, gint parent_index, const char *xml,
			const char *file, GError **error);

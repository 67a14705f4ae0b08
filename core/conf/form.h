/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of the settings that name machines: what they must look like. Whether a name exists is another
 * matter; nothing is looked up.
 *
 * source   node.md 2.6; settings.md
 */
#ifndef CORE_CONF_FORM_H
#define CORE_CONF_FORM_H

#include "core/sys/cc.h"

enum key_form {
	FORM_ANY,
	FORM_ADDRESS,           /* an IP address */
	FORM_ADDRESS4,          /* an IPv4 address that is one machine's */
	FORM_GROUP,             /* an IPv4 multicast address */
	FORM_HOST,              /* a name or an IP address */
	FORM_HOSTS,             /* names or addresses, with a port or without; separated by commas */
	FORM_PEERS,             /* IPv4 addresses, the same */
	FORM_NETWORKS,          /* IPv4 addresses or networks, separated by commas */
};

/* For programs: "" "address" "address4" "group" "host" "hosts" "peers" "networks". */
const char *form_str(enum key_form f);

/* NULL when the text has that form, or is empty; else a phrase that says what it is not. */
const char *form_fault(enum key_form f, const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/form.h"

#include <stddef.h>
#include <string.h>

#include "core/conf/settings.h"
#include "core/sys/host.h"
#include "core/sys/text.h"

/* --- one of them ------------------------------------------------------------------------------ */

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ascii_isalnum((uint8_t)s[i]) && strchr("-._", s[i]) == NULL)
			return false;
	return n > 0 && n < HOST_NAME;
}

static bool is_address(const char *s)
{
	struct host h;

	return host_parse(&h, s, 0) && h.port == 0;
}

static bool is_address4(const char *s)
{
	struct host h;

	return host_parse(&h, s, 0) && h.port == 0 && host_is_set(&h) && host_is_v4(&h) &&
		!host_is_multicast(&h) && h.ip[12] < 240;
}

static bool is_group(const char *s)
{
	struct host h;

	return host_parse(&h, s, 0) && h.port == 0 && host_is_v4(&h) && host_is_multicast(&h);
}

static bool is_host(const char *s)
{
	return is_address(s) || is_name(s, strlen(s));
}

static bool is_host_port(const char *s)
{
	const char *colon = strchr(s, ':');
	struct host h;
	uint32_t port;

	if (host_parse(&h, s, 1))
		return h.port != 0;
	return is_name(s, colon != NULL ? (size_t)(colon - s) : strlen(s)) &&
		(colon == NULL || num_u32(colon + 1, 1, UINT16_MAX, &port));
}

static bool is_peer(const char *s)
{
	struct host h;

	return host_parse(&h, s, 1) && h.port != 0 && host_is_set(&h) && host_is_v4(&h) &&
		!host_is_multicast(&h) && h.ip[12] < 240;
}

static bool is_network(const char *s)
{
	const char *slash = strchr(s, '/');
	char ip[HOST_STRLEN];
	struct host h;
	uint32_t bits;

	if (slash != NULL && ((size_t)(slash - s) >= sizeof(ip) || !num_u32(slash + 1, 0, 32, &bits)))
		return false;
	(void)text_copy(ip, sizeof(ip), s);
	if (slash != NULL)
		ip[slash - s] = '\0';
	return host_parse(&h, ip, 0) && h.port == 0 && host_is_v4(&h);
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool list;
	bool (*ok)(const char *s);
	const char *fault;
} forms[] = {
	[FORM_ANY] = { "", false, NULL, NULL },
	[FORM_ADDRESS] = { "address", false, is_address, "not an IP address" },
	[FORM_ADDRESS4] = { "address4", false, is_address4, "not an IPv4 address" },
	[FORM_GROUP] = { "group", false, is_group, "not an IPv4 multicast address" },
	[FORM_HOST] = { "host", false, is_host, "neither an address nor a name" },
	[FORM_HOSTS] = { "hosts", true, is_host_port, "not host or host:port, separated by commas" },
	[FORM_PEERS] = { "peers", true, is_peer, "not IPv4 addresses, separated by commas" },
	[FORM_NETWORKS] = { "networks", true, is_network,
		"not addresses a.b.c.d or networks a.b.c.d/n, separated by commas" },
};

const char *form_str(enum key_form f)
{
	return forms[f].name;
}

/* The next piece of a list, without blanks around it, into dst. False: there is none. */
static bool next_piece(const char **at, char dst[SETTINGS_LONG])
{
	while (**at != '\0') {
		const char *from = *at + strspn(*at, " \t");
		size_t n = strcspn(from, ",");

		*at = from + n + (from[n] == ',');
		while (n > 0 && ascii_isspace((uint8_t)from[n - 1]))
			n--;
		if (n == 0)
			continue;
		n = MIN(n, (size_t)SETTINGS_LONG - 1);
		memcpy(dst, from, n);
		dst[n] = '\0';
		return true;
	}
	return false;
}

const char *form_fault(enum key_form f, const char *text)
{
	char piece[SETTINGS_LONG];

	if (forms[f].ok == NULL || text[0] == '\0')
		return NULL;
	if (!forms[f].list)
		return forms[f].ok(text) ? NULL : forms[f].fault;
	while (next_piece(&text, piece))
		if (!forms[f].ok(piece))
			return forms[f].fault;
	return NULL;
}

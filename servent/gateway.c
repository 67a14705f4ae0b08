/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/gateway.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/sock.h"
#include "core/sys/text.h"

#define ROUTES "/proc/self/net/route"
#define ROUTES_MAX (256 * 1024)         /* bytes of them */
#define COLUMNS 8                       /* of a line, that we look at */

enum { COL_TO = 1, COL_GATEWAY = 2, COL_FLAGS = 3, COL_METRIC = 6, COL_MASK = 7 };
enum { FLAG_UP = 1, FLAG_GATEWAY = 2 };

/* The next word of a line, without its blanks; *n = 0 at its end. */
static const char *word(const char **p, const char *end, size_t *n)
{
	const char *w;

	while (*p < end && ascii_isspace((uint8_t)**p))
		(*p)++;
	w = *p;
	while (*p < end && !ascii_isspace((uint8_t)**p))
		(*p)++;
	*n = (size_t)(*p - w);
	return w;
}

/* Eight hex digits: an address as it lies in memory, written as a number of this machine. */
static bool address(const char *w, size_t n, uint8_t ip[4])
{
	uint8_t b[4];
	uint32_t v;

	if (n != 8 || !hex_parse(b, 4, w))
		return false;
	v = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	memcpy(ip, &v, 4);
	return true;
}

/* One line: a default route through a router? */
static bool line(const char *p, const char *end, struct host *router, uint32_t *metric)
{
	static const uint8_t none[4] = { 0 };
	const char *col[COLUMNS];
	size_t len[COLUMNS];
	uint8_t to[4], mask[4], ip[4], flags[2];
	char number[11];

	for (size_t i = 0; i < COLUMNS; i++)
		col[i] = word(&p, end, &len[i]);
	if (!address(col[COL_TO], len[COL_TO], to) || !address(col[COL_MASK], len[COL_MASK], mask) ||
	    !address(col[COL_GATEWAY], len[COL_GATEWAY], ip) || memcmp(to, none, 4) != 0 ||
	    memcmp(mask, none, 4) != 0 || memcmp(ip, none, 4) == 0)
		return false;
	if (len[COL_FLAGS] != 4 || !hex_parse(flags, 2, col[COL_FLAGS]) ||
	    (flags[1] & (FLAG_UP | FLAG_GATEWAY)) != (FLAG_UP | FLAG_GATEWAY))
		return false;
	if (len[COL_METRIC] == 0 || len[COL_METRIC] >= sizeof(number))
		return false;
	memcpy(number, col[COL_METRIC], len[COL_METRIC]);
	number[len[COL_METRIC]] = '\0';
	*router = host_v4(ip[0], ip[1], ip[2], ip[3], 0);
	return num_u32(number, 0, UINT32_MAX, metric);
}

size_t gateway_parse(const char *text, size_t n, struct gateway g[GATEWAYS_MAX])
{
	const char *end = text + n;
	uint32_t metrics[GATEWAYS_MAX], metric;
	struct host router;
	size_t have = 0;

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		const char *stop = lf != NULL ? lf : end;
		size_t at = 0;

		if (line(text, stop, &router, &metric)) {
			while (at < have && metrics[at] <= metric && !host_same_ip(&g[at].router, &router))
				at++;
			if (at == have || !host_same_ip(&g[at].router, &router)) {
				have = MIN(have + 1, (size_t)GATEWAYS_MAX);
				for (size_t i = have; i > at + 1; i--) {
					g[i - 1] = g[i - 2];
					metrics[i - 1] = metrics[i - 2];
				}
				if (at < have) {
					g[at] = (struct gateway){ .router = router };
					metrics[at] = metric;
				}
			}
		}
		text = stop < end ? stop + 1 : end;
	}
	return have;
}

/* The address we reach it from. A datagram socket that is connected sends nothing. */
static struct host local_to(const struct host *router)
{
	struct host to = *router, from = { .port = 0 };
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	to.port = 9;
	len = host_to_sockaddr(&to, &ss);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return from;
	if (connect(fd, (const struct sockaddr *)&ss, len) == 0)
		from = sock_local(fd);
	(void)close(fd);
	from.port = 0;
	return from;
}

size_t gateway_list(struct gateway g[GATEWAYS_MAX])
{
	struct buf text;
	size_t n = 0, kept = 0;

	buf_init(&text, ROUTES_MAX);
	if (file_read(ROUTES, &text) == ST_OK)
		n = gateway_parse((const char *)text.p, text.len, g);
	else
		log_debug("portmap: " ROUTES ": %s", status_str(ST_SYS));
	buf_fini(&text);
	for (size_t i = 0; i < n; i++) {
		g[i].local = local_to(&g[i].router);
		if (host_is_set(&g[i].local))
			g[kept++] = g[i];
	}
	return kept;
}

bool gateway_is_ipv4(void)
{
	struct ifaddrs *all;
	bool any = false;

	if (getifaddrs(&all) == -1)
		return true;    /* not known */
	for (const struct ifaddrs *i = all; i != NULL && !any; i = i->ifa_next) {
		struct host h;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		h = host_from_sockaddr(i->ifa_addr);
		any = !host_is_loopback(&h) && !(h.ip[12] == 169 && h.ip[13] == 254);
	}
	freeifaddrs(all);
	return any;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UPnP as text: what we write to a router, and what we take of its answers before miniupnpc sees their XML.
 * Pure functions over foreign bytes.
 *
 * Every address that a router names must be its own: it is the only machine we talk to here.
 * source   UPnP Device Architecture 1.1; WANIPConnection 1
 */
#ifndef SERVENT_IGDTEXT_H
#define SERVENT_IGDTEXT_H

#include "core/node/portmap.h"
#include "core/sys/bytes.h"

#define IGD_URL     300         /* bytes of a URL, NUL included */
#define IGD_PATH    256
#define IGD_SERVICE 96          /* of a service's name */

/* Where a router is asked. */
struct igd_url {
	struct host at;
	char path[IGD_PATH];    /* begins with a slash; no blank or control character */
};

/* Read a URL of a description. base: what a relative one goes by; NULL = it must be absolute.
 * returns  PMWHY_OK, PMWHY_ELSEWHERE (not on the router), PMWHY_BAD_ANSWER (no URL, or not by http) */
enum portmap_why igd_url_parse(struct igd_url *u, const char *text, const struct igd_url *base,
	const struct host *router);

/* A search for that kind of device or service, for the address at `to`. Returns its length. */
size_t ssdp_search(char *dst, size_t cap, const char *what, const struct host *to);
/* The address that an answer to it names. False: it is no such answer. */
bool ssdp_location(const uint8_t *p, size_t n, char url[IGD_URL]);

/* Can a port be mapped by a service of that name? It goes into requests as it is. */
bool igd_is_service(const char *name);

struct igd_arg {
	const char *name, *value;       /* value: ours, nothing in it needs to be escaped */
};
/* Append a whole request: of a document, and of an action with its arguments. */
void igd_get(struct buf *out, const struct igd_url *u);
void igd_call(struct buf *out, const struct igd_url *u, const char *service, const char *action,
	const struct igd_arg *args, size_t n);

/* What the head of an answer says of its body. All zero at first. */
struct igd_head {
	uint32_t status;
	bool has_length, chunked;
	uint32_t length;
};
/* Take the next line, without its end. False: this is no head. */
bool igd_head_line(struct igd_head *h, const char *line);

#endif

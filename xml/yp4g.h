/* SPDX-License-Identifier: GPL-2.0-or-later */
/* yp4g.xml: what a yellow page tells one client of itself and of its upload test.
 *
 * Not made by libxml2's writer, whose layout differs: old clients look for these lines.
 *
 * source   yp.md 3.4
 */
#ifndef XML_YP4G_H
#define XML_YP4G_H

#include <stdint.h>

#include "core/sys/bytes.h"

struct yp4g {
	const char *name;               /* of the yellow page */
	const char *ip;                 /* the client's address */
	bool port_open;                 /* as last tested */
	uint32_t speed_kbps;            /* upload as last measured; 0 = not yet */
	uint32_t fast_kbps;             /* from here on it counts as `over`, and no more is told */
	bool checkable;                 /* a test would be of use */
	uint32_t remain_s;              /* until the next one is taken */
	const char *addr;               /* of the test server: host, port, path */
	uint16_t port;
	const char *object;
	uint32_t post_size;             /* thousands of bytes */
	uint32_t limit_kbps;            /* a client should send no faster */
	uint32_t interval_s;
	bool enabled;
};

/* Append the document. Faults stay in out->err. */
void yp4g_emit(const struct yp4g *y, struct buf *out);

#endif

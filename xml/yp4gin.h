/* SPDX-License-Identifier: GPL-2.0-or-later */
/* yp4g.xml of another yellow page: what it says of us, and where its upload test is.
 *
 * No entity is taken from a document type, nothing is loaded, texts come out clean.
 * source   node.md 6.6; yp.md 3.4
 */
#ifndef XML_YP4GIN_H
#define XML_YP4GIN_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/status.h"
#include "core/sys/text.h"

#define YP4G_MAX ((size_t)64 << 10)     /* bytes of a document */

struct yp4gin {
	char name[TEXT_MAX], ip[TEXT_MAX];
	bool port_open, over, checkable, enabled;
	uint32_t speed_kbps, remain_s;
	char addr[TEXT_MAX];            /* a name or an address, and nothing else */
	uint16_t port;
	char object[TEXT_MAX];          /* begins with '/'; printable ASCII */
	uint32_t post_size;             /* thousands of bytes */
	uint32_t limit_kbps, interval_s;
};

/* ST_OK, ST_PROTO (broken, or something that belongs to it is missing), ST_LIMIT (too long, memory) */
enum status yp4g_parse(const void *p, size_t n, struct yp4gin *y) NODISCARD;

#endif

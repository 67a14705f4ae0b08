/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root atom: what a yellow page tells its trackers. Obeyed from the YP alone (pcp/route.h).
 * source   pcp.md 4.3, 13, 15; 18.3 (B57, B58)
 */
#ifndef PCP_ROOT_H
#define PCP_ROOT_H

#include <stdint.h>

#include "core/sys/text.h"
#include "pcp/atom.h"

enum {
	ROOT_UINT = 0x01,
	ROOT_URL  = 0x02,
	ROOT_CHKV = 0x04,
	ROOT_NEXT = 0x08,
	ROOT_ASCI = 0x10,
	ROOT_UPD  = 0x20,       /* "send your tracker updates now" */
};

struct root {
	unsigned has;           /* ROOT_* */
	uint32_t uint_s;        /* seconds between updates; as parsed 30..3600 */
	uint32_t next_s;        /* until the next root atom; as parsed 0 (no promise) or 30..3600 */
	uint32_t chkv;
	char url[TEXT_MAX];
	char asci[TEXT_MAX];    /* asci or mesg */
};

/* What a root of this interval and message says: uint, url, chkv, next, asci; upd when asked. */
void root_init(struct root *r, uint32_t interval_s, const char *message, bool upd);

/* returns  ST_OK, ST_PROTO (another atom, or a leaf with a value) */
enum status root_parse(struct root *r, const struct atom *a) NODISCARD;

/* What `has` says, in the order uint url chkv next asci upd. */
void root_emit(struct atomwr *w, const struct root *r);

#endif

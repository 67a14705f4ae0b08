/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The push atom: "connect to this address and say GIV". Counts inside a bcst addressed to us alone.
 * And the line that answers it.
 * source   pcp.md 4.10, 7.5; 18.3 (B43); settings.md decision 17
 */
#ifndef PCP_PUSH_H
#define PCP_PUSH_H

#include "core/chan/gnuid.h"
#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "pcp/atom.h"

#define PUSH_PORT_MIN 1024
#define PUSH_PACE     (2 * NSEC_PER_SEC)        /* between two of one session */
#define PUSH_FLIGHTS  4                         /* connections being made, whoever asked */
#define PUSH_SESSIONS 16                        /* remembered; so many in one PUSH_PACE at most */

struct push {
	struct host host;       /* where to */
	struct gnuid cid;       /* unset = a control connection */
};

/* returns  ST_OK, ST_PROTO (another atom, a leaf with a value, or no address or port in it) */
enum status push_parse(struct push *p, const struct atom *a) NODISCARD;
void push_emit(struct atomwr *w, const struct push *p);

/* May we dial it? Global address, port >= PUSH_PORT_MIN, not ours. self may be unset. */
bool push_may_dial(const struct push *p, const struct host *self);

/* How often we dial: fixed memory, whatever is asked. All zero = empty; the owner guards it. */
struct pushlimit {
	struct {
		struct gnuid session;
		nsec at;                /* 0 = free */
	} last[PUSH_SESSIONS];
	struct host flight[PUSH_FLIGHTS];       /* unset = free */
};

/* May `to` be dialled now, because that session (the one at the other end of the connection the push
 * came over) asks? Counted when it may: pushlimit_end() when the connection is made, or is not. */
bool pushlimit_begin(struct pushlimit *l, const struct gnuid *session, const struct host *to, nsec now);
void pushlimit_end(struct pushlimit *l, const struct host *to);

/* --- the line ---------------------------------------------------------------------------------- */

#define GIV_LINE 48             /* bytes of the longest that is written, NUL included */

enum giv {
	GIV_NONE,               /* some other line */
	GIV_CONTROL,            /* no channel: a control connection */
	GIV_CHANNEL,
	GIV_BAD,                /* what should be an id is none */
};

/* What a first line says (without its end). id is set for GIV_CHANNEL alone. */
enum giv giv_parse(const char *line, struct gnuid *id);
/* The whole of what is written, with the empty line; id unset = a control connection. Returns dst. */
const char *giv_emit(char dst[GIV_LINE], const struct gnuid *id);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a yellow page knows of those who read its lists: is their port open, how fast do they send.
 *
 * One entry for each IPv4 address and each IPv6 /64. Both are found out on the viewer's own wish
 * and cost us a connection or bandwidth, so both are limited: by address, in number at a time, and
 * in sum. Nothing is kept longer than VIEWER_KEPT, and no more than VIEWERS_MAX entries: the one that
 * had no news for longest makes room.
 *
 * lock     lk_leaf, inside, for a moment; nothing blocks under it.
 * source   yp.md 3.2, 3.4, 5
 */
#ifndef HTTP_VIEWER_H
#define HTTP_VIEWER_H

#include <stdint.h>

#include "core/sys/clk.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"

#define VIEWERS_MAX     20000
#define VIEWER_KEPT     (7 * 24 * 3600 * NSEC_PER_SEC)

#define PORTCHECK_PORT  1024                    /* no port below it is tried */
#define PORTCHECK_OPEN  (11 * 60 * NSEC_PER_SEC) /* a good result is taken for so long */
#define PORTCHECK_SHUT  (15 * NSEC_PER_SEC)     /* a bad one, and any before another port is tried */
#define PORTCHECKS      16                      /* at once */
#define PORTCHECK_RATE  20                      /* begun in a second */

#define UPTEST_INTERVAL (15 * NSEC_PER_SEC)     /* between the tests of one address */
#define UPTESTS         6                       /* at once */
#define UPTEST_BUDGET   2000000                 /* bytes taken in a second by all tests together */

struct viewers;

struct viewers *viewers_new(void) NODISCARD;    /* NULL when out of memory */
void viewers_free(struct viewers **v);          /* no other thread uses it any more */

struct viewer {
	bool port_open;                 /* as last tested, on `port` */
	uint16_t port;                  /* last tested; 0 = never */
	uint32_t speed_kbps;            /* measured upload; 0 = never */
	nsec next_test;                 /* when the next upload test is taken; 0 = now */
};

/* What is known of an address; all zero when nothing is. */
void viewers_get(struct viewers *v, const struct host *who, nsec now, struct viewer *out)
	EXCLUDES(lk_leaf);

/* --- port check ------------------------------------------------------------------------------- */

enum portcheck {
	PORTCHECK_KNOWN,        /* the last result for this port still counts */
	PORTCHECK_BEGIN,        /* the caller must test, and say viewers_port_done() */
	PORTCHECK_RUNS,         /* somebody does */
	PORTCHECK_NO,           /* not now: too soon, or too many; the port counts as it did */
};
/* Is it time to test who->port of that address? */
enum portcheck viewers_port_begin(struct viewers *v, const struct host *who, nsec now)
	EXCLUDES(lk_leaf) NODISCARD;
void viewers_port_done(struct viewers *v, const struct host *who, bool open, nsec now)
	EXCLUDES(lk_leaf);

/* --- upload test ------------------------------------------------------------------------------ */

enum uptest { UPTEST_BEGIN, UPTEST_FAST, UPTEST_SOON, UPTEST_RUNS, UPTEST_BUSY };
/* May it send `bytes` now? On UPTEST_BEGIN the caller must say viewers_upload_done(). UPTEST_FAST: it
 * is known to be as fast as counts (fast_kbps). */
enum uptest viewers_upload_begin(struct viewers *v, const struct host *who, uint32_t bytes,
	uint32_t fast_kbps, nsec now) EXCLUDES(lk_leaf) NODISCARD;
/* kbps 0 = it failed: the last result stays. */
void viewers_upload_done(struct viewers *v, const struct host *who, uint32_t kbps, nsec now)
	EXCLUDES(lk_leaf);

#endif

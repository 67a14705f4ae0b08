/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The elements that describe a channel, with the attributes and in the order every reader knows.
 * Shared by the channel log and viewxml.
 *
 * source   yp.md 1.2, 3.1; http.md 7.3; captures viewxml_*.http, *_channels_log*.xml
 */
#ifndef XML_CHANXML_H
#define XML_CHANXML_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/chan/chanmgr.h"
#include "core/chan/hit.h"
#include "xml/xmlout.h"

/* What <channel> says besides the info. */
struct chanxml_facts {
	uint32_t uptime_s;      /* since it began to play here; 0 = it does not */
	uint32_t skips;
	uint32_t age_s;         /* since this node first knew it */
	uint8_t bcflags;        /* first byte of the broadcaster's id, or what readers can bear */
};

/* What <hits> says: the sums of a list, put into the numbers readers expect. */
struct chanxml_hits {
	uint64_t hosts, listeners, relays, firewalled;
	uint64_t closest, furthest;
	uint64_t newest;        /* seconds since the newest report */
};

/* What <relay> says. */
struct chanxml_relay {
	uint32_t listeners, relays;     /* served here */
	uint32_t hosts;                 /* known hits */
	const char *status;             /* chan_status_str() */
};

/* Seconds from `then` to `now`, both clk_now(); never negative, at most UINT32_MAX. */
uint32_t chanxml_age(nsec then, nsec now);

/* The numbers of a list with its live hits. An empty list has closest 10000, furthest 0 and the
 * newest given as `never`. */
void chanxml_hits_of(const struct hitstats *s, nsec now, uint64_t never, struct chanxml_hits *h);

/* <channel ...>, left open: children, then xmlout_end(). info NULL = only the id is known. */
void chanxml_channel(struct xmlout *x, const struct gnuid *id, const struct chaninfo *info,
	const struct chanxml_facts *f);
/* <hits ...>, left open for <host> children. */
void chanxml_hits(struct xmlout *x, const struct chanxml_hits *h);
/* <host .../> */
void chanxml_host(struct xmlout *x, const struct hit *h, nsec now);
/* <relay .../> */
void chanxml_relay(struct xmlout *x, const struct chanxml_relay *r);
/* <track .../> */
void chanxml_track(struct xmlout *x, const struct chaninfo *info);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A feed of channels: RSS 2.0, always well-formed.
 *
 * In order: rss_begin(), any number of rss_item(), rss_end(). The writer is the caller's, and so are
 * the texts.
 *
 * source   yp.md 3.5
 */
#ifndef XML_RSS_H
#define XML_RSS_H

#include "core/chan/gnuid.h"
#include "xml/xmlout.h"

struct rss_item {
	const char *title, *description, *category;
	const char *link;
	struct gnuid id;
	int64_t started_s;              /* Unix time; with the id it names the broadcast */
	const char *date;               /* the same as RFC 822 text */
};

void rss_begin(struct xmlout *x, const char *title, const char *link, const char *description);
void rss_item(struct xmlout *x, const struct rss_item *i);
void rss_end(struct xmlout *x);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/rss.h"

#include <stdio.h>

static void element(struct xmlout *x, const char *name, const char *text)
{
	xmlout_start(x, name);
	xmlout_body(x, text);
	xmlout_end(x);
}

void rss_begin(struct xmlout *x, const char *title, const char *link, const char *description)
{
	xmlout_decl(x);
	xmlout_start(x, "rss");
	xmlout_text(x, "version", "2.0");
	xmlout_start(x, "channel");
	element(x, "title", title);
	element(x, "link", link);
	element(x, "description", description);
	element(x, "ttl", "5");
}

void rss_item(struct xmlout *x, const struct rss_item *i)
{
	char id[GNUID_STRLEN], guid[GNUID_STRLEN + 24];

	snprintf(guid, sizeof(guid), "%s-%lld", gnuid_str(&i->id, id), (long long)i->started_s);
	xmlout_start(x, "item");
	element(x, "title", i->title);
	element(x, "link", i->link);
	element(x, "description", i->description);
	if (i->category[0] != '\0')
		element(x, "category", i->category);
	xmlout_start(x, "guid");
	xmlout_text(x, "isPermaLink", "false");
	xmlout_body(x, guid);
	xmlout_end(x);
	element(x, "pubDate", i->date);
	xmlout_end(x);
}

void rss_end(struct xmlout *x)
{
	xmlout_end(x);
	xmlout_end(x);
}

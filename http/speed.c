/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/speed.h"

#include <string.h>

#include "core/sys/text.h"

struct change {
	const char *url;
	bool add;
	char *why;
};

static enum status edit(struct settings *draft, void *ctx)
{
	struct change *c = ctx;
	struct settings_uptest u = { .url = "" };
	enum status st = ST_OK;
	struct settings *was;
	const struct settings_uptest *v;
	size_t n;

	if (c->add) {
		if (!text_copy(u.url, sizeof(u.url), c->url)) {
			(void)text_copy(c->why, SETTINGS_WHY, "url is too long");
			return ST_PROTO;
		}
		return settings_uptest_add(draft, &u, c->why);
	}
	/* the list again, without that one */
	was = settings_copy(draft);
	if (was == NULL)
		return ST_LIMIT;
	settings_uptests_clear(draft);
	v = settings_uptests(was, &n);
	for (size_t i = 0; i < n && st == ST_OK; i++) {
		if (strcmp(v[i].url, c->url) == 0)
			continue;
		(void)text_copy(u.url, sizeof(u.url), v[i].url);
		st = settings_uptest_add(draft, &u, c->why);
	}
	settings_free(&was);
	return st;
}

enum status speed_change(struct node *n, const char *url, bool add, char why[SETTINGS_WHY])
{
	struct change c = { .url = url, .add = add, .why = why };

	why[0] = '\0';
	return conf_update(n->conf, edit, &c);
}

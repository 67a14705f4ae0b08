/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/speedtest.h"

#include <stdlib.h>
#include <string.h>

LOCK_DEFINE(sp, struct speedtests, mtx, lk_conf)

const char *speedstatus_str(enum speedstatus s)
{
	static const char *const names[] = { "Untried", "Success", "Error" };

	return names[s];
}

void speedtests_init(struct speedtests *s)
{
	memset(s, 0, sizeof(*s));
	mtx_init(&s->mtx, &lk_conf);
}

void speedtests_fini(struct speedtests *s) LOCK_IMPL /* the only thread left */
{
	free(s->v);
	mtx_fini(&s->mtx);
}

static struct speedtest *find_locked(struct speedtests *s, const char *url) REQUIRES(lk_conf)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].url, url) == 0)
			return &s->v[i];
	return NULL;
}

void speedtests_put(struct speedtests *s, const struct speedtest *t)
{
	struct speedtest *more, *at;

	sp_lock(s);
	at = find_locked(s, t->url);
	if (at == NULL && s->n >= SETTINGS_UPTESTS) {
		/* the first one asked gives way */
		memmove(s->v, s->v + 1, (s->n - 1) * sizeof(*s->v));
		at = &s->v[s->n - 1];
	} else if (at == NULL) {
		more = realloc(s->v, (s->n + 1) * sizeof(*s->v));
		if (more != NULL) {
			s->v = more;
			at = &s->v[s->n++];
		}
	}
	if (at != NULL)
		*at = *t;
	sp_unlock(s);
}

void speedtests_get(struct speedtests *s, const char *url, struct speedtest *t)
{
	const struct speedtest *at;

	sp_lock(s);
	at = find_locked(s, url);
	if (at != NULL)
		*t = *at;
	else
		memset(t, 0, sizeof(*t));
	sp_unlock(s);
	if (at == NULL)
		(void)text_copy(t->url, sizeof(t->url), url);
}

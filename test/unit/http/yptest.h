/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the yellow page share: a root with announced channels. */
#ifndef TEST_YPTEST_H
#define TEST_YPTEST_H

#include "http/yp.h"
#include "test/unit/http/httptest.h"

/* One announcement. Channel and tracker have number n. */
struct said {
	uint32_t n;
	const char *name, *genre, *desc, *url, *comment, *type;
	const char *artist, *album, *title, *contact;
	uint32_t bitrate, listeners, relays;
	const char *tip;                /* NULL = 203.0.113.n:7144 */
	unsigned flags;                 /* besides TRACKER and RECV */
};

static inline void said_text(struct chanmeta *m, enum chantext t, const char *text)
{
	if (text != NULL)
		text_clean(m->text[t], TEXT_MAX, text, strlen(text));
}

static inline struct gnuid said_id(uint32_t n)
{
	struct gnuid id = { { 0xab } };

	id.b[15] = (uint8_t)n;
	id.b[14] = (uint8_t)(n >> 8);
	return id;
}

static inline void say(struct node *n, const struct said *s)
{
	const struct gnuid id = said_id(s->n);
	struct chanmeta m = { .id = id, .bcid = id, .bitrate_kbps = s->bitrate };
	struct hit h = { .sid = id, .chan = id, .listeners = s->listeners, .relays = s->relays,
		.flags = (uint8_t)(s->flags | HIT_TRACKER | HIT_RECV), .via = id, .heard = clk_now() };
	const struct announce a = { .meta = &m, .present = ~0u, .hit = &h, .chan = &id, .via = &id,
		.root = true, .create = true };
	struct announce_result r;

	said_text(&m, CT_NAME, s->name);
	said_text(&m, CT_GENRE, s->genre);
	said_text(&m, CT_DESC, s->desc);
	said_text(&m, CT_URL, s->url);
	said_text(&m, CT_COMMENT, s->comment);
	said_text(&m, CT_TYPE, s->type != NULL ? s->type : "FLV");
	said_text(&m, CT_TRACK_ARTIST, s->artist);
	said_text(&m, CT_TRACK_ALBUM, s->album);
	said_text(&m, CT_TRACK_TITLE, s->title);
	said_text(&m, CT_TRACK_URL, s->contact);
	h.rhost[0] = host_v4(203, 0, 113, (uint8_t)s->n, 7144);
	if (s->tip != NULL)
		ck_assert(host_parse(&h.rhost[0], s->tip, 0));
	ck_assert_int_eq(chanmgr_announce(n->cm, &a, &r), ST_OK);
	ck_assert(!r.refused);
	announce_result_fini(&r);
}

#define SAY(node, number, nm, gnr, ...) \
	say(node, &(struct said){ .n = number, .name = nm, .genre = gnr, __VA_ARGS__ })

/* It stops. */
static inline void unsay(struct node *n, uint32_t number)
{
	const struct gnuid id = said_id(number);

	chanmgr_session_gone(n->cm, &id, NULL, true, 0);
}

/* A root with this prefix; its lists end without a status line. */
static inline void root_up(struct node *n, const char *prefix)
{
	struct settings *d = draft_new();

	d->is_root = true;
	d->yp_info_line = false;
	text_copy(d->yp_name, sizeof(d->yp_name), "DEMO YP");
	text_copy(d->yp_genre_prefix, sizeof(d->yp_genre_prefix), prefix);
	node_up(n, d);
	n->yp = yp_new();
	ck_assert_ptr_nonnull(n->yp);
}

static inline void root_down(struct node *n)
{
	yp_free(&n->yp);
	node_down(n);
}

#endif

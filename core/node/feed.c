/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/host.h"
#include "core/sys/text.h"

#define ENTITY 12               /* longest one that is looked at, without & and ; */

struct field {
	const char *p;
	size_t n;
};

/* Which field has which text. */
static const uint8_t field_of[FEED_TEXTS] = {
	[FEED_NAME] = 0, [FEED_TIP] = 2, [FEED_URL] = 3, [FEED_GENRE] = 4, [FEED_DESC] = 5, [FEED_TYPE] = 9,
	[FEED_ARTIST] = 10, [FEED_ALBUM] = 11, [FEED_TITLE] = 12, [FEED_TRACK_URL] = 13,
	[FEED_ENCODED] = 14, [FEED_COMMENT] = 17,
};
enum { F_ID = 1, F_LISTENERS = 6, F_RELAYS = 7, F_BITRATE = 8, F_UPTIME = 15, F_DIRECT = 18 };

/* --- texts ------------------------------------------------------------------------------------ */

static size_t utf8_put(char dst[4], uint32_t c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The code point of "#123" or "#x1F"; 0 = it is none that may stand in a text. */
static uint32_t numbered(const char *p, size_t n)
{
	const bool hex = n > 2 && (p[1] == 'x' || p[1] == 'X');
	uint32_t c = 0;

	if (n < 2 || p[0] != '#')
		return 0;
	for (size_t i = hex ? 2 : 1; i < n; i++) {
		const int d = ascii_lower((uint8_t)p[i]);
		const bool letter = hex && d >= 'a' && d <= 'f';

		if (!ascii_isdigit(d) && !letter)
			return 0;
		c = c * (hex ? 16 : 10) + (uint32_t)(letter ? d - 'a' + 10 : d - '0');
		if (c > 0x10ffff)
			return 0;
	}
	return c >= 0xd800 && c < 0xe000 ? 0 : c;
}

static uint32_t entity(const char *p, size_t n)
{
	static const struct {
		const char *name;
		uint32_t c;
	} names[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
		{ "nbsp", ' ' },
	};

	for (size_t i = 0; i < NELEM(names); i++)
		if (strlen(names[i].name) == n && memcmp(names[i].name, p, n) == 0)
			return names[i].c;
	return numbered(p, n);
}

size_t feed_unescape(char *dst, size_t cap, const char *src, size_t n)
{
	size_t len = 0, i = 0;

	while (i < n) {
		char utf8[4] = { src[i] };
		size_t put = 1, take = 1;

		if (src[i] == '&') {
			const char *end = memchr(src + i, ';', MIN(n - i, (size_t)ENTITY + 2));
			const size_t inner = end != NULL ? (size_t)(end - (src + i)) - 1 : 0;
			const uint32_t c = end != NULL ? entity(src + i + 1, inner) : 0;

			if (c != 0) {
				put = utf8_put(utf8, c);
				take = inner + 2;
			}
		}
		if (len + put >= cap)
			break;
		memcpy(dst + len, utf8, put);
		len += put;
		i += take;
	}
	dst[len] = '\0';
	return len;
}

/* The clean text of a field, at most TEXT_MAX - 1 bytes. */
static void text_of(const struct field *f, char dst[TEXT_MAX])
{
	/* entities are longer than what they stand for, and a field is no longer than a line */
	char raw[4 * TEXT_MAX];
	const size_t n = feed_unescape(raw, sizeof(raw), f->p, f->n);

	(void)text_clean(dst, TEXT_MAX, raw, n);
}

#define ENCODED (3 * TEXT_MAX)  /* bytes of a name, encoded */

/* All of it, when it can stand in an address; else "". */
static void encoded_of(const struct field *f, char dst[ENCODED])
{
	char raw[ENCODED + 4];
	const size_t n = feed_unescape(raw, sizeof(raw), f->p, f->n);
	bool ok = n < ENCODED;

	for (size_t i = 0; i < n && ok; i++)
		ok = ascii_isalnum((uint8_t)raw[i]) ||
			(raw[i] != '\0' && strchr("%+-._~*!'()", raw[i]) != NULL);
	memcpy(dst, raw, ok ? n : 0);
	dst[ok ? n : 0] = '\0';
}

static bool is_web(const char *s)
{
	return ascii_ncasecmp(s, "http://", 7) == 0 || ascii_ncasecmp(s, "https://", 8) == 0;
}

/* host:port, with an address or a name: nothing else can be dialled. */
static bool is_tip(const char *s)
{
	const char *colon = strrchr(s, ':');
	struct host h;
	uint32_t port;

	if (host_parse(&h, s, 0))
		return host_is_set(&h) && h.port != 0;
	if (colon == NULL || colon == s || !num_u32(colon + 1, 1, UINT16_MAX, &port))
		return false;
	for (; s < colon; s++)
		if (!ascii_isalnum((uint8_t)*s) && *s != '.' && *s != '-')
			return false;
	return true;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* What is no number counts as none: YPs write all sorts of things there. */
static int64_t number(const struct field *f, int64_t lo, int64_t hi, int64_t dflt)
{
	char text[24];
	int64_t v = dflt;

	if (f->n >= sizeof(text))
		return dflt;
	memcpy(text, f->p, f->n);
	text[f->n] = '\0';
	return num_i64(text, INT64_MIN, INT64_MAX, &v) ? MAX(lo, MIN(hi, v)) : dflt;
}

/* h:mm */
static uint32_t uptime(const struct field *f)
{
	const char *colon = memchr(f->p, ':', f->n);
	struct field h, m;

	if (colon == NULL)
		return 0;
	h = (struct field){ f->p, (size_t)(colon - f->p) };
	m = (struct field){ colon + 1, f->n - h.n - 1 };
	return (uint32_t)(number(&h, 0, 1000000, 0) * 3600 + number(&m, 0, 59, 0) * 60);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Exactly FEED_FIELDS. */
static bool split(const char *p, size_t n, struct field f[FEED_FIELDS])
{
	const char *end = p + n, *from = p;
	size_t k = 0;

	for (;;) {
		const char *at = from;

		while (at + 1 < end && (at[0] != '<' || at[1] != '>'))
			at++;
		if (at + 1 >= end)
			at = end;
		if (k == FEED_FIELDS)
			return false;
		f[k++] = (struct field){ from, (size_t)(at - from) };
		if (at == end)
			return k == FEED_FIELDS;
		from = at + 2;
	}
}

/* Offsets stand for the texts until all of them are there. */
static uint32_t keep(struct feedlist *l, const char *text)
{
	const size_t at = l->texts.len;

	if (text[0] == '\0')
		return 0;               /* the empty text, which is first */
	buf_put(&l->texts, text, strlen(text) + 1);
	return (uint32_t)at;
}

struct offsets {
	uint32_t text[FEED_TEXTS];
};

static bool take_line(struct feedlist *l, struct offsets *o, const char *p, size_t n)
{
	struct feedchan *c = &l->chans[l->n];
	struct field f[FEED_FIELDS];
	char id[GNUID_STRLEN], text[ENCODED];

	if (!split(p, n, f) || f[F_ID].n != GNUID_STRLEN - 1)
		return false;
	memcpy(id, f[F_ID].p, GNUID_STRLEN - 1);
	id[GNUID_STRLEN - 1] = '\0';
	*c = (struct feedchan){ .direct = number(&f[F_DIRECT], 0, 1, 0) != 0 };
	if (!gnuid_parse(&c->id, id))
		return false;
	c->listeners = (int32_t)number(&f[F_LISTENERS], INT32_MIN, INT32_MAX, -1);
	c->relays = (int32_t)number(&f[F_RELAYS], INT32_MIN, INT32_MAX, -1);
	c->bitrate_kbps = (uint32_t)number(&f[F_BITRATE], 0, INT32_MAX, 0);
	c->uptime_s = uptime(&f[F_UPTIME]);
	for (size_t i = 0; i < FEED_TEXTS; i++) {
		if (i == FEED_ENCODED)
			encoded_of(&f[field_of[i]], text);
		else
			text_of(&f[field_of[i]], text);
		if (((i == FEED_URL || i == FEED_TRACK_URL) && !is_web(text)) ||
		    (i == FEED_TIP && !is_tip(text)))
			text[0] = '\0';
		o[l->n].text[i] = keep(l, text);
	}
	l->n++;
	return true;
}

static size_t count_lines(const char *p, size_t n)
{
	size_t lines = 1;

	for (size_t i = 0; i < n && lines < FEED_CHANS; i++)
		lines += p[i] == '\n';
	return lines;
}

static void take_all(struct feedlist *l, struct offsets *o, size_t cap, const char *p, size_t n)
{
	uint32_t line = 0;

	while (n > 0) {
		const char *lf = memchr(p, '\n', n);
		const size_t len = lf != NULL ? (size_t)(lf - p) : n;
		size_t text = len;

		line++;
		while (text > 0 && p[text - 1] == '\r')
			text--;
		if (text > 0 && (text > FEED_LINE || l->n == cap || !take_line(l, o, p, text))) {
			l->bad++;
			l->first_bad = l->first_bad != 0 ? l->first_bad : line;
		}
		p += len + (lf != NULL);
		n -= len + (lf != NULL);
	}
}

enum status feed_parse(const void *body, size_t n, struct feedlist **out)
{
	static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };
	struct feedlist *l = calloc(1, sizeof(*l));
	const char *p = body;
	struct offsets *o;
	size_t cap;

	*out = NULL;
	if (l == NULL)
		return ST_LIMIT;
	if (n >= sizeof(bom) && memcmp(p, bom, sizeof(bom)) == 0) {
		p += sizeof(bom);
		n -= sizeof(bom);
	}
	atomic_init(&l->refs, 1);
	/* texts repaired may grow: three bytes for one */
	buf_init(&l->texts, 4 * FEED_BODY);
	buf_u8(&l->texts, 0);
	cap = count_lines(p, n);
	l->chans = calloc(cap, sizeof(*l->chans));
	o = calloc(cap, sizeof(*o));
	if (l->chans != NULL && o != NULL)
		take_all(l, o, cap, p, n);
	if (l->chans == NULL || o == NULL || l->texts.err != ST_OK) {
		free(o);
		feedlist_unref(&l);
		return ST_LIMIT;
	}
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < FEED_TEXTS; k++)
			l->chans[i].text[k] = (const char *)l->texts.p + o[i].text[k];
	free(o);
	*out = l;
	return ST_OK;
}

bool feedlist_fault(const struct feedlist *l, char *dst, size_t cap)
{
	if (l->bad > 0 && l->n == 0)
		(void)snprintf(dst, cap, "this is no list of channels (line %u is the first that is none)",
			l->first_bad);
	else if (l->bad > 0)
		(void)snprintf(dst, cap, "%zu channels, %u bad lines; the first is line %u", l->n, l->bad,
			l->first_bad);
	return l->bad > 0;
}

struct feedlist *feedlist_ref(struct feedlist *l)
{
	/* relaxed: the caller has a reference, or the lock under which there is one */
	(void)atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void feedlist_unref(struct feedlist **lp)
{
	struct feedlist *l = *lp;

	*lp = NULL;
	/* acq_rel: other readers are done with it before the last one frees it */
	if (l == NULL || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
		return;
	buf_fini(&l->texts);
	free(l->chans);
	free(l);
}

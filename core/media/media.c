/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/media/parser.h"
#include "core/media/sniff.h"

#define HEAD_REFILL  (5 * NSEC_PER_SEC)         /* media.md 9.2: heads per minute */
#define HEAD_BURST   (12 * HEAD_REFILL)
/* Media time going back by more than this is a restart, not the usual crossing of audio and
 * video. */
#define BACK_MS      1000
#define CARRY_SLACK  4096                       /* around the payload of a largest unit */

enum status media_fail(struct media *m, enum status st, const char *fmt, ...)
{
	va_list ap;

	if (m->error[0] == '\0') {
		va_start(ap, fmt);
		(void)vsnprintf(m->error, sizeof(m->error), fmt, ap);
		va_end(ap);
	}
	m->st = st;
	return st;
}

void media_note(struct media *m, enum note bit, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (m->ops->note == NULL || (m->noted & 1u << bit) != 0)
		return;
	m->noted |= 1u << bit;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->ops->note(m->ctx, text);
}

enum status media_peek(struct media *m, size_t want, const uint8_t **p)
{
	*p = in_peek(&m->in, want);
	if (*p == NULL && m->in.carry.err != ST_OK)
		return media_fail(m, ST_LIMIT, "no memory for %zu bytes of one unit", want);
	return ST_OK;
}

/* --- head and info ---------------------------------------------------------------------------- */

static enum status media_tell(struct media *m)
{
	m->informed = true;
	return m->ops->info(m->ctx, &m->info);
}

enum status media_inform(struct media *m)
{
	return m->headed ? media_tell(m) : ST_OK;
}

bool media_set_text(char dst[TEXT_MAX], const void *p, size_t n)
{
	char text[TEXT_MAX];

	(void)text_clean(text, sizeof(text), p, n);
	if (strcmp(text, dst) == 0)
		return false;
	(void)text_copy(dst, TEXT_MAX, text);
	return true;
}

bool media_head_ready(struct media *m)
{
	if (m->now > m->heads_at) {
		const nsec add = m->now - m->heads_at;

		m->heads = add > HEAD_BURST - m->heads ? HEAD_BURST : m->heads + add;
		m->heads_at = m->now;
	}
	if (m->heads >= HEAD_REFILL)
		return true;
	media_note(m, NOTE_HEADS,
		"stream header changes too often: data dropped until the next one may go out");
	return false;
}

enum status media_head(struct media *m, const void *p, size_t n)
{
	enum status st = media_flush(m);

	if (st != ST_OK)
		return st;
	if (n > MEDIA_HEAD_MAX)
		return media_fail(
			m, ST_LIMIT, "%s head of %zu bytes (limit %d)", m->type, n, MEDIA_HEAD_MAX);
	m->heads -= MIN(HEAD_REFILL, m->heads);
	if (!m->informed)
		st = media_tell(m);
	if (st == ST_OK)
		st = m->ops->head(m->ctx, p, n);
	m->headed = true;
	return st;
}

enum status media_before(struct media *m, struct media_before *b)
{
	enum status st = ST_OK;

	memset(b, 0, sizeof(*b));
	if (m->headed || m->ops->before == NULL)
		return ST_OK;
	if (!m->informed)
		st = media_tell(m);
	return st == ST_OK ? m->ops->before(m->ctx, b) : st;
}

enum status media_resume(struct media *m)
{
	m->headed = true;
	return m->ops->resume(m->ctx);
}

/* --- packets ---------------------------------------------------------------------------------- */

enum status media_emit(struct media *m, const void *p, size_t n, uint8_t cont)
{
	enum status st = m->ops->data(m->ctx, p, n, cont);

	if (st == ST_OK && rate_add(&m->rate, m->unit_ms, n) && !m->info.declared) {
		m->info.bitrate_kbps = m->rate.kbps;
		st = media_inform(m);
	}
	return st;
}

enum status media_flush(struct media *m)
{
	const size_t n = m->nstage;

	if (n == 0)
		return ST_OK;
	m->nstage = 0;
	return media_emit(m, m->stage, n, m->stage_cont);
}

static uint8_t unit_cont(enum unit_kind k)
{
	static const uint8_t cont[] = {
		[UNIT_OTHER] = MEDIA_FRAGMENT,
		[UNIT_AUDIO] = MEDIA_AUDIO,
		[UNIT_INTER] = MEDIA_INTER,
		[UNIT_FREE] = 0,
		[UNIT_KEY] = 0,
	};

	return cont[k];
}

static size_t cut_max(const struct media *m)
{
	return m->cutting.max > 0 ? m->cutting.max : MEDIA_DATA_MAX;
}

static bool unit_is_video(const struct unit *u)
{
	return u->kind == UNIT_KEY || u->kind == UNIT_INTER;
}

/* Must what waits go out before u joins? */
static bool unit_parts_from_stage(const struct media *m, const struct unit *u)
{
	const int64_t dt = u->ms - m->stage_ms;

	if (u->kind == UNIT_KEY || m->nstage + u->n > cut_max(m))
		return true;
	if (dt >= MEDIA_FLUSH_MS || dt < -BACK_MS)
		return true;
	/* A frame may join audio that waits, whatever its size: one packet per frame instead of two
	 * keeps relays alive that take about a hundred packets a second. */
	if (unit_is_video(u))
		return m->cutting.one_frame && m->stage_video;
	return m->nstage + u->n > m->cutting.soft;
}

/* Bytes of the current unit into the stage, full packets out. cont: of the packet they begin. */
static enum status unit_put(struct media *m, const uint8_t *p, size_t n, uint8_t *cont)
{
	const size_t max = cut_max(m);

	while (n > 0) {
		size_t k = n;
		enum status st = ST_OK;

		if (m->nstage == 0 && n >= max) {
			k = max;
			st = media_emit(m, p, k, *cont);
			*cont |= MEDIA_FRAGMENT;
		} else {
			if (m->nstage == 0) {
				m->stage_cont = *cont;
				m->stage_since = m->now;
				m->stage_ms = m->unit_ms;
			}
			k = MIN(n, max - m->nstage);
			memcpy(m->stage + m->nstage, p, k);
			m->nstage += k;
			if (m->nstage == max) {
				*cont |= MEDIA_FRAGMENT;
				st = media_flush(m);
			}
		}
		if (st != ST_OK)
			return st;
		p += k;
		n -= k;
	}
	return ST_OK;
}

enum status media_unit(struct media *m, const struct unit *u)
{
	uint8_t cont = unit_cont(u->kind);
	enum status st = ST_OK;

	ASSERT(m->headed);
	if (m->nstage > 0 && unit_parts_from_stage(m, u))
		st = media_flush(m);
	if (st != ST_OK)
		return st;
	m->unit_ms = u->ms;
	if (!m->timed || u->ms > m->high_ms || u->ms < m->high_ms - BACK_MS)
		m->high_ms = u->ms;
	m->timed = true;
	m->unit_cont = cont;
	if (m->nstage == 0) {
		m->stage_video = unit_is_video(u);
	} else {
		/* the kind of a packet is that of the most important unit in it */
		if (u->kind == UNIT_INTER && m->stage_cont != 0)
			m->stage_cont = MEDIA_INTER;
		else if (u->kind == UNIT_AUDIO && m->stage_cont == MEDIA_FRAGMENT)
			m->stage_cont = MEDIA_AUDIO;
		m->stage_video |= unit_is_video(u);
	}
	for (int i = 0; i < u->nparts && st == ST_OK; i++)
		st = unit_put(m, u->part[i].p, u->part[i].n, &cont);
	if (st == ST_OK && (u->n > cut_max(m) || m->nstage >= m->cutting.soft))
		st = media_flush(m);
	return st;
}

enum status media_more(struct media *m, const void *p, size_t n)
{
	uint8_t cont = m->unit_cont | MEDIA_FRAGMENT;

	return unit_put(m, p, n, &cont);
}

/* --- choosing the parser ---------------------------------------------------------------------- */

static bool type_is(const char *a, const char *const *set)
{
	for (; *set != NULL; set++)
		if (strcmp(a, *set) == 0)
			return true;
	return false;
}

static const struct parser *parser_of(const char *type)
{
	static const struct {
		const char *type;
		const struct parser *par;
	} known[] = {
		{ "FLV", &parser_flv }, { "MKV", &parser_mkv }, { "WEBM", &parser_mkv },
		{ "OGG", &parser_ogg }, { "OGM", &parser_ogg }, { "MP3", &parser_mp3 },
		{ "AAC", &parser_aac }, { "TS", &parser_ts },   { "MP4", &parser_mp4 },
		{ "WMV", &parser_asf }, { "WMA", &parser_asf }, { "NSV", &parser_nsv },
	};

	for (size_t i = 0; i < NELEM(known); i++)
		if (strcmp(type, known[i].type) == 0)
			return known[i].par;
	return &parser_raw;
}

static enum status media_open(struct media *m, const char *type)
{
	(void)text_copy(m->type, sizeof(m->type), type);
	if (m->declared[0] != '\0' && strcmp(m->declared, m->type) != 0)
		media_note(m, NOTE_TYPE, "declared %s, but the stream is %s", m->declared, m->type);
	m->par = parser_of(type);
	m->self = calloc(1, MAX(m->par->size, (size_t)1));
	if (m->self == NULL)
		return media_fail(m, ST_LIMIT, "no memory for the %s parser", m->type);
	m->par->open(m);
	return ST_OK;
}

/* Declared types that are one thing under two names: the magic does not tell them apart. */
static bool type_covers(const char *declared, const char *magic)
{
	static const char *const asf[] = { "WMV", "WMA", NULL };

	return type_is(magic, asf) && type_is(declared, asf);
}

/* What is weak evidence against other types settles which of these two it is: frames of both kinds are
 * told apart by their headers. p: the first byte; a tag may be in front of either. */
static bool type_yields(const char *declared, const uint8_t *p)
{
	static const char *const audio[] = { "MP3", "AAC", NULL };

	return declared[0] == '\0' || (type_is(declared, audio) && p[0] == 0xff);
}

static enum status media_sniff(struct media *m, bool end)
{
	static const char *const must_match[] = { "FLV", "MKV", "WEBM", "MP4", "WMV", "WMA", NULL };
	const char *type;
	const uint8_t *p;
	char hex[2 * 4 + 1];
	size_t n;
	enum sniff s;

	/* in small steps: most types are known by 4 bytes, and what is looked at may have to be
	 * carried */
	for (size_t want = 64;; want = MIN(4 * want, (size_t)SNIFF_MAX)) {
		n = in_view(&m->in, want, &p);
		if (m->in.carry.err != ST_OK)
			return media_fail(m, ST_LIMIT, "no memory for the first bytes");
		s = sniff_type(p, n, end && n == in_avail(&m->in), &type);
		if (s != SNIFF_MORE || n < want)
			break;
	}
	switch (s) {
	case SNIFF_MORE:
		return ST_OK;
	case SNIFF_REFUSE:
		return media_fail(m, ST_PROTO, "%s is not supported", type);
	case SNIFF_SURE:
		return media_open(m, type_covers(m->declared, type) ? m->declared : type);
	case SNIFF_WEAK:
		if (type_yields(m->declared, p))
			return media_open(m, type);
		break;
	case SNIFF_NONE:
		break;
	}
	if (m->declared[0] == '\0')
		return media_open(m, "UNKNOWN");
	if (!type_is(m->declared, must_match))
		return media_open(m, m->declared);
	/* no answer ever comes before byte 5: the same sentence for every split */
	hex_emit(hex, sizeof(hex), p, MIN(n, (size_t)4));
	return media_fail(
		m, ST_PROTO, "declared %s, but the stream begins with %s", m->declared, hex);
}

/* --- outside ---------------------------------------------------------------------------------- */

struct media *media_new(const char *type, const struct media_ops *ops, void *ctx)
{
	struct media *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->ops = ops;
	m->ctx = ctx;
	m->first = NSEC_NEVER;
	m->heads = HEAD_BURST;
	m->info.type = m->type;
	in_init(&m->in, MEDIA_UNIT_MAX + CARRY_SLACK);
	/* ASF is both WMV and WMA; a stream of playlists (ASX) is meant to be one of them, too */
	if (type != NULL && ascii_casecmp(type, "UNKNOWN") != 0 && ascii_casecmp(type, "ASF") != 0 &&
		ascii_casecmp(type, "ASX") != 0)
		(void)text_copy(m->declared, sizeof(m->declared), type);
	for (char *c = m->declared; *c != '\0'; c++)
		*c = (char)ascii_upper((unsigned char)*c);
	(void)text_copy(m->type, sizeof(m->type), m->declared[0] != '\0' ? m->declared : "UNKNOWN");
	return m;
}

void media_free(struct media **mp)
{
	struct media *m = *mp;

	if (m == NULL)
		return;
	*mp = NULL;
	if (m->par != NULL && m->self != NULL && m->par->fini != NULL)
		m->par->fini(m);
	free(m->self);
	in_fini(&m->in);
	free(m);
}

/* Take the step the input allows. */
static enum status media_run(struct media *m, bool end)
{
	enum status st = ST_OK;

	if (m->par == NULL)
		st = strcmp(m->declared, "RAW") == 0 ? media_open(m, "RAW") : media_sniff(m, end);
	if (st == ST_OK && m->par != NULL)
		st = m->par->run(m);
	return st;
}

/* Remember how it ended. A fault of the stream, which has a sentence of ours, takes nothing along
 * that was whole; when an op has refused, nothing more is told to it. */
static enum status media_done(struct media *m, enum status st)
{
	if (st != ST_OK && m->error[0] != '\0')
		(void)(media_flush(m) == ST_OK);
	m->st = st;
	return st;
}

enum status media_feed(struct media *m, const void *p, size_t n, nsec now)
{
	enum status st;

	if (m->st != ST_OK || n == 0)
		return m->st;
	m->now = now;
	if (m->first == NSEC_NEVER) {
		m->first = now;
		m->heads_at = now;
	}
	in_feed(&m->in, p, n);
	st = media_run(m, false);
	if (st == ST_OK)
		ASSERT(m->in.n == 0);
	m->in.n = 0;
	return media_done(m, st);
}

nsec media_deadline(const struct media *m)
{
	nsec at = NSEC_NEVER, own;

	if (m->st != ST_OK || m->first == NSEC_NEVER)
		return NSEC_NEVER;
	if (m->nstage > 0)
		at = m->stage_since + MEDIA_FLUSH_MS * NSEC_PER_MSEC;
	if (!m->headed)
		at = MIN(at, m->first + MEDIA_START_MS * NSEC_PER_MSEC);
	if (m->par != NULL && m->par->deadline != NULL) {
		own = m->par->deadline(m);
		at = MIN(at, own);
	}
	return at;
}

enum status media_tick(struct media *m, nsec now)
{
	enum status st = ST_OK;

	if (m->st != ST_OK || now < media_deadline(m))
		return m->st;
	m->now = now;
	if (m->par != NULL && m->par->deadline != NULL && now >= m->par->deadline(m))
		st = m->par->tick(m);
	if (st == ST_OK && !m->headed && now >= m->first + MEDIA_START_MS * NSEC_PER_MSEC) {
		/* a type nobody knows needs no more bytes to be RAW */
		if (m->par == NULL)
			st = media_run(m, true);
		if (st == ST_OK && !m->headed && m->nstage == 0)
			st = media_fail(m, ST_TIMEOUT,
				"no complete %s header and frame within %d s", m->type,
				MEDIA_START_MS / 1000);
	}
	if (st == ST_OK && m->nstage > 0 && now >= m->stage_since + MEDIA_FLUSH_MS * NSEC_PER_MSEC)
		st = media_flush(m);
	return media_done(m, st);
}

enum status media_end(struct media *m, nsec now)
{
	enum status st;

	if (m->st != ST_OK)
		return m->st;
	m->now = now;
	st = in_avail(&m->in) > 0 || m->par != NULL ? media_run(m, true) : ST_OK;
	if (st == ST_OK && m->par != NULL && m->par->end != NULL)
		st = m->par->end(m);
	if (st == ST_OK)
		st = media_flush(m);
	if (st == ST_OK && !m->headed)
		st = media_fail(m, ST_PROTO,
			"the %s stream ended before its header and first frame were complete",
			m->type);
	return media_done(m, st);
}

const char *media_error(const struct media *m)
{
	return m->error;
}

size_t media_head_lead(const void *p, size_t n)
{
	const uint8_t *b = p;
	const size_t lead = 9 + 4;      /* the size of no tag follows */

	return n > lead && memcmp(b, "FLV\x01", 4) == 0 && memcmp(b + 5, "\0\0\0\x09", 4) == 0 ? lead : 0;
}

enum media_clock media_clock(const struct media *m, int64_t *ms)
{
	if (m->par == &parser_raw)
		return MEDIA_CLOCK_NONE;
	*ms = m->high_ms;
	return m->timed ? MEDIA_CLOCK_RUNS : MEDIA_CLOCK_LATER;
}

const struct media_info *media_info_of(const struct media *m)
{
	return &m->info;
}

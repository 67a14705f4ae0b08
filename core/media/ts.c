/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MPEG-TS.
 *
 *   SEARCH (three sync bytes 188 apart) <-> packets
 *
 * The head is the newest PAT and the PMTs of its programs, as packets. Everything goes through as it
 * is, but for null packets. A new head is due when PIDs or stream types change. Packets of ours begin
 * at video frames where that is possible; one to start at begins with PAT and PMT again, then the key
 * frame, so that it also plays without the head.
 *
 * source   media.md 7.2, 3.8, 9.2
 */
#include "core/media/ts.h"

#include <stdlib.h>
#include <string.h>

#include "core/media/parser.h"
#include "core/media/tags.h"

#define TS_SEARCH     65536             /* bytes without a packet */
#define TS_DATA_MAX   (80 * TS_PACKET)
#define TS_PROGRAMS   16
#define TS_STREAMS    32                /* elementary streams of one program */
#define TS_SECTION    1024              /* PAT and PMT are no longer */
#define TS_TABLE      (8 * TS_PACKET)   /* the packets a section comes in */
#define TS_BEFORE     (1u << 20)        /* bytes in front of the first head */
#define TS_AGAIN      (8 * TS_PACKET)   /* PAT and PMT put in front of key frames */
#define TS_ID3        4096
#define TS_PIDS       8192
#define TS_NULL       0x1fff
#define TS_AUDIO_MS   1000              /* between starts, without video */
#define TS_JUMP       (10 * 90000)      /* a clock that leaps further begins anew */
#define TS_CLOCK      (UINT64_C(1) << 33)

enum role {
	ROLE_OTHER,
	ROLE_PAT,
	ROLE_PMT,
	ROLE_VIDEO,             /* the one that decides where to start */
	ROLE_VIDEO2,
	ROLE_AUDIO,
	ROLE_ID3,
	ROLE_NULL,
};

/* A table, read from the packets of one PID. */
struct ts_table {
	uint16_t pid;
	bool busy;              /* a section has begun and not ended */
	size_t n;               /* of the section being read */
	size_t npackets;        /* bytes of the packets it came in so far */
	size_t nsection, nwhole;        /* of the last whole one, and of its packets; 0 = none yet */
	uint8_t reading[TS_SECTION];
	uint8_t packets[TS_TABLE];
	uint8_t section[TS_SECTION];
	uint8_t whole[TS_TABLE];
};

struct ts_stream {
	uint16_t pid;
	uint8_t type;
	uint8_t role;
};

struct ts_program {
	struct ts_table pmt;
	uint16_t number;
	uint16_t pcr;
	unsigned n;
	struct ts_stream stream[TS_STREAMS];
};

struct ts {
	bool synced;
	bool due;               /* a head is to go out before further data */
	uint32_t searched;      /* bytes since the last good packet */
	size_t before;          /* bytes before the first head */
	uint8_t role[TS_PIDS];
	struct ts_table pat;
	struct ts_program program[TS_PROGRAMS];
	unsigned n;
	bool has_video;
	uint8_t video_type;
	bool indicates;         /* the encoder marks random access points */
	bool has_pcr;
	bool has_clock;
	uint64_t clock;         /* the newest PCR or time stamp, 90 kHz, 33 bits */
	int64_t time;           /* media time in the same unit, without leaps */
	bool has_ra;
	int64_t ra_ms;          /* the last place to start */
	size_t id3_want;        /* bytes of the PES being collected */
	struct buf id3;
};

/* A packet taken apart. */
struct ts_packet {
	const uint8_t *p;
	uint16_t pid;
	bool start;             /* a PES packet or section begins */
	bool ra;                /* marked as a random access point */
	bool has_pcr;
	uint64_t pcr;           /* 90 kHz */
	const uint8_t *payload;
	size_t n;               /* of the payload */
};

static void ts_packet_read(struct ts_packet *k, const uint8_t *p)
{
	const bool clear = (p[1] & 0x80) == 0 && (p[3] & 0xc0) == 0;  /* no error, not scrambled */
	size_t at = 4;

	*k = (struct ts_packet){ .p = p, .pid = (uint16_t)((p[1] & 0x1f) << 8 | p[2]) };
	if ((p[3] & 0x20) != 0) {
		const size_t len = p[4];

		if (len > 0)
			k->ra = (p[5] & 0x40) != 0;
		if (len >= 7 && (p[5] & 0x10) != 0) {
			k->has_pcr = true;
			k->pcr = (uint64_t)p[6] << 25 | (uint64_t)p[7] << 17 | (uint64_t)p[8] << 9 |
			         (uint64_t)p[9] << 1 | p[10] >> 7;
		}
		at += 1 + len;
	}
	if ((p[3] & 0x10) == 0 || at >= TS_PACKET || !clear)
		return;
	k->start = (p[1] & 0x40) != 0;
	k->payload = p + at;
	k->n = TS_PACKET - at;
}

/* --- tables ----------------------------------------------------------------------------------- */

uint32_t ts_crc(const uint8_t *p, size_t n)
{
	uint32_t v = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		v ^= (uint32_t)p[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			v = v << 1 ^ ((v & 0x80000000u) != 0 ? 0x04c11db7u : 0);
	}
	return v;
}

/* More of the section that is being read. Returns the bytes taken; *whole: it is there, good, and says
 * something new. */
static size_t table_more(struct ts_table *t, const uint8_t *p, size_t n, bool *whole)
{
	size_t total, k = 0, add;

	*whole = false;
	while (t->n < 3 && k < n)
		t->reading[t->n++] = p[k++];
	if (t->n < 3)
		return k;
	total = 3 + ((size_t)(t->reading[1] & 0x0f) << 8 | t->reading[2]);
	if (total > TS_SECTION || total < 12) {
		t->busy = false;
		return n;
	}
	add = MIN(total - t->n, n - k);
	memcpy(t->reading + t->n, p + k, add);
	t->n += add;
	if (t->n < total)
		return n;
	t->busy = false;
	if (t->nsection != total || memcmp(t->reading, t->section, total) != 0) {
		*whole = ts_crc(t->reading, total) == 0;
	} else {                /* the same again: only the counters of its packets are new */
		memcpy(t->whole, t->packets, t->npackets);
		t->nwhole = t->npackets;
	}
	return k + add;
}

/* The section that was read becomes the current one. */
static void table_take(struct ts_table *t)
{
	memcpy(t->section, t->reading, t->n);
	t->nsection = t->n;
	memcpy(t->whole, t->packets, t->npackets);
	t->nwhole = t->npackets;
}

/* What stands between header and checksum, when it is the first section of table `id`, and current. */
static bool table_body(const struct ts_table *t, uint8_t id, struct rd *r)
{
	if (t->reading[0] != id || (t->reading[1] & 0x80) == 0 || (t->reading[5] & 1) == 0 ||
		t->reading[6] != 0)
		return false;
	*r = rd_of(t->reading + 8, t->n - 12);
	return true;
}

/* --- streams ---------------------------------------------------------------------------------- */

static enum role role_of(uint8_t type, struct rd info)
{
	bool video = false;

	switch (type) {
	case 0x01: case 0x02: case 0x10: case 0x1b: case 0x24: case 0x33: case 0x42: case 0xd1: case 0xea:
		return ROLE_VIDEO;
	case 0x03: case 0x04: case 0x0f: case 0x11: case 0x81: case 0x87:
		return ROLE_AUDIO;
	case 0x15:
		return ROLE_ID3;
	case 0x06:
		break;
	default:
		return ROLE_OTHER;
	}
	/* private: a registration says what it is */
	while (info.err == ST_OK && info.left >= 2) {
		const uint8_t tag = rd_u8(&info);
		struct rd d = rd_sub(&info, rd_u8(&info));
		const uint8_t *cc = rd_take(&d, 4);

		if (tag == 0x6a || tag == 0x7a || tag == 0x7b)
			return ROLE_AUDIO;      /* AC-3, E-AC-3, DTS of DVB */
		if (tag != 0x05 || cc == NULL)
			continue;
		video |= memcmp(cc, "AV01", 4) == 0 || memcmp(cc, "VP09", 4) == 0 ||
		         memcmp(cc, "HEVC", 4) == 0;
		if (memcmp(cc, "Opus", 4) == 0 || memcmp(cc, "AC-3", 4) == 0 || memcmp(cc, "EAC3", 4) == 0)
			return ROLE_AUDIO;
	}
	return video ? ROLE_VIDEO : ROLE_OTHER;
}

/* What each PID is, anew. */
static void ts_roles(struct ts *s)
{
	bool sound = false;

	memset(s->role, ROLE_OTHER, sizeof(s->role));
	s->has_video = false;
	for (unsigned i = 0; i < s->n; i++) {
		const struct ts_program *g = &s->program[i];

		for (unsigned k = 0; k < g->n; k++) {
			uint8_t role = g->stream[k].role;

			if (role == ROLE_VIDEO && s->has_video)
				role = ROLE_VIDEO2;
			if (role == ROLE_VIDEO) {
				s->has_video = true;
				s->video_type = g->stream[k].type;
			}
			sound |= role == ROLE_AUDIO;
			s->role[g->stream[k].pid] = role;
		}
	}
	/* streams of types that nobody knows are something to start at, too */
	for (unsigned i = 0; i < s->n && !s->has_video && !sound; i++)
		for (unsigned k = 0; k < s->program[i].n; k++)
			s->role[s->program[i].stream[k].pid] = ROLE_AUDIO;
	for (unsigned i = 0; i < s->n; i++)
		s->role[s->program[i].pmt.pid] = ROLE_PMT;
	s->role[0] = ROLE_PAT;
	s->role[TS_NULL] = ROLE_NULL;
}

/* A new PAT: programs whose PMT stays where it was keep it. */
static void ts_pat(struct ts *s)
{
	bool same = true;
	unsigned n = 0;
	struct rd r;

	if (!table_body(&s->pat, 0, &r))
		return;
	table_take(&s->pat);
	while (r.left >= 4 && n < TS_PROGRAMS) {
		const uint16_t number = rd_be16(&r), pid = rd_be16(&r) & 0x1fff;

		if (number == 0 || pid == 0 || pid == TS_NULL)
			continue;
		if (n >= s->n || s->program[n].pmt.pid != pid || s->program[n].number != number) {
			memset(&s->program[n], 0, sizeof(s->program[n]));
			s->program[n].pmt.pid = pid;
			s->program[n].number = number;
			same = false;
		}
		n++;
	}
	if (same && n == s->n)
		return;
	s->n = n;
	s->due = true;
	ts_roles(s);
}

static void ts_pmt(struct ts *s, struct ts_program *g)
{
	struct ts_stream stream[TS_STREAMS];
	unsigned n = 0;
	uint16_t pcr;
	struct rd r;
	bool same;

	if (!table_body(&g->pmt, 2, &r) ||
		(g->pmt.reading[3] << 8 | g->pmt.reading[4]) != g->number)
		return;
	table_take(&g->pmt);
	pcr = rd_be16(&r) & 0x1fff;
	(void)rd_take(&r, rd_be16(&r) & 0x0fff);
	for (; r.err == ST_OK && r.left >= 5 && n < TS_STREAMS; n++) {
		stream[n].type = rd_u8(&r);
		stream[n].pid = rd_be16(&r) & 0x1fff;
		stream[n].role = (uint8_t)role_of(stream[n].type, rd_sub(&r, rd_be16(&r) & 0x0fff));
	}
	same = g->n == n && g->pcr == pcr;
	for (unsigned i = 0; same && i < n; i++)
		same = g->stream[i].pid == stream[i].pid && g->stream[i].type == stream[i].type;
	if (same)
		return;
	g->pcr = pcr;
	g->n = n;
	memcpy(g->stream, stream, n * sizeof(stream[0]));
	s->due = true;
	s->indicates = false;
	ts_roles(s);
}

/* Bytes of a table's section. g: its program, NULL for the PAT. Returns those taken. */
static size_t ts_section(struct ts *s, struct ts_program *g, const uint8_t *p, size_t n)
{
	struct ts_table *t = g != NULL ? &g->pmt : &s->pat;
	bool whole;
	const size_t k = table_more(t, p, n, &whole);

	if (whole && g == NULL)
		ts_pat(s);
	else if (whole)
		ts_pmt(s, g);
	return k;
}

/* A packet of a table's PID. */
static void ts_table_packet(struct ts *s, struct ts_program *g, const struct ts_packet *k)
{
	struct ts_table *t = g != NULL ? &g->pmt : &s->pat;
	size_t at;

	if (k->n == 0)
		return;
	if (t->busy) {
		t->busy = t->npackets + TS_PACKET <= TS_TABLE;
		if (t->busy)
			memcpy(t->packets + t->npackets, k->p, TS_PACKET);
		t->npackets += TS_PACKET;
	}
	at = k->start ? 1 + (size_t)k->payload[0] : k->n;
	if (t->busy && at <= k->n)
		(void)ts_section(s, g, k->payload + k->start, at - k->start);
	if (k->start)
		t->busy = false;        /* what has not ended in front of the next one never will */
	while (at < k->n && k->payload[at] != 0xff) {
		t->busy = true;
		t->n = 0;
		memcpy(t->packets, k->p, TS_PACKET);
		t->npackets = TS_PACKET;
		at += ts_section(s, g, k->payload + at, k->n - at);
	}
}

/* --- the head --------------------------------------------------------------------------------- */

/* PAT and the PMTs there are. Returns their size, also when it is more than cap and nothing is written. */
static size_t ts_tables(const struct ts *s, uint8_t *out, size_t cap)
{
	size_t n = s->pat.nwhole, at = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += s->program[i].pmt.nwhole;
	if (n > cap)
		return n;
	memcpy(out, s->pat.whole, s->pat.nwhole);
	at += s->pat.nwhole;
	for (unsigned i = 0; i < s->n; i++) {
		memcpy(out + at, s->program[i].pmt.whole, s->program[i].pmt.nwhole);
		at += s->program[i].pmt.nwhole;
	}
	return at;
}

static enum status ts_publish(struct media *m, struct ts *s)
{
	const size_t n = ts_tables(s, NULL, 0);
	uint8_t *p;
	enum status st;

	if (n > MEDIA_HEAD_MAX)
		return media_fail(
			m, ST_LIMIT, "TS head of %zu bytes (limit %d)", n, MEDIA_HEAD_MAX);
	p = malloc(n);
	if (p == NULL)
		return media_fail(m, ST_LIMIT, "no memory for a head of %zu bytes", n);
	(void)ts_tables(s, p, n);
	st = media_head(m, p, n);
	free(p);
	s->due = false;
	s->has_ra = s->has_pcr = s->has_clock = false;
	return st;
}

/* Are there streams to start at? */
static bool ts_ready(const struct ts *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->program[i].pmt.nwhole > 0)
			return true;
	return false;
}

/* --- PES -------------------------------------------------------------------------------------- */

struct pes {
	bool has_ts;
	uint64_t ts;            /* decoding time, else presentation time */
	size_t len;             /* bytes in all, 0 = open end */
	size_t at;              /* where the payload begins, at most the packet's end */
};

static bool pes_read(struct pes *x, const uint8_t *p, size_t n)
{
	size_t at = 9;

	*x = (struct pes){ .has_ts = false };
	if (n < 9 || memcmp(p, "\0\0\1", 3) != 0 || (p[6] & 0xc0) != 0x80)
		return false;
	x->len = (size_t)p[4] << 8 | p[5];
	x->len += x->len > 0 ? 6 : 0;
	x->at = MIN(9 + (size_t)p[8], n);
	if ((p[7] & 0xc0) == 0xc0)
		at += 5;
	if ((p[7] & 0x80) == 0 || x->at < at + 5)
		return true;
	x->has_ts = true;
	p += at;
	x->ts = (uint64_t)(p[0] >> 1 & 7) << 30 | (uint64_t)p[1] << 22 | (uint64_t)(p[2] >> 1) << 15 |
	        (uint64_t)p[3] << 7 | p[4] >> 1;
	return true;
}

/* Does a picture begin here that needs no other, by what comes first in it? For encoders that do not
 * mark it. */
static bool is_key(uint8_t type, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 4 < n; i++) {
		const uint8_t *q = p + i + 3;
		unsigned u;

		if (memcmp(p + i, "\0\0\1", 3) != 0)
			continue;
		switch (type) {
		case 0x1b:              /* AVC: IDR, SPS; or a slice */
			u = q[0] & 31;
			if (u == 5 || u == 7)
				return true;
			if (u >= 1 && u <= 4)
				return false;
			break;
		case 0x24:              /* HEVC: IRAP, VPS, SPS; or another slice */
			u = q[0] >> 1 & 63;
			if ((u >= 16 && u <= 21) || u == 32 || u == 33)
				return true;
			if (u <= 9)
				return false;
			break;
		case 0x33:              /* VVC: IDR, CRA, GDR, VPS, SPS; or another slice */
			u = q[1] >> 3;
			if ((u >= 7 && u <= 10) || u == 14 || u == 15)
				return true;
			if (u <= 3)
				return false;
			break;
		case 0x01:              /* MPEG-1, -2: sequence, group, I picture */
		case 0x02:
			if (q[0] == 0xb3 || q[0] == 0xb8)
				return true;
			if (q[0] == 0)
				return i + 5 < n && (q[2] >> 3 & 7) == 1;
			break;
		case 0x10:              /* MPEG-4: sequence, I picture */
			if (q[0] == 0xb0)
				return true;
			if (q[0] == 0xb6)
				return q[1] >> 6 == 0;
			break;
		default:
			return false;
		}
	}
	return false;
}

/* The clock goes on; a leap is where another one begins. */
static void ts_clock(struct ts *s, uint64_t clock)
{
	const uint64_t d = (clock - s->clock) & (TS_CLOCK - 1);

	if (s->has_clock && d < TS_JUMP)
		s->time += (int64_t)d;
	else if (s->has_clock && TS_CLOCK - d < TS_JUMP)
		s->time -= (int64_t)(TS_CLOCK - d);
	s->has_clock = true;
	s->clock = clock;
}

/* ID3 in a stream of its own: one tag a PES packet. */
static enum status ts_id3(struct media *m, struct ts *s, const struct ts_packet *k)
{
	struct tags t = { .title = "" };
	struct pes x;

	if (k->start) {
		buf_reset(&s->id3);
		s->id3_want = pes_read(&x, k->payload, k->n) ? x.len : 0;
	}
	if (s->id3_want == 0)
		return ST_OK;
	buf_put(&s->id3, k->payload, k->n);
	if (s->id3.err == ST_OK && s->id3.len < s->id3_want)
		return ST_OK;
	s->id3_want = 0;
	if (s->id3.err != ST_OK || !pes_read(&x, s->id3.p, s->id3.len))
		return ST_OK;
	tags_id3(&t, s->id3.p + x.at, s->id3.len - x.at);
	return t.title[0] != '\0' && media_set_tags(m, &t) ? media_inform(m) : ST_OK;
}

/* --- data ------------------------------------------------------------------------------------- */

static enum unit_kind ts_kind(
	struct ts *s, enum role role, const struct ts_packet *k, const struct pes *x, int64_t ms)
{
	bool ra = false;

	if (!s->has_ra || ms < s->ra_ms - 1000) {
		s->ra_ms = ms;
		ra = !s->has_video;
		s->has_ra = true;
	}
	if (role == ROLE_VIDEO) {
		s->indicates |= k->ra;
		ra = k->ra || ms - s->ra_ms >= MEDIA_KEY_MS ||
		     (!s->indicates && is_key(s->video_type, k->payload + x->at, k->n - x->at));
	} else if (!s->has_video) {
		ra |= ms - s->ra_ms >= TS_AUDIO_MS;
	}
	if (ra)
		s->ra_ms = ms;
	if (role == ROLE_AUDIO)
		return ra ? UNIT_KEY : UNIT_AUDIO;
	return ra ? UNIT_KEY : UNIT_INTER;
}

/* The first packet of a frame. */
static enum status ts_frame(struct media *m, struct ts *s, enum role role, const struct ts_packet *k)
{
	uint8_t again[TS_AGAIN];
	struct unit u = { .nparts = 0 };
	struct pes x;
	enum status st;

	if (s->due) {
		if (!ts_ready(s) || (m->headed && !media_head_ready(m)))
			return ST_OK;
		st = ts_publish(m, s);
		if (st != ST_OK)
			return st;
	}
	if (!pes_read(&x, k->payload, k->n))
		x.at = k->n;
	if (!s->has_pcr && x.has_ts && (role == ROLE_VIDEO || !s->has_video))
		ts_clock(s, x.ts);
	u.ms = s->time / 90;
	u.kind = ts_kind(s, role, k, &x, u.ms);
	if (u.kind == UNIT_KEY) {
		const size_t n = ts_tables(s, again, sizeof(again));

		if (n <= sizeof(again))
			u.part[u.nparts++] = (struct span){ again, n };
	}
	u.part[u.nparts++] = (struct span){ k->p, TS_PACKET };
	for (int i = 0; i < u.nparts; i++)
		u.n += u.part[i].n;
	return media_unit(m, &u);
}

static struct ts_program *ts_program_of(struct ts *s, uint16_t pid)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->program[i].pmt.pid == pid)
			return &s->program[i];
	return NULL;
}

static enum status ts_packet(struct media *m, struct ts *s, const uint8_t *p)
{
	struct ts_packet k;
	enum status st = ST_OK;

	ts_packet_read(&k, p);

	const enum role role = s->role[k.pid];

	s->before += m->headed ? 0 : TS_PACKET;
	if (s->before > TS_BEFORE)
		return media_fail(
			m, ST_LIMIT, "%u bytes of TS without PAT, PMT and a frame", TS_BEFORE);
	if (k.has_pcr && s->n > 0 && k.pid == s->program[0].pcr) {
		s->has_pcr = true;
		ts_clock(s, k.pcr);
	}
	switch (role) {
	case ROLE_NULL:
		return ST_OK;
	case ROLE_PAT:
		ts_table_packet(s, NULL, &k);
		break;
	case ROLE_PMT:
		ts_table_packet(s, ts_program_of(s, k.pid), &k);
		break;
	case ROLE_ID3:
		st = ts_id3(m, s, &k);
		break;
	case ROLE_VIDEO:
	case ROLE_VIDEO2:
	case ROLE_AUDIO:
		if (k.start)
			return ts_frame(m, s, role, &k);
		break;
	case ROLE_OTHER:
		break;
	}
	return st != ST_OK || s->due ? st : media_more(m, p, TS_PACKET);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Find three packets in a row. */
static enum status ts_seek(struct media *m, struct ts *s, bool *more)
{
	const size_t n = 2 * TS_PACKET + 1;
	const uint8_t *p, *q;
	enum status st = media_peek(m, n, &p);

	*more = p == NULL;
	if (p == NULL)
		return st;
	if (p[0] == TS_SYNC && p[TS_PACKET] == TS_SYNC && p[2 * TS_PACKET] == TS_SYNC) {
		s->synced = true;
		s->searched = 0;
		return ST_OK;
	}
	q = memchr(p + 1, TS_SYNC, n - 1);

	const size_t k = q == NULL ? n : (size_t)(q - p);

	s->searched += (uint32_t)k;
	in_drop(&m->in, k);
	if (s->searched > TS_SEARCH)
		return media_fail(m, ST_PROTO, "no TS packets in %u bytes", TS_SEARCH);
	return ST_OK;
}

static enum status ts_run(struct media *m)
{
	struct ts *s = m->self;
	enum status st = ST_OK;
	bool more = false;

	while (st == ST_OK && !more) {
		const uint8_t *p;

		if (!s->synced) {
			st = ts_seek(m, s, &more);
			continue;
		}
		st = media_peek(m, TS_PACKET, &p);
		more = p == NULL;
		if (p == NULL)
			continue;
		if (p[0] != TS_SYNC) {
			media_note(m, NOTE_TS_RESYNC, "TS packets out of step at byte %llu: bytes dropped",
				(unsigned long long)m->in.taken);
			s->synced = false;
			continue;
		}
		st = ts_packet(m, s, p);
		in_drop(&m->in, TS_PACKET);
	}
	return st;
}

static void ts_open(struct media *m)
{
	struct ts *s = m->self;

	m->cutting = (struct cutting){ .soft = TS_DATA_MAX, .max = TS_DATA_MAX, .one_frame = true };
	buf_init(&s->id3, TS_ID3);
	s->due = true;
	ts_roles(s);
}

static void ts_fini(struct media *m)
{
	struct ts *s = m->self;

	buf_fini(&s->id3);
}

const struct parser parser_ts = {
	.size = sizeof(struct ts), .open = ts_open, .run = ts_run, .fini = ts_fini,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/bench/bench.h"

#include <string.h>

/* Header of a unit: magic 4, payload bytes 4, sequence 8, sent ns 8, crc 4, spare 4. */
#define MAGIC    0x55425350U    /* "PSBU" */
#define PAYLOADS 8              /* different payloads, so that a repeated one is noticed */

static uint8_t noise[PAYLOADS + UNIT_MOST];
static uint32_t crc_table[256];
static uint32_t crc_of[PAYLOADS];       /* of the payload at noise + i, for crc_bytes */
static size_t crc_bytes;

static void prepare(void)
{
	uint32_t x = 2463534242U, c;
	size_t i;
	int k;

	if (crc_table[1] != 0)
		return;
	for (i = 0; i < NELEM(crc_table); i++) {
		for (c = (uint32_t)i, k = 0; k < 8; k++)
			c = (c & 1) != 0 ? c >> 1 ^ 0xEDB88320U : c >> 1;
		crc_table[i] = c;
	}
	for (i = 0; i < sizeof(noise); i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		noise[i] = (uint8_t)x;
	}
}

static uint32_t crc_run(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n-- > 0)
		crc = crc >> 8 ^ crc_table[(crc ^ *p++) & 0xff];
	return crc;
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static void be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static void tag_frame(uint8_t *p, uint32_t body, uint32_t stamp_ms)
{
	p[0] = 9;
	be24(p + 1, body);
	be24(p + 4, stamp_ms & 0xffffff);
	p[7] = (uint8_t)(stamp_ms >> 24);
	memset(p + 8, 0, 3);
	p[TAG_HDR + body] = (uint8_t)((body + TAG_HDR) >> 24);
	be24(p + TAG_HDR + body + 1, (body + TAG_HDR) & 0xffffff);
}

size_t unit_head(uint8_t *p, size_t cap)
{
	static const uint8_t file[] = { 'F', 'L', 'V', 1, 1, 0, 0, 0, 9, 0, 0, 0, 0 };
	/* AVC configuration: baseline, level 3.0, one small SPS and PPS */
	static const uint8_t avc[] = {
		0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 14, 0x67, 0x42, 0xc0, 0x1e, 0xd9,
		0, 0xa0, 0x3d, 0xa1, 0, 0, 3, 0, 1, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
	};
	size_t n = sizeof(file) + TAG_HDR + sizeof(avc) + TAG_TAIL;

	if (cap < n)
		die("head too long");
	memcpy(p, file, sizeof(file));
	memcpy(p + sizeof(file) + TAG_HDR, avc, sizeof(avc));
	tag_frame(p + sizeof(file), sizeof(avc), 0);
	return n;
}

void unit_build(uint8_t *p, size_t bytes, uint64_t seq, bool key, uint32_t stamp_ms)
{
	size_t payload = bytes - UNIT_LEAST;
	uint8_t *u = p + TAG_HDR + UNIT_AVC;
	size_t i;

	prepare();
	if (crc_bytes != payload || crc_of[0] == 0)
		for (i = 0, crc_bytes = payload; i < PAYLOADS; i++)
			crc_of[i] = ~crc_run(~0U, noise + i, payload);
	p[TAG_HDR] = key ? 0x17 : 0x27;
	p[TAG_HDR + 1] = 1;
	memset(p + TAG_HDR + 2, 0, 3);
	put32(u, MAGIC);
	put32(u + 4, (uint32_t)payload);
	put64(u + 8, seq);
	put32(u + 24, crc_of[seq % PAYLOADS]);
	put32(u + 28, 0);
	memcpy(u + UNIT_HDR, noise + seq % PAYLOADS, payload);
	tag_frame(p, (uint32_t)(bytes - TAG_HDR - TAG_TAIL), stamp_ms);
	put64(u + 16, (uint64_t)clk_now());
}

void unitrd_init(struct unitrd *r, bool check)
{
	prepare();
	*r = (struct unitrd){ .want = TAG_HDR, .check = check };
}

static void unit_done(struct unitrd *r, nsec now, struct tally *t)
{
	const uint8_t *u = r->hdr + TAG_HDR + UNIT_AVC;
	uint64_t seq = get64(u + 8);

	r->in_unit = false;
	if (t != NULL) {
		t->units++;
		hist_add(&t->late, now - (nsec)get64(u + 16));
		if (r->check && ~r->crc != get32(u + 24))
			t->bad++;
		if (r->last != 0 && seq > r->last + 1)
			t->lost += seq - r->last - 1;
		else if (r->last != 0 && seq <= r->last)
			t->again++;
	}
	r->last = seq;
}

/* hdr holds `want` bytes: what now? False when it is no FLV. */
static bool header_step(struct unitrd *r)
{
	uint32_t body = (uint32_t)r->hdr[1] << 16 | (uint32_t)r->hdr[2] << 8 | r->hdr[3];

	if (memcmp(r->hdr, "FLV", 3) == 0) {
		if (r->want == TAG_HDR) {
			r->want = 13;
		} else {
			r->got = 0;
			r->want = TAG_HDR;
		}
		return true;
	}
	if (r->want == TAG_HDR) {
		if (r->hdr[0] != 8 && r->hdr[0] != 9 && r->hdr[0] != 18)
			return false;
		if (r->hdr[0] == 9 && body >= UNIT_AVC + UNIT_HDR) {
			r->want = sizeof(r->hdr);
			return true;
		}
		r->skip = body + TAG_TAIL;
		return true;
	}
	r->skip = body + TAG_TAIL - UNIT_AVC - UNIT_HDR;
	r->in_unit = get32(r->hdr + TAG_HDR + UNIT_AVC) == MAGIC;
	r->payload = r->skip - TAG_TAIL;
	r->crc = ~0U;
	return true;
}

bool unitrd_feed(struct unitrd *r, const uint8_t *p, size_t n, nsec now, struct tally *t)
{
	while (n > 0) {
		size_t k;

		if (r->skip > 0) {
			k = MIN(n, r->skip);
			if (r->in_unit && r->check && r->payload > 0) {
				size_t part = MIN(k, r->payload);

				r->crc = crc_run(r->crc, p, part);
				r->payload -= (uint32_t)part;
			}
			r->skip -= (uint32_t)k;
			if (r->skip == 0) {
				if (r->in_unit)
					unit_done(r, now, t);
				r->got = 0;
				r->want = TAG_HDR;
			}
		} else {
			k = MIN(n, r->want - r->got);
			memcpy(r->hdr + r->got, p, k);
			r->got += (uint32_t)k;
			if (r->got == r->want && !header_step(r))
				return false;
		}
		p += k;
		n -= k;
	}
	return true;
}

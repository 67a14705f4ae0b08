/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/icy.h"

#include <string.h>

#include "core/sys/assert.h"

/* A value must not end itself: its end is "';". */
static void put_value(struct wr *w, const char *s)
{
	for (; *s != '\0'; s++)
		if ((uint8_t)*s >= 0x20 && *s != 0x7f)
			wr_u8(w, *s == ';' ? ':' : (uint8_t)*s);
}

static void put(struct wr *w, const char *s)
{
	wr_bytes(w, s, strlen(s));
}

size_t icy_block(uint8_t out[ICY_BLOCK], const char *title, const char *url)
{
	struct wr w = wr_of(out + 1, ICY_BLOCK - 1);
	size_t n;

	memset(out, 0, ICY_BLOCK);
	put(&w, "StreamTitle='");
	put_value(&w, title);
	put(&w, "';StreamUrl='");
	put_value(&w, url);
	put(&w, "';");
	ASSERT(w.err == ST_OK);         /* texts have TEXT_MAX bytes at most */
	n = (w.len + 15) / 16;
	out[0] = (uint8_t)n;
	return 1 + 16 * n;
}

const char *icy_title(const struct chaninfo *i, nsec since, nsec now, uint32_t turn_s)
{
	const char *comment = i->text[CT_COMMENT], *title = i->text[CT_TRACK_TITLE];

	if (comment[0] == '\0')
		return title;
	if (turn_s == 0 || title[0] == '\0')
		return comment;
	return (now - since) / (turn_s * NSEC_PER_SEC) % 2 == 0 ? comment : title;
}

void icy_init(struct icy *y, uint32_t every)
{
	ASSERT(every > 0);
	*y = (struct icy){ .every = every, .left = every };
	icy_set(y, "", "");
}

void icy_set(struct icy *y, const char *title, const char *url)
{
	uint8_t block[ICY_BLOCK];
	const size_t n = icy_block(block, title, url);

	if (n == y->n && memcmp(block, y->block, n) == 0)
		return;
	memcpy(y->block, block, n);
	y->n = n;
	y->news = true;
}

void icy_weave(struct icy *y, struct buf *out, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		const size_t k = MIN(n, (size_t)y->left);

		buf_put(out, at, k);
		at += k;
		n -= k;
		y->left -= (uint32_t)k;
		if (y->left > 0)
			continue;
		if (y->news)
			buf_put(out, y->block, y->n);
		else
			buf_u8(out, 0);
		y->news = false;
		y->left = y->every;
	}
}

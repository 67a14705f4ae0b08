/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/icyin.h"

#include <string.h>

bool icyin_init(struct icyin *y, uint64_t every)
{
	const bool ok = every <= ICYIN_EVERY_MAX;

	*y = (struct icyin){ .every = ok ? (uint32_t)every : 0 };
	y->left = y->every;
	return ok;
}

/* Where the value that begins at p ends: at "';", else at the last quote, else at the end. */
static size_t value_len(const char *p, size_t n)
{
	size_t last = n;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\'')
			continue;
		if (i + 1 < n && p[i + 1] == ';')
			return i;
		last = i;
	}
	return last;
}

bool icyin_title(char dst[TEXT_MAX], const char *text, size_t n)
{
	static const char key[] = "streamtitle='";
	const size_t k = sizeof(key) - 1;
	const char *nul = memchr(text, '\0', n);

	dst[0] = '\0';
	if (nul != NULL)
		n = (size_t)(nul - text);
	for (size_t at = 0; at + k <= n; at++) {
		if (ascii_ncasecmp(text + at, key, k) != 0)
			continue;
		(void)text_clean(dst, TEXT_MAX, text + at + k, value_len(text + at + k, n - at - k));
		return true;
	}
	return false;
}

/* One byte or more of a text; returns how many. */
static size_t take_text(struct icyin *y, const uint8_t *p, size_t n, const struct icyin_ops *ops, void *ctx)
{
	const size_t take = MIN(n, (size_t)y->meta), keep = MIN(take, sizeof(y->text) - y->have);
	char title[TEXT_MAX];

	memcpy(y->text + y->have, p, keep);
	y->have += (uint32_t)keep;
	y->meta -= (uint32_t)take;
	if (y->meta == 0) {
		if (icyin_title(title, y->text, y->have))
			ops->title(ctx, title);
		y->have = 0;
		y->left = y->every;
	}
	return take;
}

enum status icyin_feed(struct icyin *y, const void *data, size_t n, const struct icyin_ops *ops, void *ctx)
{
	const uint8_t *p = data;
	enum status st = ST_OK;
	size_t take;

	while (n > 0 && st == ST_OK) {
		if (y->every == 0) {
			take = n;
			st = ops->data(ctx, p, take);
		} else if (y->left > 0) {
			take = MIN(n, (size_t)y->left);
			y->left -= (uint32_t)take;
			st = ops->data(ctx, p, take);
		} else if (y->meta > 0) {
			take = take_text(y, p, n, ops, ctx);
		} else {
			take = 1;
			y->meta = 16u * p[0];
			if (y->meta == 0)
				y->left = y->every;
		}
		p += take;
		n -= take;
	}
	return st;
}

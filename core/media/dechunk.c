/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/dechunk.h"

enum {
	DC_SIZE,                /* hex digits */
	DC_BWS,                 /* blanks that only a ';' may follow */
	DC_EXT,                 /* extensions, up to the CR */
	DC_SIZE_LF,
	DC_BODY,
	DC_BODY_CR,
	DC_BODY_LF,
	DC_TRAIL,               /* first byte of a trailer line, or the CR of the empty one */
	DC_TRAIL_LINE,
	DC_TRAIL_LF,            /* LF of a trailer line */
	DC_END_LF,              /* LF of the empty line */
	DC_END,
	DC_FAILED,
};

void dechunk_init(struct dechunk *d)
{
	*d = (struct dechunk){ .state = DC_SIZE, .error = "" };
}

const char *dechunk_error(const struct dechunk *d)
{
	return d->error;
}

static enum status dc_fail(struct dechunk *d, enum status st, const char *why)
{
	d->state = DC_FAILED;
	d->error = why;
	return st;
}

static int dc_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A byte of a size line; one per few thousand bytes of body, so a switch per byte is cheap. */
static enum status dc_size_line(struct dechunk *d, uint8_t c)
{
	const int v = dc_hex(c);

	if (d->state == DC_SIZE_LF) {
		if (c != '\n')
			return dc_fail(d, ST_PROTO, "chunk size line does not end in CRLF");
		d->left = (uint32_t)d->size;
		d->state = d->left > 0 ? DC_BODY : DC_TRAIL;
		d->line = 0;
		return ST_OK;
	}
	if (c != '\r' && ++d->line > DECHUNK_LINE_MAX)
		return dc_fail(d, ST_LIMIT, "chunk size line is longer than 256 bytes");
	if (d->state == DC_SIZE && v >= 0) {
		if (++d->digits > DECHUNK_DIGITS_MAX)
			return dc_fail(d, ST_LIMIT, "chunk size has more than 16 digits");
		d->size = d->size << 4 | (unsigned)v;
		return ST_OK;
	}
	if (d->digits == 0)
		return dc_fail(d, ST_PROTO, "chunk size is not hexadecimal");
	if (d->size > DECHUNK_SIZE_MAX)
		return dc_fail(d, ST_LIMIT, "chunk is larger than 2147483647 bytes");
	if (c == '\r' && d->state != DC_BWS) {
		d->state = DC_SIZE_LF;
	} else if (d->state == DC_EXT) {
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return dc_fail(d, ST_PROTO, "control character in a chunk extension");
	} else if (c == ';') {
		d->state = DC_EXT;
	} else if (c == ' ' || c == '\t') {
		d->state = DC_BWS;
	} else {
		return dc_fail(d, ST_PROTO, "chunk size is not hexadecimal");
	}
	return ST_OK;
}

static enum status dc_trailer(struct dechunk *d, uint8_t c)
{
	if (++d->line > DECHUNK_TRAILER_MAX)
		return dc_fail(d, ST_LIMIT, "chunk trailers are longer than 8192 bytes");
	switch (d->state) {
	case DC_TRAIL:
		d->state = c == '\r' ? DC_END_LF : DC_TRAIL_LINE;
		break;
	case DC_TRAIL_LINE:
		d->state = c == '\r' ? DC_TRAIL_LF : DC_TRAIL_LINE;
		break;
	default:
		if (c != '\n')
			return dc_fail(d, ST_PROTO, "chunk trailer does not end in CRLF");
		d->state = d->state == DC_END_LF ? DC_END : DC_TRAIL;
		return ST_OK;
	}
	if (c == '\n')
		return dc_fail(d, ST_PROTO, "chunk trailer does not end in CRLF");
	return ST_OK;
}

static enum status dc_step(struct dechunk *d, uint8_t c)
{
	switch (d->state) {
	case DC_BODY_CR:
		if (c != '\r')
			return dc_fail(d, ST_PROTO, "chunk does not end in CRLF");
		d->state = DC_BODY_LF;
		return ST_OK;
	case DC_BODY_LF:
		if (c != '\n')
			return dc_fail(d, ST_PROTO, "chunk does not end in CRLF");
		d->state = DC_SIZE;
		d->size = 0;
		d->digits = 0;
		d->line = 0;
		return ST_OK;
	case DC_TRAIL:
	case DC_TRAIL_LINE:
	case DC_TRAIL_LF:
	case DC_END_LF:
		return dc_trailer(d, c);
	default:
		return dc_size_line(d, c);
	}
}

enum status dechunk_feed(
	struct dechunk *d, const void *p, size_t n, size_t *used, dechunk_sink *sink, void *ctx)
{
	const uint8_t *b = p;
	size_t i = 0;
	enum status st = ST_OK;

	while (st == ST_OK && i < n && d->state < DC_END) {
		if (d->state != DC_BODY) {
			st = dc_step(d, b[i++]);
			continue;
		}

		const size_t take = MIN(n - i, (size_t)d->left);

		st = sink(ctx, b + i, take);
		if (st != ST_OK)
			st = dc_fail(d, st, "");
		d->left -= (uint32_t)take;
		i += take;
		if (d->left == 0 && st == ST_OK)
			d->state = DC_BODY_CR;
	}
	*used = i;
	if (st == ST_OK && d->state == DC_END)
		return ST_EOF;
	if (st == ST_OK && d->state == DC_FAILED)
		return ST_PROTO;
	return st;
}

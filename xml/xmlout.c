/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/xmlout.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xmlwriter.h>

#include "core/sys/text.h"

/* The longest escape is six bytes (&quot;), for one byte. */
#define ESCAPED_MAX ((size_t)XMLOUT_TEXT * 6 + 1)

struct xmlout {
	xmlTextWriterPtr w;     /* NULL after a fault it could not recover from */
	struct buf out;
	enum status err;        /* ST_LIMIT after the first fault */
};

void xml_init(void)
{
	xmlInitParser();
}

void xml_fini(void)
{
	xmlCleanupParser();
}

static int out_write(void *ctx, const char *p, int n)
{
	struct xmlout *x = ctx;

	/* A fault stays in x->out.err; told here, libxml2 would print it. */
	buf_put(&x->out, p, (size_t)n);
	return n;
}

static void writer_open(struct xmlout *x)
{
	xmlOutputBufferPtr ob = xmlOutputBufferCreateIO(out_write, NULL, x, NULL);

	if (ob == NULL)
		return;
	x->w = xmlNewTextWriter(ob);    /* takes ob; frees it when it fails */
	if (x->w == NULL)
		return;
	/* Indentation by nothing: what is left of it is a LF behind every tag. */
	if (xmlTextWriterSetIndent(x->w, 1) == -1 ||
	    xmlTextWriterSetIndentString(x->w, BAD_CAST "") == -1) {
		xmlFreeTextWriter(x->w);
		x->w = NULL;
	}
}

struct xmlout *xmlout_new(size_t max)
{
	struct xmlout *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	buf_init(&x->out, max);
	writer_open(x);
	if (x->w == NULL)
		xmlout_free(&x);
	return x;
}

void xmlout_free(struct xmlout **xp)
{
	struct xmlout *x = *xp;

	*xp = NULL;
	if (x == NULL)
		return;
	/* Freeing flushes into x->out, so that goes last. */
	if (x->w != NULL)
		xmlFreeTextWriter(x->w);
	buf_fini(&x->out);
	free(x);
}

static void check(struct xmlout *x, int rc)
{
	if (rc < 0)
		x->err = ST_LIMIT;
}

void xmlout_reset(struct xmlout *x)
{
	/* A writer that failed half way has open elements: only a new one is clean. */
	if (x->err != ST_OK && x->w != NULL) {
		xmlFreeTextWriter(x->w);
		x->w = NULL;
	} else if (x->w != NULL) {
		check(x, xmlTextWriterFlush(x->w));
	}
	x->err = ST_OK;
	buf_reset(&x->out);
	if (x->w == NULL)
		writer_open(x);
	if (x->w == NULL)
		x->err = ST_LIMIT;
}

void xmlout_decl(struct xmlout *x)
{
	if (x->err == ST_OK)
		check(x, xmlTextWriterWriteRaw(x->w,
			BAD_CAST "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n"));
}

void xmlout_start(struct xmlout *x, const char *name)
{
	if (x->err == ST_OK)
		check(x, xmlTextWriterStartElement(x->w, BAD_CAST name));
}

void xmlout_end(struct xmlout *x)
{
	if (x->err == ST_OK)
		check(x, xmlTextWriterEndElement(x->w));
}

/* The length of the well-formed character at p[0..left), its code in *code; 0 = there is none. */
static size_t utf8_char(const uint8_t *p, size_t left, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
		p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? p[0] : n == 0 ? 0 : p[0] & (0x7fu >> n);
	size_t i;

	if (n == 0 || n > left)
		return 0;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (n > 1 && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
		return 0;
	*code = c;
	return n;
}

/* Controls, and what XML 1.0 does not have. */
static bool is_space_instead(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff;
}

static size_t put(char *dst, size_t at, const char *s, size_t n)
{
	memcpy(dst + at, s, n);
	return at + n;
}

/* Into dst (ESCAPED_MAX), terminated. */
static void escape(char *dst, const char *src)
{
	const uint8_t *p = (const uint8_t *)src;
	size_t left = strlen(src), used = 0, at = 0;

	while (left > 0) {
		uint32_t c = 0;
		size_t n = utf8_char(p, left, &c);
		size_t cost = n > 0 ? n : 3;    /* U+FFFD */

		if (used + cost > XMLOUT_TEXT)
			break;
		used += cost;
		if (n == 0)
			at = put(dst, at, "\xef\xbf\xbd", 3);
		else if (c == '&')
			at = put(dst, at, "&amp;", 5);
		else if (c == '<')
			at = put(dst, at, "&lt;", 4);
		else if (c == '>')
			at = put(dst, at, "&gt;", 4);
		else if (c == '"')
			at = put(dst, at, "&quot;", 6);
		else if (c == '\'')
			at = put(dst, at, "&#039;", 6);
		else if (is_space_instead(c))
			dst[at++] = ' ';
		else
			at = put(dst, at, (const char *)p, n);
		n = n > 0 ? n : 1;
		p += n;
		left -= n;
	}
	dst[at] = '\0';
}

static void attribute(struct xmlout *x, const char *name, const char *escaped)
{
	check(x, xmlTextWriterStartAttribute(x->w, BAD_CAST name));
	/* Raw: libxml2 leaves the apostrophe alone, and readers know the reference's &#039;. */
	check(x, xmlTextWriterWriteRaw(x->w, BAD_CAST escaped));
	check(x, xmlTextWriterEndAttribute(x->w));
}

void xmlout_text(struct xmlout *x, const char *name, const char *value)
{
	char text[ESCAPED_MAX];

	if (x->err != ST_OK)
		return;
	escape(text, value);
	attribute(x, name, text);
}

void xmlout_body(struct xmlout *x, const char *value)
{
	char piece[XMLOUT_TEXT + 1], text[ESCAPED_MAX];
	size_t left = strlen(value), n;

	for (; left > 0 && x->err == ST_OK; value += n, left -= n) {
		n = left > XMLOUT_TEXT ? text_cut(value, XMLOUT_TEXT) : left;
		memcpy(piece, value, n);
		piece[n] = '\0';
		escape(text, piece);
		check(x, xmlTextWriterWriteRaw(x->w, BAD_CAST text));
	}
}

void xmlout_escape(struct buf *out, const char *value)
{
	char text[ESCAPED_MAX];

	escape(text, value);
	buf_puts(out, text);
}

void xmlout_u64(struct xmlout *x, const char *name, uint64_t value)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	if (x->err != ST_OK)
		return;
	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	attribute(x, name, digits + at);
}

enum status xmlout_bytes(struct xmlout *x, const uint8_t **p, size_t *n)
{
	if (x->err == ST_OK)
		check(x, xmlTextWriterFlush(x->w));
	if (x->out.err != ST_OK)
		x->err = ST_LIMIT;
	if (x->err != ST_OK)
		return x->err;
	*p = (const uint8_t *)buf_cstr(&x->out);
	*n = x->out.len;
	return x->out.err;
}

enum status xmlout_move(struct xmlout *x, struct buf *out)
{
	const uint8_t *p;
	size_t n;
	enum status st = xmlout_bytes(x, &p, &n);

	if (st != ST_OK)
		return st;
	buf_fini(out);
	*out = x->out;
	buf_init(&x->out, out->max);
	return ST_OK;
}

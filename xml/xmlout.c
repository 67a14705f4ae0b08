/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/xmlout.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xmlwriter.h>

#include "core/sys/text.h"

/* The longest escape is six bytes (&quot;), for one byte. */
#define ESCAPED_MAX ((size_t)XMLOUT_TEXT * 6 + 1)
#define ATTR_ROOM   4                           /* quotes, a space and an equals sign around a name */
#define ATTR_NAME   ((size_t)32)                /* bytes of one; they are ours */

/* The attributes of an element are one attribute to libxml2, with quotes in its value: each call to it costs
 * more than a value of ours, and a root makes a record for every announcement. */
struct xmlout {
	xmlTextWriterPtr w;     /* NULL after a fault it could not recover from */
	struct buf out;
	struct buf attr;        /* behind the first one's opening quote, up to the last one's closing quote */
	bool in_attr;
	enum status err;        /* ST_LIMIT after the first fault */
};

void xml_init(void)
{
	xmlInitParser();
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
	x->w = xmlNewTextWriter(ob);
	if (x->w == NULL) {
		(void)xmlOutputBufferClose(ob); /* not its own yet */
		return;
	}
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
	buf_init(&x->attr, max + ATTR_ROOM + ATTR_NAME + ESCAPED_MAX);
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
	buf_fini(&x->attr);
	free(x);
}

static void check(struct xmlout *x, int rc)
{
	if (rc < 0)
		x->err = ST_LIMIT;
}

/* Nothing more is an attribute of the element just started. */
static void end_attributes(struct xmlout *x)
{
	if (!x->in_attr)
		return;
	x->in_attr = false;
	if (x->attr.err != ST_OK)
		x->err = ST_LIMIT;
	if (x->err == ST_OK) {
		/* Raw: libxml2 leaves the apostrophe alone, and readers know the reference's &#039;. */
		check(x, xmlTextWriterWriteRawLen(x->w, x->attr.p, (int)x->attr.len));
		check(x, xmlTextWriterEndAttribute(x->w));
	}
	buf_reset(&x->attr);
}

void xmlout_reset(struct xmlout *x)
{
	end_attributes(x);
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
	end_attributes(x);
	if (x->err == ST_OK)
		check(x, xmlTextWriterStartElement(x->w, BAD_CAST name));
}

void xmlout_end(struct xmlout *x)
{
	end_attributes(x);
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

/* How many of the first n bytes stay as they are. */
static size_t plain_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '&' && p[i] != '<' && p[i] != '>' &&
	       p[i] != '"' && p[i] != '\'')
		i++;
	return i;
}

/* Into dst (ESCAPED_MAX), terminated. Returns the length. */
static size_t escape(char *dst, const char *src)
{
	const uint8_t *p = (const uint8_t *)src;
	size_t left = strlen(src), used = 0, at = 0;

	while (left > 0) {
		const size_t run = plain_run(p, MIN(left, XMLOUT_TEXT - used));
		size_t n, cost;
		uint32_t c = 0;

		at = put(dst, at, (const char *)p, run);
		used += run;
		p += run;
		left -= run;
		if (left == 0)
			break;
		n = utf8_char(p, left, &c);
		cost = n > 0 ? n : 3;           /* U+FFFD */
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
	return at;
}

/* Room for a value (ESCAPED_MAX) of which as much counts as is added to attr.len. NULL: there is none. */
static char *start_attribute(struct xmlout *x, const char *name)
{
	const size_t len = strlen(name);
	char *to = (char *)buf_reserve(&x->attr, ATTR_ROOM + len + ESCAPED_MAX);
	size_t at = 0;

	if (!x->in_attr) {
		check(x, xmlTextWriterStartAttribute(x->w, BAD_CAST name));
		x->in_attr = true;
		return to;
	}
	if (to == NULL)
		return NULL;
	at = put(to, at, "\" ", 2);
	at = put(to, at, name, len);
	at = put(to, at, "=\"", 2);
	x->attr.len += at;
	return to + at;
}

void xmlout_text(struct xmlout *x, const char *name, const char *value)
{
	char *to;

	if (x->err != ST_OK)
		return;
	to = start_attribute(x, name);
	if (to != NULL)
		x->attr.len += escape(to, value);
}

void xmlout_body(struct xmlout *x, const char *value)
{
	char piece[XMLOUT_TEXT + 1], text[ESCAPED_MAX];
	size_t left = strlen(value), n;

	end_attributes(x);
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
	char digits[24], *to;
	size_t at = sizeof(digits);

	if (x->err != ST_OK)
		return;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	to = start_attribute(x, name);
	if (to != NULL)
		x->attr.len += put(to, 0, digits + at, sizeof(digits) - at);
}

enum status xmlout_bytes(struct xmlout *x, const uint8_t **p, size_t *n)
{
	end_attributes(x);
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

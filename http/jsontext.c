/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/jsontext.h"

#include <string.h>

/* These two are most of a long answer: one reservation each, where nothing is to be escaped. */

void jsontext_key(struct buf *out, const char *key)
{
	const bool first = out->len == 0 || out->p[out->len - 1] == '{';
	const size_t n = strlen(key);
	uint8_t *p = buf_reserve(out, n + 4);

	if (p == NULL)
		return;
	if (!first)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, key, n);
	memcpy(p + n, "\":", 2);
	out->len = (size_t)(p - out->p) + n + 2;
}

static void put_escape(struct buf *out, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *known = strchr(from, c);

	if (known != NULL) {
		buf_u8(out, '\\');
		buf_u8(out, (uint8_t)to[known - from]);
	} else {
		buf_printf(out, "\\u%04X", (unsigned int)(uint8_t)c);
	}
}

/* Bytes of s before the first to be escaped, or before its end. */
static size_t plain_run(const char *s)
{
	size_t n = 0;

	while ((uint8_t)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

void jsontext_string(struct buf *out, const char *s)
{
	size_t n = plain_run(s);
	uint8_t *p = buf_reserve(out, n + 2);

	if (p == NULL)
		return;
	p[0] = '"';
	memcpy(p + 1, s, n);
	out->len += n + 1;
	for (s += n; *s != '\0'; s += n) {
		put_escape(out, *s++);
		n = plain_run(s);
		buf_put(out, s, n);
	}
	buf_u8(out, '"');
}

void jsontext_bool(struct buf *out, bool on)
{
	buf_puts(out, on ? "true" : "false");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/ini.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Cut blanks off both ends of s..end (end is where the NUL goes); returns the new start. */
static char *trim(char *s, char *end)
{
	while (s < end && is_blank(*s))
		s++;
	while (end > s && is_blank(end[-1]))
		end--;
	*end = '\0';
	return s;
}

char *ini_trim(char *s)
{
	return trim(s, s + strlen(s));
}

enum status ini_init(struct ini *ini, const void *p, size_t n)
{
	static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };

	ini->in = rd_of(p, n);
	ini->number = 0;
	ini->scratch = malloc(INI_LINE_MAX + 1);
	if (ini->scratch == NULL)
		return ST_LIMIT;
	if (n >= sizeof(bom) && memcmp(p, bom, sizeof(bom)) == 0)
		(void)rd_take(&ini->in, sizeof(bom));
	return ST_OK;
}

void ini_fini(struct ini *ini)
{
	free(ini->scratch);
	ini->scratch = NULL;
}

/* Replace what must not be in a value; blank, so that trimming takes it from the ends. */
static bool repair(char *s, size_t n, bool keep_tab)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (!is_control(s[i]) || (s[i] == '\t' && keep_tab))
			continue;
		found |= s[i] != '\t';
		s[i] = ' ';
	}
	return found;
}

bool ini_next(struct ini *ini, struct ini_line *line)
{
	size_t left = ini->in.left;
	const uint8_t *lf, *src;
	char *s = ini->scratch, *end, *eq;
	size_t n, len = 0;

	if (left == 0)
		return false;
	lf = memchr(ini->in.p, '\n', left);
	n = lf != NULL ? (size_t)(lf - ini->in.p) : left;
	src = rd_take(&ini->in, lf != NULL ? n + 1 : n);
	*line = (struct ini_line){ .kind = INI_TOOLONG, .number = ++ini->number };
	if (n > INI_LINE_MAX)
		return true;

	for (size_t i = 0; i < n; i++)
		if (src[i] != '\r')
			s[len++] = (char)src[i];
	end = s + len;
	*end = '\0';
	for (n = 0; n < len && (is_blank(s[n]) || is_control(s[n]));)   /* will be blanks */
		n++;
	if (n < len && (s[n] == '#' || s[n] == ';')) {
		line->kind = INI_COMMENT;
		line->repaired = repair(s, len, true);
		while (end > s && is_blank(end[-1]))
			*--end = '\0';
		line->name = s;
		return true;
	}

	line->repaired = repair(s, len, false);
	s = trim(s, end);
	end = s + strlen(s);
	if (s == end) {
		line->kind = INI_BLANK;
		return true;
	}
	eq = strchr(s, '=');
	if (eq != NULL) {
		line->value = trim(eq + 1, end);
		s = trim(s, eq);
		end = s + strlen(s);
	}
	line->kind = INI_PAIR;
	line->name = s;
	if (end - s >= 2 && s[0] == '[' && end[-1] == ']') {
		line->name = trim(s + 1, end - 1);
		line->kind = ascii_casecmp(line->name, "End") == 0 ? INI_END : INI_HEADER;
	}
	return true;
}

void ini_put_text(struct buf *out, const char *s)
{
	size_t n = strlen(s);
	char *p = (char *)buf_reserve(out, n);

	if (p == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		p[i] = is_control(s[i]) ? ' ' : s[i];
	out->len += n;
}

void ini_put(struct buf *out, const char *name, const char *value)
{
	ini_put_text(out, name);
	if (value != NULL) {
		buf_puts(out, " = ");
		ini_put_text(out, value);
	}
	buf_u8(out, '\n');
}

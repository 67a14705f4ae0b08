/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/words.h"

#include "core/sys/text.h"

/* One word from *in on, written to *out; both move behind it. */
static enum status word(const char **in, char **out)
{
	const char *p = *in;
	char *to = *out, quote = '\0';

	for (; *p != '\0' && (quote != '\0' || !ascii_isspace((unsigned char)*p)); p++) {
		if (*p == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*p == '"' || *p == '\'')) {
			quote = *p;
		} else if (*p == '\\' && quote != '\'' && p[1] != '\0' &&
		           (quote == '\0' || p[1] == '"' || p[1] == '\\')) {
			*to++ = *++p;
		} else {
			*to++ = *p;
		}
	}
	*in = p;
	*out = to;
	return quote == '\0' ? ST_OK : ST_PROTO;
}

enum status words_split(char *line, char **list, size_t max, size_t *n)
{
	const char *in = line;
	char *out = line;

	*n = 0;
	for (;;) {
		char *begin = out;
		bool more;
		enum status st;

		while (ascii_isspace((unsigned char)*in))
			in++;
		if (*in == '\0')
			break;
		if (*n == max)
			return ST_LIMIT;
		st = word(&in, &out);
		if (st != ST_OK)
			return st;
		more = *in != '\0';     /* the blank that is read now gives way to the NUL */
		in += more;
		*out++ = '\0';
		list[(*n)++] = begin;
		if (!more)
			break;
	}
	list[*n] = NULL;
	return ST_OK;
}

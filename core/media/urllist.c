/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/urllist.h"

#include <string.h>

#include "core/sys/text.h"

/* --- which ------------------------------------------------------------------------------------ */

static bool ends_with(const char *s, size_t n, const char *end)
{
	const size_t k = strlen(end);

	return n >= k && ascii_ncasecmp(s + n - k, end, k) == 0;
}

static enum urllist_kind by_path(const char *url)
{
	const size_t n = strcspn(url, "?#");

	if (ends_with(url, n, ".m3u") || ends_with(url, n, ".m3u8"))
		return URLLIST_M3U;
	if (ends_with(url, n, ".pls"))
		return URLLIST_PLS;
	return ends_with(url, n, ".asx") ? URLLIST_ASX : URLLIST_NONE;
}

enum urllist_kind urllist_kind(const char *mime, const char *url)
{
	static const struct {
		const char *mime;
		enum urllist_kind kind;
	} types[] = {
		{ "audio/x-mpegurl", URLLIST_M3U }, { "audio/mpegurl", URLLIST_M3U },
		{ "application/x-mpegurl", URLLIST_M3U }, { "application/vnd.apple.mpegurl", URLLIST_M3U },
		{ "audio/x-scpls", URLLIST_PLS }, { "application/pls+xml", URLLIST_PLS },
		{ "video/x-ms-asx", URLLIST_ASX }, { "audio/x-ms-wax", URLLIST_ASX },
		{ "video/x-ms-wvx", URLLIST_ASX }, { "audio/x-pn-realaudio", URLLIST_M3U },
	};
	size_t n;

	if (mime == NULL)
		return by_path(url);
	mime += strspn(mime, " \t");
	n = strcspn(mime, "; \t");
	for (size_t i = 0; i < NELEM(types); i++)
		if (strlen(types[i].mime) == n && ascii_ncasecmp(types[i].mime, mime, n) == 0)
			return types[i].kind;
	if (n == 0 || ascii_ncasecmp(mime, "text/", 5) == 0 ||
	    (n == 24 && ascii_ncasecmp(mime, "application/octet-stream", n) == 0) ||
	    /* many servers say so of an .asx, and all of a stream itself */
	    (n == 14 && ascii_ncasecmp(mime, "video/x-ms-asf", n) == 0))
		return by_path(url);
	return URLLIST_NONE;
}

bool urllist_is_hls(const char *text, size_t n)
{
	static const char mark[] = "#EXT-X-";
	const size_t k = sizeof(mark) - 1;

	for (size_t at = 0; at + k <= n; at++)
		if (memcmp(text + at, mark, k) == 0 &&
		    (at == 0 || text[at - 1] == '\n' || text[at - 1] == '\r'))
			return true;
	return false;
}

/* --- entries ---------------------------------------------------------------------------------- */

void urllist_init(struct urllist *l, enum urllist_kind kind, const char *text, size_t n)
{
	*l = (struct urllist){ .kind = kind, .p = text, .end = text + n };
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l->p += 3;
}

/* The next line, without blanks around it; false: there is none. */
static bool next_line(struct urllist *l, const char **line, size_t *n)
{
	const char *p = l->p, *e;

	if (p >= l->end)
		return false;
	for (e = p; e < l->end && *e != '\n' && *e != '\r'; e++)
		;
	l->p = e < l->end ? e + 1 : e;
	while (p < e && ascii_isspace(*p))
		p++;
	while (e > p && ascii_isspace(e[-1]))
		e--;
	*line = p;
	*n = (size_t)(e - p);
	return true;
}

static bool next_m3u(struct urllist *l, const char **url, size_t *n)
{
	while (next_line(l, url, n))
		if (*n > 0 && **url != '#')
			return true;
	return false;
}

/* File1=http://... */
static bool next_pls(struct urllist *l, const char **url, size_t *n)
{
	const char *line;
	size_t len, at;

	while (next_line(l, &line, &len)) {
		if (len < 6 || ascii_ncasecmp(line, "File", 4) != 0)
			continue;
		for (at = 4; at < len && ascii_isdigit(line[at]); at++)
			;
		while (at < len && line[at] == ' ')
			at++;
		if (at == len || line[at] != '=')
			continue;
		at++;
		while (at < len && line[at] == ' ')
			at++;
		*url = line + at;
		*n = len - at;
		if (*n > 0)
			return true;
	}
	return false;
}

/* The value of href in a tag between p and end; NULL = it has none. */
static const char *href(const char *p, const char *end, size_t *n)
{
	for (; end - p > 5; p++) {
		const char *v = p + 5, *e;

		if (!ascii_isspace(*p) || ascii_ncasecmp(p + 1, "href", 4) != 0)
			continue;
		while (v < end && ascii_isspace(*v))
			v++;
		if (v == end || *v != '=')
			continue;
		for (v++; v < end && ascii_isspace(*v); v++)
			;
		if (v == end || (*v != '"' && *v != '\''))
			continue;
		e = memchr(v + 1, *v, (size_t)(end - v - 1));
		if (e == NULL)
			return NULL;
		*n = (size_t)(e - v - 1);
		return v + 1;
	}
	return NULL;
}

/* <Ref href="..."/>: these files are seldom well-formed, so this looks for the tags alone. */
static bool next_asx(struct urllist *l, const char **url, size_t *n)
{
	while (l->p < l->end) {
		const char *at = memchr(l->p, '<', (size_t)(l->end - l->p)), *end;

		if (at == NULL)
			break;
		l->p = at + 1;
		if (l->end - at > 4 && memcmp(at, "<!--", 4) == 0) {
			while (l->p < l->end && !(l->end - l->p >= 3 && memcmp(l->p, "-->", 3) == 0))
				l->p++;
			continue;
		}
		if (l->end - at < 5 || ascii_ncasecmp(at + 1, "ref", 3) != 0 || !ascii_isspace(at[4]))
			continue;
		end = memchr(at, '>', (size_t)(l->end - at));
		if (end == NULL)
			break;
		l->p = end;
		*url = href(at + 4, end, n);
		if (*url != NULL && *n > 0)
			return true;
	}
	l->p = l->end;
	return false;
}

/* &amp; is the one that stands in addresses. */
static size_t plain(char *s, size_t n)
{
	static const char amp[] = "&amp;";
	size_t to = 0;

	for (size_t at = 0; at < n; at++) {
		s[to++] = s[at];
		if (n - at >= 5 && memcmp(s + at, amp, 5) == 0)
			at += 4;
	}
	return to;
}

bool urllist_next(struct urllist *l, char *url, size_t cap)
{
	const char *p = NULL;
	size_t n = 0;
	bool more;

	while (l->n < URLLIST_ENTRIES) {
		more = l->kind == URLLIST_M3U ? next_m3u(l, &p, &n) :
			l->kind == URLLIST_PLS ? next_pls(l, &p, &n) :
			l->kind == URLLIST_ASX && next_asx(l, &p, &n);
		if (!more)
			return false;
		l->n++;
		if (n >= cap)
			continue;
		memcpy(url, p, n);
		if (l->kind == URLLIST_ASX)
			n = plain(url, n);
		url[n] = '\0';
		if (strlen(url) == n && text_is_clean(url, n))
			return true;
	}
	return false;
}

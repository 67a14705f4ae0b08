/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/igdtext.h"

#include <stdio.h>
#include <string.h>

#include "core/node/node.h"
#include "core/sys/text.h"

#define AUTHORITY 64            /* bytes of "address:port" */

/* --- URLs --------------------------------------------------------------------------------------- */

/* Every byte of it a visible ASCII character. */
static bool is_visible(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

/* What goes into a request: without the fragment, and with a slash in front. */
static bool set_path(struct igd_url *u, const char *text)
{
	const int n = snprintf(u->path, sizeof(u->path), "%s%.*s", *text == '/' ? "" : "/",
		(int)MIN(strcspn(text, "#"), (size_t)IGD_PATH), text);

	return n > 0 && (size_t)n < sizeof(u->path);
}

/* "address:port/path", behind the two slashes. */
static enum portmap_why absolute(struct igd_url *u, const char *text, const struct host *router)
{
	const size_t n = strcspn(text, "/?#");
	char authority[AUTHORITY];

	if (n == 0 || n >= sizeof(authority))
		return PMWHY_BAD_ANSWER;
	memcpy(authority, text, n);
	authority[n] = '\0';
	/* a name, or a user's name in front, is not the router's address either */
	if (!host_parse(&u->at, authority, 80) || !host_same_ip(&u->at, router))
		return PMWHY_ELSEWHERE;
	return u->at.port != 0 && set_path(u, text + n) ? PMWHY_OK : PMWHY_BAD_ANSWER;
}

/* A path that goes by the folder of another. */
static enum portmap_why relative(struct igd_url *u, const char *text, const struct igd_url *base)
{
	const size_t query = strcspn(base->path, "?");
	char path[IGD_PATH];
	size_t folder = query;

	while (folder > 0 && base->path[folder - 1] != '/')
		folder--;
	if (snprintf(path, sizeof(path), "%.*s%s", (int)folder, base->path, text) >= (int)sizeof(path))
		return PMWHY_BAD_ANSWER;
	u->at = base->at;
	return set_path(u, path) ? PMWHY_OK : PMWHY_BAD_ANSWER;
}

enum portmap_why igd_url_parse(struct igd_url *u, const char *text, const struct igd_url *base,
	const struct host *router)
{
	const size_t scheme = strcspn(text, ":/?#");

	if (text[0] == '\0' || !is_visible(text))
		return PMWHY_BAD_ANSWER;
	if (ascii_ncasecmp(text, "http://", 7) == 0)
		return absolute(u, text + 7, router);
	if (text[scheme] == ':' || base == NULL)
		return PMWHY_BAD_ANSWER;
	if (text[0] == '/' && text[1] == '/')
		return absolute(u, text + 2, router);
	if (text[0] != '/')
		return relative(u, text, base);
	u->at = base->at;
	return set_path(u, text) ? PMWHY_OK : PMWHY_BAD_ANSWER;
}

/* --- the search --------------------------------------------------------------------------------- */

size_t ssdp_search(char *dst, size_t cap, const char *what, const struct host *to)
{
	char at[HOST_STRLEN];
	const int n = snprintf(dst, cap,
		"M-SEARCH * HTTP/1.1\r\n"
		"HOST: %s\r\n"
		"ST: %s\r\n"
		"MAN: \"ssdp:discover\"\r\n"
		"MX: 1\r\n"
		"\r\n", host_str(to, at), what);

	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* The end of a line of n bytes at p; the next one begins at *next. */
static size_t line_of(const char *p, size_t n, size_t *next)
{
	const char *lf = memchr(p, '\n', n);
	size_t len = lf != NULL ? (size_t)(lf - p) : n;

	*next = lf != NULL ? len + 1 : n;
	while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	return len;
}

bool ssdp_location(const uint8_t *bytes, size_t n, char url[IGD_URL])
{
	static const char name[] = "LOCATION:";
	const char *p = (const char *)bytes;
	size_t next, len = line_of(p, n, &next);

	if (len < 12 || ascii_ncasecmp(p, "HTTP/1.", 7) != 0 || memcmp(p + 8, " 200", 4) != 0)
		return false;
	for (;;) {
		p += next;
		n -= next;
		len = line_of(p, n, &next);
		if (len == 0)
			return false;           /* the end of the head */
		if (len < sizeof(name) - 1 || ascii_ncasecmp(p, name, sizeof(name) - 1) != 0)
			continue;
		p += sizeof(name) - 1;
		len -= sizeof(name) - 1;
		while (len > 0 && (*p == ' ' || *p == '\t')) {
			p++;
			len--;
		}
		if (len == 0 || len >= IGD_URL || memchr(p, '\0', len) != NULL)
			return false;
		memcpy(url, p, len);
		url[len] = '\0';
		return true;
	}
}

/* --- requests ----------------------------------------------------------------------------------- */

bool igd_is_service(const char *name)
{
	static const char *const known[] = {
		"urn:schemas-upnp-org:service:WANIPConnection:",
		"urn:schemas-upnp-org:service:WANPPPConnection:",
	};
	bool ok = false;

	for (size_t i = 0; i < NELEM(known); i++) {
		const size_t n = strlen(known[i]);

		ok = ok || (strncmp(name, known[i], n) == 0 && ascii_isdigit((uint8_t)name[n]) &&
			name[n + 1] == '\0');
	}
	return ok;
}

void igd_get(struct buf *out, const struct igd_url *u)
{
	char at[HOST_STRLEN];

	buf_printf(out,
		"GET %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"User-Agent: " NODE_AGENT "\r\n"
		"Connection: close\r\n"
		"\r\n", u->path, host_str(&u->at, at));
}

void igd_call(struct buf *out, const struct igd_url *u, const char *service, const char *action,
	const struct igd_arg *args, size_t n)
{
	char at[HOST_STRLEN];
	struct buf body;

	buf_init(&body, 4096);
	buf_printf(&body,
		"<?xml version=\"1.0\"?>\r\n"
		"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		"s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">"
		"<s:Body><u:%s xmlns:u=\"%s\">", action, service);
	for (size_t i = 0; i < n; i++)
		buf_printf(&body, "<%s>%s</%s>", args[i].name, args[i].value, args[i].name);
	buf_printf(&body, "</u:%s></s:Body></s:Envelope>\r\n", action);
	buf_printf(out,
		"POST %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"User-Agent: " NODE_AGENT "\r\n"
		"Content-Length: %zu\r\n"
		"Content-Type: text/xml; charset=\"utf-8\"\r\n"
		"SOAPAction: \"%s#%s\"\r\n"
		"Connection: close\r\n"
		"\r\n", u->path, host_str(&u->at, at), body.len, service, action);
	buf_put(out, body.p, body.len);
	if (body.err != ST_OK)
		out->err = body.err;
	buf_fini(&body);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* The value of that header; NULL = the line is another one's. */
static const char *value_of(const char *line, const char *name)
{
	const size_t n = strlen(name);

	if (ascii_ncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

static bool status_line(struct igd_head *h, const char *line)
{
	char digits[4];

	if (ascii_ncasecmp(line, "HTTP/1.", 7) != 0 || !ascii_isdigit((uint8_t)line[7]) || line[8] != ' ')
		return false;
	(void)text_copy(digits, sizeof(digits), line + 9);
	return num_u32(digits, 100, 599, &h->status);
}

bool igd_head_line(struct igd_head *h, const char *line)
{
	const char *v;

	if (h->status == 0)
		return status_line(h, line);
	v = value_of(line, "Content-Length");
	if (v != NULL) {
		char digits[12];
		size_t n = strlen(v);

		while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t'))
			n--;
		if (n >= sizeof(digits))
			return false;
		memcpy(digits, v, n);
		digits[n] = '\0';
		h->has_length = num_u32(digits, 0, INT32_MAX, &h->length);
		return h->has_length;
	}
	v = value_of(line, "Transfer-Encoding");
	if (v != NULL)
		h->chunked = ascii_ncasecmp(v, "chunked", 7) == 0;
	return true;
}

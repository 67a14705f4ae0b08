/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/response.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/node/node.h"
#include "core/sys/text.h"

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 100, "Continue" }, { 200, "OK" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 411, "Length Required" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	size_t i;

	for (i = 0; i < NELEM(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void http_date(char *dst, int64_t unix_s)
{
	/* strftime() would use the locale's names. */
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};
	time_t t = (time_t)unix_s;
	struct tm tm;

	dst[0] = '\0';
	if (gmtime_r(&t, &tm) == NULL)
		return;
	snprintf(dst, HTTP_DATE, "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void http_put_value(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if ((uint8_t)*text >= 0x20 && *text != 0x7f)
			buf_u8(out, (uint8_t)*text);
}

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	http_put_value(out, value);
	buf_puts(out, "\r\n");
}

static void put_status_line(struct buf *out, int status)
{
	buf_printf(out, "HTTP/1.0 %d %s\r\n", status, http_reason(status));
}

/* --- answers ---------------------------------------------------------------------------------- */

void response_init(struct response *rs, size_t max)
{
	memset(rs, 0, sizeof(*rs));
	rs->status = 200;
	buf_init(&rs->extra, 16384);
	buf_init(&rs->body, max);
}

void response_fini(struct response *rs)
{
	buf_fini(&rs->extra);
	buf_fini(&rs->body);
	blob_unref(&rs->shared);
}

void response_header(struct response *rs, const char *name, const char *value)
{
	put_header(&rs->extra, name, value);
}

void response_error(struct response *rs, int status, const char *detail)
{
	rs->status = status;
	rs->type = "text/plain; charset=utf-8";
	rs->data = NULL;
	blob_unref(&rs->shared);
	buf_reset(&rs->body);
	buf_printf(&rs->body, "HTTP/1.0 %d %s\n\n%s%s", status, http_reason(status),
		detail != NULL ? detail : "", detail != NULL ? "\n" : "");
}

void response_redirect(struct response *rs, const char *location)
{
	rs->status = 302;
	rs->location = location;
	rs->type = NULL;
}

void response_share(struct response *rs, struct blob *b)
{
	blob_unref(&rs->shared);
	rs->shared = b;
	rs->data = b->data;
	rs->data_len = b->len;
}

static size_t body_len(const struct response *rs)
{
	return rs->data != NULL ? rs->data_len : rs->body.len;
}

/* Pages have one of their own; what else is answered is no page, whatever a browser takes it for. */
static bool has_policy(const struct buf *extra)
{
	static const char name[] = "Content-Security-Policy:";

	return extra->len > 0 && memmem(extra->p, extra->len, name, sizeof(name) - 1) != NULL;
}

void response_head(const struct response *rs, struct buf *out)
{
	char date[HTTP_DATE];

	http_date(date, clk_wall_s());
	put_status_line(out, rs->status);
	put_header(out, "Server", NODE_AGENT);
	put_header(out, "Date", date);
	put_header(out, "Connection", "close");
	if (rs->location != NULL)
		put_header(out, "Location", rs->location);
	if (rs->realm != NULL)
		buf_printf(out, "WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n",
			rs->realm);
	buf_put(out, rs->extra.p, rs->extra.len);
	if (rs->type != NULL)
		put_header(out, "Content-Type", rs->type);
	if (rs->status != 204 && rs->status != 304) {
		put_header(out, "X-Content-Type-Options", "nosniff");
		if (!has_policy(&rs->extra))
			put_header(out, "Content-Security-Policy",
				"default-src 'none'; frame-ancestors 'none'");
		buf_printf(out, "Content-Length: %zu\r\n", rs->type != NULL ? body_len(rs) : 0);
	}
	buf_puts(out, "\r\n");
}

static enum status put_all(struct sock *s, const struct response *rs, bool head_only, bool last,
	nsec deadline)
{
	struct buf head;
	struct iovec iov[2];
	enum status st;

	if (rs->body.err != ST_OK || rs->extra.err != ST_OK)
		return ST_LIMIT;
	buf_init(&head, 65536);
	response_head(rs, &head);
	st = head.err;
	if (st == ST_OK) {
		iov[0] = (struct iovec){ head.p, head.len };
		iov[1] =
			(struct iovec){ rs->data != NULL ? (void *)(uintptr_t)rs->data : rs->body.p,
				rs->type != NULL && !head_only ? body_len(rs) : 0 };
		st = last ? sock_writev_last(s, iov, 2, deadline) : sock_writev(s, iov, 2, deadline);
	}
	buf_fini(&head);
	return st;
}

enum status response_send(struct sock *s, const struct response *rs, bool head_only, nsec deadline)
{
	return put_all(s, rs, head_only, false, deadline);
}

enum status response_send_last(struct sock *s, const struct response *rs, bool head_only, nsec deadline)
{
	return put_all(s, rs, head_only, true, deadline);
}

enum status http_bare_status(struct sock *s, int status, nsec deadline)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "HTTP/1.0 %d %s\r\n\r\n", status, http_reason(status));

	return sock_write(s, line, (size_t)n, deadline);
}

void http_drain(struct sock *s)
{
	nsec deadline = clk_deadline(HTTP_DRAIN_TIME);
	size_t n, total = 0;

	if (s->fd == -1 || sock_end(s, deadline) != ST_OK)
		return;
	do {
		sock_peek(s, &n);
		sock_consume(s, n);
		total += n;
	} while (total < HTTP_DRAIN_MAX && sock_fill(s, deadline) == ST_OK);
}

/* --- heads of streams ------------------------------------------------------------------------- */

static bool is_token_char(char c)
{
	return ascii_isalnum((uint8_t)c) || (c != '\0' && strchr("!#$&^_.+-", c) != NULL);
}

bool http_mime_is_safe(const char *mime)
{
	static const char *const banned[] = { "text/html", "image/svg+xml", "text/javascript",
		"application/javascript", "application/ecmascript", "text/ecmascript" };
	size_t type = 0, sub = 0, i;

	while (is_token_char(mime[type]))
		type++;
	if (type == 0 || mime[type] != '/')
		return false;
	while (is_token_char(mime[type + 1 + sub]))
		sub++;
	if (sub == 0 || mime[type + 1 + sub] != '\0')
		return false;
	for (i = 0; i < NELEM(banned); i++)
		if (ascii_casecmp(mime, banned[i]) == 0)
			return false;
	for (i = 0; mime[i] != '\0'; i++)
		if (ascii_ncasecmp(mime + i, "xml", 3) == 0)
			return false;
	return true;
}

static bool is_windows_media(const struct chaninfo *info)
{
	const char *t = info->text[CT_TYPE];

	return strcmp(t, "WMV") == 0 || strcmp(t, "WMA") == 0 || strcmp(t, "ASX") == 0;
}

/* What players and relays both get. */
static void put_stream_lines(struct buf *out, const struct chaninfo *info)
{
	char id[GNUID_STRLEN];

	put_status_line(out, 200);
	put_header(out, "Server", NODE_AGENT);
	put_header(out, "Accept-Ranges", "none");
	if (!is_windows_media(info)) {
		put_header(out, "x-audiocast-name", info->text[CT_NAME]);
		buf_printf(out, "x-audiocast-bitrate: %u\r\n", (unsigned int)info->bitrate_kbps);
		put_header(out, "x-audiocast-genre", info->text[CT_GENRE]);
		put_header(out, "x-audiocast-description", info->text[CT_DESC]);
		put_header(out, "x-audiocast-url", info->text[CT_URL]);
	}
	put_header(out, "x-peercast-channelid", gnuid_str(&info->id, id));
}

void http_stream_head(struct buf *out, const struct chaninfo *info)
{
	const char *mime = chaninfo_mime(info);

	put_stream_lines(out, info);
	if (strcmp(info->text[CT_TYPE], "MOV") == 0) {
		put_header(out, "Connection", "close");
		put_header(out, "Content-Length", "10000000");
	}
	put_header(out, "Access-Control-Allow-Origin", "*");
	put_header(
		out, "Content-Type", http_mime_is_safe(mime) ? mime : "application/octet-stream");
	put_header(out, "X-Content-Type-Options", "nosniff");
	buf_puts(out, "\r\n");
}

/* The lines of this protocol have no blank behind the colon. */
static void put_icy(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_u8(out, ':');
	http_put_value(out, value);
	buf_puts(out, "\r\n");
}

void http_icy_head(struct buf *out, const struct chaninfo *info, uint32_t every, bool browser)
{
	const char *mime = chaninfo_mime(info);
	char id[GNUID_STRLEN];

	if (browser)
		put_status_line(out, 200);
	else
		buf_puts(out, "ICY 200 OK\r\n");
	put_header(out, "Server", NODE_AGENT);
	put_icy(out, "icy-name", info->text[CT_NAME]);
	buf_printf(out, "icy-br:%u\r\n", (unsigned int)info->bitrate_kbps);
	put_icy(out, "icy-genre", info->text[CT_GENRE]);
	put_icy(out, "icy-url", info->text[CT_URL]);
	buf_printf(out, "icy-metaint:%u\r\n", (unsigned int)every);
	put_header(out, "x-peercast-channelid", gnuid_str(&info->id, id));
	if (browser) {
		put_header(out, "Access-Control-Allow-Origin", "*");
		put_header(out, "Access-Control-Expose-Headers",
			"icy-metaint, icy-name, icy-br, icy-genre, icy-url");
		put_header(out, "X-Content-Type-Options", "nosniff");
	}
	put_header(out, "Content-Type", http_mime_is_safe(mime) ? mime : "application/octet-stream");
	buf_puts(out, "\r\n");
}

bool http_is_mmsh(const struct chaninfo *info)
{
	return is_windows_media(info) || strcmp(info->text[CT_TYPE], "ASF") == 0;
}

void http_mmsh_head(struct buf *out, size_t len)
{
	put_status_line(out, 200);
	buf_puts(out, "Server: Rex/9.0.0.2980\r\n"
		"Cache-Control: no-cache\r\n"
		"Pragma: no-cache\r\n"
		"Pragma: client-id=3587303426\r\n"
		"Pragma: features=\"broadcast, playlist\"\r\n");
	if (len > 0)
		buf_printf(out, "Content-Type: application/vnd.ms.wms-hdr.asfv1\r\n"
			"Content-Length: %zu\r\n"
			"Connection: Keep-Alive\r\n\r\n", len);
	else
		buf_puts(out, "Content-Type: application/x-mms-framed\r\n\r\n");
}

void http_relay_head(struct buf *out, int status, const struct chaninfo *info, uint32_t pos)
{
	if (status == 200) {
		put_stream_lines(out, info);
		buf_printf(out, "x-peercast-pos: %u\r\n", (unsigned int)pos);
	} else {
		put_status_line(out, status);
	}
	put_header(out, "Content-Type", "application/x-peercast-pcp");
	buf_puts(out, "\r\n");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/request.h"

#include <string.h>

#include "core/media/dechunk.h"
#include "core/sys/text.h"

static const struct {
	const char *name;
	size_t len;
	enum http_method method;
} methods[] = {
	{ "GET", 3, HTTP_GET }, { "HEAD", 4, HTTP_HEAD }, { "POST", 4, HTTP_POST },
	{ "PUT", 3, HTTP_PUT }, { "OPTIONS", 7, HTTP_OPTIONS }, { "DELETE", 6, HTTP_DELETE },
	{ "PATCH", 5, HTTP_PATCH }, { "TRACE", 5, HTTP_TRACE }, { "CONNECT", 7, HTTP_CONNECT },
};

void request_init(struct request *rq)
{
	memset(rq, 0, sizeof(*rq));
	rq->target = rq->path = rq->query = "";
	rq->why = "";
	/* Two bytes more: the copy of the path, and the ends of both. */
	buf_init(&rq->line, 2 * (HTTP_LINE_MAX + 1));
	buf_init(&rq->head, HTTP_HEAD_MAX + 1);
}

void request_fini(struct request *rq)
{
	buf_fini(&rq->line);
	buf_fini(&rq->head);
	rq->n_headers = 0;
	rq->target = rq->path = rq->query = "";
}

static enum status fail(struct request *rq, enum status st, int fault, const char *why)
{
	rq->fault = fault;
	rq->why = why;
	return st;
}

static enum status no_memory(struct request *rq)
{
	return fail(rq, ST_LIMIT, 503, "out of memory");
}

/* --- the request line ------------------------------------------------------------------------- */

static size_t method_of(const char *line, enum http_method *m)
{
	size_t i;

	for (i = 0; i < NELEM(methods); i++)
		if (strncmp(line, methods[i].name, methods[i].len) == 0 &&
			line[methods[i].len] == ' ') {
			*m = methods[i].method;
			return methods[i].len + 1;
		}
	return 0;
}

bool http_is_request_line(const char *line)
{
	enum http_method m;

	return method_of(line, &m) > 0;
}

static bool has_controls(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((uint8_t)p[i] < 0x20 || p[i] == 0x7f)
			return true;
	return false;
}

enum status request_line(struct request *rq, const char *line)
{
	size_t len = strlen(line), at = method_of(line, &rq->method), n, path;
	char *copy;

	if (len > HTTP_LINE_MAX)
		return fail(rq, ST_LIMIT, 414, "request line too long");
	if (at == 0)
		return fail(rq, ST_PROTO, 400, "unknown method");
	n = strcspn(line + at, " ");
	if (line[at] != '/')
		return fail(rq, ST_PROTO, 400, "target is not a path");
	if (has_controls(line, len))
		return fail(rq, ST_PROTO, 400, "control character in the request line");
	if (line[at + n] == ' ') {
		if (strncmp(line + at + n + 1, "HTTP/", 5) != 0 ||
			strchr(line + at + n + 1, ' ') != NULL)
			return fail(
				rq, ST_PROTO, 400, "request line is not `method target version'");
		rq->http10 = true;
		rq->http11 = strcmp(line + at + n + 1, "HTTP/1.1") == 0;
	} else if (rq->method != HTTP_GET) {
		return fail(rq, ST_PROTO, 400, "request line without version");
	}

	/* The target whole, and its path once more with an end of its own. */
	path = strcspn(line + at, "? ");
	buf_reset(&rq->line);
	buf_put(&rq->line, line + at, n);
	buf_u8(&rq->line, 0);
	buf_put(&rq->line, line + at, path);
	buf_u8(&rq->line, 0);
	if (rq->line.err != ST_OK)
		return no_memory(rq);
	copy = (char *)rq->line.p;
	rq->target = copy;
	rq->query = path < n ? copy + path + 1 : copy + n;
	rq->path = copy + n + 1;
	return ST_OK;
}

/* --- headers ---------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return ascii_isalnum((uint8_t)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct http_header *find(struct request *rq, const char *name)
{
	uint32_t i;

	for (i = 0; i < rq->n_headers; i++)
		if (ascii_casecmp(rq->headers[i].name, name) == 0)
			return &rq->headers[i];
	return NULL;
}

const char *request_header(const struct request *rq, const char *name)
{
	uint32_t i;

	for (i = 0; i < rq->n_headers; i++)
		if (ascii_casecmp(rq->headers[i].name, name) == 0)
			return rq->headers[i].value;
	return NULL;
}

bool request_pragma(const struct request *rq, const char *directive)
{
	const size_t n = strlen(directive);
	const char *at;

	for (uint32_t i = 0; i < rq->n_headers; i++) {
		if (ascii_casecmp(rq->headers[i].name, "Pragma") != 0)
			continue;
		for (at = rq->headers[i].value; *at != '\0'; at += *at == ',') {
			at += strspn(at, " \t");
			/* one that ends in '=' may have any value */
			if (ascii_ncasecmp(at, directive, n) == 0 &&
			    (directive[n - 1] == '=' || strchr(", \t", at[n]) != NULL))
				return true;
			at += strcspn(at, ",");
		}
	}
	return false;
}

bool request_etag_matches(const struct request *rq, const char *etag)
{
	const char *list = request_header(rq, "If-None-Match");
	const size_t n = strlen(etag);

	if (list == NULL)
		return false;
	if (strcmp(list, "*") == 0)
		return true;
	/* Tags in quotes with none inside; weak ones compare alike. */
	for (; *list != '\0'; list += *list == ',') {
		list += strspn(list, " \t");
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		if (strncmp(list, etag, n) == 0 && strchr(", \t", list[n]) != NULL)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* The weight behind a language range, in thousandths: ";q=0.8", 1000 without one. */
static uint32_t weight_of(const char *p, size_t n)
{
	const char *end = p + n;
	uint32_t w, scale = 100;

	while (p < end && *p != '=')
		p++;
	if (p == end || p + 1 == end)
		return 1000;
	w = p[1] == '1' ? 1000 : 0;
	for (p += 3; w == 0 && scale > 0 && p < end && ascii_isdigit((uint8_t)*p); p++, scale /= 10)
		w += (uint32_t)(*p - '0') * scale;
	return w;
}

const char *request_language(const struct request *rq, const char *const *offered, size_t n,
	const char *dflt)
{
	const char *list = request_header(rq, "Accept-Language"), *best = dflt;
	uint32_t most = 0;
	size_t i;

	for (; list != NULL && *list != '\0'; list += *list == ',') {
		size_t len, tag;

		list += strspn(list, " \t");
		len = strcspn(list, ",");
		/* "ja-JP" is ja to us */
		for (tag = 0; tag < len && ascii_isalnum((uint8_t)list[tag]);)
			tag++;
		for (i = 0; i < n; i++)
			if (strlen(offered[i]) == tag && ascii_ncasecmp(list, offered[i], tag) == 0 &&
			    weight_of(list + tag, len - tag) > most) {
				most = weight_of(list + tag, len - tag);
				best = offered[i];
			}
		list += len;
	}
	return best;
}

bool request_takes_gzip(const struct request *rq)
{
	const char *list = request_header(rq, "Accept-Encoding");
	bool takes = false;
	int best = 0;                   /* how closely what is said of it names it */

	for (; list != NULL && *list != '\0'; list += *list == ',') {
		size_t len, name;
		int rank;

		list += strspn(list, " \t");
		len = strcspn(list, ",");
		name = MIN(strcspn(list, " \t;"), len);
		rank = name == 4 && ascii_ncasecmp(list, "gzip", 4) == 0 ? 3 :
			name == 6 && ascii_ncasecmp(list, "x-gzip", 6) == 0 ? 2 : name == 1 && *list == '*';
		if (rank > best) {
			best = rank;
			takes = weight_of(list + name, len - name) > 0;
		}
		list += len;
	}
	return takes;
}

/* A number with nothing but blanks behind it; UINT64_MAX when it has too many digits. */
static bool length_of(const char *s, uint64_t *v)
{
	char digits[32];
	size_t n = strspn(s, "0123456789");

	if (n == 0 || s[n + strspn(s + n, " \t")] != '\0')
		return false;
	*v = UINT64_MAX;
	if (n >= sizeof(digits))
		return true;
	memcpy(digits, s, n);
	digits[n] = '\0';
	(void)num_u64(digits, 0, UINT64_MAX, v);
	return true;
}

static bool is_word(const char *value, const char *word)
{
	size_t n = strlen(word);

	return ascii_ncasecmp(value, word, n) == 0 && value[n + strspn(value + n, " \t")] == '\0';
}

/* What decides how the body is read: unclear is refused, not guessed. */
static enum status framing(struct request *rq, const char *name, const char *value)
{
	uint64_t length;

	if (ascii_casecmp(name, "Content-Length") == 0) {
		if (!length_of(value, &length))
			return fail(rq, ST_PROTO, 400, "Content-Length is not a number");
		if (rq->has_length && rq->length != length)
			return fail(rq, ST_PROTO, 400, "two different Content-Lengths");
		rq->has_length = true;
		rq->length = length;
	} else if (ascii_casecmp(name, "Transfer-Encoding") == 0) {
		if (is_word(value, "chunked"))
			rq->chunked = true;
		else if (!is_word(value, "identity"))
			return fail(rq, ST_PROTO, 400, "unknown Transfer-Encoding");
	} else if (ascii_casecmp(name, "Expect") == 0) {
		if (!is_word(value, "100-continue"))
			return fail(rq, ST_PROTO, 417, "unknown expectation");
		rq->expects = true;
	}
	if (rq->chunked && rq->has_length)
		return fail(rq, ST_PROTO, 400, "both Content-Length and Transfer-Encoding");
	return ST_OK;
}

/* One line, terminated in place; NULL-free. Returns false for a line that is no header. */
static bool header_split(char *line, const char **name, const char **value)
{
	size_t n = 0;

	while (is_name_char(line[n]))
		n++;
	if (n == 0 || line[n] != ':')
		return false;
	line[n] = '\0';
	*name = line;
	*value = line + n + 1 + strspn(line + n + 1, " \t");
	return true;
}

/* A line that goes on with the one before, or blanks in front of the colon (RFC 9112 5.1, 5.2). */
static bool is_ambiguous(const char *line)
{
	size_t n = 0, blanks;

	while (is_name_char(line[n]))
		n++;
	blanks = strspn(line + n, " \t");
	return blanks > 0 && (n == 0 || line[n + blanks] == ':');
}

enum status request_headers(struct request *rq, const void *p, size_t n)
{
	uint32_t lines = 0, junk = 0;
	char *at, *end;

	rq->n_headers = 0;
	buf_reset(&rq->head);
	if (n > HTTP_HEAD_MAX)
		return fail(rq, ST_LIMIT, 431, "headers too long");
	buf_put(&rq->head, p, n);
	buf_u8(&rq->head, '\n');
	if (rq->head.err != ST_OK)
		return no_memory(rq);
	if (memchr(rq->head.p, '\0', n) != NULL)
		return fail(rq, ST_PROTO, 400, "NUL in a header");

	at = (char *)rq->head.p;
	end = at + rq->head.len;
	while (at < end) {
		char *lf = memchr(at, '\n', (size_t)(end - at));
		char *next = lf + 1, *line = at;
		struct http_header h, *old;
		enum status st;

		*lf = '\0';
		if (lf > line && lf[-1] == '\r')
			*--lf = '\0';
		at = next;
		if (lf == line)
			break;
		if (lf - line > HTTP_LINE_MAX)
			return fail(rq, ST_LIMIT, 431, "header line too long");
		if (++lines > HTTP_HEADERS_MAX)
			return fail(rq, ST_LIMIT, 431, "too many headers");
		if (strchr(line, '\r') != NULL)
			return fail(rq, ST_PROTO, 400, "bare CR in a header");
		/* What a proxy in front may take for something else than we do. */
		if (is_ambiguous(line))
			return fail(rq, ST_PROTO, 400, "blanks before a header's name or its colon");
		if (!header_split(line, &h.name, &h.value)) {
			if (++junk > HTTP_JUNK_MAX)
				return fail(
					rq, ST_PROTO, 400, "too many lines that are no headers");
			continue;
		}
		st = framing(rq, h.name, h.value);
		if (st != ST_OK)
			return st;
		/* these are many by design (MMSH); of others the last one counts */
		old = ascii_casecmp(h.name, "Pragma") == 0 ? NULL : find(rq, h.name);
		if (old != NULL)
			*old = h;
		else
			rq->headers[rq->n_headers++] = h;
	}
	return ST_OK;
}

static enum status read_failed(struct request *rq, enum status st)
{
	switch (st) {
	case ST_TIMEOUT:
		return fail(rq, st, 408, "too slow");
	case ST_LIMIT:
		return no_memory(rq);
	default:
		return st;
	}
}

enum status http_read_headers(struct sock *s, struct request *rq, nsec deadline)
{
	struct buf raw;
	size_t line = 0;                /* bytes of the line that is being read */
	uint32_t lines = 0;
	enum status st = ST_OK;
	bool ended = false;

	buf_init(&raw, HTTP_HEAD_MAX + HTTP_LINE_MAX + 1);
	while (!ended) {
		size_t n, i;
		const uint8_t *p = sock_peek(s, &n);

		if (n == 0) {
			st = sock_fill(s, deadline);
			if (st != ST_OK) {
				st = read_failed(rq, st);
				goto out;
			}
			continue;
		}
		for (i = 0; i < n && !ended; i++) {
			if (p[i] != '\n') {
				line++;
				continue;
			}
			ended = line == 0 ||
				(line == 1 && (i > 0 ? p[i - 1] : raw.p[raw.len - 1]) == '\r');
			line = 0;
			lines++;
		}
		/* Faults of single lines are request_headers()'s; this keeps us from reading on. */
		if (line > HTTP_LINE_MAX + 1 || lines > HTTP_HEADERS_MAX + 1 ||
			raw.len + i > HTTP_HEAD_MAX) {
			st = fail(rq, ST_LIMIT, 431, "headers too long");
			goto out;
		}
		buf_put(&raw, p, i);
		sock_consume(s, i);
		if (raw.err != ST_OK) {
			st = no_memory(rq);
			goto out;
		}
	}
	st = request_headers(rq, raw.p, raw.len);
out:
	buf_fini(&raw);
	return st;
}

enum status http_read_head(
	struct sock *s, const char *first_line, struct request *rq, nsec deadline)
{
	enum status st = request_line(rq, first_line);

	if (st != ST_OK)
		return st;
	/* Without a version it is the whole request (HTTP/0.9): the client waits for the answer. */
	return rq->http10 ? http_read_headers(s, rq, deadline) : ST_OK;
}

/* --- body ------------------------------------------------------------------------------------- */

static enum status body_put(void *ctx, const void *p, size_t n)
{
	struct buf *out = ctx;

	buf_put(out, p, n);
	return out->err;
}

static enum status body_too_big(struct request *rq)
{
	return fail(rq, ST_LIMIT, 413, "body too big");
}

static enum status read_chunked(struct sock *s, struct request *rq, struct buf *out, nsec deadline)
{
	struct dechunk d;

	dechunk_init(&d);
	for (;;) {
		size_t n, used;
		const uint8_t *p = sock_peek(s, &n);
		enum status st;

		if (n == 0) {
			st = sock_fill(s, deadline);
			if (st == ST_EOF)
				return fail(rq, st, 400, "body cut short");
			if (st != ST_OK)
				return read_failed(rq, st);
			continue;
		}
		st = dechunk_feed(&d, p, n, &used, body_put, out);
		sock_consume(s, used);
		if (st == ST_EOF)
			return ST_OK;
		if (st == ST_LIMIT)
			return body_too_big(rq);
		if (st != ST_OK)
			return fail(rq, ST_PROTO, 400, "broken chunked body");
	}
}

static enum status read_counted(struct sock *s, struct request *rq, struct buf *out, nsec deadline)
{
	uint8_t *dst;
	enum status st;

	if (rq->length > out->max - out->len)
		return body_too_big(rq);
	dst = buf_reserve(out, (size_t)rq->length);
	if (dst == NULL)
		return no_memory(rq);
	st = sock_read_full(s, dst, (size_t)rq->length, deadline);
	if (st == ST_EOF)
		return fail(rq, st, 400, "body cut short");
	if (st != ST_OK)
		return read_failed(rq, st);
	out->len += (size_t)rq->length;
	return ST_OK;
}

enum status http_go_on(struct sock *s, struct request *rq, nsec deadline)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!rq->expects)
		return ST_OK;
	rq->expects = false;
	return sock_write(s, go_on, sizeof(go_on) - 1, deadline);
}

enum status http_read_body(struct sock *s, struct request *rq, struct buf *out, nsec deadline)
{
	enum status st;

	if (!rq->has_length && !rq->chunked)
		return fail(rq, ST_PROTO, 411, "Length required");
	if (rq->has_length && rq->length == 0)
		return ST_OK;
	if (rq->has_length && rq->length > out->max - out->len)
		return body_too_big(rq);
	st = http_go_on(s, rq, deadline);
	if (st != ST_OK)
		return st;
	return rq->chunked ? read_chunked(s, rq, out, deadline)
			   : read_counted(s, rq, out, deadline);
}

/* --- query strings ---------------------------------------------------------------------------- */

bool query_get(const char *query, const char *key, char *dst, size_t cap)
{
	size_t klen = strlen(key), n;

	dst[0] = '\0';
	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (len > klen && strncmp(query, key, klen) == 0 && query[klen] == '=') {
			/* What fits raw fits decoded; longer raw text may still fit. */
			n = pct_decode(dst, cap, query + klen + 1, len - klen - 1, true);
			if (n + 1 >= cap && len - klen - 1 >= cap) {
				dst[0] = '\0';
				return false;
			}
			if (memchr(dst, '\0', n) != NULL) {
				dst[0] = '\0';
				return false;
			}
			return true;
		}
		query += len + (query[len] == '&');
	}
	return false;
}

bool query_next(const char **query, struct query_pair *p)
{
	const char *at = *query + strspn(*query, "&"), *eq;
	const size_t len = strcspn(at, "&");

	*query = at + len;
	if (len == 0)
		return false;
	eq = memchr(at, '=', len);
	p->key = at;
	p->key_len = eq != NULL ? (size_t)(eq - at) : len;
	p->value = eq != NULL ? eq + 1 : at + len;
	p->value_len = len - (size_t)(p->value - at);
	return true;
}

void query_pair_text(const struct query_pair *p, char *dst, size_t cap)
{
	char raw[HTTP_VALUE_MAX];
	const size_t n = pct_decode(raw, sizeof(raw), p->value, p->value_len, true);

	text_clean(dst, cap, raw, n);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request lines, headers, bodies, query strings: good, bad (http.md 13), and at their limits. */
#include "http/request.h"

#include <stdio.h>

#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

/* --- the request line ------------------------------------------------------------------------- */

static const struct {
	const char *line;
	int fault;
	enum http_method method;
	const char *path, *query;
} lines[] = {
	{ "GET / HTTP/1.0", 0, HTTP_GET, "/", "" },
	{ "GET /", 0, HTTP_GET, "/", "" },
	{ "HEAD /pls/x HTTP/1.1", 0, HTTP_HEAD, "/pls/x", "" },
	{ "POST /api/1?pass=x HTTP/1.1", 0, HTTP_POST, "/api/1", "pass=x" },
	{ "OPTIONS /stream/x HTTP/1.1", 0, HTTP_OPTIONS, "/stream/x", "" },
	{ "PUT /mount HTTP/1.1", 0, HTTP_PUT, "/mount", "" },
	{ "GET /a?b?c HTTP/1.0", 0, HTTP_GET, "/a", "b?c" },
	{ "GET /? HTTP/1.0", 0, HTTP_GET, "/", "" },
	{ "GET /%2e%2e/\x83\x65 HTTP/1.0", 0, HTTP_GET, "/%2e%2e/\x83\x65", "" },
	{ "", 400, 0, NULL, NULL },
	{ "GET", 400, 0, NULL, NULL },
	{ "GET ", 400, 0, NULL, NULL },
	{ "get / HTTP/1.0", 400, 0, NULL, NULL },
	{ "BREW /pot HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET http://x/ HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET  / HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET / HTTP/1.0 x", 400, 0, NULL, NULL },
	{ "GET /a b HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET / FTP/1.0", 400, 0, NULL, NULL },
	{ "POST /api/1", 400, 0, NULL, NULL },
	{ "GET /\x01 HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET /\x7f HTTP/1.0", 400, 0, NULL, NULL },
	{ "GET /a\rX: y HTTP/1.0", 400, 0, NULL, NULL },
	{ "PRI * HTTP/2.0", 400, 0, NULL, NULL },
	{ "\x16\x03\x01\x02", 400, 0, NULL, NULL },
	{ "CONNECT x:1 HTTP/1.1", 400, 0, NULL, NULL },
};

START_TEST(line)
{
	struct request rq;
	enum status st;

	request_init(&rq);
	st = request_line(&rq, lines[_i].line);
	ck_assert_msg((st == ST_OK) == (lines[_i].fault == 0) && rq.fault == lines[_i].fault,
		"%s: %d", lines[_i].line, rq.fault);
	if (st == ST_OK) {
		ck_assert_int_eq(rq.method, lines[_i].method);
		ck_assert_str_eq(rq.path, lines[_i].path);
		ck_assert_str_eq(rq.query, lines[_i].query);
		ck_assert_int_eq(rq.target[0], '/');
	}
	request_fini(&rq);
}
END_TEST

START_TEST(long_lines)
{
	static char text[HTTP_LINE_MAX + 2];
	struct request rq;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	request_init(&rq);
	ck_assert_int_eq(request_line(&rq, text), ST_LIMIT);
	ck_assert_int_eq(rq.fault, 414);
	text[HTTP_LINE_MAX] = '\0';
	ck_assert_int_eq(request_line(&rq, text), ST_OK);
	ck_assert_uint_eq(strlen(rq.path), HTTP_LINE_MAX - 4);
	request_fini(&rq);
}
END_TEST

/* --- headers ---------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text;
	int fault;
	const char *find, *value;
} heads[] = {
	{ "crlf", "Host: a\r\nX: y\r\n\r\n", 0, "host", "a" },
	{ "lf only", "Host: a\nX: y\n\n", 0, "X", "y" },
	{ "no space", "x-peercast-pcp:1\r\n\r\n", 0, "X-PeerCast-PCP", "1" },
	{ "tabs and spaces before, kept behind", "A: \t b c \r\n\r\n", 0, "a", "b c " },
	{ "empty value", "A:\r\n\r\n", 0, "a", "" },
	{ "later one replaces", "A: 1\r\na: 2\r\n\r\n", 0, "A", "2" },
	{ "exact name", "X-Pragma: a\r\n\r\n", 0, "Pragma", NULL },
	{ "no colon is ignored", "nonsense\r\nA: 1\r\n\r\n", 0, "A", "1" },
	{ "blank before the colon", "A : 1\r\nB: 2\r\n\r\n", 400, NULL, NULL },
	{ "tab before the colon", "Content-Length\t: 1\r\n\r\n", 400, NULL, NULL },
	{ "line that goes on", "A: 1\r\n b: 2\r\n\r\n", 400, NULL, NULL },
	{ "first line that goes on", "\tA: 1\r\n\r\n", 400, NULL, NULL },
	{ "blanks alone", "A: 1\r\n \r\n\r\n", 400, NULL, NULL },
	{ "nothing", "", 0, "A", NULL },
	{ "stops at the empty line", "\r\nA: 1\r\n", 0, "A", NULL },
	{ "unfinished last line counts", "A: 1", 0, "A", "1" },
	{ "ten nonsense lines", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nA: 1\n\n", 0, "A", "1" },
	{ "eleven nonsense lines", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nA: 1\n\n", 400, NULL, NULL },
	{ "bare cr", "A: 1\rB: 2\r\n\r\n", 400, NULL, NULL },
	{ "length", "Content-Length: 5\r\n\r\n", 0, "content-length", "5" },
	{ "same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0,
		"content-length", "5" },
	{ "blank behind the length", "Content-Length: 5 \r\n\r\n", 0, "content-length", "5 " },
	{ "two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, NULL, NULL },
	{ "negative length", "Content-Length: -1\r\n\r\n", 400, NULL, NULL },
	{ "signed length", "Content-Length: +1\r\n\r\n", 400, NULL, NULL },
	{ "hex length", "Content-Length: 0x10\r\n\r\n", 400, NULL, NULL },
	{ "no length", "Content-Length: \r\n\r\n", 400, NULL, NULL },
	{ "two numbers", "Content-Length: 5 6\r\n\r\n", 400, NULL, NULL },
	{ "huge length", "Content-Length: 99999999999999999999999999999999999\r\n\r\n", 0, "x",
		NULL },
	{ "chunked", "Transfer-Encoding: chunked\r\n\r\n", 0, "transfer-encoding", "chunked" },
	{ "chunked and length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400,
		NULL, NULL },
	{ "length and chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
		NULL, NULL },
	{ "gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, NULL, NULL },
	{ "expect", "Expect: 100-continue\r\n\r\n", 0, "expect", "100-continue" },
	{ "expect other", "Expect: a-pony\r\n\r\n", 417, NULL, NULL },
};

START_TEST(headers)
{
	struct request rq;
	enum status st;
	const char *v;

	request_init(&rq);
	st = request_headers(&rq, heads[_i].text, strlen(heads[_i].text));
	ck_assert_msg((st == ST_OK) == (heads[_i].fault == 0) && rq.fault == heads[_i].fault,
		"%s: %d %s", heads[_i].name, rq.fault, rq.why);
	if (st == ST_OK) {
		v = request_header(&rq, heads[_i].find);
		ck_assert_msg(heads[_i].value == NULL ? v == NULL :
			v != NULL && strcmp(v, heads[_i].value) == 0, "%s: %s", heads[_i].name, v);
	}
	request_fini(&rq);
}
END_TEST

START_TEST(nul_in_header)
{
	struct request rq;

	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, "A: 1\0B\r\n\r\n", 10), ST_PROTO);
	ck_assert_int_eq(rq.fault, 400);
	request_fini(&rq);
}
END_TEST

/* n lines of len bytes each. */
static void many(struct buf *b, size_t n, size_t len)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		buf_printf(b, "H%03zu:", i);
		for (k = 5; k < len; k++)
			buf_u8(b, 'v');
		buf_puts(b, "\n");
	}
	buf_puts(b, "\n");
}

static const struct {
	const char *name;
	size_t n, len;
	int fault;
} sizes[] = {
	{ "100 headers", 100, 10, 0 },
	{ "101 headers", 101, 10, 431 },
	{ "5000 headers", 5000, 10, 431 },
	{ "line of 8191", 1, 8191, 0 },
	{ "line of 8192", 1, 8192, 431 },
	{ "line of 60000", 1, 60000, 431 },
	{ "64000 bytes", 8, 7999, 0 },
	{ "more than 64 KiB", 9, 7999, 431 },
};

/* The limits hold for bytes in memory, */
START_TEST(sizes_memory)
{
	struct request rq;
	struct buf b;

	request_init(&rq);
	buf_init(&b, 1 << 20);
	many(&b, sizes[_i].n, sizes[_i].len);
	ck_assert_msg((request_headers(&rq, b.p, b.len) == ST_OK) == (sizes[_i].fault == 0) &&
		rq.fault == sizes[_i].fault, "%s: %d", sizes[_i].name, rq.fault);
	if (sizes[_i].fault == 0)
		ck_assert_uint_eq(rq.n_headers, sizes[_i].n);
	buf_fini(&b);
	request_fini(&rq);
}
END_TEST

struct far {
	int fd;
	const void *p;
	size_t n, step;                 /* bytes in one write */
};

static void far_write(void *arg)
{
	const struct far *f = arg;
	size_t at = 0;

	while (at < f->n) {
		size_t n = MIN(f->step, f->n - at);

		if (send(f->fd, (const uint8_t *)f->p + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		at += n;
	}
	close(f->fd);
}

static void sock_up(struct sock *s, int *far)
{
	struct host h = home();
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	sock_init(s, fd[0], &h, NULL);
	*far = fd[1];
}

/* and for bytes from a socket, however they arrive; what follows the head is left alone. */
static void read_sized(size_t i, size_t step)
{
	struct request rq;
	struct sock s;
	struct buf b;
	struct far f;
	struct thr t;
	char rest[5] = "";

	request_init(&rq);
	buf_init(&b, 1 << 20);
	many(&b, sizes[i].n, sizes[i].len);
	buf_puts(&b, "rest");
	f = (struct far){ .p = b.p, .n = b.len, .step = step };
	sock_up(&s, &f.fd);
	ck_assert_int_eq(thr_start(&t, "far", far_write, &f), ST_OK);
	ck_assert_msg((http_read_head(&s, "GET / HTTP/1.0", &rq, clk_deadline(SOON)) == ST_OK) ==
		(sizes[i].fault == 0) && rq.fault == sizes[i].fault, "%s: %d", sizes[i].name,
			rq.fault);
	if (sizes[i].fault == 0) {
		ck_assert_uint_eq(rq.n_headers, sizes[i].n);
		ck_assert_int_eq(sock_read_full(&s, rest, 4, clk_deadline(SOON)), ST_OK);
		ck_assert_str_eq(rest, "rest");
	}
	sock_close(&s);
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	buf_fini(&b);
	request_fini(&rq);
}

START_TEST(sizes_socket)
{
	read_sized((size_t)_i, 1 << 20);
	read_sized((size_t)_i, 1000);
}
END_TEST

/* A short head byte by byte, in both kinds of line ends. */
START_TEST(byte_by_byte)
{
	static const char *const texts[] = { "A: 1\r\nB: 2\r\n\r\nX", "A: 1\nB: 2\n\nX", "\r\nX",
		"\nX" };
	struct request rq;
	struct sock s;
	struct far f = { .p = texts[_i], .n = strlen(texts[_i]), .step = 1 };
	struct thr t;
	char c;

	request_init(&rq);
	sock_up(&s, &f.fd);
	ck_assert_int_eq(thr_start(&t, "far", far_write, &f), ST_OK);
	ck_assert_int_eq(http_read_head(&s, "GET / HTTP/1.0", &rq, clk_deadline(SOON)), ST_OK);
	ck_assert_uint_eq(rq.n_headers, _i < 2 ? 2 : 0);
	ck_assert_int_eq(sock_read_full(&s, &c, 1, clk_deadline(SOON)), ST_OK);
	ck_assert_int_eq(c, 'X');
	sock_close(&s);
	ck_assert_int_eq(thr_join(&t, clk_deadline(SOON)), ST_OK);
	request_fini(&rq);
}
END_TEST

/* A head that never ends: by deadline, by the peer going away. */
START_TEST(never_ends)
{
	struct request rq;
	struct sock s;
	int far;

	request_init(&rq);
	sock_up(&s, &far);
	ck_assert_int_eq(write(far, "A: 1\r\n", 6), 6);
	ck_assert_int_eq(http_read_headers(&s, &rq, clk_deadline(NSEC_PER_MSEC)), ST_TIMEOUT);
	ck_assert_int_eq(rq.fault, 408);
	rq.fault = 0;
	close(far);
	ck_assert_int_eq(http_read_headers(&s, &rq, clk_deadline(SOON)), ST_EOF);
	ck_assert_int_eq(rq.fault, 0);
	sock_close(&s);
	request_fini(&rq);
}
END_TEST

/* --- bodies ----------------------------------------------------------------------------------- */

static const struct {
	const char *name, *head, *sent;
	size_t max;
	int fault;
	const char *body;
} bodies[] = {
	{ "counted", "Content-Length: 5", "hello", 100, 0, "hello" },
	{ "counted, at the limit", "Content-Length: 5", "hello", 5, 0, "hello" },
	{ "counted, over it", "Content-Length: 6", "hello!", 5, 413, NULL },
	{ "huge", "Content-Length: 18446744073709551615", "", 5, 413, NULL },
	{ "cut short", "Content-Length: 5", "hell", 100, 400, NULL },
	{ "empty", "Content-Length: 0", "", 100, 0, "" },
	{ "no length", "A: b", "hello", 100, 411, NULL },
	{ "chunked", "Transfer-Encoding: chunked", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 100, 0,
		"hello" },
	{ "chunked, over the limit", "Transfer-Encoding: chunked", "6\r\nhello!\r\n0\r\n\r\n", 5,
		413, NULL },
	{ "chunked, broken", "Transfer-Encoding: chunked", "zz\r\n", 100, 400, NULL },
	{ "chunked, cut short", "Transfer-Encoding: chunked", "5\r\nhel", 100, 400, NULL },
};

START_TEST(body)
{
	struct request rq;
	struct sock s;
	struct buf out;
	enum status st;
	int far;

	request_init(&rq);
	buf_init(&out, bodies[_i].max);
	ck_assert_int_eq(request_headers(&rq, bodies[_i].head, strlen(bodies[_i].head)), ST_OK);
	sock_up(&s, &far);
	ck_assert_int_eq(write(far, bodies[_i].sent, strlen(bodies[_i].sent)),
		(ssize_t)strlen(bodies[_i].sent));
	close(far);
	st = http_read_body(&s, &rq, &out, clk_deadline(SOON));
	ck_assert_msg((st == ST_OK) == (bodies[_i].fault == 0) && rq.fault == bodies[_i].fault,
		"%s: %d", bodies[_i].name, rq.fault);
	if (st == ST_OK) {
		ck_assert_uint_eq(out.len, strlen(bodies[_i].body));
		if (out.len > 0)
			ck_assert_int_eq(memcmp(out.p, bodies[_i].body, out.len), 0);
	}
	sock_close(&s);
	buf_fini(&out);
	request_fini(&rq);
}
END_TEST

START_TEST(expect_continue)
{
	static const char head[] = "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
	struct request rq;
	struct sock s;
	struct buf out;
	char got[64] = "";
	int far;

	request_init(&rq);
	buf_init(&out, 100);
	ck_assert_int_eq(request_headers(&rq, head, sizeof(head) - 1), ST_OK);
	sock_up(&s, &far);
	ck_assert_int_eq(write(far, "ok", 2), 2);
	ck_assert_int_eq(http_read_body(&s, &rq, &out, clk_deadline(SOON)), ST_OK);
	ck_assert_int_gt(read(far, got, sizeof(got) - 1), 0);
	ck_assert_str_eq(got, "HTTP/1.1 100 Continue\r\n\r\n");
	close(far);
	sock_close(&s);
	buf_fini(&out);
	request_fini(&rq);
}
END_TEST

/* --- query strings ---------------------------------------------------------------------------- */

static const struct {
	const char *query, *key, *value;        /* NULL = not there */
} queries[] = {
	{ "a=1&b=2", "a", "1" },
	{ "a=1&b=2", "b", "2" },
	{ "a=1&b=2", "c", NULL },
	{ "a=1&a=2", "a", "1" },
	{ "aa=1&a=2", "a", "2" },
	{ "a", "a", NULL },
	{ "a=", "a", "" },
	{ "", "a", NULL },
	{ "&&a=1", "a", "1" },
	{ "a=b+c%20d%26", "a", "b c d&" },
	{ "a=b=c", "a", "b=c" },
	{ "a=100%", "a", "100%" },
	{ "a=%zz", "a", "%zz" },
	{ "a=%0d%0aX:", "a", "\r\nX:" },
	{ "a=x%00y", "a", NULL },
	{ "%61=1", "a", NULL },
	{ "a=%41%41%41%41%41%41%41", "a", "AAAAAAA" },
	{ "a=AAAAAAAA", "a", "AAAAAAAA" },
	{ "a=AAAAAAAAAAAAAAAA", "a", NULL },
};

START_TEST(query)
{
	char got[16] = "before";
	bool there = query_get(queries[_i].query, queries[_i].key, got, sizeof(got));

	ck_assert_msg(there == (queries[_i].value != NULL) &&
		strcmp(got, there ? queries[_i].value : "") == 0, "%s: %d \"%s\"",
			queries[_i].query, there, got);
}
END_TEST

/* --- what a browser prefers ------------------------------------------------------------------- */

static const struct {
	const char *header, *want;      /* NULL = not sent */
} languages[] = {
	{ NULL, "xx" }, { "", "xx" }, { "ja", "ja" }, { "JA", "ja" }, { "ja-JP", "ja" }, { "fr", "xx" }, { "*", "xx" },
	{ "en,ja", "en" }, { "ja,en", "ja" }, { "en;q=0.5,ja", "ja" }, { "en;q=0.5, ja;q=0.6", "ja" },
	{ "fr, en;q=0.9 ,ja;q=0.8", "en" }, { "ja;q=0", "xx" }, { "ja;q=0.000,en;q=0.001", "en" }, { "ja;q=1.000,en", "ja" },
	{ "ja;q=0.1;x,en;q=0.09", "ja" }, { "jav", "xx" }, { "j", "xx" }, { ",,,ja", "ja" }, { "ja;q", "ja" }, { "ja;q=", "ja" },
	{ "ja;q=x,en;q=0.1", "en" }, { "ja;q=0.5,", "ja" }, { ";q=1", "xx" }, { "en;q=9", "xx" },
};

START_TEST(language)
{
	static const char *const offered[] = { "en", "ja" };
	struct request rq;
	char head[128] = "X: y\n";

	request_init(&rq);
	if (languages[_i].header != NULL)
		snprintf(head, sizeof(head), "Accept-Language: %s\n", languages[_i].header);
	ck_assert_int_eq(request_headers(&rq, head, strlen(head)), ST_OK);
	ck_assert_msg(strcmp(request_language(&rq, offered, 2, "xx"), languages[_i].want) == 0, "%s: %s", head,
		request_language(&rq, offered, 2, "xx"));
	request_fini(&rq);
}
END_TEST

static const struct {
	const char *header;             /* NULL = not sent */
	bool takes;
} encodings[] = {
	{ NULL, false }, { "", false }, { "gzip", true }, { "GZip", true }, { "x-gzip", true }, { "gzip, deflate, br, zstd", true },
	{ "br,deflate , gzip", true }, { "br, gzip;q=0.1", true }, { "gzip ; q=0.5", true }, { "*", true }, { "identity, *;q=0.5", true },
	{ "deflate", false }, { "identity", false }, { "gzip;q=0", false }, { "gzip;q=0.000, *", false }, { "*, gzip;q=0", false },
	{ "*;q=0", false }, { "gzipped", false }, { "agzip", false }, { "gzi", false }, { ",,,gzip", true }, { ",", false },
	{ ";gzip", false }, { "br;x=gzip", false }, { "gzip;", true }, { "gzip;q", true }, { "gzip;q=", true }, { "gzip;q=x", false },
	{ "x-gzip;q=0, gzip", true }, { "x-gzip, gzip;q=0", false }, { "x-gzip;q=0, *", false }, { "*;q=0, x-gzip", true },
};

START_TEST(takes_gzip)
{
	struct request rq;
	char head[128] = "X: y\n";

	request_init(&rq);
	if (encodings[_i].header != NULL)
		snprintf(head, sizeof(head), "Accept-Encoding: %s\n", encodings[_i].header);
	ck_assert_int_eq(request_headers(&rq, head, strlen(head)), ST_OK);
	ck_assert_msg(request_takes_gzip(&rq) == encodings[_i].takes, "%s", head);
	request_fini(&rq);
}
END_TEST

static const struct {
	const char *head, *directive;
	bool yes;
} pragmas[] = {
	{ "Pragma: xPlayStrm=1\n", "xPlayStrm=1", true },
	{ "pragma:XPLAYSTRM=1\n", "xPlayStrm=1", true },
	{ "Pragma: no-cache,rate=1.0, xPlayStrm=1 ,x\n", "xPlayStrm=1", true },
	{ "Pragma: a\nPragma: xPlayStrm=1\nPragma: b\n", "xPlayStrm=1", true },
	{ "Pragma: xPlayStrm=0\n", "xPlayStrm=1", false },
	{ "Pragma: xPlayStrm=10\n", "xPlayStrm=1", false },
	{ "Pragma: axPlayStrm=1\n", "xPlayStrm=1", false },
	{ "X-Pragma: xPlayStrm=1\n", "xPlayStrm=1", false },
	{ "Pragma: no-cache,stream-switch-count=2\n", "stream-switch-count=", true },
	{ "Pragma: stream-switch-count=\n", "stream-switch-count=", true },
	{ "Pragma: stream-switch-count\n", "stream-switch-count=", false },
	{ "Pragma: ,,, ,\n", "xPlayStrm=1", false },
	{ "Pragma:\n", "xPlayStrm=1", false },
	{ "", "xPlayStrm=1", false },
};

START_TEST(pragma)
{
	struct request rq;

	request_init(&rq);
	ck_assert_int_eq(request_headers(&rq, pragmas[_i].head, strlen(pragmas[_i].head)), ST_OK);
	ck_assert_msg(request_pragma(&rq, pragmas[_i].directive) == pragmas[_i].yes, "%s", pragmas[_i].head);
	request_fini(&rq);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("request");
	TCase *t = tcase_create("head");

	tcase_add_loop_test(t, line, 0, (int)NELEM(lines));
	tcase_add_test(t, long_lines);
	tcase_add_loop_test(t, headers, 0, (int)NELEM(heads));
	tcase_add_test(t, nul_in_header);
	tcase_add_loop_test(t, sizes_memory, 0, (int)NELEM(sizes));
	tcase_add_loop_test(t, sizes_socket, 0, (int)NELEM(sizes));
	tcase_add_loop_test(t, byte_by_byte, 0, 4);
	tcase_add_test(t, never_ends);
	suite_add_tcase(s, t);
	t = tcase_create("body");
	tcase_add_loop_test(t, body, 0, (int)NELEM(bodies));
	tcase_add_test(t, expect_continue);
	tcase_add_loop_test(t, query, 0, (int)NELEM(queries));
	tcase_add_loop_test(t, pragma, 0, (int)NELEM(pragmas));
	tcase_add_loop_test(t, language, 0, (int)NELEM(languages));
	tcase_add_loop_test(t, takes_gzip, 0, (int)NELEM(encodings));
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An HTTP request: reading its head and body with limits, and looking things up in it.
 *
 * The servent's dispatcher reads the first line itself, because it decides what the connection is;
 * http_read_head() takes it from there. Bytes that follow the head stay in the socket's buffer.
 *
 * A failed reading leaves in `fault` the HTTP status to answer (0 = answer nothing) and in `why` a
 * phrase for the log and the body of the answer.
 *
 * source   http.md 1, 11, 13; pcp.md 18 B28; settings.md decisions 18, 28
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/sock.h"
#include "core/sys/status.h"

#define HTTP_LINE_MAX    8191           /* bytes of one line without its end */
#define HTTP_HEADERS_MAX 100            /* lines */
#define HTTP_HEAD_MAX    (64 * 1024)    /* bytes of all header lines */
#define HTTP_JUNK_MAX    10             /* lines without a name and a colon that are ignored */
#define HTTP_BODY_MAX    (256 * 1024)   /* of an admin or API request */
#define HTTP_VALUE_MAX   4096           /* of a query value, decoded */

enum http_method {
	HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4, HTTP_PUT = 8, HTTP_OPTIONS = 16,
	HTTP_DELETE = 32, HTTP_PATCH = 64, HTTP_TRACE = 128, HTTP_CONNECT = 256
};

struct http_header {
	const char *name, *value;       /* both into request.head; value without leading blanks */
};

struct request {
	enum http_method method;
	const char *target;             /* as sent: "/stream/x?y"; starts with '/' */
	const char *path;               /* the target up to '?', not decoded */
	const char *query;              /* behind '?', not decoded; "" */
	bool http10;                    /* a version was given; else there are no headers */
	bool http11;                    /* 1.1 was: an answer may come in chunks */
	bool secure;                    /* it came over TLS */
	struct http_header headers[HTTP_HEADERS_MAX];
	uint32_t n_headers;
	uint64_t length;                /* Content-Length */
	bool has_length, chunked;       /* never both */
	bool expects;                   /* Expect: 100-continue, not yet answered */
	struct buf line, head;          /* owned texts the pointers lead into */
	int fault;
	const char *why;
};

/* Big (about 2 KiB and its texts): initialise, use, request_fini(), before a stream starts. */
void request_init(struct request *rq);
void request_fini(struct request *rq);

/* Does this line begin like an HTTP request (a known method and a space)? */
bool http_is_request_line(const char *line);

/* Take the request line (without its end; copied).
 * returns  ST_OK, ST_PROTO (fault 400), ST_LIMIT (fault 414; 503 = memory) */
enum status request_line(struct request *rq, const char *line) NODISCARD;

/* Take the header lines, n bytes with their ends, the empty line included or not.
 * returns  ST_OK, ST_PROTO (fault 400, 417), ST_LIMIT (fault 431; 503 = memory) */
enum status request_headers(struct request *rq, const void *p, size_t n) NODISCARD;

/* Read header lines up to the empty one, nothing beyond it. For every protocol that has such a head
 * (GIV, SOURCE); only the headers of rq are filled in.
 * returns  as request_headers(), or as sock_fill(): ST_TIMEOUT (fault 408), ST_EOF, ST_STOPPED,
 *          ST_SYS */
enum status http_read_headers(struct sock *s, struct request *rq, nsec deadline) NODISCARD;

/* request_line() and http_read_headers(). */
enum status http_read_head(
	struct sock *s, const char *first_line, struct request *rq, nsec deadline) NODISCARD;

/* Read the body into out (an initialised buf; its maximum counts): Content-Length or chunked.
 * Answers Expect: 100-continue first.
 * returns  ST_OK; ST_PROTO (fault 411 no length, 400 broken), ST_LIMIT (fault 413),
 *          ST_TIMEOUT (fault 408), ST_EOF (cut short: fault 400), ST_STOPPED, ST_SYS */
enum status http_read_body(struct sock *s, struct request *rq, struct buf *out, nsec deadline)
	NODISCARD;

/* Answer Expect: 100-continue, when it is still to be: for those who read a body by themselves. */
enum status http_go_on(struct sock *s, struct request *rq, nsec deadline) NODISCARD;

/* The value of a header by its exact name, in any case; NULL when it was not sent. */
const char *request_header(const struct request *rq, const char *name);

/* Is this directive in one of the Pragma headers: "xPlayStrm=1", or with any value "stream-switch-count="? */
bool request_pragma(const struct request *rq, const char *directive);

/* Does If-None-Match name this entity tag (with its quotes)? Then 304 is the answer. */
bool request_etag_matches(const struct request *rq, const char *etag);

/* May the answer be gzip? As Accept-Encoding says; without it, no. */
bool request_takes_gzip(const struct request *rq);

/* The one of n languages ("en", "ja") that Accept-Language likes best, the first of equals; dflt when
 * it likes none of them or was not sent. */
const char *request_language(const struct request *rq, const char *const *offered, size_t n,
	const char *dflt);

/* The decoded value ('+' and %XX) of the first `key=` of a query string or form body; dst is always
 * terminated. Any byte but NUL may be in it: text_clean() what is shown.
 * returns  false when the key is not there, or its value does not fit or holds a NUL (dst "") */
bool query_get(const char *query, const char *key, char *dst, size_t cap);

/* One `key=value` of a query string or form body, not decoded; into it, not terminated. Without a '=' all
 * is the key. */
struct query_pair {
	const char *key, *value;
	size_t key_len, value_len;
};
/* The next one, in order; *query moves behind it. false = there are no more. */
bool query_next(const char **query, struct query_pair *p);
/* The value decoded and clean (text_clean()): cut to cap - 1 bytes, whatever its length. */
void query_pair_text(const struct query_pair *p, char *dst, size_t cap);

#endif

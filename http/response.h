/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers: one family of headers for everything that is answered and closed, bare status lines
 * where peers expect exact bytes, and the heads of streams.
 *
 * Everything is HTTP/1.0 and closes the connection. No value can start a header of its own: control
 * bytes are taken out of all of them.
 *
 * source   http.md 1.3, 3.4, 3.8, 11; pcp.md 7.3; media.md 5.2; settings.md decision 30
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/sys/blob.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/sock.h"
#include "core/sys/status.h"

#define HTTP_WRITE_DEADLINE (30 * NSEC_PER_SEC) /* of one whole answer */
#define HTTP_DRAIN_TIME     (1 * NSEC_PER_SEC)  /* after it, for what the peer still sends */
#define HTTP_DRAIN_MAX      (64 * 1024)

/* "OK", "Not Found" ...; "Unknown" for numbers we never send. */
const char *http_reason(int status);

struct response {
	int status;
	const char *type;               /* Content-Type; NULL = no body, no type */
	const char *location;           /* of a redirect; NULL = none */
	const char *realm;              /* of a 401: WWW-Authenticate: Basic; NULL = none */
	struct buf extra;               /* further header lines, from response_header() */
	struct buf body;                /* owned */
	const void *data;               /* static bytes instead of body; NULL = body */
	size_t data_len;
	struct blob *shared;            /* the reference behind data, when it is not static; NULL */
};

/* 200, and bodies of at most max bytes. */
void response_init(struct response *rs, size_t max);
void response_fini(struct response *rs);
/* Add "name: value". */
void response_header(struct response *rs, const char *name, const char *value);
/* Make it a plain-text answer: status line, empty line, detail (NULL = none). Earlier headers of
 * response_header() stay. */
void response_error(struct response *rs, int status, const char *detail);
void response_redirect(struct response *rs, const char *location);
/* The body is these bytes, which others have too. b is consumed. */
void response_share(struct response *rs, struct blob *b);

/* Append the head of rs to out. */
void response_head(const struct response *rs, struct buf *out);

/* Write head and body (the head alone when head_only).
 * returns  ST_OK, or as sock_writev(); ST_LIMIT = the body had not fitted: nothing was written */
enum status response_send(struct sock *s, const struct response *rs, bool head_only, nsec deadline)
	NODISCARD;
/* The same, right before sock_end(), with which its last bytes go out. */
enum status response_send_last(struct sock *s, const struct response *rs, bool head_only, nsec deadline)
	NODISCARD;

/* "HTTP/1.0 404 Not Found", empty line: the whole answer of /channel to failures. */
enum status http_bare_status(struct sock *s, int status, nsec deadline) NODISCARD;

/* Before the socket is closed: end our side and read away what the peer still sends (at most
 * HTTP_DRAIN_MAX bytes and HTTP_DRAIN_TIME), so that it reads the answer instead of a reset. */
void http_drain(struct sock *s);

/* Append text without control bytes, as a header value. */
void http_put_value(struct buf *out, const char *text);

/* May the MIME type of a channel be sent as it is? Else application/octet-stream is.
 * source http.md 3.4 */
bool http_mime_is_safe(const char *mime);

/* Append the head of a 200 for a player. */
void http_stream_head(struct buf *out, const struct chaninfo *info);

/* The same with ICY titles in the stream, every so many bytes. A browser does not know the status line
 * "ICY 200 OK" that everybody else expects. source http.md 3.5 */
void http_icy_head(struct buf *out, const struct chaninfo *info, uint32_t every, bool browser);

/* Is this a stream of Windows Media, which goes out as MMSH? */
bool http_is_mmsh(const struct chaninfo *info);
/* Append the head of a 200 in MMSH: of the stream's header alone, len bytes long, or of the stream (0).
 * source http.md 3.6 */
void http_mmsh_head(struct buf *out, size_t len);

/* Append the head of an answer to a relay: 200 with the position, or 503 (info may be NULL).
 * pos      low 32 bits of the next position; used with 200 alone */
void http_relay_head(struct buf *out, int status, const struct chaninfo *info, uint32_t pos);

/* "Fri, 20 Nov 2026 09:33:16 GMT"; dst holds HTTP_DATE. */
#define HTTP_DATE 40
void http_date(char *dst, int64_t unix_s);

#endif

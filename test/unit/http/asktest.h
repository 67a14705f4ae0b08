/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole exchange with a node without threads. */
#ifndef TEST_ASKTEST_H
#define TEST_ASKTEST_H

#include "http/request.h"
#include "http/router.h"
#include "test/unit/http/httptest.h"

/* Send a whole request (first line, headers, body) from peer; got holds the whole answer. */
static inline void ask(struct node *n, struct host peer, const char *text, struct buf *got)
{
	struct servent *sv;
	struct request rq;
	const char *head = strchr(text, '\n');
	char line[512];
	uint8_t b[4096];
	ssize_t k;
	int far;

	ck_assert_ptr_nonnull(head);
	ck_assert_uint_lt((size_t)(head - text), sizeof(line));
	memcpy(line, text, (size_t)(head - text));
	line[head - text] = '\0';
	sv = servent_up(n, peer, &far);
	ck_assert_int_eq(write(far, head + 1, strlen(head + 1)), (ssize_t)strlen(head + 1));
	shutdown(far, SHUT_WR);
	request_init(&rq);
	ck_assert_int_eq(http_read_head(&sv->sock, line, &rq, clk_deadline(SOON)), ST_OK);
	ck_assert_int_eq(http_serve(n, sv, &rq), ST_OK);
	/* who has the whole answer may come again: no handshake of his is pending */
	ck_assert(!sv->pending);
	request_fini(&rq);
	servent_end(&sv);
	buf_init(got, 1 << 20);
	while ((k = read(far, b, sizeof(b))) > 0)
		buf_put(got, b, (size_t)k);
	close(far);
	buf_cstr(got);
}

static inline int status_of(const struct buf *got)
{
	char digits[4] = "";
	uint32_t v = 0;

	ck_assert(got->len > 12 && strncmp((const char *)got->p, "HTTP/1.0 ", 9) == 0);
	memcpy(digits, got->p + 9, 3);
	ck_assert(num_u32(digits, 100, 599, &v));
	return (int)v;
}

static inline const char *body_of(const struct buf *got)
{
	const char *p = strstr((const char *)got->p, "\r\n\r\n");

	ck_assert_ptr_nonnull(p);
	return p + 4;
}

#endif

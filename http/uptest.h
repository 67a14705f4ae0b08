/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The upload test of a yellow page: a client sends UPTEST_POST thousand bytes, and how long they took
 * is how fast it is. What it measures is kept in struct viewers, which also says who may test when.
 *
 * source   yp.md 3.4, 5
 */
#ifndef HTTP_UPTEST_H
#define HTTP_UPTEST_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define UPTEST_PATH  "/uptest.cgi"
#define UPTEST_POST  250                /* thousands of bytes a client is told to send */
#define UPTEST_LEAST 240000             /* bytes taken */
#define UPTEST_MOST  260000
#define UPTEST_STALL (3 * NSEC_PER_SEC) /* without a byte it has failed */
#define UPTEST_TIME  (30 * NSEC_PER_SEC)

/* Answer POST of UPTEST_PATH; reads the body. 302 when it was measured; 404 with the reason when it
 * may not test now, as old clients expect; 411, 413, 408 for what is no test at all.
 * returns  ST_OK with rs filled in, or what ended the connection */
enum status uptest_serve(struct node *n, struct servent *sv, struct request *rq,
	struct response *rs) NODISCARD;

/* Into dst: where this client should send it, a name or an address; never what it called us. */
void uptest_addr(char *dst, size_t cap, const struct settings *set, const struct own *own,
	const struct servent *sv);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One small thing fetched from, or sent to, a web server by libcurl: bounded in time, bytes and redirects,
 * http and https alone. Somebody else's server cannot lead us into this machine or its network by a redirect
 * or an answer: there are servers there that trust us.
 *
 * A transfer belongs to one thread. Only there when built with libcurl.
 */
#ifndef SERVENT_TRANSFER_H
#define SERVENT_TRANSFER_H

#ifdef HAVE_CURL

#include "core/node/servmgr.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/mbox.h"
#include "core/sys/status.h"
#include "servent/curl.h"

#define TRANSFER_URL 2048       /* bytes of an address, NUL included */

struct transfer {
	struct servmgr *sm;             /* knows our addresses */
	const struct curl_api *curl;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;                /* what came */
	char error[CURL_ERROR_SIZE];
	bool known;                     /* an address was looked at: the next ones are judged by it */
	bool near;                      /* it was one of this machine or its network */
	bool astray;                    /* it was led where it must not go */
};

/* Ready to run: GET url, at most max bytes, within `time` all in all. Options may be added to t->easy; its
 * private pointer is the caller's. far: an address of our own network is refused from the start.
 * returns  ST_OK, ST_LIMIT (memory; nothing to finish) */
enum status transfer_init(struct transfer *t, struct servmgr *sm, const char *url, nsec time, size_t max,
	long redirects, bool far) NODISCARD;
void transfer_fini(struct transfer *t);
/* Send this header too. */
void transfer_header(struct transfer *t, const char *name, const char *value);

/* Of the n bytes of a header line that came: is it "name: value"? Then the value, clean, into dst (cap
 * bytes); false also when it does not fit. */
bool transfer_take_header(const char *line, size_t n, const char *name, char *dst, size_t cap);

/* Why it failed, for people; NULL = an answer came, with *http its status. */
const char *transfer_fault(struct transfer *t, CURLcode rc, long *http);

/* Run one alone, until its end or the mailbox says stop; other mail stays noted.
 * returns  ST_OK with *rc, ST_STOPPED, ST_LIMIT (memory, or no eventfd to be had) */
enum status transfer_run(struct transfer *t, struct mbox *mb, CURLcode *rc) NODISCARD;

#endif

#endif

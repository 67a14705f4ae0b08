/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getgmt.php: how a channel fared on a day, as a page with a chart or as JSON.
 *
 *	cn      the channel's name; required
 *	date    YYYYMMDD, local time; today when it is not given
 *	format  json, else a page
 *	lang    of the page: en or ja; else what the browser prefers
 *
 * The page has a chart, a row every ten minutes (an empty one where nothing is known for longer) and the
 * days with data. It needs no script. source yp.md 3.5
 */
#ifndef HTTP_GETGMT_H
#define HTTP_GETGMT_H

#include "core/node/history.h"
#include "core/node/node.h"
#include "http/request.h"
#include "http/response.h"

/* Fill in rs: 200; 400 without a name or with a bad date; 404 where no history is kept; 503 when the
 * disk does not answer.
 * returns  ST_OK, ST_LIMIT (memory) */
enum status getgmt_serve(struct node *n, const struct request *rq, struct response *rs) NODISCARD;

/* One local day. */
struct getgmt_day {
	uint32_t date;                  /* YYYYMMDD */
	int64_t from_s, to_s;           /* Unix seconds; 23 to 25 hours */
};

/* The day of that date. false = there is none (the 31st of June). */
bool getgmt_day(struct getgmt_day *d, uint32_t date);

/* Append the page, or the JSON. yp: name of the yellow page; lang: "en" or "ja". ST_OK, ST_LIMIT. */
enum status getgmt_page(struct buf *out, const char *lang, const char *yp, const char *name,
	const struct getgmt_day *d, const struct history *h) NODISCARD;
enum status getgmt_json(struct buf *out, const char *name, const struct getgmt_day *d,
	const struct history *h) NODISCARD;

#endif

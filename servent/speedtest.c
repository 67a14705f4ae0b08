/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/speedtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"
#include "servent/app.h"
#include "servent/transfer.h"
#include "xml/yp4gin.h"

#ifdef HAVE_CURL

#define CHUNK ((size_t)64 << 10)        /* of what is sent, again and again */

static enum status failed(struct speedtest *r, const char *why)
{
	r->status = SPEED_ERROR;
	(void)text_clean(r->why, sizeof(r->why), why, strlen(why));
	return ST_OK;
}

/* Ask for the document. r tells what it says, y the rest; near: it came from our own network. */
static enum status ask(struct servent *sv, struct speedtest *r, struct yp4gin *y, bool *near)
{
	struct transfer t;
	CURLcode rc = CURLE_OK;
	enum status st = transfer_init(&t, sv->sm, r->url, SPEEDTEST_ASK, YP4G_MAX, 3, false);
	const char *why;
	long http;

	if (st != ST_OK)
		return failed(r, curl_missing() != NULL ? curl_missing() : "out of memory");
	st = transfer_run(&t, &sv->mbox, &rc);
	if (st == ST_OK) {
		const char *got = t.body.p != NULL ? (const char *)t.body.p : "";

		why = transfer_fault(&t, rc, &http);
		(void)text_clean(r->xml, sizeof(r->xml), got, t.body.len);
		if (why != NULL)
			(void)failed(r, why);
		else if (http != 200)
			(void)failed(r, "the server does not answer with a document");
		else if (yp4g_parse(got, t.body.len, y) != ST_OK)
			(void)failed(r, "this is no yp4g.xml");
		else
			r->status = SPEED_OK;
		*near = t.near;
	}
	transfer_fini(&t);
	return st;
}

/* Random bytes, so that nobody on the way can make them fewer. */
struct upload {
	uint8_t *chunk;
	size_t left;
};

static size_t on_read(char *p, size_t size, size_t n, void *ctx)
{
	struct upload *u = ctx;
	const size_t take = MIN(MIN(size * n, u->left), CHUNK);

	memcpy(p, u->chunk, take);
	u->left -= take;
	return take;
}

static bool set_up(struct transfer *t, struct upload *u)
{
	const struct curl_api *c = t->curl;
	bool ok = c->easy_setopt(t->easy, CURLOPT_POST, 1L) == CURLE_OK;

	ok = c->easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)u->left) == CURLE_OK && ok;
	ok = c->easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK && ok;
	ok = c->easy_setopt(t->easy, CURLOPT_READDATA, u) == CURLE_OK && ok;
	transfer_header(t, "Content-Type", "application/octet-stream");
	transfer_header(t, "Expect", "");       /* old servers do not know it */
	return ok;
}

/* Send what the document asks for. 302 is how such a server says thanks. */
static enum status send_test(struct servent *sv, struct speedtest *r, const struct yp4gin *y, bool near)
{
	const bool bare6 = strchr(y->addr, ':') != NULL && y->addr[0] != '[';
	struct upload u = { .left = (size_t)y->post_size * 1000 };
	char url[2 * TEXT_MAX + 32];
	struct transfer t;
	CURLcode rc = CURLE_OK;
	enum status st;
	const char *why;
	long http;

	(void)snprintf(url, sizeof(url), "http://%s%s%s:%u%s", bare6 ? "[" : "", y->addr, bare6 ? "]" : "",
		y->port, y->object);
	u.chunk = malloc(CHUNK);
	if (u.chunk == NULL || transfer_init(&t, sv->sm, url, SPEEDTEST_SEND, YP4G_MAX, 0, !near) != ST_OK) {
		free(u.chunk);
		return failed(r, "out of memory");
	}
	rng_bytes(u.chunk, CHUNK);
	if (set_up(&t, &u)) {
		st = transfer_run(&t, &sv->mbox, &rc);
		why = st == ST_OK ? transfer_fault(&t, rc, &http) : NULL;
		if (why != NULL)
			(void)failed(r, why);
		else if (st == ST_OK && http != 302)
			(void)failed(r, "the server does not take the test");
	} else {
		st = failed(r, "out of memory");
	}
	transfer_fini(&t);
	free(u.chunk);
	return st;
}

static void take(struct speedtest *r, const struct yp4gin *y)
{
	(void)text_copy(r->name, sizeof(r->name), y->name);
	r->speed_kbps = y->speed_kbps;
	r->over = y->over;
	r->checkable = y->checkable;
	r->port_open = y->port_open;
}

static enum status test(struct servent *sv, struct speedtest *r, bool send)
{
	struct yp4gin y = { .port = 0 };
	bool near = false;
	enum status st = ask(sv, r, &y, &near);

	if (st != ST_OK || r->status != SPEED_OK)
		return st;
	take(r, &y);
	if (!send)
		return ST_OK;
	if (!y.checkable || !y.enabled)
		return failed(r, "it does not test us now");
	if (y.post_size == 0 || y.post_size > SPEEDTEST_POST)
		return failed(r, "it wants more than is sensible");
	st = send_test(sv, r, &y, near);
	if (st != ST_OK || r->status != SPEED_OK)
		return st;
	/* what came of it */
	st = ask(sv, r, &y, &near);
	if (st == ST_OK && r->status == SPEED_OK)
		take(r, &y);
	return st;
}

/* One at a time: two would measure each other. */
static bool begin(struct app *a)
{
	bool may;

	app_lock(a);
	may = !a->speedtesting;
	a->speedtesting = true;
	app_unlock(a);
	return may;
}

enum status speedtest_run(struct node *n, struct servent *sv, const char *url, bool send)
{
	struct app *a = app_of(n);
	struct speedtest r;
	enum status st;

	if (!begin(a))
		return ST_LIMIT;
	memset(&r, 0, sizeof(r));
	(void)text_copy(r.url, sizeof(r.url), url);
	st = test(sv, &r, send);
	if (st == ST_OK) {
		log_info("speed test %s: %s%s%s, %u kbit/s", url, speedstatus_str(r.status),
			r.why[0] != '\0' ? ": " : "", r.why, r.speed_kbps);
		speedtests_put(&n->speedtests, &r);
	}
	app_lock(a);
	a->speedtesting = false;
	app_unlock(a);
	return st;
}

#else

#include "servent/curl.h"

enum status speedtest_run(struct node *n, struct servent *sv, const char *url, bool send)
{
	struct speedtest r;

	(void)sv;
	(void)send;
	memset(&r, 0, sizeof(r));
	(void)text_copy(r.url, sizeof(r.url), url);
	r.status = SPEED_ERROR;
	(void)text_copy(r.why, sizeof(r.why), curl_missing());
	speedtests_put(&n->speedtests, &r);
	return ST_OK;
}

#endif

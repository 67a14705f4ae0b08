/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/transfer.h"

#ifdef HAVE_CURL

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/node/node.h"
#include "core/sys/host.h"
#include "core/sys/text.h"

#define CONNECT_TIME (5 * NSEC_PER_SEC)

/* The socket for an address libcurl wants to connect to; CURL_SOCKET_BAD refuses it. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct host h = host_from_sockaddr(&a->addr);
	struct transfer *t = ctx;
	const bool near = servmgr_is_near(t->sm, &h);

	(void)purpose;
	if (!t->known)
		t->near = near;
	t->known = true;
	if (near && !t->near) {
		t->astray = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)size;                     /* 1, says libcurl */
	buf_put(&t->body, p, n);
	return t->body.err == ST_OK ? n : 0;
}

static bool set_schemes(const struct curl_api *curl, CURL *h)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	/* the library at run time may be older than the headers */
	if (curl->easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK)
		return curl->easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
#endif
	/* the same by number, which newer headers call deprecated */
	return curl->easy_setopt(h, (CURLoption)181, 3L) == CURLE_OK &&
	       curl->easy_setopt(h, (CURLoption)182, 3L) == CURLE_OK;
}

static bool set_up(struct transfer *t, const char *url, nsec time, size_t max, long redirects)
{
	const struct curl_api *c = t->curl;
	CURL *h = t->easy;
	bool ok = set_schemes(c, h);

	ok = c->easy_setopt(h, CURLOPT_URL, url) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_MAXREDIRS, redirects) == CURLE_OK && ok;
	/* 0 would be for ever */
	ok = c->easy_setopt(h, CURLOPT_TIMEOUT_MS, MAX((long)(time / NSEC_PER_MSEC), 1L)) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)(CONNECT_TIME / NSEC_PER_MSEC)) ==
		CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_MAXFILESIZE, (long)max) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_WRITEDATA, t) == CURLE_OK && ok;
	ok = c->easy_setopt(h, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK && ok;
	/* these may be missing: answers come uncompressed then, and a slow name server holds up our end */
	(void)c->easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "");
	(void)c->easy_setopt(h, CURLOPT_USERAGENT, NODE_AGENT);
#if LIBCURL_VERSION_NUM >= 0x075700
	(void)c->easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
#endif
	return ok;
}

enum status transfer_init(struct transfer *t, struct servmgr *sm, const char *url, nsec time, size_t max,
	long redirects, bool far)
{
	memset(t, 0, sizeof(*t));
	t->sm = sm;
	t->known = far;
	t->curl = curl_api();
	if (t->curl == NULL)
		return ST_LIMIT;
	buf_init(&t->body, max);
	t->easy = t->curl->easy_init();
	if (t->easy != NULL && set_up(t, url, time, max, redirects))
		return ST_OK;
	transfer_fini(t);
	return ST_LIMIT;
}

void transfer_fini(struct transfer *t)
{
	if (t->curl == NULL)
		return;
	if (t->easy != NULL)
		t->curl->easy_cleanup(t->easy);
	t->easy = NULL;
	t->curl->slist_free_all(t->headers);
	t->headers = NULL;
	buf_fini(&t->body);
}

void transfer_header(struct transfer *t, const char *name, const char *value)
{
	char line[512];
	struct curl_slist *more;

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	more = t->curl->slist_append(t->headers, line);
	if (more == NULL)
		return;
	t->headers = more;
	(void)t->curl->easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

bool transfer_take_header(const char *line, size_t n, const char *name, char *dst, size_t cap)
{
	const size_t len = strlen(name);

	if (n <= len || line[len] != ':' || ascii_ncasecmp(line, name, len) != 0)
		return false;
	line += len + 1;
	n -= len + 1;
	while (n > 0 && ascii_isspace((uint8_t)line[0])) {
		line++;
		n--;
	}
	while (n > 0 && ascii_isspace((uint8_t)line[n - 1]))
		n--;
	/* one cut short, or with bytes that are none of a header's, would only mislead */
	if (n >= cap || !text_is_clean(line, n))
		return false;
	memcpy(dst, line, n);
	dst[n] = '\0';
	return true;
}

const char *transfer_fault(struct transfer *t, CURLcode rc, long *http)
{
	*http = 0;
	(void)t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, http);
	if (t->astray)
		return "it leads into our own network";
	if (t->body.err != ST_OK || rc == CURLE_FILESIZE_EXCEEDED)
		return "the answer is too long";
	if (rc != CURLE_OK)
		return t->error[0] != '\0' ? t->error : t->curl->easy_strerror(rc);
	return NULL;
}

enum status transfer_run(struct transfer *t, struct mbox *mb, CURLcode *rc)
{
	struct curl_waitfd wake = { .events = CURL_WAIT_POLLIN };
	enum status st = ST_LIMIT;
	int running = 1, left;
	CURLM *multi;

	if (mbox_ready(mb) != ST_OK)
		return mbox_is_stopped(mb) ? ST_STOPPED : ST_LIMIT;
	wake.fd = mb->efd;
	multi = t->curl->multi_init();
	if (multi == NULL || t->curl->multi_add_handle(multi, t->easy) != CURLM_OK)
		goto out;
	while (!mbox_is_stopped(mb)) {
		const CURLMsg *m;

		if (t->curl->multi_perform(multi, &running) != CURLM_OK)
			break;
		m = t->curl->multi_info_read(multi, &left);
		if (m != NULL && m->msg == CURLMSG_DONE) {
			*rc = m->data.result;
			st = ST_OK;
			break;
		}
		/* libcurl's own timers end it sooner */
		if (running == 0 || t->curl->multi_poll(multi, &wake, 1, 60 * 1000, NULL) != CURLM_OK)
			break;
		if (wake.revents != 0)
			mbox_drain(mb);
	}
	if (mbox_is_stopped(mb))
		st = ST_STOPPED;
	(void)t->curl->multi_remove_handle(multi, t->easy);
out:
	if (multi != NULL)
		(void)t->curl->multi_cleanup(multi);
	return st;
}

#endif

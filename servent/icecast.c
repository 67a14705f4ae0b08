/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Icecast and SHOUTcast encoders: SOURCE or PUT to a mount point, or a password as the first line.
 *
 * A mount point is what the encoder's stream is known by, whatever its name says; a SHOUTcast encoder has
 * none, its stream goes by its name.
 *
 * source   http.md 5.3, 5.4; media.md 2.4
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/auth.h"
#include "http/encoder.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/handshake.h"
#include "servent/intake.h"

#define ICECAST_IDLE (60 * NSEC_PER_SEC)        /* a pause between two records (media.md 2.4.2) */

static enum status say(struct servent *sv, const char *text)
{
	return sock_write(&sv->sock, text, strlen(text), clk_deadline(HTTP_WRITE_DEADLINE));
}

static void refuse(struct servent *sv, const char *who, int status, const char *why)
{
	struct response rs;

	log_peer(LOG_INFO, &sv->peer, "%s: refused with %d%s%s", who, status, why != NULL ? ": " : "",
	         why != NULL ? why : "");
	if (status != 401) {
		handshake_error(sv, status, why);
		return;
	}
	response_init(&rs, 4096);
	response_error(&rs, 401, NULL);
	rs.realm = "PeerCast";
	if (response_send(&sv->sock, &rs, false, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(&sv->sock);
	response_fini(&rs);
}

/* 0, or the status to refuse it with. */
static int may_send(struct app *a, struct servent *sv, const struct request *rq, const char *password)
{
	if (!http_allowed(&a->node, sv, ALLOW_BROADCAST))
		return 503;
	if (auth_cross_site(rq, AUTH_SITE) != NULL)
		return 403;
	switch (auth_source(&a->node, sv, rq, password)) {
	case AUTH_OK:
		break;
	case AUTH_TOO_MANY:
		return 429;
	case AUTH_MISSING:
	case AUTH_WRONG:
		return 401;
	}
	return 0;
}

/* What the headers say of the channel, and the words they do not have. NULL = out of memory. */
static NOINLINE struct chanmeta *describe(struct app *a, const struct request *rq, const char *type)
{
	struct chanmeta *m = calloc(1, sizeof(*m));
	const struct settings *set;

	if (m == NULL)
		return NULL;
	set = conf_get(a->node.conf);
	(void)text_copy(m->text[CT_COMMENT], TEXT_MAX, set->broadcast_msg);
	settings_unref(&set);
	(void)chanmeta_set_type(m, type);
	encoder_headers(rq, m);
	return m;
}

/* Everything is said: tell the encoder to go on, and read. */
static void begin(struct app *a, struct servent *sv, const struct request *rq, struct intake *in,
	const char *hello)
{
	if (hello[0] != '\0' && say(sv, hello) != ST_OK)
		return;
	in->chunked = rq->chunked;
	in->length = rq->has_length ? rq->length : 0;
	in->idle = ICECAST_IDLE;
	in->knows_password = true;
	if (intake_start(a, &sv->sock, in) != ST_OK && in->answers)
		intake_answer(&sv->sock, 503, NULL);
}

static void icecast(struct app *a, struct servent *sv, const struct request *rq, const char *password,
	struct intake *in, const char *hello)
{
	const int status = may_send(a, sv, rq, password);
	struct chanmeta *m;

	in->name = "icecast";
	in->kind = CHAN_SRC_ICECAST;
	if (status != 0) {
		refuse(sv, in->name, status, NULL);
		return;
	}
	m = describe(a, rq, "UNKNOWN");
	if (m == NULL) {
		refuse(sv, in->name, 503, NULL);
	} else if (!encoder_is_named(m)) {
		refuse(sv, in->name, 400, "name missing (ice-name)");
	} else if (rq->method == HTTP_PUT && rq->has_length && rq->length == 0) {
		intake_answer(&sv->sock, 200, NULL);    /* tries the door, and waits */
	} else {
		in->meta = m;
		begin(a, sv, rq, in, hello);
	}
	free(m);
}

void icecast_run(struct app *a, struct servent *sv, const char *line, struct request *rq, nsec deadline)
{
	struct source_line l;
	const bool ok = source_line_parse(&l, line);
	struct intake in = { .mount = l.mount };
	char hello[80] = "";

	thr_rename("icecast");
	if (http_read_headers(&sv->sock, rq, deadline) != ST_OK) {
		if (rq->fault != 0)
			refuse(sv, "icecast", rq->fault, rq->why);
	} else if (!ok) {
		refuse(sv, "icecast", 400, "no mount point");
	} else {
		(void)text_copy(hello, sizeof(hello), !l.http ? "OK\r\n" : rq->expects ?
			"HTTP/1.1 100 Continue\r\n\r\n" : "HTTP/1.0 200 OK\r\n\r\n");
		in.answers = l.http && rq->expects;
		icecast(a, sv, rq, l.has_password ? l.password : NULL, &in, hello);
	}
	explicit_bzero(&l, sizeof(l));
}

void icecast_options(struct servent *sv, struct request *rq, nsec deadline)
{
	struct response rs;

	if (http_read_headers(&sv->sock, rq, deadline) != ST_OK) {
		if (rq->fault != 0)
			handshake_error(sv, rq->fault, rq->why);
		return;
	}
	response_init(&rs, 4096);
	rs.status = 204;
	response_header(&rs, "Allow", "GET, HEAD, POST, PUT, SOURCE, OPTIONS");
	if (response_send(&sv->sock, &rs, false, clk_deadline(HTTP_WRITE_DEADLINE)) == ST_OK)
		http_drain(&sv->sock);
	response_fini(&rs);
}

void icecast_put(struct app *a, struct servent *sv, struct request *rq)
{
	char mount[TEXT_MAX];
	struct intake in = { .mount = mount, .answers = true };

	thr_rename("icecast");
	if (!encoder_mount(mount, rq->path, strlen(rq->path)))
		refuse(sv, "icecast", 400, "no mount point");
	else
		icecast(a, sv, rq, NULL, &in, rq->expects ? "HTTP/1.1 100 Continue\r\n\r\n" : "");
}

void shoutcast_run(struct app *a, struct servent *sv, struct request *rq, nsec deadline)
{
	struct intake in = { .name = "shoutcast", .kind = CHAN_SRC_SHOUTCAST, .mount = "" };
	struct chanmeta *m = NULL;

	thr_rename("shoutcast");
	if (!http_allowed(&a->node, sv, ALLOW_BROADCAST)) {
		refuse(sv, in.name, 503, NULL);
		return;
	}
	if (say(sv, "OK2\r\nicy-caps:11\r\n\r\n") != ST_OK)
		return;
	if (http_read_headers(&sv->sock, rq, deadline) != ST_OK) {
		if (rq->fault != 0)
			refuse(sv, in.name, rq->fault, rq->why);
		return;
	}
	m = describe(a, rq, "MP3");
	if (m == NULL) {
		refuse(sv, in.name, 503, NULL);
	} else if (!encoder_is_named(m)) {
		refuse(sv, in.name, 400, "name missing (icy-name)");
	} else {
		in.meta = m;
		begin(a, sv, rq, &in, "OK\r\n");
	}
	free(m);
}

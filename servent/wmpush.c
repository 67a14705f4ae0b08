/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows Media Encoder, and what speaks like it: one POST that asks, one that sends, on one connection.
 * source   http.md 5.2; media.md 2.3
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
#include "servent/source.h"

#define SETUP_BODY 65536
#define SETUP_TIME (30 * NSEC_PER_SEC)          /* for the request that follows */
#define SETUPS     4                            /* some ask more than once */

static const char setup_type[] = "application/x-wms-pushsetup";
static const char start_type[] = "application/x-wms-pushstart";

static bool type_is(const struct request *rq, const char *type)
{
	const char *value = request_header(rq, "Content-Type");
	const size_t n = strlen(type);

	return value != NULL && ascii_ncasecmp(value, type, n) == 0 && strchr("; \t", value[n]) != NULL;
}

bool wmpush_is(const struct request *rq)
{
	return type_is(rq, setup_type) || type_is(rq, start_type);
}

static void refuse(struct servent *sv, int status, const char *why)
{
	log_peer(LOG_INFO, &sv->peer, "wmpush: refused with %d%s%s", status, why != NULL ? ": " : "",
	         why != NULL ? why : "");
	handshake_error(sv, status, status == 403 ? NULL : why);
}

/* What the asking request brings is of no use to us. */
static enum status read_away(struct servent *sv, struct request *rq)
{
	struct buf body;
	enum status st;

	if (!rq->chunked && (!rq->has_length || rq->length == 0))
		return ST_OK;
	buf_init(&body, SETUP_BODY);
	st = http_read_body(&sv->sock, rq, &body, clk_deadline(SETUP_TIME));
	buf_fini(&body);
	return st;
}

static enum status next_request(struct servent *sv, struct request *rq)
{
	nsec deadline = clk_deadline(SETUP_TIME);
	char *line = malloc(HTTP_LINE_MAX + 2);
	enum status st = line != NULL ? ST_OK : ST_LIMIT;

	request_fini(rq);
	request_init(rq);
	if (st == ST_OK)
		st = sock_read_line(&sv->sock, line, HTTP_LINE_MAX + 2, deadline);
	if (st == ST_OK)
		st = http_read_head(&sv->sock, line, rq, deadline);
	free(line);
	return st;
}

/* Until the encoder says that it sends; false: it was told why not, or has gone. */
static bool set_up(struct servent *sv, struct request *rq)
{
	static const char go_on[] =
		"HTTP/1.1 204 No Content\r\n"
		"Server: Cougar/9.01.01.3814\r\n"
		"Cache-Control: no-cache\r\n"
		"Supported: com.microsoft.wm.srvppair, com.microsoft.wm.sswitch, com.microsoft.wm.predstrm, "
		"com.microsoft.wm.fastcache, com.microsoft.wm.startupprofile\r\n"
		"Content-Length: 0\r\n"
		"Connection: Keep-Alive\r\n\r\n";
	enum status st = ST_OK;
	int n = 0;

	while (st == ST_OK && !type_is(rq, start_type)) {
		if (rq->method != HTTP_POST || !type_is(rq, setup_type) || n++ == SETUPS) {
			refuse(sv, 400, "no push follows");
			return false;
		}
		st = read_away(sv, rq);
		if (st == ST_OK)
			st = sock_write(&sv->sock, go_on, sizeof(go_on) - 1,
				clk_deadline(HTTP_WRITE_DEADLINE));
		if (st == ST_OK)
			st = next_request(sv, rq);
	}
	if (st != ST_OK && rq->fault != 0)
		refuse(sv, rq->fault, rq->why);
	return st == ST_OK;
}

void wmpush_run(struct app *a, struct servent *sv, struct request *rq)
{
	struct intake in = { .name = "wmpush", .kind = CHAN_SRC_HTTPPUSH, .mount = "", .idle = SOURCE_IDLE };
	const char *site = auth_push_site(&a->node, rq);
	const struct settings *set;
	struct chanmeta *m = NULL;

	thr_rename("wmpush");
	if (!node_is_private(&a->node, &sv->peer) || !http_allowed(&a->node, sv, ALLOW_BROADCAST)) {
		refuse(sv, 403, "not a private address");
		return;
	}
	if (site != NULL) {
		refuse(sv, 403, site);
		return;
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		refuse(sv, 503, NULL);
		return;
	}
	encoder_wm_path(rq->target, m);
	(void)chanmeta_set_type(m, "WMV");
	set = conf_get(a->node.conf);
	(void)text_copy(m->text[CT_COMMENT], TEXT_MAX, set->broadcast_msg);
	settings_unref(&set);
	if (!encoder_is_named(m)) {
		refuse(sv, 400, "name missing");
	} else if (set_up(sv, rq)) {
		/* its Content-Length is the largest number it knows */
		in.chunked = rq->chunked;
		in.meta = m;
		if (intake_start(a, &sv->sock, &in) != ST_OK)
			refuse(sv, 503, NULL);
	}
	free(m);
}

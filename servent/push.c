/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP push: an encoder sends a container as the body of POST /?name=...
 *
 * Nothing is answered before the body ends, except to refuse it: encoders accept both, but some stop
 * sending on an early answer (media.md 2.1.1).
 * source   media.md 2.1, 2.2, 9.1; http.md 5.1
 */
#include "servent/conn.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/auth.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/intake.h"
#include "servent/source.h"

static void query_text(const struct request *rq, const char *key, char *dst)
{
	char raw[HTTP_VALUE_MAX];

	dst[0] = '\0';
	if (query_get(rq->query, key, raw, sizeof(raw)))
		(void)text_clean(dst, TEXT_MAX, raw, strlen(raw));
}

/* What the request says of the channel; false without a name. */
static NOINLINE bool read_query(struct app *a, const struct request *rq, struct chanmeta *m, bool *v6)
{
	const struct settings *set = conf_get(a->node.conf);
	const char *mime = request_header(rq, "Content-Type"), *type = NULL;
	char text[TEXT_MAX];

	memset(m, 0, sizeof(*m));
	query_text(rq, "name", m->text[CT_NAME]);
	query_text(rq, "genre", m->text[CT_GENRE]);
	query_text(rq, "desc", m->text[CT_DESC]);
	query_text(rq, "url", m->text[CT_URL]);
	query_text(rq, "comment", m->text[CT_COMMENT]);
	if (m->text[CT_COMMENT][0] == '\0')
		(void)text_copy(m->text[CT_COMMENT], TEXT_MAX, set->broadcast_msg);
	settings_unref(&set);
	query_text(rq, "bitrate", text);
	if (!num_u32(text, 0, BITRATE_MAX_KBPS, &m->bitrate_kbps))
		m->bitrate_kbps = 0;
	query_text(rq, "ipv", text);
	*v6 = strcmp(text, "6") == 0;
	query_text(rq, "announce", text);
	m->silent = strcmp(text, "0") == 0;
	query_text(rq, "type", text);
	if (!chanmeta_set_type(m, text) && mime != NULL)
		type = chantype_of_mime(mime);
	if (type != NULL)
		(void)chanmeta_set_type(m, type);
	return m->text[CT_NAME][0] != '\0';
}

void push_run(struct app *a, struct servent *sv, struct request *rq)
{
	struct chanmeta *m = malloc(sizeof(*m));
	struct intake in = {
		.name = "push", .kind = CHAN_SRC_HTTPPUSH, .meta = m, .mount = "", .chunked = rq->chunked,
		.length = rq->has_length ? rq->length : 0, .idle = SOURCE_IDLE, .answers = true,
	};
	const char *site = auth_push_site(&a->node, rq), *why = NULL;
	int status = 0;

	if (m == NULL) {
		status = 503;
	} else if (!node_is_private(&a->node, &sv->peer) || !http_allowed(&a->node, sv, ALLOW_BROADCAST)) {
		status = 403;
		why = "not a private address";
	} else if (site != NULL) {
		status = 403;
		why = site;
	} else if (!read_query(a, rq, m, &in.v6)) {
		status = 400;
		why = "name missing";
	}
	if (status == 0 && http_go_on(&sv->sock, rq, clk_deadline(HTTP_WRITE_DEADLINE)) != ST_OK)
		goto out;
	if (status == 0 && intake_start(a, &sv->sock, &in) != ST_OK)
		status = 503;
	if (status != 0) {
		log_peer(LOG_INFO, &sv->peer, "push: refused with %d%s%s", status, why != NULL ? ": " : "",
		         why != NULL ? why : "");
		intake_answer(&sv->sock, status, status == 403 ? NULL : why);
	}
out:
	free(m);
}

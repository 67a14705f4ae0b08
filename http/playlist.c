/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/playlist.h"

#include <string.h>

#include "core/sys/lock.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/target.h"

#define TIP_TIME (5 * NSEC_PER_SEC)     /* to look a name up */

/* Who waits for a relay to play. */
struct waits {
	struct mtx mtx;                                         /* lk_leaf */
	struct host who[PLAYLIST_WAITING] GUARDED_BY(lk_leaf);  /* host_subscriber(); unset = a free place */
};

static struct waits waits = { .mtx = MTX_INIT(lk_leaf) };

LOCK_DEFINE(waits, struct waits, mtx, lk_leaf)

enum playlist playlist_kind(const struct chaninfo *info, const char *name)
{
	const char *type = info->text[CT_TYPE];

	if (strcmp(name, "asx") == 0)
		return PLAYLIST_ASX;
	if (strcmp(name, "m3u") == 0)
		return PLAYLIST_M3U;
	if (strcmp(type, "WMV") == 0 || strcmp(type, "WMA") == 0)
		return PLAYLIST_ASX;
	return strcmp(type, "OGM") == 0 ? PLAYLIST_RAM : PLAYLIST_M3U;
}

const char *playlist_mime(enum playlist kind)
{
	static const char *const mimes[] = {
		[PLAYLIST_M3U] = "audio/x-mpegurl", [PLAYLIST_ASX] = "video/x-ms-asf",
		[PLAYLIST_RAM] = "audio/x-pn-realaudio",
	};

	return mimes[kind];
}

/* The extension may come from the network: a dot and letters, or nothing. */
static const char *safe_ext(const struct chaninfo *info)
{
	const char *ext = chaninfo_ext(info), *c;

	if (ext[0] != '.')
		return "";
	for (c = ext + 1; *c != '\0'; c++)
		if (!ascii_isalnum((uint8_t)*c))
			return "";
	return ext;
}

static void put_url(struct buf *out, const char *scheme, const char *host,
	const struct chaninfo *info, const char *token)
{
	char id[GNUID_STRLEN];

	buf_printf(out, "%s://%s/stream/%s%s?auth=%s", scheme, host, gnuid_str(&info->id, id),
		safe_ext(info), token);
}

static bool is_wmv(const struct chaninfo *info)
{
	return strcmp(info->text[CT_TYPE], "WMV") == 0 || strcmp(info->text[CT_TYPE], "WMA") == 0;
}

void playlist_body(struct buf *out, enum playlist kind, const char *scheme, const char *host,
	const struct chaninfo *info, const char *token, const char *wmv)
{
	switch (kind) {
	case PLAYLIST_M3U:
	case PLAYLIST_RAM:
		put_url(out, scheme, host, info, token);
		buf_puts(out, "\r\n");
		break;
	case PLAYLIST_ASX:
		/* Host, id, extension and token are plain characters: nothing needs escaping. */
		buf_puts(out, "<ASX Version=\"3.0\">\r\n<ENTRY>\r\n<REF href=\"");
		put_url(out, wmv != NULL && is_wmv(info) ? wmv : scheme, host, info, token);
		buf_puts(out, "\" />\r\n</ENTRY>\r\n</ASX>\r\n");
		break;
	}
}

/* Whom the player should ask: the name it used to reach us, else our address as it sees it. */
static void host_of(
	struct node *n, struct servent *sv, const struct request *rq, char *dst, size_t cap)
{
	const char *host = request_header(rq, "Host");
	char text[HOST_STRLEN];
	struct host h;
	struct own own;

	if (host != NULL && auth_host_is_valid(host) && text_copy(dst, cap, host)) {
		dst[strcspn(dst, " \t")] = '\0';
		return;
	}
	servmgr_own(n->sm, &own);
	h = sock_local(sv->sock.fd);
	if (!sv->local && host_is_global(&sv->peer)) {
		const struct host *global = &own.global[!host_is_v4(&sv->peer)];

		if (host_is_set(global))
			h = *global;
	}
	h.port = own.port;
	text_copy(dst, cap, host_str(&h, text));
}

/* The channel, referenced, started when allowed. NULL with *status: the answer. */
static struct chan *find(struct node *n, struct servent *sv, const struct request *rq,
	const struct stream_target *t, int *status)
{
	bool may_start = rq->method == HTTP_GET && http_target_may_start(n, sv, t);
	struct chan *c = http_target_find(n, t, http_is_home(n, sv));
	struct host tip;
	bool has_tip;

	*status = 404;
	if (c != NULL && chan_is_playing(c))
		return c;
	if (!may_start) {
		if (c != NULL ||
			(t->has_id && (t->tip[0] != '\0' || chanmgr_list_exists(n->cm, &t->id))))
			*status = 503;
		chan_unref(&c);
		return NULL;
	}
	chan_unref(&c);
	has_tip = http_target_tip(n, sv, t, &tip, clk_deadline(TIP_TIME));
	if (n->ops.relay_start(n, &t->id, has_tip ? &tip : NULL, &c) != ST_OK) {
		*status = 503;
		return NULL;
	}
	return c;
}

/* A place to wait in; PLAYLIST_WAITING = there is none. */
static size_t wait_begin(const struct servent *sv)
{
	const struct host who = host_subscriber(&sv->peer);
	size_t place = PLAYLIST_WAITING, same = 0;

	waits_lock(&waits);
	for (size_t i = 0; i < PLAYLIST_WAITING; i++)
		if (!host_is_set(&waits.who[i]))
			place = i;
		else if (host_same_ip(&waits.who[i], &who))
			same++;
	if (same >= PLAYLIST_WAITING_EACH && !sv->local)
		place = PLAYLIST_WAITING;
	if (place < PLAYLIST_WAITING)
		waits.who[place] = who;
	waits_unlock(&waits);
	return place;
}

static void wait_end(size_t place)
{
	waits_lock(&waits);
	waits.who[place] = (struct host){ .port = 0 };
	waits_unlock(&waits);
}

/* Wait for it to play: 0, or the status to answer; -1 when we are told to stop. */
static int wait_for(struct chan *c, struct servent *sv)
{
	enum status st;
	size_t place;

	if (chan_is_playing(c))
		return 0;
	place = wait_begin(sv);
	if (place == PLAYLIST_WAITING)
		return 503;
	st = chan_wait_head(c, &sv->mbox, clk_deadline(PLAYLIST_WAIT));
	wait_end(place);
	if (st == ST_STOPPED)
		return mbox_is_stopped(&sv->mbox) ? -1 : 404;
	return st == ST_OK ? 0 : 504;
}

static const char *const schemes[] = {
	[WMVPROTO_HTTP] = "http", [WMVPROTO_MMS] = "mms", [WMVPROTO_MMSH] = "mmsh",
	[WMVPROTO_HTTPT] = "httpt", [WMVPROTO_HTTPU] = "httpu", "https",
};

const char *playlist_wmv(enum wmvproto scheme)
{
	return schemes[scheme];
}

/* The one a player asked for by scheme=; NULL = none that we know. */
static const char *asked_scheme(const struct stream_target *t)
{
	for (size_t i = 0; i < NELEM(schemes); i++)
		if (strcmp(t->scheme, schemes[i]) == 0)
			return schemes[i];
	return NULL;
}

/* The scheme of WMV and WMA in an ASX; NULL = that of the others. VLC takes http:// for a file there,
 * whatever is answered, and gets nothing but its head. */
static const char *wmv_scheme(const struct settings *st, const struct request *rq)
{
	const char *agent = request_header(rq, "User-Agent");

	if (st->wmv_protocol != WMVPROTO_HTTP)
		return playlist_wmv(st->wmv_protocol);
	return agent != NULL && strncmp(agent, "VLC/", 4) == 0 && !rq->secure ? "mmsh" : NULL;
}

static void answer(struct node *n, struct servent *sv, const struct request *rq,
	const struct stream_target *t, struct chan *c, struct response *rs)
{
	const struct settings *st = conf_get(n->conf);
	struct chaninfo *info = chan_info(c);
	enum playlist kind = playlist_kind(info, t->pls);
	const char *scheme = asked_scheme(t), *wmv = scheme != NULL ? NULL : wmv_scheme(st, rq);
	char token[AUTH_TOKEN], host[300];
	struct own own;

	if (scheme == NULL)
		scheme = rq->secure ? "https" : "http";
	servmgr_own(n->sm, &own);
	auth_token(token, &own.bcid, &info->id);
	host_of(n, sv, rq, host, sizeof(host));
	rs->type = playlist_mime(kind);
	response_header(rs, "Content-Disposition", "inline");
	response_header(rs, "Cache-Control", "private");
	playlist_body(&rs->body, kind, scheme, host, info, token, wmv);
	chaninfo_unref(&info);
	settings_unref(&st);
}

#ifdef HAVE_AVFORMAT
#define HLS_MADE true
#else
#define HLS_MADE false
#endif

/* The playlist wanted is that of HLS, which is had elsewhere. */
static bool leads_to_hls(struct node *n, const struct stream_target *t, struct response *rs)
{
	const struct settings *st = conf_get(n->conf);
	const bool yes = HLS_MADE && st->hls && t->has_id &&
		(strcmp(t->ext, "m3u8") == 0 || strcmp(t->pls, "m3u8") == 0);
	char id[GNUID_STRLEN];
	struct buf to;

	settings_unref(&st);
	if (!yes)
		return false;
	buf_init(&to, 4096);
	buf_printf(&to, "/hls/%s", gnuid_str(&t->id, id));
	if (t->tip[0] != '\0') {
		buf_puts(&to, "?tip=");
		pct_encode(&to, t->tip);
	}
	if (t->auth[0] != '\0') {
		buf_puts(&to, t->tip[0] != '\0' ? "&auth=" : "?auth=");
		pct_encode(&to, t->auth);
	}
	response_header(rs, "Location", buf_cstr(&to));
	/* as long as the settings are what they are */
	response_header(rs, "Cache-Control", "no-store");
	rs->status = 301;
	buf_fini(&to);
	return true;
}

enum status playlist_serve(struct node *n, struct servent *sv, const struct request *rq,
	struct response *rs)
{
	struct stream_target t;
	struct chan *c = NULL;
	int status = 404;

	/* for the scripts of any page, whatever the answer */
	response_header(rs, "Access-Control-Allow-Origin", "*");
	if (http_target_parse(rq->target, &t) && (t.has_id || t.name[0] != '\0'))
		c = find(n, sv, rq, &t, &status);
	if (c != NULL)
		status = wait_for(c, sv);
	if (status == 0 && !leads_to_hls(n, &t, rs))
		answer(n, sv, rq, &t, c, rs);
	else if (status > 0)
		response_error(rs, status, NULL);
	chan_unref(&c);
	return status >= 0 ? ST_OK : ST_STOPPED;
}

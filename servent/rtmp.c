/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection of an encoder that publishes by RTMP. */
#include "servent/rtmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "core/media/rtmp.h"
#include "core/sys/log.h"
#include "http/request.h"
#include "http/response.h"
#include "http/target.h"
#include "servent/handshake.h"
#include "servent/intake.h"
#include "servent/source.h"

#define UNTIL_PUBLISH (15 * NSEC_PER_SEC)       /* from the connection on */
#define UNTIL_LOCAL   (30 * NSEC_PER_SEC)
#define SAY_DEADLINE  (10 * NSEC_PER_SEC)       /* for answers */
#define FIRST_READ    4096
#define READ          (64 * 1024)

struct publisher {
	struct app *app;
	struct servent *sv;             /* until it publishes */
	const char *door;               /* the key of its door, ""; until it publishes */
	struct rtmp *rtmp;
	nsec now;

	/* from publish on */
	bool listed;
	enum status st;                 /* how it went until the thread of the source has it */
	struct rtmp_pub pub;
	struct source src;
	struct sock sock;
	uint8_t *buf;
};

/* --- who may publish what ----------------------------------------------------------------------- */

/* Which of the keys, separated by commas, is it? -1 = none. The time it takes says nothing about them. */
static int key_index(const char *keys, const char *key)
{
	uint8_t want[SHA256_DIGEST_SIZE], got[SHA256_DIGEST_SIZE];
	struct sha256_ctx h;
	int found = -1;

	sha256_init(&h);
	sha256_update(&h, strlen(key), (const uint8_t *)key);
	sha256_digest(&h, sizeof(got), got);
	for (int i = 0; *keys != '\0'; i++) {
		size_t n;

		keys += strspn(keys, " \t");
		n = strcspn(keys, ",");
		while (n > 0 && (keys[n - 1] == ' ' || keys[n - 1] == '\t'))
			n--;
		sha256_update(&h, n, (const uint8_t *)keys);
		sha256_digest(&h, sizeof(want), want);
		if (memeql_sec(want, got, sizeof(want)) && n > 0)
			found = i;
		keys += strcspn(keys, ",");
		keys += *keys == ',';
	}
	return found;
}

/* "live/key?name=x": what stands behind the last '/' in front of the query. */
static void last_part(const char *path, char key[TEXT_MAX])
{
	const size_t end = strcspn(path, "?");
	size_t from = end;

	while (from > 0 && path[from - 1] != '/')
		from--;
	(void)pct_decode(key, TEXT_MAX, path + from, end - from, false);
}

static const char *query_of(const char *path)
{
	const char *q = strchr(path, '?');

	return q != NULL ? q + 1 : "";
}

/* A value from the stream's query, else from the application's: encoders have two fields for one address. */
static bool value(const char *app, const char *name, const char *key, char dst[TEXT_MAX])
{
	char raw[HTTP_VALUE_MAX];

	dst[0] = '\0';
	if (!query_get(query_of(name), key, raw, sizeof(raw)) &&
	    !query_get(query_of(app), key, raw, sizeof(raw)))
		return false;
	(void)text_clean(dst, TEXT_MAX, raw, strlen(raw));
	return true;
}

/* May it publish? NULL = yes, with the key in x->pub.key, and its number among ours in *index (-1: any is
 * good). */
static NOINLINE const char *check_key(struct publisher *x, const char *app, const char *name, int *index)
{
	const struct settings *set;
	char other[TEXT_MAX];
	bool keyed;

	*index = -1;
	if (!http_allowed(&x->app->node, x->sv, ALLOW_BROADCAST))
		return "Broadcasting is not allowed here.";
	last_part(name, x->pub.key);
	set = conf_get(x->app->node.conf);
	keyed = set->rtmp_key[0] != '\0';
	if (keyed) {
		*index = key_index(set->rtmp_key, x->pub.key);
		if (*index == -1 && value(app, name, "key", other)) {
			*index = key_index(set->rtmp_key, other);
			(void)text_copy(x->pub.key, sizeof(x->pub.key), other);
		}
	}
	settings_unref(&set);
	if (keyed)
		return *index == -1 ? "Wrong stream key." : NULL;
	return node_is_trusted(&x->app->node, &x->sv->peer) ? NULL :
		"From other machines the node takes only encoders with a key; none is set.";
}

/* A secret is no name for all to see: then it is the node's own. */
static void name_for(const struct publisher *x, int index, char dst[TEXT_MAX])
{
	const struct settings *set;

	if (index == -1) {
		(void)text_clean(dst, TEXT_MAX, x->pub.key, strlen(x->pub.key));
		return;
	}
	set = conf_get(x->app->node.conf);
	if (index == 0)
		(void)text_copy(dst, TEXT_MAX, set->server_name);
	else
		(void)snprintf(dst, TEXT_MAX, "%.200s %d", set->server_name, index + 1);
	settings_unref(&set);
}

static void read_fields(struct publisher *x, const char *app, const char *name, int index, struct chanmeta *m,
	bool *v6)
{
	static const struct {
		const char *key;
		enum chantext text;
	} fields[] = {
		{ "genre", CT_GENRE }, { "desc", CT_DESC }, { "url", CT_URL }, { "comment", CT_COMMENT },
	};
	const struct settings *set = conf_get(x->app->node.conf);
	char text[TEXT_MAX];

	memset(m, 0, sizeof(*m));
	*v6 = false;
	if (!value(app, name, "name", text) || text[0] == '\0') {
		if (!rtmpd_prepared(x->app->rtmp, x->pub.key, m, v6))
			name_for(x, index, m->text[CT_NAME]);
	} else {
		(void)text_copy(m->text[CT_NAME], TEXT_MAX, text);
	}
	for (size_t i = 0; i < NELEM(fields); i++)
		if (value(app, name, fields[i].key, text))
			(void)text_copy(m->text[fields[i].text], TEXT_MAX, text);
	if (m->text[CT_COMMENT][0] == '\0')
		(void)text_copy(m->text[CT_COMMENT], TEXT_MAX, set->broadcast_msg);
	if (value(app, name, "bitrate", text) && !num_u32(text, 0, BITRATE_MAX_KBPS, &m->bitrate_kbps))
		m->bitrate_kbps = 0;
	if (value(app, name, "ipv", text))
		*v6 = strcmp(text, "6") == 0;
	if (value(app, name, "announce", text))
		m->silent = strcmp(text, "0") == 0;
	(void)chanmeta_set_type(m, "FLV");
	settings_unref(&set);
}

/* Everything that is needed to take its stream. NULL = it may come. */
static NOINLINE const char *prepare(struct publisher *x, const char *app, const char *name, int index)
{
	struct chanmeta *m = malloc(sizeof(*m));
	const char *why = "The node has no room.";
	bool v6;

	x->buf = malloc(READ);
	if (m == NULL || x->buf == NULL)
		goto out;
	read_fields(x, app, name, index, m, &v6);
	if (m->text[CT_NAME][0] == '\0') {
		why = "The stream key is empty: it, or name=, says what the channel is called.";
		goto out;
	}
	if (source_init(&x->src, x->app, CHAN_SRC_RTMP, m, &x->sv->peer, v6) != ST_OK)
		goto out;
	x->src.knows_password = index != -1;
	if (x->pub.key[0] == '\0')
		(void)text_copy(x->pub.key, sizeof(x->pub.key), m->text[CT_NAME]);
	(void)text_copy(x->src.key, sizeof(x->src.key), x->pub.key);
	x->pub.mb = &x->src.mbox;
	x->listed = rtmpd_enter(x->app->rtmp, &x->pub);
	why = x->listed ? NULL : "Another encoder publishes with this key.";
	if (!x->listed) {
		source_fini(&x->src);
	} else {
		node_count(&x->app->node, NODE_RTMP_PUBLISHED);
		log_info("rtmp %s: publishes \"%s\"", host_str(&x->sv->peer, (char[HOST_STRLEN]){ 0 }),
		         m->text[CT_NAME]);
	}
out:
	free(m);
	return why;
}

static const char *on_publish(void *ctx, const char *app, const char *name)
{
	struct publisher *x = ctx;
	int index;
	const char *why = check_key(x, app, name, &index);

	if (x->door[0] != '\0')
		(void)text_copy(x->pub.key, sizeof(x->pub.key), x->door);
	return why != NULL ? why : prepare(x, app, name, index);
}

/* --- bytes -------------------------------------------------------------------------------------- */

static enum status on_flv(void *ctx, const void *p, size_t n)
{
	struct publisher *x = ctx;
	enum status st = source_feed(&x->src, p, n, x->now);

	atomic_store_explicit(&x->pub.heard, x->now, memory_order_relaxed);
	if (st == ST_OK && x->src.c != NULL && !gnuid_is_set(&x->pub.chan)) /* the thread alone writes it */
		rtmpd_set_chan(x->app->rtmp, &x->pub, chan_id(x->src.c));
	return st;
}

static const struct rtmp_ops ops = { on_publish, on_flv };

/* Send the answers there are; for want of memory the last one may be half of one. */
static enum status say(struct publisher *x, struct sock *s, nsec patience)
{
	struct buf *out = rtmp_out(x->rtmp);
	enum status st = out->err;

	if (st == ST_OK && out->len > 0 && s->fd != -1)
		st = sock_write(s, out->p, out->len, clk_deadline(patience));
	buf_reset(out);
	return st;
}

static enum status feed(struct publisher *x, struct sock *s, const uint8_t *p, size_t n)
{
	enum status st = rtmp_feed(x->rtmp, p, n);

	/* the last words are said elsewhere */
	return st == ST_OK ? say(x, s, SAY_DEADLINE) : st;
}

static enum status take(void *ctx, const uint8_t *p, size_t n, nsec now)
{
	struct publisher *x = ctx;

	x->now = now;
	/* words alone do not keep it */
	if (now - atomic_load_explicit(&x->pub.heard, memory_order_relaxed) >= SOURCE_IDLE)
		return ST_TIMEOUT;
	return feed(x, &x->sock, p, n);
}

/* Say what is left to be said, so that it arrives. */
static void close_after_words(struct publisher *x, struct sock *s)
{
	sock_deafen(s);
	if (say(x, s, GOODBYE) == ST_OK)
		http_drain(s);
	sock_close(s);
}

static const char *reason(const struct publisher *x, enum status st)
{
	if (x->listed && x->src.error[0] != '\0')
		return x->src.error;
	if (rtmp_error(x->rtmp)[0] != '\0')
		return rtmp_error(x->rtmp);
	return st == ST_STOPPED ? "stopped, or another encoder took over" :
		st == ST_TIMEOUT ? "silent for too long" : status_str(st);
}

static void publisher_free(struct publisher **xp)
{
	struct publisher *x = *xp;

	*xp = NULL;
	if (x->listed) {
		rtmpd_leave(x->app->rtmp, &x->pub);
		source_fini(&x->src);
	}
	rtmp_free(&x->rtmp);
	free(x->buf);
	free(x);
}

/* --- publishing --------------------------------------------------------------------------------- */

/* The source's thread: the servent's socket has moved here. */
static void publisher_task(struct app *a, void *arg)
{
	struct publisher *x = arg;
	char peer[HOST_STRLEN];
	enum status st = x->st;

	(void)a;
	host_str(&x->sock.peer, peer);
	if (st == ST_OK)
		st = intake_read(&(struct intake_read){
			.src = &x->src, .sock = &x->sock, .idle = SOURCE_IDLE, .take = take, .ctx = x,
			.buf = x->buf, .size = READ,
		});
	if (st == ST_EOF && x->src.c == NULL && media_end(x->src.media, clk_now()) != ST_OK)
		(void)text_copy(x->src.error, sizeof(x->src.error), media_error(x->src.media));
	if (st == ST_PROTO || st == ST_LIMIT || x->src.c == NULL)
		log_warn("rtmp %s: %s", peer, reason(x, st));
	if (st != ST_EOF && st != ST_SYS)
		rtmp_say_failed(x->rtmp, reason(x, st));
	rtmpd_over(x->app->rtmp, &x->pub);
	if (st == ST_STOPPED) {         /* the next encoder may wait for us */
		source_end(&x->src, st);
		source_let_go(&x->src);
	}
	close_after_words(x, &x->sock);
	rtmp_free(&x->rtmp);            /* the channel may wait for the next encoder */
	free(x->buf);
	x->buf = NULL;
	source_end(&x->src, st);
	publisher_free(&x);
}

/* Until it publishes. */
static enum status negotiate(struct publisher *x)
{
	const nsec deadline = clk_deadline(x->sv->local ? UNTIL_LOCAL : UNTIL_PUBLISH);
	uint8_t buf[FIRST_READ];
	enum status st = sock_fill(&x->sv->sock, deadline);
	size_t got;

	if (st == ST_OK && handshake_tls(x->app, x->sv, deadline) != ST_OK)
		return ST_EOF;          /* there is nobody to tell */
	while (st == ST_OK && !rtmp_is_publishing(x->rtmp)) {
		st = sock_read(&x->sv->sock, buf, sizeof(buf), &got, deadline);
		x->now = clk_now();
		if (st == ST_OK)
			st = feed(x, &x->sv->sock, buf, got);
	}
	return st;
}

static void serve(struct app *a, struct servent *sv, const char *door)
{
	struct publisher *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return;
	x->app = a;
	x->sv = sv;
	x->door = door;
	x->sock.fd = -1;
	x->rtmp = rtmp_new(&ops, x);
	if (x->rtmp == NULL) {
		publisher_free(&x);
		return;
	}
	x->st = negotiate(x);
	if (x->listed) {
		servent_settled(sv);
		x->sv = NULL;
		sock_move(&x->sock, &sv->sock, &x->src.mbox);
		if (app_task(a, "rtmp", publisher_task, x) != ST_OK)
			publisher_task(a, x);   /* then on this thread */
		return;
	}
	if (x->st != ST_EOF) {
		node_count(&a->node, NODE_RTMP_REFUSED);
		log_peer(LOG_INFO, &sv->peer, "rtmp %s: refused: %s",
		         host_str(&sv->peer, (char[HOST_STRLEN]){ 0 }), reason(x, x->st));
	}
	if (x->st != ST_SYS)
		close_after_words(x, &sv->sock);
	publisher_free(&x);
}

void rtmp_run(void *arg)
{
	struct rtmp_incoming in = *(struct rtmp_incoming *)arg;

	free(arg);
	servent_set_status(in.sv, SV_HANDSHAKE);
	servent_set_private(in.sv, node_is_private(&in.app->node, &in.sv->peer));
	serve(in.app, in.sv, in.key);
	servent_end(&in.sv);
}

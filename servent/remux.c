/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses which remuxer, and what they get of it (remux.h). The thread is in remuxrun.c. */
#include "servent/remux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"
#include "servent/avlib.h"
#include "servent/remuxrun.h"

const char *remux_format(const char *type)
{
	static const struct {
		const char *type, *format;
	} known[] = {
		{ "FLV", "flv" }, { "MKV", "matroska" }, { "WEBM", "matroska" }, { "TS", "mpegts" },
		{ "MP4", "mov" }, { "OGG", "ogg" }, { "OGM", "ogg" }, { "MP3", "mp3" }, { "AAC", "aac" },
	};

	for (size_t i = 0; i < NELEM(known); i++)
		if (ascii_casecmp(type, known[i].type) == 0)
			return known[i].format;
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------- */

struct remuxd *remuxd_new(struct app *a)
{
	struct remuxd *d = calloc(1, sizeof(*d));

	if (d != NULL) {
		d->app = a;
		mtx_init(&d->mtx, &lk_app);
	}
	return d;
}

void remuxd_stop(struct remuxd *d)
{
	struct remux *r;

	if (d == NULL)
		return;
	remuxd_lock(d);
	d->stopping = true;
	DL_FOREACH(d->list, r)
		mbox_stop(&r->mb);
	remuxd_unlock(d);
}

void remuxd_free(struct remuxd **dp) LOCK_IMPL /* the only thread left */
{
	struct remuxd *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	ASSERT(d->list == NULL);
	mtx_fini(&d->mtx);
	free(d);
}

static void destroy(struct remux *r)
{
	chan_unref(&r->c);
	hls_fini(&r->hls);
	mbox_fini(&r->mb);
	free(r);
}

void remux_unref(struct remuxd *d, struct remux **rp)
{
	struct remux *r = *rp;
	bool last;

	*rp = NULL;
	remuxd_lock(d);
	last = --r->refs == 0;
	remuxd_unlock(d);
	if (last)
		destroy(r);
}

static struct remux *new_for(struct chan *c)
{
	struct remux *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if (mbox_init(&r->mb) != ST_OK) {
		free(r);
		return NULL;
	}
	r->c = chan_ref(c);
	hls_init(&r->hls);
	r->refs = 1;
	return r;
}

/* One more user of it. */
static struct remux *use_locked(struct remux *r) REQUIRES(lk_app)
{
	r->users++;
	r->refs++;
	return r;
}

/* --- joining ------------------------------------------------------------------------------------ */

/* One of that channel that goes on. */
static struct remux *running_locked(struct remuxd *d, const struct chan *c) REQUIRES(lk_app)
{
	struct remux *r;

	DL_FOREACH(d->list, r)
		if (r->c == c && r->state != REMUX_ENDED)
			return r;
	return NULL;
}

static void say(int *status, char why[REMUX_WHY], int code, const char *text)
{
	*status = code;
	snprintf(why, REMUX_WHY, "%s", text);
}

/* Put a new one on the list, unless another thread has. NULL: status and why say it. */
static struct remux *list_new(struct remuxd *d, struct remux *r, int *status, char why[REMUX_WHY])
{
	struct remux *got;

	remuxd_lock(d);
	got = running_locked(d, r->c);
	if (got != NULL) {
		got = use_locked(got);
	} else if (d->stopping) {
		say(status, why, 503, "the node is stopping");
	} else if (d->n == REMUX_MAX) {
		say(status, why, 503, "too many channels are being remuxed");
	} else {
		got = use_locked(r);
		got->listed = true;
		DL_PREPEND(d->list, got);
		d->n++;
	}
	remuxd_unlock(d);
	return got;
}

void remux_unlist_locked(struct remuxd *d, struct remux *r)
{
	if (!r->listed)
		return;
	r->listed = false;
	DL_DELETE(d->list, r);
	d->n--;
}

/* Is it one that has failed? Then say so. */
static bool has_failed(struct remuxd *d, struct remux *r, int *status, char why[REMUX_WHY])
{
	bool failed;

	remuxd_lock(d);
	failed = r->state == REMUX_FAILED_STATE;
	if (failed)
		say(status, why, r->status, r->why);
	remuxd_unlock(d);
	return failed;
}

static struct remux *start(struct remuxd *d, struct chan *c, int *status, char why[REMUX_WHY])
{
	struct remux *r = new_for(c), *got;
	struct chaninfo *info = chan_info(c);
	const char *format = remux_format(info->text[CT_TYPE]);

	if (format == NULL) {
		snprintf(why, REMUX_WHY, "a channel of type %s cannot be had as MP4", info->text[CT_TYPE]);
		*status = 501;
		got = NULL;
	} else if (r == NULL) {
		say(status, why, 503, "out of memory");
		got = NULL;
	} else {
		got = list_new(d, r, status, why);
	}
	chaninfo_unref(&info);
	if (got != r && r != NULL)
		destroy(r);
	if (got == NULL || got != r)
		return got;
	/* from here on the first reference is the thread's */
	if (app_task(d->app, "remux", remux_run, r) == ST_OK)
		return got;
	say(status, why, 503, "no thread for it");
	/* who has joined meanwhile hears it, too */
	remux_give_up(d, r, why);
	remuxd_lock(d);
	r->users--;
	r->refs--;
	remuxd_unlock(d);
	remux_unref(d, &r);
	return NULL;
}

enum status remux_join(struct remuxd *d, struct chan *c, struct remux **out, int *status, char why[REMUX_WHY])
{
	struct remux *r;

#ifndef HAVE_AVFORMAT
	say(status, why, 501, avlib_missing());
	return ST_PROTO;
#endif
	remuxd_lock(d);
	r = running_locked(d, c);
	if (r != NULL)
		r = use_locked(r);
	remuxd_unlock(d);
	if (r == NULL)
		r = start(d, c, status, why);
	if (r != NULL && has_failed(d, r, status, why))
		remux_leave(d, &r);
	*out = r;
	return r != NULL ? ST_OK : ST_PROTO;
}

struct remux *remux_find(struct remuxd *d, const struct gnuid *id)
{
	struct remux *r;

	remuxd_lock(d);
	DL_FOREACH(d->list, r)
		if (gnuid_equal(chan_id(r->c), id))
			break;
	if (r != NULL)
		r = use_locked(r);
	remuxd_unlock(d);
	return r;
}

void remux_leave(struct remuxd *d, struct remux **rp)
{
	struct remux *r = *rp;

	if (r == NULL)
		return;
	remuxd_lock(d);
	ASSERT(r->users > 0);
	if (--r->users == 0)
		mbox_wake(&r->mb);
	remuxd_unlock(d);
	remux_unref(d, rp);
}

/* --- live --------------------------------------------------------------------------------------- */

void remux_watch(struct remuxd *d, struct remux *r, struct remux_viewer *v, struct mbox *mb)
{
	*v = (struct remux_viewer){ .mb = mb };
	remuxd_lock(d);
	DL_APPEND2(r->viewers, v, vprev, vnext);
	remuxd_unlock(d);
}

void remux_unwatch(struct remuxd *d, struct remux *r, struct remux_viewer *v)
{
	remuxd_lock(d);
	DL_DELETE2(r->viewers, v, vprev, vnext);
	remuxd_unlock(d);
}

/* Why nothing comes: ST_TIMEOUT = it will. */
static enum status stands_locked(const struct remux *r, int *status, char why[REMUX_WHY]) REQUIRES(lk_app)
{
	switch (r->state) {
	case REMUX_ENDED:
		return ST_EOF;
	case REMUX_FAILED_STATE:
		say(status, why, r->status, r->why);
		return ST_PROTO;
	case REMUX_STARTING:
	case REMUX_RUNNING:
		break;
	}
	return ST_TIMEOUT;
}

/* The fragment v is sent next, NULL = none yet. */
static const struct hls_frag *next_locked(struct remux *r, struct remux_viewer *v) REQUIRES(lk_app)
{
	const struct hls *h = &r->hls;

	if (v->begun && v->next < h->first)
		v->begun = false;       /* too slow */
	if (!v->begun && h->newest_key >= h->first && h->newest_key < h->next) {
		v->begun = true;
		v->next = h->newest_key;
	}
	return v->begun ? hls_fragment(h, v->next) : NULL;
}

enum status remux_next(struct remuxd *d, struct remux *r, struct remux_viewer *v, struct blob **init,
	struct blob **frag, char *mime, int *status, char why[REMUX_WHY])
{
	const struct hls_frag *f;
	struct blob *begin;
	enum status st;

	*init = *frag = NULL;
	remuxd_lock(d);
	f = next_locked(r, v);
	begin = f != NULL ? hls_init_of(&r->hls, f->gen) : NULL;
	st = stands_locked(r, status, why);
	if (f != NULL && begin != NULL) {
		st = ST_OK;
		if (v->gen != f->gen + 1)
			*init = blob_ref(begin);
		v->gen = f->gen + 1;
		*frag = blob_ref(f->data);
		v->next++;
		if (mime != NULL)
			snprintf(mime, FMP4_MIME, "%s", r->mime);
	}
	remuxd_unlock(d);
	return st;
}

/* --- HLS ---------------------------------------------------------------------------------------- */

static void address_key(uint8_t key[16], const struct host *h)
{
	memcpy(key, h->ip, 16);
	if (!host_is_v4(h))
		memset(key + 8, 0, 8);          /* who has a /64 has all of it */
}

static struct remux_session *session_locked(struct remux *r, const char *token, const uint8_t key[16])
	REQUIRES(lk_app)
{
	struct remux_session *s;

	DL_FOREACH(r->sessions, s)
		if (strcmp(s->token, token) == 0 && memcmp(s->key, key, 16) == 0 &&
		    !mbox_is_stopped(&s->sv->mbox))
			return s;
	return NULL;
}

/* A reference to its record, which has been used now; NULL = there is no such session. */
static struct servent *touch(struct remuxd *d, struct remux *r, const char *token, const uint8_t key[16])
{
	struct remux_session *s;
	struct servent *sv = NULL;

	remuxd_lock(d);
	s = session_locked(r, token, key);
	if (s != NULL) {
		s->last = clk_now();
		sv = servent_ref(s->sv);
	}
	remuxd_unlock(d);
	return sv;
}

/* It has as many viewers by HLS as it may. */
static bool is_crowded_locked(const struct remuxd *d, const uint8_t key[16]) REQUIRES(lk_app)
{
	const struct remux *r;
	const struct remux_session *s;
	unsigned n = 0;

	DL_FOREACH(d->list, r)
		DL_FOREACH(r->sessions, s)
			n += memcmp(s->key, key, 16) == 0 && !mbox_is_stopped(&s->sv->mbox);
	return n >= REMUX_ADDRESS;
}

static bool is_crowded(struct remuxd *d, const struct host *peer)
{
	uint8_t key[16];
	bool yes;

	address_key(key, peer);
	remuxd_lock(d);
	yes = is_crowded_locked(d, key);
	remuxd_unlock(d);
	return yes;
}

/* A record without a connection, let in as any player is. */
enum refusal remux_admit(struct remuxd *d, struct chan *c, struct servent *sv, struct servent **out)
{
	struct chaninfo *info = chan_info(c);
	struct node *n = &d->app->node;
	const bool private = node_is_private(n, &sv->peer);
	enum refusal why = REFUSE_OTHER;

	*out = NULL;
	if (!private && is_crowded(d, &sv->peer)) {
		why = REFUSE_FULL;
	} else if (servent_new(n->sm, -1, &sv->peer, false, out) == ST_OK) {
		servent_set_agent(*out, sv->agent);
		servent_set_private(*out, private);
		why = servmgr_admit(n->sm, *out, SV_DIRECT, chan_id(c), info->bitrate_kbps,
			chan_is_playing(c));
		if (why != ADMIT_OK)
			servent_end(out);
	}
	chaninfo_unref(&info);
	return why;
}

enum refusal remux_begin(struct remuxd *d, struct remux *r, const char *token, struct servent **rec,
	struct servent **who)
{
	struct remux_session *s = calloc(1, sizeof(*s));
	const bool private = node_is_private(&d->app->node, &(*rec)->peer);
	bool listed = false;
	uint8_t key[16];

	address_key(key, &(*rec)->peer);
	*who = NULL;
	if (s == NULL) {
		servent_end(rec);
		return REFUSE_OTHER;
	}
	(void)text_copy(s->token, sizeof(s->token), token);
	memcpy(s->key, key, sizeof(key));
	s->sv = *rec;
	s->last = clk_now();
	remuxd_lock(d);
	/* two requests of one new viewer at once: one record */
	if (session_locked(r, token, key) == NULL && r->n_sessions < REMUX_SESSIONS && !d->stopping &&
	    !r->over && (private || !is_crowded_locked(d, key))) {
		DL_PREPEND(r->sessions, s);
		r->n_sessions++;
		*who = servent_ref(s->sv);
		listed = true;
		mbox_wake(&r->mb);
	}
	remuxd_unlock(d);
	if (listed) {
		*rec = NULL;
		return ADMIT_OK;
	}
	servent_end(rec);
	free(s);
	*who = touch(d, r, token, key);
	return *who != NULL ? ADMIT_OK : REFUSE_FULL;
}

enum refusal remux_session(struct remuxd *d, struct remux *r, const char *token, struct servent *sv,
	bool may_start, struct servent **who)
{
	struct servent *rec;
	enum refusal why;
	uint8_t key[16];

	address_key(key, &sv->peer);
	*who = touch(d, r, token, key);
	if (*who != NULL)
		return ADMIT_OK;
	if (!may_start)
		return REFUSE_NOT_PLAYING;
	why = remux_admit(d, r->c, sv, &rec);
	return why == ADMIT_OK ? remux_begin(d, r, token, &rec, who) : why;
}

enum status remux_playlist(struct remuxd *d, struct remux *r, const char *token, struct buf *out, int *status,
	char why[REMUX_WHY])
{
	enum status st;

	remuxd_lock(d);
	st = stands_locked(r, status, why);
	if (st != ST_PROTO && hls_is_ready(&r->hls)) {
		hls_playlist(&r->hls, chan_id(r->c), token, out);
		st = out->err;
	}
	remuxd_unlock(d);
	return st;
}

struct blob *remux_init(struct remuxd *d, struct remux *r, uint32_t gen)
{
	struct blob *b;

	remuxd_lock(d);
	b = hls_init_of(&r->hls, gen);
	if (b != NULL)
		b = blob_ref(b);
	remuxd_unlock(d);
	return b;
}

enum status remux_segment(struct remuxd *d, struct remux *r, uint64_t number, struct blob ***out, size_t *n,
	size_t *bytes)
{
	struct blob **all = calloc(HLS_FRAGS, sizeof(struct blob *));
	const struct hls_seg *s;

	*n = *bytes = 0;
	*out = all;
	if (all == NULL)
		return ST_LIMIT;
	remuxd_lock(d);
	s = hls_segment(&r->hls, number);
	for (uint64_t i = 0; s != NULL && i < s->n; i++) {
		const struct hls_frag *f = hls_fragment(&r->hls, s->first + i);

		all[*n] = blob_ref(f->data);
		*bytes += all[(*n)++]->len;
	}
	remuxd_unlock(d);
	if (s == NULL) {
		free(all);
		*out = NULL;
	}
	return s != NULL ? ST_OK : ST_EOF;
}

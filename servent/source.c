/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "servent/packet.h"
#include "servent/pass.h"

#define TAKEOVER   (5 * NSEC_PER_SEC)           /* for the source before us to let go */
#define INFO_PACE  (10 * NSEC_PER_SEC)          /* between info updates to relays (decision 20) */
#define RENEW_POS  UINT64_C(0xF0000000)         /* some relays do not outlive 2^32 (media.md 4.3.2) */

static enum status fail(struct source *s, enum status st, const char *why)
{
	if (s->error[0] == '\0')
		(void)text_copy(s->error, sizeof(s->error), why);
	return st;
}

static enum status no_room(struct source *s, const char *why)
{
	s->no_room = true;
	return fail(s, ST_LIMIT, why);
}

/* --- packets ---------------------------------------------------------------------------------- */

static enum status flush(struct source *s)
{
	size_t n = s->n_batch;
	enum status st;

	if (n == 0)
		return ST_OK;
	s->n_batch = 0;
	st = chan_append(s->c, s->token, s->batch, n);
	if (st == ST_OK && !s->playing) {
		/* head and data are in the ring: now it is worth telling (settings.md decision 5) */
		s->playing = true;
		chan_set_status(s->c, CHAN_BROADCASTING);
		app_wake_cout(s->a);
	}
	return st;
}

static void drop_batch(struct source *s)
{
	while (s->n_batch > 0)
		pkt_unref(&s->batch[--s->n_batch]);
}

/* --- the channel ------------------------------------------------------------------------------ */

static enum status list_channel(struct source *s)
{
	const struct settings *st = conf_get(s->a->node.conf);
	uint32_t max = st->max_channels;
	enum status ret = ST_LIMIT;
	struct chaninfo *info;
	struct gnuid bcid;

	memcpy(bcid.b, st->broadcast_id, sizeof(bcid.b));
	s->meta->bcid = bcid;
	if (!gnuid_is_set(&s->meta->id))
		s->meta->id = st->randomize_broadcasting_channel_id ? gnuid_random(0)
		            : gnuid_of_chan(&bcid, s->meta->text[CT_NAME],
		                            s->mount[0] != '\0' ? s->mount : s->meta->text[CT_GENRE],
		                            s->meta->bitrate_kbps);
	settings_unref(&st);
	info = chaninfo_new(s->meta);
	if (info == NULL)
		return no_room(s, "out of memory");
	s->c = chan_new(info, CHAN_BROADCAST, s->kind, s->v6);
	if (s->c == NULL) {
		chaninfo_unref(&info);
		return no_room(s, "out of memory");
	}
	if (s->meta->silent)
		chan_set_announce(s->c, CHAN_SILENT);
	ret = chan_set_key(s->c, s->key);
	if (ret == ST_OK)
		ret = chanmgr_list_ensure(s->a->node.cm, &info->id, info);
	if (ret == ST_OK)
		ret = chanmgr_add(s->a->node.cm, s->c, max);
	chaninfo_unref(&info);
	if (ret == ST_OK)
		return ST_OK;
	chan_unref(&s->c);
	return no_room(s, ret == ST_PROTO ? "another channel has this id" : "too many channels");
}

/* What a later encoder says otherwise than the one before replaces what is there; what both say may have been
 * edited since, and stays. */
static void take_texts(struct source *s)
{
	struct chaninfo *before = chan_said(s->c);
	uint32_t present = 1u << CT_TYPE | 1u << CT_MIME | 1u << CT_EXT;
	bool bitrate_only;

	for (int t = 0; t < CT_COUNT; t++)
		if (before == NULL || strcmp(before->text[t], s->meta->text[t]) != 0)
			present |= 1u << t;
	if (s->meta->bitrate_kbps > 0)
		present |= CHANMETA_BITRATE;
	chaninfo_unref(&before);
	(void)chan_merge_info(s->c, s->meta, present, &bitrate_only);
}

/* A title that came before the channel. */
static void take_title(struct source *s)
{
	struct chanmeta *m;
	uint32_t present;
	bool bitrate_only;

	app_lock(s->a);
	s->listed = true;
	m = s->early;
	present = s->early_has;
	s->early = NULL;
	app_unlock(s->a);
	if (m != NULL)
		(void)chan_merge_info(s->c, m, present, &bitrate_only);
	free(m);
}

/* Remember what this encoder says, for the next one to compare with. */
static void note_said(struct source *s, const struct chanmeta *m)
{
	struct chaninfo *i = chaninfo_new(m);

	if (i != NULL)          /* else the next one replaces more than it should */
		chan_set_said(s->c, i);
}

static void share_info(struct source *s)
{
	struct chaninfo *i = chan_info(s->c);

	if (chanmgr_list_ensure(s->a->node.cm, &i->id, i) != ST_OK)
		log_warn("channel %s: no memory for its list", i->text[CT_NAME]);
	chaninfo_unref(&i);
}

/* May this encoder take the channel over? One of this machine may, or one that knows the password; another
 * only what came from its own address (http.md 13.2). */
static bool may_take(const struct source *s, struct chan *c)
{
	struct chan_view v;
	bool ok;

	if (s->knows_password || servmgr_is_local(s->a->node.sm, &s->peer))
		return true;
	chan_view(c, &v);
	ok = !host_is_set(&v.source) || host_same_ip(&v.source, &s->peer);
	chan_view_fini(&v);
	return ok;
}

static enum status attach(struct source *s)
{
	return chan_attach(s->c, &s->mbox, &s->token, clk_deadline(TAKEOVER));
}

/* Out of the lists, for good: one that ends, or whose source does not let go. */
static void abandon(struct source *s)
{
	chan_close(s->c);
	chanmgr_remove(s->a->node.cm, s->c);
	chan_unref(&s->c);
}

/* Become the source of the channel of this name. *again: it was there already. */
static enum status join_channel(struct source *s, bool *again)
{
	struct chan *first;
	enum status st;

	*again = false;
	s->c = chanmgr_find_broadcast(s->a->node.cm, s->key, s->kind);
	if (s->c != NULL) {
		if (!may_take(s, s->c)) {
			chan_unref(&s->c);
			s->not_its_own = true;
			return fail(s, ST_PROTO, "the channel is another encoder's");
		}
		*again = true;
		if (attach(s) == ST_OK)
			return ST_OK;
		abandon(s);
		*again = false;
	}
	if (mbox_is_stopped(&s->mbox))
		return fail(s, ST_STOPPED, "the node is stopping");
	st = list_channel(s);
	if (st != ST_OK)
		return st;
	/* another encoder may have listed one of this name meanwhile: the first of them counts, for all */
	first = chanmgr_find_broadcast(s->a->node.cm, s->key, s->kind);
	if (first != NULL && first != s->c && may_take(s, first)) {
		abandon(s);
		s->c = first;
		first = NULL;
		*again = true;
	}
	chan_unref(&first);
	if (attach(s) == ST_OK)
		return ST_OK;
	abandon(s);
	return fail(s, ST_STOPPED, "the channel is closing");
}

static enum status open_channel(struct source *s)
{
	char id[GNUID_STRLEN], from[HOST_STRLEN];
	bool again;
	enum status st = join_channel(s, &again);

	if (st != ST_OK)
		return st;
	s->attached = true;
	s->told = chan_info(s->c);
	host_str(&s->peer, from);
	log_info("channel \"%s\" %s: %s by %s (%s)", s->told->text[CT_NAME], gnuid_str(chan_id(s->c), id),
	         again ? "taken over" : "broadcast", s->url != NULL ? s->shown : from,
	         s->told->text[CT_TYPE]);
	if (again)
		take_texts(s);
	note_said(s, s->meta);
	take_title(s);
	share_info(s);
	chan_set_source(s->c, &s->peer, NULL, s->url);
	free(s->meta);
	s->meta = NULL;
	return ST_OK;
}

/* --- what the parser says --------------------------------------------------------------------- */

static enum status on_head(void *ctx, const void *p, size_t n)
{
	struct source *s = ctx;
	struct pkt *head;
	enum status st;

	if (s->c == NULL) {
		st = open_channel(s);
		if (st != ST_OK)
			return st;
	}
	st = flush(s);
	if (st != ST_OK)
		return st;
	/* Without a head there is nothing to tell a restart by: positions go on. */
	s->pos = n > 0 ? 0 : chan_next_pos(s->c);
	head = packet_new(chan_id(s->c), PKT_HEAD, s->pos, 0, p, n);
	if (head == NULL)
		return no_room(s, "out of memory");
	s->pos += n;
	s->headed = true;
	pkt_unref(&s->head);
	s->head = n > 0 ? pkt_ref(head) : NULL;
	return chan_set_head(s->c, s->token, head);
}

/* Count from 0 again, with the head there is: at a place where everybody may begin. Without a head there is
 * nothing to tell a new count by. */
static enum status renew(struct source *s)
{
	struct pkt *head;
	enum status st = flush(s);

	if (st != ST_OK)
		return st;
	head = packet_new(chan_id(s->c), PKT_HEAD, 0, 0, pkt_media(s->head), s->head->len);
	if (head == NULL)
		return no_room(s, "out of memory");
	s->pos = head->len;
	return chan_renew(s->c, s->token, head);
}

static enum status on_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	struct source *s = ctx;
	struct pkt *k;

	ASSERT(s->c != NULL && n > 0 && n <= PKT_DATA_SEND);
	if (s->pos >= RENEW_POS && cont == 0 && s->head != NULL) {
		enum status st = renew(s);

		if (st != ST_OK)
			return st;
	}
	k = packet_new(chan_id(s->c), PKT_DATA, s->pos, cont, p, n);
	if (k == NULL)
		return no_room(s, "out of memory");
	s->pos += n;
	s->batch[s->n_batch++] = k;
	return s->n_batch == READER_BATCH ? flush(s) : ST_OK;
}

/* Where the track is in what a stream says. */
static const struct {
	enum chantext text;
	size_t off;
} tracks[] = {
	{ CT_TRACK_TITLE, offsetof(struct media_info, title) },
	{ CT_TRACK_ARTIST, offsetof(struct media_info, artist) },
	{ CT_TRACK_ALBUM, offsetof(struct media_info, album) },
	{ CT_TRACK_GENRE, offsetof(struct media_info, genre) },
	{ CT_TRACK_URL, offsetof(struct media_info, url) },
};

/* Put what the stream says over m; returns what that changed (CHANMETA_*). A text counts when it is another
 * than the stream had before: a title that ends is taken away, one that was never there takes nothing
 * away, and what was edited by hand stays until the stream says something new. */
static uint32_t overlay(struct source *s, struct chanmeta *m, const struct media_info *mi)
{
	uint32_t changed = 0;

	if (ascii_casecmp(m->text[CT_TYPE], mi->type) != 0 &&
	    !(strcmp(m->text[CT_TYPE], "UNKNOWN") == 0 && strcmp(mi->type, "RAW") == 0)) {
		(void)chanmeta_set_type(m, mi->type);
		changed |= 1u << CT_TYPE | 1u << CT_MIME | 1u << CT_EXT;
	}
	if (mi->bitrate_kbps != 0 && !s->user_bitrate && m->bitrate_kbps != mi->bitrate_kbps) {
		m->bitrate_kbps = mi->bitrate_kbps;
		changed |= CHANMETA_BITRATE;
	}
	for (size_t i = 0; i < NELEM(tracks); i++) {
		const char *text = (const char *)mi + tracks[i].off;
		const char *was = (const char *)&s->said + tracks[i].off;

		if (strcmp(was, text) != 0 && strcmp(m->text[tracks[i].text], text) != 0) {
			(void)text_copy(m->text[tracks[i].text], TEXT_MAX, text);
			changed |= 1u << tracks[i].text;
		}
	}
	s->said = *mi;
	return changed;
}

/* A track of the stream is part of what its source says. */
static void note_track(struct source *s, const struct media_info *mi)
{
	struct chaninfo *i = chan_said(s->c);
	struct chanmeta m;

	if (i == NULL)
		return;
	chaninfo_to_meta(i, &m);
	for (size_t t = 0; t < NELEM(tracks); t++)
		(void)text_copy(m.text[tracks[t].text], TEXT_MAX, (const char *)mi + tracks[t].off);
	if (!chaninfo_same(i, &m))
		note_said(s, &m);
	chaninfo_unref(&i);
}

static enum status on_info(void *ctx, const struct media_info *mi)
{
	struct source *s = ctx;
	struct chaninfo *i;
	struct chanmeta m;
	uint32_t changed;
	bool bitrate_only;

	if (s->c == NULL) {
		(void)overlay(s, s->meta, mi);
		return ST_OK;
	}
	note_track(s, mi);
	i = chan_info(s->c);
	chaninfo_to_meta(i, &m);
	chaninfo_unref(&i);
	changed = overlay(s, &m, mi);
	if (changed != 0 && chan_merge_info(s->c, &m, changed, &bitrate_only)) {
		share_info(s);
		app_wake_cout(s->a);
	}
	return ST_OK;
}

static void on_note(void *ctx, const char *text)
{
	struct source *s = ctx;

	log_peer(LOG_WARN, &s->peer, "source %s", text);
}

/* What the source before us has left, or our own input before it began anew. */
static enum status on_before(void *ctx, struct media_before *b)
{
	struct source *s = ctx;
	enum status st = s->c == NULL ? open_channel(s) : ST_OK;

	if (st != ST_OK)
		return st;
	pkt_unref(&s->head);
	s->head = chan_head(s->c);
	if (s->head != NULL && chan_left(s->c, &b->ms)) {
		b->head = pkt_media(s->head);
		b->n = s->head->len;
	}
	return ST_OK;
}

static enum status on_resume(void *ctx)
{
	struct source *s = ctx;

	s->pos = chan_next_pos(s->c);
	s->headed = true;
	return ST_OK;
}

static const struct media_ops ops = {
	.head = on_head, .before = on_before, .resume = on_resume, .data = on_data, .info = on_info,
	.note = on_note,
};

/* How far the stream has come, for the next one. */
static void note_left(struct source *s)
{
	int64_t ms;

	if (s->c != NULL && s->attached && media_clock(s->media, &ms) == MEDIA_CLOCK_RUNS)
		chan_set_left(s->c, ms);
}

/* --- life ------------------------------------------------------------------------------------- */

enum status source_init(struct source *s, struct app *a, enum chan_src kind, const struct chanmeta *meta,
	const struct host *peer, bool v6)
{
	enum status st;

	memset(s, 0, sizeof(*s));
	s->a = a;
	s->kind = kind;
	s->peer = *peer;
	s->v6 = v6;
	s->user_bitrate = meta->bitrate_kbps != 0;
	st = mbox_init(&s->mbox);
	if (st != ST_OK)
		return st;
	app_lock(a);
	DL_APPEND(a->sources, s);
	st = a->stopping ? ST_STOPPED : ST_OK;
	app_unlock(a);
	if (st != ST_OK) {
		source_fini(s);
		return st;
	}
	s->meta = malloc(sizeof(*s->meta));
	s->media = media_new(meta->text[CT_TYPE], &ops, s);
	if (s->meta == NULL || s->media == NULL) {
		source_fini(s);
		return ST_LIMIT;
	}
	*s->meta = *meta;
	(void)text_copy(s->key, sizeof(s->key), meta->text[CT_NAME]);
	return ST_OK;
}

void source_set_mount(struct source *s, const char *mount)
{
	app_lock(s->a);         /* source_early_title() looks for it */
	(void)text_copy(s->key, sizeof(s->key), mount);
	(void)text_copy(s->mount, sizeof(s->mount), mount);
	app_unlock(s->a);
}

bool source_early_title(struct node *n, const char *mount, const struct chanmeta *m, uint32_t present)
{
	struct app *a = app_of(n);
	struct source *s;
	bool found = false;

	app_lock(a);
	DL_FOREACH(a->sources, s) {
		if (s->listed || (s->kind != CHAN_SRC_ICECAST && s->kind != CHAN_SRC_SHOUTCAST) ||
		    (mount[0] != '\0' && strcmp(s->mount, mount) != 0))
			continue;
		found = true;
		if (s->early == NULL)
			s->early = malloc(sizeof(*s->early));
		if (s->early != NULL)
			*s->early = *m;
		s->early_has = present;
	}
	app_unlock(a);
	return found;
}

void source_let_go(struct source *s)
{
	if (!s->attached)
		return;
	note_left(s);
	chan_detach(s->c, s->token);
	s->attached = false;
}

void source_fini(struct source *s)
{
	source_let_go(s);
	drop_batch(s);
	media_free(&s->media);
	pkt_unref(&s->head);
	chaninfo_unref(&s->told);
	chan_unref(&s->c);
	free(s->meta);
	s->meta = NULL;
	app_lock(s->a);
	DL_DELETE(s->a->sources, s);
	app_unlock(s->a);
	free(s->early);
	mbox_fini(&s->mbox);
}

void source_stop_all(struct app *a)
{
	struct source *s;

	app_lock(a);
	DL_FOREACH(a->sources, s)
		mbox_stop_soft(&s->mbox);       /* under the lock: it leaves the list before it goes */
	app_unlock(a);
}

/* A parser's refusal becomes the source's. */
static enum status judge(struct source *s, enum status st)
{
	if (st != ST_OK && st != ST_STOPPED && media_error(s->media)[0] != '\0')
		return fail(s, st, media_error(s->media));
	return st;
}

enum status source_feed(struct source *s, const void *p, size_t n, nsec now)
{
	enum status st = judge(s, media_feed(s->media, p, n, now));

	return st == ST_OK ? flush(s) : st;
}

/* When the relays are to be told of new info: INFO_PACE after the last time, so no change is ever lost.
 * NSEC_NEVER: they know. */
static nsec info_due(const struct source *s)
{
	struct chaninfo *i = s->c != NULL ? chan_info(s->c) : NULL;
	const bool news = i != s->told;         /* an info never changes: another one is new */

	chaninfo_unref(&i);
	return !news ? NSEC_NEVER : s->told_at == 0 ? 0 : s->told_at + INFO_PACE;
}

static void tell_relays(struct source *s, nsec now)
{
	struct chaninfo *i = chan_info(s->c);

	s->told_at = now;
	if (pass_info(&s->a->node, i, &(struct gnuid){ .b = { 0 } })) {
		chaninfo_unref(&s->told);
		s->told = i;
	} else {
		chaninfo_unref(&i);     /* out of memory: the next time */
	}
}

enum status source_tick(struct source *s, nsec now)
{
	enum status st = ST_OK;

	if (now >= info_due(s))
		tell_relays(s, now);
	if (now >= media_deadline(s->media)) {
		st = judge(s, media_tick(s->media, now));
		if (st == ST_OK)
			st = flush(s);
	}
	return st;
}

nsec source_deadline(const struct source *s)
{
	return MIN(media_deadline(s->media), info_due(s));
}

enum status source_wait(struct source *s, nsec until)
{
	enum status st = ST_OK;

	while (st == ST_OK) {
		st = mbox_wait(&s->mbox, MIN(until, info_due(s)));
		if (st == ST_TIMEOUT && clk_now() < until)
			st = ST_OK;
		if (st == ST_OK && clk_now() >= info_due(s))
			tell_relays(s, clk_now());
	}
	return st == ST_STOPPED ? ST_STOPPED : ST_OK;
}

/* Wait for the next encoder. ST_STOPPED: it came, or the channel was stopped. */
static enum status grace(struct source *s)
{
	const struct settings *set = conf_get(s->a->node.conf);
	nsec until = clk_deadline((nsec)set->source_grace_sec * NSEC_PER_SEC);

	settings_unref(&set);
	return source_wait(s, until) == ST_STOPPED ? ST_STOPPED : ST_TIMEOUT;
}

/* --- pulled ----------------------------------------------------------------------------------- */

enum status source_open(struct source *s)
{
	return s->c == NULL ? open_channel(s) : ST_OK;
}

enum status source_restart(struct source *s, const char *type)
{
	struct media *m = media_new(type, &ops, s);

	if (m == NULL)
		return no_room(s, "out of memory");
	drop_batch(s);
	note_left(s);
	media_free(&s->media);
	s->media = m;
	memset(&s->said, 0, sizeof(s->said));
	s->headed = false;
	return ST_OK;
}

void source_pause(struct source *s)
{
	if (judge(s, media_end(s->media, clk_now())) == ST_OK)
		(void)flush(s);
}

void source_set_status(struct source *s, enum chan_status status)
{
	const bool was = chan_is_playing(s->c);

	chan_set_status(s->c, status);
	s->playing = false;
	if (was)
		app_wake_cout(s->a);
}

void source_tell(struct source *s, const struct chanmeta *m, uint32_t present)
{
	bool bitrate_only;

	if (chan_merge_info(s->c, m, present, &bitrate_only)) {
		share_info(s);
		app_wake_cout(s->a);
	}
}

/* --- the end ---------------------------------------------------------------------------------- */

void source_end(struct source *s, enum status why)
{
	char id[GNUID_STRLEN];
	nsec now = clk_now();
	struct chaninfo *i;

	if (s->c == NULL || !s->attached)
		return;
	if (why != ST_STOPPED && media_end(s->media, now) == ST_OK)
		(void)flush(s);
	i = chan_info(s->c);
	if (why != ST_STOPPED && chan_is_playing(s->c) && !servmgr_is_stopping(s->a->node.sm)) {
		log_info("channel \"%s\": the encoder has left (%s)", i->text[CT_NAME],
		         s->error[0] != '\0' ? s->error : status_str(why));
		why = grace(s);
	}
	if (why == ST_STOPPED && !chan_is_closing(s->c)) {
		/* the next encoder waits for us to let go, and does not know what is untold */
		if (info_due(s) != NSEC_NEVER)
			tell_relays(s, now);
		chaninfo_unref(&i);
		return;
	}
	chan_close(s->c);
	chanmgr_remove(s->a->node.cm, s->c);
	log_info("channel \"%s\" %s: ended", i->text[CT_NAME], gnuid_str(chan_id(s->c), id));
	chaninfo_unref(&i);
	app_wake_cout(s->a);
}

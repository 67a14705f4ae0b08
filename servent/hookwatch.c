/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/hookwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#include "core/sys/text.h"
#include "http/jsontext.h"

/* A channel that is there. */
struct known {
	struct gnuid id;
	struct chaninfo *info;          /* a reference; NULL = never seen */
	enum chan_type type;
	bool started;                   /* and told so */
	bool listed;                    /* a YP has it */
	bool gone;                      /* yet known, until the YP has heard of it */
	bool seen;                      /* scratch of look_around() */
	struct known *next_lost;        /* the same */
	nsec since;                     /* when it did */
	UT_hash_handle hh;
};

struct hookwatch {
	struct node *node;
	hookwatch_sink *sink;
	void *ctx;
	uint32_t wanted;                /* enum hookwhat */
	struct known *known;
	uint64_t n;                     /* messages made */
	uint32_t lost;                  /* for want of memory, since the last look */
};

/* --- messages --------------------------------------------------------------------------------- */

void hookmsg_ref(struct hookmsg *m)
{
	m->refs++;
}

void hookmsg_unref(struct hookmsg **mp)
{
	struct hookmsg *m = *mp;

	*mp = NULL;
	if (m != NULL && --m->refs == 0)
		free(m);
}

/* A message in the making. */
struct draft {
	struct buf body, vars;
	size_t n_vars;
};

static void put_var(struct draft *d, const char *name, const char *value)
{
	buf_printf(&d->vars, "PEERCAST_%s=%s", name, value);
	buf_u8(&d->vars, '\0');
	d->n_vars++;
}

/* Into the JSON, and as a variable; var NULL = not as one. */
static void put_text(struct draft *d, const char *key, const char *var, const char *value)
{
	jsontext_key(&d->body, key);
	jsontext_string(&d->body, value);
	if (var != NULL)
		put_var(d, var, value);
}

static void put_int(struct draft *d, const char *key, const char *var, int64_t value)
{
	char text[24];

	jsontext_key(&d->body, key);
	buf_int(&d->body, value);
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	if (var != NULL)
		put_var(d, var, text);
}

static void put_channel(struct draft *d, const struct gnuid *id, const struct known *k)
{
	const struct chaninfo *i = k != NULL ? k->info : NULL;
	char hex[GNUID_STRLEN];

	jsontext_key(&d->body, "channel");
	buf_u8(&d->body, '{');
	if (i != NULL) {
		put_int(d, "bitrate", "CHANNEL_BITRATE", i->bitrate_kbps);
		put_text(d, "comment", "CHANNEL_COMMENT", i->text[CT_COMMENT]);
		put_text(d, "contentType", "CHANNEL_TYPE", chaninfo_type(i));
		put_text(d, "desc", "CHANNEL_DESC", i->text[CT_DESC]);
		put_text(d, "genre", "CHANNEL_GENRE", i->text[CT_GENRE]);
	}
	put_text(d, "id", "CHANNEL_ID", gnuid_str(id, hex));
	if (i != NULL) {
		jsontext_key(&d->body, "isBroadcast");
		jsontext_bool(&d->body, k->type == CHAN_BROADCAST);
		put_var(d, "CHANNEL_IS_BROADCAST", k->type == CHAN_BROADCAST ? "1" : "0");
		put_text(d, "name", "CHANNEL_NAME", i->text[CT_NAME]);
		put_int(d, "uptime", "CHANNEL_UPTIME", k->started ? clk_age_s(k->since) : 0);
		put_text(d, "url", "CHANNEL_URL", i->text[CT_URL]);
	}
	buf_u8(&d->body, '}');
}

static void put_connection(struct draft *d, const struct event *e)
{
	char hs[HOST_STRLEN];

	jsontext_key(&d->body, "connection");
	buf_u8(&d->body, '{');
	put_text(d, "agentName", "AGENT", e->text);
	put_int(d, "connectionId", "CONNECTION_ID", e->n);
	put_text(d, "remoteEndPoint", "ADDRESS", host_str(&e->peer, hs));
	buf_u8(&d->body, '}');
}

static void put_port(struct draft *d, const struct event *e)
{
	const bool known = host_is_global(&e->peer);
	char hs[HOST_STRLEN];

	jsontext_key(&d->body, "port");
	buf_u8(&d->body, '{');
	put_text(d, "address", "ADDRESS", known ? host_ip_str(&e->peer, hs) : "");
	put_text(d, "family", "PORT_FAMILY", e->kind);
	put_int(d, "number", "PORT", e->n);
	put_text(d, "reason", "REASON", e->text);
	put_text(d, "state", "PORT_STATE", e->what);
	buf_u8(&d->body, '}');
}

static void put_node(struct draft *d, struct node *n)
{
	const struct settings *set = conf_get(n->conf);
	struct own own;

	servmgr_own(n->sm, &own);
	jsontext_key(&d->body, "node");
	buf_u8(&d->body, '{');
	put_text(d, "name", "NODE_NAME", set->server_name);
	put_int(d, "port", "NODE_PORT", own.port);
	buf_u8(&d->body, '}');
	settings_unref(&set);
}

/* One piece of memory for all of it; NULL = there is none. */
static struct hookmsg *msg_of(const struct draft *d, enum hookwhat what, const char *id)
{
	struct hookmsg *m = NULL;
	char *at;

	if (d->body.err == ST_OK && d->vars.err == ST_OK)
		m = malloc(sizeof(*m) + d->body.len + d->vars.len);
	if (m == NULL)
		return NULL;
	*m = (struct hookmsg){ .refs = 1, .what = what, .len = d->body.len, .n_vars = d->n_vars };
	(void)text_copy(m->id, sizeof(m->id), id);
	at = (char *)(m + 1);
	memcpy(at, d->body.p, d->body.len);
	m->body = at;
	memcpy(at + d->body.len, d->vars.p, d->vars.len);
	m->vars = at + d->body.len;
	return m;
}

/* Make the message and give it away. id unset = of no channel; e: what tells more; both NULL = nothing. */
static void tell(struct hookwatch *w, enum hookwhat what, const struct gnuid *id, const struct known *k,
	const struct event *e)
{
	const bool yp = what == HOOK_LISTED || what == HOOK_UNLISTED;
	struct draft d = { .n_vars = 0 };
	char msg_id[HOOKMSG_ID];
	struct hookmsg *m;

	if ((w->wanted & (uint32_t)what) == 0)
		return;
	buf_init(&d.body, HOOKMSG_BODY);
	buf_init(&d.vars, HOOKMSG_BODY);
	(void)snprintf(msg_id, sizeof(msg_id), "%016llx-%llu", (unsigned long long)event_run(),
		(unsigned long long)++w->n);
	buf_u8(&d.body, '{');
	if (id != NULL)
		put_channel(&d, id, k);
	if (e != NULL && e->topic == EVENT_CONNECTION)
		put_connection(&d, e);
	put_text(&d, "event", "EVENT", hook_name(what));
	put_text(&d, "id", "EVENT_ID", msg_id);
	put_node(&d, w->node);
	if (e != NULL && e->topic == EVENT_PORT)
		put_port(&d, e);
	if (e != NULL && yp)
		put_text(&d, "reason", "REASON", e->kind);
	put_int(&d, "time", "EVENT_TIME", clk_wall_s());
	put_int(&d, "version", NULL, 1);
	if (e != NULL && yp)
		put_text(&d, "yellowPage", "YP", e->text);
	buf_u8(&d.body, '}');
	m = msg_of(&d, what, msg_id);
	if (m != NULL)
		w->sink(w->ctx, m);
	else
		w->lost++;
	hookmsg_unref(&m);
	buf_fini(&d.body);
	buf_fini(&d.vars);
}

/* --- channels --------------------------------------------------------------------------------- */

static struct known *find(struct hookwatch *w, const struct gnuid *id)
{
	struct known *k;

	HASH_FIND(hh, w->known, id, sizeof(*id), k);
	return k;
}

static void known_free(struct known *k)
{
	chaninfo_unref(&k->info);
	free(k);
}

static void forget(struct hookwatch *w, struct known *k)
{
	HASH_DELETE(hh, w->known, k);
	known_free(k);
}

static struct known *add(struct hookwatch *w, const struct gnuid *id)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->id = *id;
	HASH_ADD(hh, w->known, id, sizeof(k->id), k);
	if (k->hh.tbl != NULL)
		return k;
	free(k);
	return NULL;
}

/* What is known of a channel that is there, as it is now; NULL = no memory. *since: when it began to
 * receive or broadcast; 0 = it does not. */
static struct known *look_at(struct hookwatch *w, struct chan *c, nsec *since)
{
	struct known *k = find(w, chan_id(c));
	struct chan_view v;

	if (k == NULL)
		k = add(w, chan_id(c));
	chan_view(c, &v);
	*since = v.playing ? MAX(clk_now() - (nsec)v.uptime_s * NSEC_PER_SEC, 1) : 0;
	if (k != NULL) {
		chaninfo_unref(&k->info);
		k->info = chaninfo_ref(v.info);
		k->type = v.type;
		k->seen = true;
	}
	chan_view_fini(&v);
	return k;
}

static void start(struct hookwatch *w, struct known *k, const struct gnuid *id, nsec since, bool quiet)
{
	if (k == NULL) {                /* no memory to know it: told all the same */
		tell(w, HOOK_CHANNEL_START, id, NULL, NULL);
		return;
	}
	if (k->started)
		return;
	k->started = true;
	k->since = since != 0 ? since : clk_now();
	if (!quiet)
		tell(w, HOOK_CHANNEL_START, id, k, NULL);
}

static void stop(struct hookwatch *w, struct known *k)
{
	if (k == NULL || !k->started)
		return;
	tell(w, HOOK_CHANNEL_STOP, &k->id, k, NULL);
	k->started = false;
}

static bool is_listing(const struct event *e)
{
	return strcmp(e->what, "listed") == 0 || strcmp(e->what, "unlisted") == 0;
}

static bool status_is(const struct event *e, enum chan_status s)
{
	return strcmp(e->what, "status") == 0 && strcmp(e->kind, chan_status_str(s)) == 0;
}

static void on_channel(struct hookwatch *w, const struct event *e, const struct gnuid *id)
{
	const bool removed = strcmp(e->what, "removed") == 0;
	struct chan *c = removed ? NULL : chanmgr_find(w->node->cm, id);
	struct known *k = find(w, id);
	nsec since = 0;

	if (c != NULL)
		k = look_at(w, c, &since);
	else if (k == NULL && strcmp(e->what, "added") == 0)
		k = add(w, id);         /* it has gone meanwhile, which is told next */
	else if ((k == NULL || k->gone) && !removed && !is_listing(e))
		return;                 /* told when it was gone already */
	chan_unref(&c);
	if (status_is(e, CHAN_RECEIVING) || status_is(e, CHAN_BROADCASTING))
		start(w, k, id, since, false);
	else if (removed || status_is(e, CHAN_IDLE) || status_is(e, CHAN_ERROR))
		stop(w, k);
	else if (is_listing(e))
		tell(w, strcmp(e->what, "listed") == 0 ? HOOK_LISTED : HOOK_UNLISTED, id, k, e);
	if (k == NULL)
		return;
	k->gone = removed || (k->gone && is_listing(e));
	if (is_listing(e))
		k->listed = strcmp(e->what, "listed") == 0;
	if (k->gone && !k->listed)
		forget(w, k);
}

/* Look at all that are there; those that have gone are forgotten. */
static void look_around(struct hookwatch *w, bool quiet)
{
	struct known *k, *next, *lost = NULL;
	struct chan **all;
	size_t n;

	if (chanmgr_all(w->node->cm, &all, &n) != ST_OK) {
		w->lost++;
		return;
	}
	HASH_ITER(hh, w->known, k, next)
		k->seen = false;
	for (size_t i = 0; i < n; i++) {
		nsec since;

		k = look_at(w, all[i], &since);
		if (since != 0)
			start(w, k, chan_id(all[i]), since, quiet);
		chan_unref(&all[i]);
	}
	free(all);
	HASH_ITER(hh, w->known, k, next) {
		if (k->seen)
			continue;
		stop(w, k);
		HASH_DELETE(hh, w->known, k);
		k->next_lost = lost;
		lost = k;
	}
	while ((k = lost) != NULL) {
		lost = k->next_lost;
		known_free(k);
	}
}

/* --- connections ------------------------------------------------------------------------------ */

static void on_connection(struct hookwatch *w, const struct event *e, const struct gnuid *id)
{
	const bool opened = strcmp(e->what, "opened") == 0;
	const bool relay = strcmp(e->kind, servent_type_str(SV_RELAY)) == 0;
	struct known *k = find(w, id);
	struct chan *c = NULL;
	nsec since;

	if (!relay && strcmp(e->kind, servent_type_str(SV_DIRECT)) != 0)
		return;
	if (k == NULL)
		c = chanmgr_find(w->node->cm, id);
	if (c != NULL)
		k = look_at(w, c, &since);
	chan_unref(&c);
	tell(w, relay ? (opened ? HOOK_CHILD_JOIN : HOOK_CHILD_LEAVE) :
		(opened ? HOOK_VIEWER_JOIN : HOOK_VIEWER_LEAVE), id, k, e);
}

/* --- for the thread --------------------------------------------------------------------------- */

static uint32_t take_lost(struct hookwatch *w)
{
	const uint32_t lost = w->lost;

	w->lost = 0;
	return lost;
}

uint32_t hookwatch_take(struct hookwatch *w, const struct event *e)
{
	struct gnuid id;

	memcpy(id.b, e->id, sizeof(id.b));
	switch (e->topic) {
	case EVENT_CHANNEL:
		on_channel(w, e, &id);
		break;
	case EVENT_CONNECTION:
		on_connection(w, e, &id);
		break;
	case EVENT_PORT:
		tell(w, HOOK_PORT_CHANGE, NULL, NULL, e);
		break;
	case EVENT_NOTIFICATION:
	case EVENT_LOG:
	case EVENT_FEED:
	case EVENT_ALL:
		break;
	}
	return take_lost(w);
}

void hookwatch_want(struct hookwatch *w, uint32_t events)
{
	w->wanted = events;
}

void hookwatch_seed(struct hookwatch *w)
{
	look_around(w, true);
	w->lost = 0;
}

uint32_t hookwatch_catch_up(struct hookwatch *w)
{
	look_around(w, false);
	return take_lost(w);
}

struct hookwatch *hookwatch_new(struct node *n, hookwatch_sink *sink, void *ctx)
{
	struct hookwatch *w = calloc(1, sizeof(*w));

	if (w != NULL)
		*w = (struct hookwatch){ .node = n, .sink = sink, .ctx = ctx };
	return w;
}

void hookwatch_free(struct hookwatch **wp)
{
	struct hookwatch *w = *wp;
	struct known *k, *next;

	*wp = NULL;
	if (w == NULL)
		return;
	/* the table first, which leaves the elements chained */
	next = w->known;
	HASH_CLEAR(hh, w->known);
	while ((k = next) != NULL) {
		next = k->hh.next;
		known_free(k);
	}
	free(w);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: settings, life, the clock's work, status. */
#include "pcp/sync.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "core/sys/text.h"
#include "pcp/synctab.h"

#define ASK_MAX      3                  /* INQUIREs to one instance without a TELL */
#define BODY_MAX     (SYNC_FRAGS_MAX * SYNC_MTU_MAX)
#define SWEEP_MIN    NSEC_PER_SEC

/* --- settings ----------------------------------------------------------------------------------- */

void sync_conf_init(struct sync_conf *c)
{
	*c = (struct sync_conf){
		.mtu = 1400,
		.first_beacon = 240 * NSEC_PER_SEC, .beacon = 60 * NSEC_PER_SEC, .flush = NSEC_PER_SEC,
		.fast_start = true,
		.hit_timeout = 180 * NSEC_PER_SEC, .ghost_timeout = 60 * NSEC_PER_SEC,
		.renew = 60 * NSEC_PER_SEC, .info_gap = 30 * NSEC_PER_SEC, .want_delay = 2 * NSEC_PER_SEC,
		.send_rate = 200, .send_burst = 50, .recv_rate = 500, .want_rate = 50,
		.max_chans = 16384, .max_hosts = 64, .max_hits = 131072, .max_claims = 32768,
	};
}

void sync_conf_fini(struct sync_conf *c)
{
	filterset_unref(&c->allow);
	filterset_unref(&c->ignore);
	sync_keys_wipe(&c->keys);
}

/* The next entry of a list, cut to what an entry can be; false = no more. */
static bool next_entry(const char **text, char entry[HOST_STRLEN])
{
	const char *p = *text, *end;
	size_t n;

	while (*p == ',' || ascii_isspace((unsigned char)*p))
		p++;
	if (*p == '\0')
		return false;
	end = p + strcspn(p, ",");
	*text = end;
	while (ascii_isspace((unsigned char)end[-1]))
		end--;
	n = MIN((size_t)(end - p), (size_t)HOST_STRLEN - 1);
	memcpy(entry, p, n);
	entry[n] = '\0';
	return true;
}

/* An address or a network; a name is neither here. */
static enum status add_net(struct filterset *f, const char *entry)
{
	bool name = false;
	const enum status st = filterset_add(f, entry, FILTER_NETWORK, &name);

	return st == ST_OK && name ? ST_PROTO : st;
}

static bool parse_id(const char *s, uint32_t *id)
{
	uint8_t b[4];
	struct rd r = rd_of(b, sizeof(b));

	if (strlen(s) != 2 * sizeof(b) || !hex_parse(b, sizeof(b), s))
		return false;
	*id = rd_be32(&r);
	return true;
}

/* Both lists; ids NULL = there are none in it. *f is NULL when nothing was named. */
static enum status parse_list(const char *text, struct filterset **f, uint32_t *ids, size_t *n_ids, char *bad)
{
	struct filterset *set = filterset_new();
	enum status st = set != NULL ? ST_OK : ST_LIMIT;
	char entry[HOST_STRLEN] = "";
	size_t nets = 0, n = 0;
	uint32_t id;

	while (st == ST_OK && next_entry(&text, entry)) {
		if (ids == NULL || !parse_id(entry, &id)) {
			st = add_net(set, entry);
			nets++;
		} else if (n < SYNC_IGNORE_MAX) {
			ids[n++] = id;
		} else {
			st = ST_LIMIT;
		}
	}
	if (st != ST_OK && bad != NULL)
		(void)text_copy(bad, HOST_STRLEN, entry);
	if (st != ST_OK || nets == 0)
		filterset_unref(&set);
	*f = set;
	if (n_ids != NULL)
		*n_ids = n;
	return st;
}

enum status sync_conf_allow(struct sync_conf *c, const char *text, char *bad)
{
	struct filterset *f;
	const enum status st = parse_list(text, &f, NULL, NULL, bad);

	if (st != ST_OK)
		return st;
	filterset_unref(&c->allow);
	c->allow = f;
	return ST_OK;
}

enum status sync_conf_ignore(struct sync_conf *c, const char *text, char *bad)
{
	uint32_t ids[SYNC_IGNORE_MAX];
	struct filterset *f;
	size_t n;
	const enum status st = parse_list(text, &f, ids, &n, bad);

	if (st != ST_OK)
		return st;
	filterset_unref(&c->ignore);
	c->ignore = f;
	c->n_ignore_id = n;
	memcpy(c->ignore_id, ids, n * sizeof(ids[0]));
	return ST_OK;
}

/* Values nothing can divide by, or wait for, are brought into range. */
static void take_conf(struct sync *s, const struct sync_conf *conf)
{
	struct sync_conf *c = &s->conf;

	if (conf->allow != NULL)
		(void)filterset_ref(conf->allow);
	if (conf->ignore != NULL)
		(void)filterset_ref(conf->ignore);
	sync_conf_fini(c);
	*c = *conf;
	c->mtu = MIN(MAX(c->mtu, SYNC_MTU_MIN), SYNC_MTU_MAX);
	c->beacon = MAX(c->beacon, NSEC_PER_MSEC);
	c->hit_timeout = MAX(c->hit_timeout, NSEC_PER_SEC);
	c->renew = MIN(c->renew, c->hit_timeout / 3);
	c->send_rate = MIN(MAX(c->send_rate, 1), 1000000);
	c->send_burst = MAX(c->send_burst, 1);
	c->recv_rate = MIN(MAX(c->recv_rate, 1), 1000000);
	c->want_rate = MIN(MAX(c->want_rate, 1), 1000000);
}

/* --- life --------------------------------------------------------------------------------------- */

static nsec sweep_gap(const struct sync *s)
{
	return MAX(s->conf.hit_timeout / 60, SWEEP_MIN);
}

struct sync *sync_new(const struct sync_conf *conf, const struct sync_ops *ops, void *ctx, nsec now)
{
	struct sync *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	take_conf(s, conf);
	s->ops = ops;
	s->ctx = ctx;
	buf_init(&s->body, BODY_MAX);
	do {
		s->id = ops->random(ctx);
	} while (s->id == 0);
	s->beacon_at = now + s->conf.first_beacon;
	s->digest_at = now + s->conf.beacon;
	s->inquire_at = s->better_at = s->live_at = NSEC_NEVER;
	s->tell_from = now;
	s->sweep_at = now + sweep_gap(s);
	return s;
}

void sync_free(struct sync **sp)
{
	struct sync *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	while (s->n_inst > 0)
		sync_inst_free(s, s->inst[0]);
	while (s->owns != NULL) {
		struct syncown *o = s->owns;

		sync_own_free(s, &o, SYNC_SHUTDOWN, false, 0);
	}
	sync_ends_free(s);
	sync_stops_free(s);
	buf_fini(&s->body);
	sync_conf_fini(&s->conf);
	free(s);
}

void sync_set_conf(struct sync *s, const struct sync_conf *conf, nsec now)
{
	take_conf(s, conf);
	s->beacon_at = MIN(s->beacon_at, now + MAX(s->conf.first_beacon, s->conf.beacon));
	s->digest_at = MIN(s->digest_at, now + s->conf.beacon);
	s->sweep_at = MIN(s->sweep_at, now + sweep_gap(s));
}

/* --- the clock ---------------------------------------------------------------------------------- */

/* Ask who knows most; who does not answer is given up. */
static void inquire(struct sync *s, nsec now)
{
	/* Meanwhile it came by itself. */
	const bool enough = sync_listed(s, now) * 4 >= s->best_count * 3;

	if (enough || s->asked == ASK_MAX || s->best_count == 0) {
		s->inquire_at = NSEC_NEVER;
		return;
	}
	s->asked++;
	s->inquire_at = now + s->conf.beacon;
	sync_out_inquire(s, s->best, now);
}

static void begin_digest(struct sync *s)
{
	struct syncend *e;

	if (s->dig_cur == NULL)
		s->dig_cur = s->owns;
	DL_FOREACH(s->ends, e) {
		s->n_ends_due += !e->due;
		e->due = true;
	}
}

/* The next turn of a timer, without catching up what was slept over. */
static nsec next_turn(nsec at, nsec every, nsec now)
{
	return MAX(at + every, now + every / 2);
}

nsec sync_run(struct sync *s, nsec now)
{
	nsec next;

	if (s->sweep_at <= now) {
		sync_sweep(s, now);
		s->sweep_at = now + sweep_gap(s);
	}
	if (s->beacon_at <= now) {
		s->beacon_at = next_turn(s->beacon_at, s->conf.beacon, now);
		sync_out_beacon(s, now);
	}
	if (s->digest_at <= now) {
		s->digest_at = next_turn(s->digest_at, s->conf.beacon, now);
		begin_digest(s);
	}
	if (s->inquire_at <= now)
		inquire(s, now);
	if (s->better_at <= now) {
		s->better_at = NSEC_NEVER;
		if (s->tell_cur == NULL) {
			s->tell_cur = s->chans;
			s->tell_better = true;
		}
	}
	next = sync_out(s, now);
	next = MIN(next, MIN(s->beacon_at, s->digest_at));
	next = MIN(next, MIN(s->inquire_at, s->better_at));
	if (s->n_inst > 0 || s->owns != NULL || s->ends != NULL)
		next = MIN(next, s->sweep_at);
	return next;
}

void sync_bye(struct sync *s, nsec now)
{
	(void)sync_out(s, now);
	sync_out_bye(s, now);
}

/* --- status ------------------------------------------------------------------------------------- */

struct gnuid sync_via(uint32_t instance)
{
	struct gnuid id = { .b = "livesync" };
	struct wr w = wr_of(id.b + 12, 4);

	wr_be32(&w, instance);
	return id;
}

/* Does any of it show? */
static uint32_t count_shown(const struct syncclaim *cl)
{
	const struct synchit *x;
	uint32_t n = 0;

	DL_FOREACH(cl->hits, x)
		n += x->shown;
	return n;
}

void sync_status(const struct sync *s, struct sync_status *st, nsec now)
{
	const struct syncclaim *cl;
	const struct syncchan *c;

	*st = s->st;
	st->instance = s->id;
	st->instances = (uint32_t)s->n_inst;
	st->kept = (uint32_t)s->n_hits;
	st->chans = st->hits = st->hidden = st->listed = 0;
	for (c = s->chans; c != NULL; c = c->hh.next) {
		uint32_t hits = 0;

		DL_FOREACH(c->claims, cl)
			hits += count_shown(cl);
		st->hits += hits;
		st->chans += hits > 0;
		st->hidden += (c->own != NULL || c->claims != NULL) && !sync_chan_has_info(c);
		st->listed += sync_chan_is_listed(c);
	}
	st->asking = s->inquire_at != NSEC_NEVER;
}

size_t sync_instances(const struct sync *s, struct sync_instance *out, size_t max)
{
	size_t n = MIN(max, s->n_inst);

	for (size_t k = 0; k < n; k++) {
		const struct syncinst *i = s->inst[k];
		const struct syncclaim *cl;

		out[k] = i->pub;
		DL_FOREACH2(i->claims, cl, inext) {
			const uint32_t hits = count_shown(cl);

			out[k].hits += hits;
			out[k].chans += hits > 0;
		}
	}
	return n;
}

const char *sync_drop_name(enum sync_drop d)
{
	static const char *const names[SYNC_DROP_COUNT] = {
		[SYNC_DROP_NOT_ALLOWED] = "notAllowed",
		[SYNC_DROP_IGNORED] = "ignored",
		[SYNC_DROP_FLOOD] = "flood",
		[SYNC_DROP_SHORT] = "short",
		[SYNC_DROP_LENGTH] = "length",
		[SYNC_DROP_TYPE] = "type",
		[SYNC_DROP_ECHO] = "echo",
		[SYNC_DROP_COLLISION] = "collision",
		[SYNC_DROP_UNSEALED] = "unsealed",
		[SYNC_DROP_SEALED] = "sealed",
		[SYNC_DROP_SEAL] = "seal",
		[SYNC_DROP_TIME] = "time",
		[SYNC_DROP_REPLAY] = "replay",
		[SYNC_DROP_INSTANCES] = "instances",
		[SYNC_DROP_FRAGMENT] = "fragment",
		[SYNC_DROP_DUPLICATE] = "duplicate",
		[SYNC_DROP_ATOM] = "atom",
		[SYNC_DROP_OVERTAKEN] = "overtaken",
		[SYNC_DROP_FOREIGN] = "foreign",
		[SYNC_DROP_CHANNEL] = "channel",
		[SYNC_DROP_ADDRESS] = "address",
		[SYNC_DROP_RANGE] = "range",
		[SYNC_DROP_OWNER] = "owner",
		[SYNC_DROP_FULL] = "full",
		[SYNC_DROP_MEMORY] = "memory",
	};

	return names[d];
}

const char *sync_kind_name(enum sync_kind k)
{
	static const char *const names[SYNC_KIND_COUNT] = {
		"live", "beacon", "inquire", "tell", "live6",
		"chaninfo", "hosts", "gone", "digest", "want", "bye", "sealed",
	};

	return names[k];
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/historyd.h"

#include <string.h>

#ifdef HAVE_SQLITE

#include <stdatomic.h>
#include <stdlib.h>

#include "core/sys/file.h"
#include "core/sys/lock.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "http/yplist.h"
#include "servent/historydb.h"

#define FILE_NAME   "history.sqlite"
#define QUESTIONS   16                          /* waiting; one more is turned away */
#define MINUTE      60
#define PRUNE_EVERY 3600                        /* seconds between two clean-ups */
#define ERROR_TIME  (60 * NSEC_PER_SEC)         /* between two lines about failures */
#define DAY         86400

/* What somebody wants to know. Two hold it, the asker and the thread; whoever is last frees it. */
struct question {
	_Atomic int refs;               /* acq_rel down */
	struct question *next;
	char name[TEXT_MAX];
	int64_t from_s, to_s;
	enum status st;
	bool done;                      /* lk_log; the answer is the asker's from then on */
	struct history answer;
};

struct historyd {
	struct node *node;
	struct thr thr;

	struct mtx mtx;                                 /* lk_log */
	struct cond wake;                               /* of the thread */
	struct cond answered;                           /* of askers */
	struct question *first  GUARDED_BY(lk_log);     /* oldest first */
	uint32_t n              GUARDED_BY(lk_log);
	bool stopping, look     GUARDED_BY(lk_log);

	/* the thread's own */
	struct historydb *db;           /* NULL = closed */
	char *path;
	int64_t sampled;                /* the minute that was written last */
	int64_t pruned;                 /* when; 0 = not yet */
	nsec told;                      /* last line about a failure; 0 = none since it worked */
	uint32_t untold;                /* failures since */
};

LOCK_DEFINE(hd, struct historyd, mtx, lk_log)

/* --- the file --------------------------------------------------------------------------------- */

static void fail(struct historyd *h, const char *what)
{
	const nsec now = clk_now();

	h->untold++;
	if (h->told != 0 && now - h->told < ERROR_TIME)
		return;
	log_error("history: %s (%u times)", what, h->untold);
	h->told = now;
	h->untold = 0;
}

static bool open_db(struct historyd *h)
{
	char why[HISTORYDB_WHY];

	if (h->db != NULL)
		return true;
	if (historydb_open(&h->db, h->path, why) != ST_OK) {
		fail(h, why);
		return false;
	}
	if (why[0] != '\0')
		log_error("history: %s", why);
	return true;
}

/* It failed: begin with a fresh look at the file next time. */
static void lose_db(struct historyd *h)
{
	fail(h, historydb_error(h->db));
	historydb_close(&h->db);
}

/* --- sampling --------------------------------------------------------------------------------- */

static void sample(struct historyd *h, int64_t now_s)
{
	struct history_sample *s;
	struct yplist list;
	enum status st = ST_OK;

	if (yplist_take(h->node, clk_wall_ns() - clk_now(), &list) != ST_OK) {
		fail(h, "out of memory");
		return;
	}
	s = malloc((list.n + 1) * sizeof(*s));
	for (size_t i = 0; s != NULL && i < list.n; i++)
		s[i] = (struct history_sample){
			.info = list.chans[i].info, .age_s = list.chans[i].age_s,
			.listeners = (int32_t)MIN(list.chans[i].listeners, (int64_t)INT32_MAX),
			.relays = (int32_t)MIN(list.chans[i].relays, (int64_t)INT32_MAX),
		};
	if (s == NULL)
		fail(h, "out of memory");
	else if (list.n > 0)
		st = historydb_put(h->db, now_s, s, list.n);
	if (st != ST_OK) {
		lose_db(h);
	} else if (s != NULL && h->told != 0) {
		log_info("history: written again");
		h->told = 0;
	}
	free(s);
	yplist_fini(&list);
}

static void prune(struct historyd *h, const struct settings *set, int64_t now_s)
{
	if (h->db == NULL || (h->pruned != 0 && now_s >= h->pruned && now_s - h->pruned < PRUNE_EVERY))
		return;
	h->pruned = now_s;
	if (historydb_prune(h->db, now_s - (int64_t)set->history_days * DAY) != ST_OK)
		lose_db(h);
}

/* What the minute asks for. last: the node stops. */
static void keep(struct historyd *h, bool last)
{
	const struct settings *set = conf_get(h->node->conf);
	const int64_t now_s = clk_wall_s();

	if (!set->is_root || set->history_days == 0) {
		historydb_close(&h->db);
	} else if (now_s / MINUTE != h->sampled || last) {
		h->sampled = now_s / MINUTE;
		if (open_db(h))
			sample(h, now_s);
		prune(h, set, now_s);
	}
	settings_unref(&set);
}

/* When the next minute begins, for a node that keeps a history. */
static nsec next_minute(struct historyd *h)
{
	const struct settings *set = conf_get(h->node->conf);
	const bool on = set->is_root && set->history_days > 0;

	settings_unref(&set);
	return on ? clk_deadline((MINUTE - clk_wall_s() % MINUTE) * NSEC_PER_SEC) : NSEC_NEVER;
}

/* --- questions -------------------------------------------------------------------------------- */

static void drop(struct question **qp)
{
	struct question *q = *qp;

	*qp = NULL;
	if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) > 1)
		return;
	history_fini(&q->answer);
	free(q);
}

static void answer(struct historyd *h, struct question *q) EXCLUDES(lk_log)
{
	enum status st = ST_STOPPED;

	if (h->db != NULL) {
		st = historydb_get(h->db, q->name, q->from_s, q->to_s, &q->answer);
		if (st == ST_SYS)
			lose_db(h);
	}
	hd_lock(h);
	q->st = st;
	q->done = true;
	cond_broadcast(&h->answered);
	hd_unlock(h);
	drop(&q);
}

enum status historyd_ask(struct historyd *h, const char *name, int64_t from_s, int64_t to_s, nsec deadline,
	struct history *out)
{
	struct question *q, **at;
	enum status st = ST_OK;

	memset(out, 0, sizeof(*out));
	if (h == NULL)
		return ST_STOPPED;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return ST_LIMIT;
	atomic_init(&q->refs, 2);
	(void)text_copy(q->name, sizeof(q->name), name);
	q->from_s = from_s;
	q->to_s = to_s;
	hd_lock(h);
	if (h->stopping || h->n >= QUESTIONS) {
		st = h->stopping ? ST_STOPPED : ST_TIMEOUT;
		hd_unlock(h);
		free(q);
		return st;
	}
	for (at = &h->first; *at != NULL; at = &(*at)->next)
		;
	*at = q;
	h->n++;
	cond_broadcast(&h->wake);
	while (!q->done && st == ST_OK)
		st = cond_wait(&h->answered, &h->mtx, deadline);
	if (q->done) {
		st = q->st;
		*out = q->answer;
		memset(&q->answer, 0, sizeof(q->answer));
	}
	hd_unlock(h);
	drop(&q);
	return st;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Sleep until there is something to do. The oldest question, or NULL: look at the clock. */
static struct question *sleep_for_work(struct historyd *h, bool *go_on) EXCLUDES(lk_log)
{
	const nsec until = next_minute(h);
	struct question *q;
	enum status st = ST_OK;

	hd_lock(h);
	while (h->first == NULL && !h->stopping && !h->look && st == ST_OK)
		st = cond_wait(&h->wake, &h->mtx, until);
	h->look = false;
	q = h->first;
	if (q != NULL) {
		h->first = q->next;
		h->n--;
	}
	*go_on = !h->stopping || q != NULL;
	hd_unlock(h);
	return q;
}

static void run(void *arg)
{
	struct historyd *h = arg;
	bool go_on = true;

	keep(h, false);
	while (go_on) {
		struct question *q = sleep_for_work(h, &go_on);

		keep(h, !go_on);
		if (q != NULL)
			answer(h, q);
	}
	historydb_close(&h->db);
}

static void free_all(struct historyd *h) LOCK_IMPL /* the only thread left */
{
	cond_fini(&h->answered);
	cond_fini(&h->wake);
	mtx_fini(&h->mtx);
	free(h->path);
	free(h);
}

enum status historyd_start(struct historyd **out, struct node *n) LOCK_IMPL /* nobody else yet */
{
	struct historyd *h = calloc(1, sizeof(*h));
	enum status st = ST_LIMIT;

	*out = NULL;
	if (h == NULL)
		return ST_LIMIT;
	h->node = n;
	mtx_init(&h->mtx, &lk_log);
	cond_init(&h->wake);
	cond_init(&h->answered);
	h->path = conf_path(n->conf) != NULL ? file_beside(conf_path(n->conf), FILE_NAME) : NULL;
	if (h->path != NULL)
		st = thr_start(&h->thr, "history", run, h);
	if (st == ST_OK)
		*out = h;
	else
		free_all(h);
	return st;
}

void historyd_stop(struct historyd **hp, nsec deadline)
{
	struct historyd *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	hd_lock(h);
	h->stopping = true;
	cond_broadcast(&h->wake);
	hd_unlock(h);
	if (thr_join(&h->thr, deadline) == ST_OK)
		free_all(h);
	else
		log_error("history: the disk does not answer");        /* the process ends now anyway */
}

void historyd_wake(struct historyd *h)
{
	if (h == NULL)
		return;
	hd_lock(h);
	h->look = true;
	cond_broadcast(&h->wake);
	hd_unlock(h);
}

#else

enum status historyd_start(struct historyd **out, struct node *n)
{
	*out = NULL;
	return ST_OK;
}

void historyd_stop(struct historyd **h, nsec deadline)
{
	*h = NULL;
}

void historyd_wake(struct historyd *h)
{
}

enum status historyd_ask(struct historyd *h, const char *name, int64_t from_s, int64_t to_s, nsec deadline,
	struct history *out)
{
	memset(out, 0, sizeof(*out));
	return ST_STOPPED;
}

#endif

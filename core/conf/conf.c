/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"

struct conf {
	char *path;             /* NULL: no file; never changes */
	conf_changed *changed;  /* this and its ctx: set before there are other threads */
	void *changed_ctx;
	struct mtx save_mtx;    /* lk_save */
	struct mtx mtx;         /* lk_conf */
	const struct settings *cur GUARDED_BY(lk_conf);
	nsec dirty_since GUARDED_BY(lk_conf);
	uint32_t save_failures GUARDED_BY(lk_conf);
	bool save_failed GUARDED_BY(lk_save);   /* the last write; says whether it was logged */
	const struct settings *saved GUARDED_BY(lk_save);       /* what the file said last */
};

LOCK_DEFINE(conf_save_one, struct conf, save_mtx, lk_save)
LOCK_DEFINE(conf, struct conf, mtx, lk_conf)

/* --- faults of a file, to the log --- */

/* Collected while the file is read, which may be under lk_save; logged after. */
struct warnings {
	struct buf text;        /* one NUL-terminated text after another */
	unsigned n;
};

static void warnings_init(struct warnings *w)
{
	buf_init(&w->text, CONF_WARN_MAX * LOG_LINE);
	w->n = 0;
}

static void warnings_add(void *ctx, unsigned line, const char *text)
{
	struct warnings *w = ctx;
	const size_t before = w->text.len;

	if (w->n++ >= CONF_WARN_MAX)
		return;
	if (line > 0)
		buf_printf(&w->text, " line %u", line);
	buf_printf(&w->text, ": %s", text);
	buf_u8(&w->text, '\0');
	if (w->text.err != ST_OK)       /* no memory for this one: the whole ones stay */
		w->text.len = before;
}

/* Log them and give the memory back. */
static void warnings_log(struct warnings *w, const char *path)
{
	const char *s = (const char *)w->text.p;

	for (size_t at = 0; at < w->text.len; at += strlen(s + at) + 1)
		log_warn("ini %s%s", path, s + at);
	if (w->n > CONF_WARN_MAX)
		log_warn("ini %s: %u more warnings", path, w->n - CONF_WARN_MAX);
	buf_fini(&w->text);
}

/* --- life --- */

static enum status conf_make(struct conf **out, const char *path, struct settings *draft,
	bool unsaved) EXCLUDES(lk_conf)
{
	struct conf *c = calloc(1, sizeof(*c));
	const nsec now = clk_now();

	*out = NULL;
	if (c == NULL)
		goto fail;
	if (path != NULL) {
		c->path = strdup(path);
		if (c->path == NULL)
			goto fail;
	}
	mtx_init(&c->save_mtx, &lk_save);
	mtx_init(&c->mtx, &lk_conf);
	conf_save_one_lock(c);
	c->saved = settings_ref(draft);
	conf_save_one_unlock(c);
	conf_lock(c);
	c->cur = draft;
	c->dirty_since = unsaved ? now : NSEC_NEVER;
	conf_unlock(c);
	*out = c;
	return ST_OK;
fail:
	free(c);
	settings_free(&draft);
	return ST_LIMIT;
}

void conf_set_log(const struct settings *st)
{
	log_set_form(st->log_format == LOGFORMAT_JSON ? LOG_JSON : LOG_TEXT);
	log_set_limits(st->log_max_size, st->log_keep, st->log_rate);
}

enum status conf_open(struct conf **out, const char *path)
{
	struct settings *st = NULL;
	bool unsaved = false;
	enum status r = ST_OK;
	struct warnings w;
	int err;

	*out = NULL;
	if (path != NULL) {
		warnings_init(&w);
		r = settings_load(path, warnings_add, &w, &st, &unsaved);
		err = errno;
		if (r == ST_OK)
			conf_set_log(st);       /* the faults, too, are told in that form */
		warnings_log(&w, path);
		errno = err;
	} else {
		st = settings_new(false);
		if (st == NULL)
			r = ST_LIMIT;
	}
	return r == ST_OK ? conf_make(out, path, st, unsaved) : r;
}

enum status conf_of(struct conf **out, struct settings *draft)
{
	return conf_make(out, NULL, draft, false);
}

void conf_free(struct conf **cp)
{
	const struct settings *st;
	struct conf *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	conf_lock(c);
	st = c->cur;
	conf_unlock(c);
	settings_unref(&st);
	conf_save_one_lock(c);
	st = c->saved;
	conf_save_one_unlock(c);
	settings_unref(&st);
	mtx_fini(&c->mtx);
	mtx_fini(&c->save_mtx);
	free(c->path);
	free(c);
}

const char *conf_path(const struct conf *c)
{
	return c->path;
}

void conf_watch(struct conf *c, conf_changed *fn, void *ctx)
{
	c->changed = fn;
	c->changed_ctx = ctx;
}

static void tell_watcher(const struct conf *c)
{
	if (c->changed != NULL)
		c->changed(c->changed_ctx);
}

/* --- reading and changing --- */

const struct settings *conf_get(struct conf *c)
{
	const struct settings *st;

	conf_lock(c);
	st = settings_ref(c->cur);
	conf_unlock(c);
	return st;
}

/* Put `next` in the place of `seen`, with the caller's references to both; false, and nothing done,
 * when somebody else has put another one there. */
static bool conf_publish(struct conf *c, const struct settings *seen, const struct settings *next)
	EXCLUDES(lk_conf)
{
	const struct settings *old = NULL;

	conf_lock(c);
	if (c->cur == seen) {
		old = c->cur;
		c->cur = next;
		if (c->dirty_since == NSEC_NEVER)
			c->dirty_since = clk_now();
	}
	conf_unlock(c);
	if (old == NULL)
		return false;
	settings_unref(&old);
	tell_watcher(c);
	return true;
}

enum status conf_update(struct conf *c, conf_edit *fn, void *ctx)
{
	/* Each round that has to be repeated is one in which another thread got through. */
	for (;;) {
		const struct settings *seen = conf_get(c);
		struct settings *draft = settings_copy(seen);
		enum status r = draft != NULL ? fn(draft, ctx) : ST_LIMIT;
		bool done = r != ST_OK || settings_same(seen, draft);

		if (!done && conf_publish(c, seen, draft)) {
			draft = NULL;
			done = true;
		}
		settings_free(&draft);
		settings_unref(&seen);
		if (done)
			return r;
	}
}

struct one_key {
	const char *key, *text;
	char *why;
};

static enum status edit_one_key(struct settings *draft, void *ctx)
{
	const struct one_key *o = ctx;

	return settings_set(draft, o->key, o->text, o->why);
}

enum status conf_set(struct conf *c, const char *key, const char *text, char *why)
{
	struct one_key o = { key, text, why };

	return conf_update(c, edit_one_key, &o);
}

/* --- the file --- */

nsec conf_dirty_since(struct conf *c)
{
	nsec since;

	conf_lock(c);
	since = c->dirty_since;
	conf_unlock(c);
	return since;
}

uint32_t conf_save_failures(struct conf *c)
{
	uint32_t n;

	conf_lock(c);
	n = c->save_failures;
	conf_unlock(c);
	return n;
}

/* Write the changes there are. *news: the outcome is another than last time. */
static enum status save_locked(struct conf *c, bool *news) REQUIRES(lk_save) EXCLUDES(lk_conf)
{
	const struct settings *st;
	bool dirty, failed;
	enum status r;

	*news = false;
	conf_lock(c);
	dirty = c->dirty_since != NSEC_NEVER;
	c->dirty_since = NSEC_NEVER;    /* a change from here on counts from its own time */
	st = settings_ref(c->cur);
	conf_unlock(c);
	r = dirty && c->path != NULL ? settings_save(c->path, st) : ST_OK;
	if (r == ST_OK) {               /* not dirty: it is that already */
		const struct settings *old = c->saved;

		c->saved = st;
		st = old;
	}
	settings_unref(&st);
	if (!dirty)
		return r;

	failed = r != ST_OK;
	*news = failed != c->save_failed;
	c->save_failed = failed;
	if (failed) {
		const nsec now = clk_now();

		conf_lock(c);
		c->dirty_since = now;   /* the next try is CONF_SAVE_AFTER away */
		c->save_failures++;
		conf_unlock(c);
	}
	return r;
}

enum status conf_save(struct conf *c)
{
	enum status r;
	bool news;
	int err;

	conf_save_one_lock(c);
	r = save_locked(c, &news);
	err = errno;
	conf_save_one_unlock(c);
	if (news && r == ST_OK)
		log_info("ini %s: written again", c->path);
	errno = err;
	if (news && r != ST_OK)
		log_error("ini %s: not written: %s; will be tried again", c->path, status_str(r));
	errno = err;
	return r;
}

/* What the file says now, and what was changed since it was written: settings to publish in the place of
 * mine. NULL = out of memory. */
static const struct settings *reloaded(const struct settings *fresh, const struct settings *saved,
	const struct settings *mine)
{
	struct settings *next;

	if (mine == saved && !fresh->broadcast_id_made)
		return settings_ref(fresh);
	next = settings_copy(fresh);
	if (next != NULL && mine != saved && settings_merge(next, saved, mine) != ST_OK)
		settings_free(&next);
	if (next != NULL && fresh->broadcast_id_made) {
		memcpy(next->broadcast_id, mine->broadcast_id, sizeof(next->broadcast_id));
		next->broadcast_id_made = false;
	}
	return next;
}

/* Read the file and publish what it says; under lk_save, so that no write comes between. Whoever publishes
 * meanwhile, or has not saved yet, loses nothing. */
static enum status reload_locked(struct conf *c, struct warnings *w)
	REQUIRES(lk_save) EXCLUDES(lk_conf)
{
	const nsec now = clk_now();
	struct settings *read;
	bool unsaved, done = false;
	enum status r;

	r = settings_read(c->path, warnings_add, w, &read, &unsaved);
	if (r != ST_OK)
		return r;

	const struct settings *fresh = read;

	while (r == ST_OK && !done) {
		const struct settings *mine = conf_get(c), *old = NULL;
		const struct settings *next = reloaded(fresh, c->saved, mine);

		if (next == NULL)
			r = ST_LIMIT;
		conf_lock(c);
		done = next != NULL && c->cur == mine;
		if (done) {
			old = c->cur;
			c->cur = next;
			c->dirty_since = unsaved || mine != c->saved ? now : NSEC_NEVER;
			next = NULL;
		}
		conf_unlock(c);
		settings_unref(&old);
		settings_unref(&next);
		settings_unref(&mine);
	}
	if (done) {
		const struct settings *old = c->saved;

		c->saved = fresh;
		fresh = old;
	}
	settings_unref(&fresh);
	return r;
}

enum status conf_reload(struct conf *c)
{
	struct warnings w;
	enum status r;
	int err;

	if (c->path == NULL)
		return ST_OK;
	warnings_init(&w);
	conf_save_one_lock(c);
	r = reload_locked(c, &w);
	err = errno;
	conf_save_one_unlock(c);
	if (r == ST_OK)
		tell_watcher(c);
	warnings_log(&w, c->path);
	errno = err;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/storage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"

#define FILE_NAME "storage.json"

struct storage {
	struct mtx mtx;                         /* lk_save */
	char *path;                             /* NULL = none */
	json_t *root    GUARDED_BY(lk_save);    /* { items, users, history } */
};

LOCK_DEFINE(sg, struct storage, mtx, lk_save)

/* --- the file --------------------------------------------------------------------------------- */

/* Of the right shape, whatever it was. False: out of memory. */
static bool make_whole(json_t *root)
{
	static const char *const objects[] = { "items", "users" };
	bool ok = true;

	for (size_t i = 0; i < NELEM(objects); i++)
		if (!json_is_object(json_object_get(root, objects[i])))
			ok = json_object_set_new(root, objects[i], json_object()) == 0 && ok;
	if (!json_is_array(json_object_get(root, "history")))
		ok = json_object_set_new(root, "history", json_array()) == 0 && ok;
	return ok;
}

static void put_aside(const char *path)
{
	char bad[4096];

	if ((size_t)snprintf(bad, sizeof(bad), "%s.bad", path) >= sizeof(bad) || rename(path, bad) == -1)
		log_error("%s: cannot be understood, and not be put aside", path);
	else
		log_error("%s: cannot be understood; it is now %s", path, bad);
}

/* The file's content; an empty object when there is none. NULL: out of memory. */
/* NULL: out of memory. */
static json_t *load(const char *path)
{
	json_error_t fault = { .line = 0 };
	json_t *root = NULL;
	enum status st;
	struct buf b;

	buf_init(&b, STORAGE_FILE);
	st = file_read(path, &b);
	if (st == ST_OK)
		root = json_loadb((const char *)b.p, b.len, 0, &fault);
	if (st == ST_OK && root == NULL && json_error_code(&fault) == json_error_out_of_memory) {
		buf_fini(&b);
		return NULL;            /* there is nothing wrong with the file */
	}
	if (!(st == ST_SYS && errno == ENOENT) && !json_is_object(root)) {
		json_decref(root);
		root = NULL;
		if (st == ST_SYS)
			log_error("%s: %s", path, status_str(st));
		else
			put_aside(path);
	}
	buf_fini(&b);
	return root != NULL ? root : json_object();
}

/* Its text: a file of PeerCast-YT is the item itself, or that as a JSON string. False: it is neither. */
static bool take_yt(json_t *items, const char *name, const struct buf *b)
{
	json_t *v = json_loadb((const char *)b->p, b->len, JSON_DECODE_ANY, NULL);
	bool ok = v != NULL;

	if (ok && !json_is_string(v)) {
		ok = json_is_object(v) || json_is_array(v);
		json_decref(v);
		v = ok ? json_stringn((const char *)b->p, b->len) : NULL;
	}
	ok = ok && json_string_length(v) <= STORAGE_ITEM && json_object_set(items, name, v) == 0;
	json_decref(v);
	return ok;
}

static void load_yt(json_t *items, const char *yt, const char *name)
{
	struct buf path, b;
	enum status st;

	if (json_object_get(items, name) != NULL)
		return;
	buf_init(&path, 4096);
	buf_init(&b, 2 * STORAGE_ITEM);         /* a JSON string is longer than its text */
	buf_printf(&path, "%s/%s.json", yt, name);
	st = path.err == ST_OK ? file_read(buf_cstr(&path), &b) : path.err;
	if (st == ST_OK && take_yt(items, name, &b))
		log_info("%s: taken over", buf_cstr(&path));
	else if (st == ST_OK)
		log_error("%s: cannot be understood, and is left alone", buf_cstr(&path));
	else if (st != ST_SYS || (errno != ENOENT && errno != ENOTDIR))
		log_error("%s: %s", buf_cstr(&path), status_str(st));
	buf_fini(&b);
	buf_fini(&path);
}

struct storage *storage_open(const char *ini, const char *yt) LOCK_IMPL /* nobody else has it yet */
{
	struct storage *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	mtx_init(&s->mtx, &lk_save);
	s->path = ini != NULL ? file_beside(ini, FILE_NAME) : NULL;
	if (s->path != NULL)
		file_sweep(s->path);
	if (s->path != NULL || ini == NULL)
		s->root = s->path != NULL ? load(s->path) : json_object();
	if (s->root == NULL || !make_whole(s->root))
		storage_free(&s);
	else if (yt != NULL)
		load_yt(json_object_get(s->root, "items"), yt, "channelFilters");
	return s;
}

void storage_free(struct storage **sp) LOCK_IMPL /* the only thread left */
{
	struct storage *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	json_decref(s->root);
	free(s->path);
	mtx_fini(&s->mtx);
	free(s);
}

/* Make `new`, whose reference is taken, what is kept, once it is on the disk. */
static enum status commit_locked(struct storage *s, json_t *new) REQUIRES(lk_save)
{
	char *text = new != NULL ? json_dumps(new, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	enum status st = text != NULL ? ST_OK : ST_LIMIT;

	if (st == ST_OK && strlen(text) > STORAGE_FILE)
		st = ST_LIMIT;
	if (st == ST_OK && s->path != NULL)
		st = file_replace(s->path, text, strlen(text), 0600);
	free(text);
	if (st == ST_OK) {
		json_decref(s->root);
		s->root = new;
	} else {
		json_decref(new);
	}
	return st;
}

static json_t *copy_or_null(const json_t *v)
{
	return v != NULL ? json_deep_copy(v) : json_null();
}

/* --- items ------------------------------------------------------------------------------------ */

bool storage_is_item(const char *name)
{
	return strcmp(name, "channelFilters") == 0 || strcmp(name, "channelFavorites") == 0;
}

json_t *storage_item(struct storage *s, const char *name)
{
	json_t *v;

	sg_lock(s);
	v = copy_or_null(json_object_get(json_object_get(s->root, "items"), name));
	sg_unlock(s);
	return v;
}

enum status storage_set_item(struct storage *s, const char *name, const char *value, size_t n)
{
	enum status st = ST_LIMIT;
	json_t *new;

	if (n > STORAGE_ITEM)
		return ST_LIMIT;
	sg_lock(s);
	new = json_deep_copy(s->root);
	if (json_object_set_new(json_object_get(new, "items"), name, json_stringn(value, n)) == 0)
		st = commit_locked(s, new);
	else
		json_decref(new);
	sg_unlock(s);
	return st;
}

/* --- users ------------------------------------------------------------------------------------ */

/* One value for all users: how to play. */
static const char *user_of(const char *user, const char *key)
{
	return strcmp(key, "defaultPlayProtocol") == 0 ? "" : user;
}

json_t *storage_user(struct storage *s, const char *user, const char *key)
{
	json_t *v;

	sg_lock(s);
	v = json_object_get(json_object_get(s->root, "users"), user_of(user, key));
	v = copy_or_null(json_object_get(v, key));
	sg_unlock(s);
	return v;
}

static bool fits(const json_t *v, size_t max)
{
	const size_t n = json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);

	return n > 0 && n <= max;
}

static bool set_user(json_t *root, const char *user, const char *key, json_t *value)
{
	json_t *users = json_object_get(root, "users"), *mine = json_object_get(users, user);

	if (users == NULL)
		return false;
	if (!json_is_object(mine)) {
		mine = json_object();
		if (json_object_set_new(users, user, mine) != 0)
			return false;
	}
	return json_object_set_new(mine, key, json_deep_copy(value)) == 0 && fits(users, STORAGE_USERS);
}

enum status storage_set_user(struct storage *s, const char *user, const char *key, json_t *value)
{
	enum status st = ST_LIMIT;
	json_t *new;

	if (strlen(user) > STORAGE_NAME || strlen(key) > STORAGE_NAME || !fits(value, STORAGE_USERS))
		return ST_LIMIT;
	sg_lock(s);
	new = json_deep_copy(s->root);
	if (set_user(new, user_of(user, key), key, value))
		st = commit_locked(s, new);
	else
		json_decref(new);
	sg_unlock(s);
	return st;
}

/* --- what was broadcast ----------------------------------------------------------------------- */

static bool is_favorite(const json_t *e)
{
	return json_is_true(json_object_get(e, "favorite"));
}

json_t *storage_history(struct storage *s)
{
	json_t *out = json_array(), *e;
	bool ok = out != NULL;
	size_t i;

	sg_lock(s);
	for (int favorites = 1; favorites >= 0; favorites--)
		json_array_foreach(json_object_get(s->root, "history"), i, e)
			if (is_favorite(e) == (favorites == 1))
				ok = json_array_append_new(out, json_deep_copy(e)) == 0 && ok;
	sg_unlock(s);
	if (ok)
		return out;
	json_decref(out);
	return NULL;
}

/* Equal but for `favorite`. */
static bool is_same(const json_t *a, const json_t *b)
{
	json_t *x = json_copy((json_t *)(uintptr_t)a), *y = json_copy((json_t *)(uintptr_t)b);
	bool yes;

	(void)json_object_del(x, "favorite");
	(void)json_object_del(y, "favorite");
	yes = json_equal(x, y) == 1;
	json_decref(x);
	json_decref(y);
	return yes;
}

/* Newest first. */
static bool add_history(json_t *list, json_t *entry)
{
	size_t i;

	for (i = json_array_size(list); i > 0; i--)
		if (is_same(json_array_get(list, i - 1), entry))
			(void)json_array_remove(list, i - 1);
	if (json_array_insert_new(list, 0, json_deep_copy(entry)) != 0)
		return false;
	for (i = json_array_size(list); i > 1 && json_array_size(list) > STORAGE_HISTORY; i--)
		if (!is_favorite(json_array_get(list, i - 1)))
			(void)json_array_remove(list, i - 1);
	/* nothing but favourites */
	while (json_array_size(list) > STORAGE_HISTORY)
		(void)json_array_remove(list, STORAGE_HISTORY);
	return true;
}

enum status storage_add_history(struct storage *s, json_t *entry)
{
	enum status st = ST_LIMIT;
	json_t *new;

	sg_lock(s);
	new = json_deep_copy(s->root);
	if (add_history(json_object_get(new, "history"), entry))
		st = commit_locked(s, new);
	else
		json_decref(new);
	sg_unlock(s);
	return st;
}

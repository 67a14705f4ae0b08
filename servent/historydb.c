/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/historydb.h"

#ifdef HAVE_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An insertion that finds no memory leaves the element out; the caller looks at its handle. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((void)(e))
#include <uthash.h>

#define FORMAT     "1"                  /* PRAGMA user_version */
#define KNOWN_MAX  40000                /* names remembered; twice what a root lists */

enum query {
	Q_BEGIN, Q_COMMIT, Q_ROLLBACK, Q_CHANNEL_ADD, Q_CHANNEL_FIND, Q_INFO_ADD, Q_SAMPLE_PUT,
	Q_ROWS, Q_INFO, Q_DAYS, Q_PRUNE_SAMPLE, Q_PRUNE_INFO, Q_PRUNE_CHANNEL, QUERIES
};

static const char *const sql[QUERIES] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_CHANNEL_ADD] = "INSERT OR IGNORE INTO channel (name) VALUES (?1)",
	[Q_CHANNEL_FIND] = "SELECT id FROM channel WHERE name = ?1",
	[Q_INFO_ADD] = "INSERT INTO info (channel, genre, desc, url, comment, type, title, artist, album)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[Q_SAMPLE_PUT] = "INSERT OR REPLACE INTO sample"
		" (channel, at, listeners, relays, age, bitrate, info) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[Q_ROWS] = "SELECT at, listeners, relays, age, bitrate, info FROM sample"
		" WHERE channel = ?1 AND at >= ?2 AND at < ?3 ORDER BY at LIMIT ?4",
	[Q_INFO] = "SELECT genre, desc, url, comment, type, title, artist, album FROM info WHERE id = ?1",
	[Q_DAYS] = "SELECT DISTINCT CAST(strftime('%Y%m%d', at, 'unixepoch', 'localtime') AS INTEGER)"
		" FROM sample WHERE channel = ?1 ORDER BY 1 LIMIT ?2",
	[Q_PRUNE_SAMPLE] = "DELETE FROM sample WHERE channel IN (SELECT id FROM channel) AND at < ?1",
	/* The infos of a channel rise with time: those before its first sample's are done with. */
	[Q_PRUNE_INFO] = "DELETE FROM info WHERE id < coalesce((SELECT s.info FROM sample s"
		" WHERE s.channel = info.channel ORDER BY s.at LIMIT 1), 9223372036854775807)",
	[Q_PRUNE_CHANNEL] = "DELETE FROM channel WHERE NOT EXISTS"
		" (SELECT 1 FROM sample s WHERE s.channel = channel.id)",
};

static const char schema[] =
	"PRAGMA journal_mode = DELETE;"
	"PRAGMA synchronous = NORMAL;"
	"PRAGMA cache_size = -1024;"
	"BEGIN;"
	"CREATE TABLE IF NOT EXISTS channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE IF NOT EXISTS info (id INTEGER PRIMARY KEY AUTOINCREMENT, channel INTEGER NOT NULL,"
	" genre TEXT, desc TEXT, url TEXT, comment TEXT, type TEXT, title TEXT, artist TEXT, album TEXT);"
	"CREATE TABLE IF NOT EXISTS sample (channel INTEGER NOT NULL, at INTEGER NOT NULL,"
	" listeners INTEGER NOT NULL, relays INTEGER NOT NULL, age INTEGER NOT NULL,"
	" bitrate INTEGER NOT NULL, info INTEGER NOT NULL, PRIMARY KEY (channel, at)) WITHOUT ROWID;"
	"PRAGMA user_version = " FORMAT ";"
	"COMMIT;";

/* The texts of an info, in the order of its columns. */
static const enum chantext columns[] = {
	CT_GENRE, CT_DESC, CT_URL, CT_COMMENT, CT_TYPE, CT_TRACK_TITLE, CT_TRACK_ARTIST, CT_TRACK_ALBUM,
};

/* A name that was written since the start: what its rows are called. */
struct known {
	UT_hash_handle hh;
	int64_t channel, info;
	struct chaninfo *seen;          /* a reference: what info says */
	int64_t at;                     /* last sample */
	int32_t listeners;              /* of it */
	char name[];
};

struct historydb {
	sqlite3 *sq;
	sqlite3_stmt *stmt[QUERIES];
	struct known *known;
	char error[HISTORYDB_WHY];      /* of the last call that failed */
};

/* --- statements ------------------------------------------------------------------------------- */

static enum status failed(struct historydb *db)
{
	snprintf(db->error, sizeof(db->error), "%s", sqlite3_errmsg(db->sq));
	return sqlite3_errcode(db->sq) == SQLITE_NOMEM ? ST_LIMIT : ST_SYS;
}

/* Ready to be bound. Compiled at its first use. */
static sqlite3_stmt *query(struct historydb *db, enum query q)
{
	if (db->stmt[q] == NULL && sqlite3_prepare_v3(db->sq, sql[q], -1, SQLITE_PREPARE_PERSISTENT,
		&db->stmt[q], NULL) != SQLITE_OK)
		return NULL;
	return db->stmt[q];
}

/* Run one that gives no rows. The first failure of a bind shows up here as well. */
static enum status run(struct historydb *db, enum query q)
{
	sqlite3_stmt *s = query(db, q);
	enum status st = ST_OK;

	if (s == NULL || sqlite3_step(s) != SQLITE_DONE)
		st = failed(db);
	if (s != NULL) {
		(void)sqlite3_reset(s);
		(void)sqlite3_clear_bindings(s);
	}
	return st;
}

static bool bind_int(sqlite3_stmt *s, int i, int64_t v)
{
	return s != NULL && sqlite3_bind_int64(s, i, v) == SQLITE_OK;
}

/* The text outlives the statement's run. */
static bool bind_text(sqlite3_stmt *s, int i, const char *v)
{
	return s != NULL && sqlite3_bind_text(s, i, v, -1, SQLITE_STATIC) == SQLITE_OK;
}

/* One number of one row; *found = there was a row. */
static enum status number(struct historydb *db, enum query q, int64_t *v, bool *found)
{
	sqlite3_stmt *s = db->stmt[q];
	const int rc = sqlite3_step(s);
	enum status st = ST_OK;

	*found = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		*v = sqlite3_column_int64(s, 0);
	else if (rc != SQLITE_DONE)
		st = failed(db);
	(void)sqlite3_reset(s);
	return st;
}

/* --- names ------------------------------------------------------------------------------------ */

static void forget_all(struct historydb *db)
{
	struct known *k = db->known, *next;

	HASH_CLEAR(hh, db->known);      /* the table alone; the elements still lead on */
	for (; k != NULL; k = next) {
		next = k->hh.next;
		chaninfo_unref(&k->seen);
		free(k);
	}
}

static struct known *remember(struct historydb *db, const char *name)
{
	const size_t n = strlen(name);
	struct known *k;

	HASH_FIND(hh, db->known, name, (unsigned)n, k);
	if (k != NULL)
		return k;
	if (HASH_COUNT(db->known) >= KNOWN_MAX)
		forget_all(db);
	k = calloc(1, sizeof(*k) + n + 1);
	if (k == NULL)
		return NULL;
	memcpy(k->name, name, n + 1);
	HASH_ADD_KEYPTR(hh, db->known, k->name, (unsigned)n, k);
	if (k->hh.tbl == NULL) {        /* no memory for the table */
		free(k);
		return NULL;
	}
	return k;
}

static enum status find_channel(struct historydb *db, const char *name, int64_t *id, bool *found)
{
	sqlite3_stmt *s = query(db, Q_CHANNEL_FIND);

	*found = false;
	if (!bind_text(s, 1, name))
		return failed(db);
	return number(db, Q_CHANNEL_FIND, id, found);
}

static enum status add_channel(struct historydb *db, struct known *k)
{
	bool found;
	enum status st;

	if (k->channel != 0)
		return ST_OK;
	if (!bind_text(query(db, Q_CHANNEL_ADD), 1, k->name))
		return failed(db);
	st = run(db, Q_CHANNEL_ADD);
	return st == ST_OK ? find_channel(db, k->name, &k->channel, &found) : st;
}

static bool same_texts(const struct chaninfo *a, const struct chaninfo *b)
{
	if (a == b)
		return true;
	for (size_t i = 0; i < NELEM(columns); i++)
		if (strcmp(a->text[columns[i]], b->text[columns[i]]) != 0)
			return false;
	return true;
}

static enum status add_info(struct historydb *db, struct known *k, struct chaninfo *info)
{
	sqlite3_stmt *s;
	bool ok;
	enum status st;

	if (k->seen != NULL && same_texts(k->seen, info))
		return ST_OK;
	s = query(db, Q_INFO_ADD);
	ok = bind_int(s, 1, k->channel);
	for (size_t i = 0; i < NELEM(columns); i++)
		ok = ok && bind_text(s, (int)i + 2, info->text[columns[i]]);
	st = ok ? run(db, Q_INFO_ADD) : failed(db);
	if (st != ST_OK)
		return st;
	k->info = sqlite3_last_insert_rowid(db->sq);
	chaninfo_unref(&k->seen);
	k->seen = chaninfo_ref(info);
	return ST_OK;
}

enum status historydb_limit(struct historydb *db, uint32_t pages)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA max_page_count = %u", pages);
	return sqlite3_exec(db->sq, text, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : failed(db);
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum status put_one(struct historydb *db, int64_t at, const struct history_sample *x)
{
	struct known *k = remember(db, x->info->text[CT_NAME]);
	sqlite3_stmt *s;
	enum status st;

	if (k == NULL) {
		snprintf(db->error, sizeof(db->error), "out of memory");
		return ST_LIMIT;
	}
	if (k->at == at && k->channel != 0 && k->listeners >= x->listeners)
		return ST_OK;           /* of the same name, and more people watch it */
	st = add_channel(db, k);
	if (st == ST_OK)
		st = add_info(db, k, x->info);
	if (st != ST_OK)
		return st;
	s = query(db, Q_SAMPLE_PUT);
	if (!bind_int(s, 1, k->channel) || !bind_int(s, 2, at) || !bind_int(s, 3, x->listeners) ||
	    !bind_int(s, 4, x->relays) || !bind_int(s, 5, x->age_s) ||
	    !bind_int(s, 6, x->info->bitrate_kbps) || !bind_int(s, 7, k->info))
		return failed(db);
	k->at = at;
	k->listeners = x->listeners;
	return run(db, Q_SAMPLE_PUT);
}

enum status historydb_put(struct historydb *db, int64_t at_s, const struct history_sample *x, size_t n)
{
	const int64_t at = at_s - at_s % 60;
	enum status st = run(db, Q_BEGIN);

	if (st != ST_OK)
		return st;
	for (size_t i = 0; i < n && st == ST_OK; i++)
		st = put_one(db, at, &x[i]);
	if (st == ST_OK)
		st = run(db, Q_COMMIT);
	if (st != ST_OK) {
		char why[HISTORYDB_WHY];

		(void)text_copy(why, sizeof(why), db->error);
		(void)!run(db, Q_ROLLBACK);     /* fails when it was done already */
		(void)text_copy(db->error, sizeof(db->error), why);
		forget_all(db);                 /* rows they name may be gone */
	}
	return st;
}

enum status historydb_prune(struct historydb *db, int64_t before_s)
{
	enum status st;

	if (!bind_int(query(db, Q_PRUNE_SAMPLE), 1, before_s))
		return failed(db);
	st = run(db, Q_PRUNE_SAMPLE);
	if (st == ST_OK)
		st = run(db, Q_PRUNE_INFO);
	if (st == ST_OK)
		st = run(db, Q_PRUNE_CHANNEL);
	forget_all(db);
	return st;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Room for one more in an array of n, which grows by doubling. */
static void *grow(void *p, size_t n, size_t size)
{
	if (n != 0 && (n & (n - 1)) != 0)
		return p;
	return realloc(p, (n == 0 ? 1 : n * 2) * size);
}

static enum status get_info(struct historydb *db, const char *name, int64_t id, struct history *out)
{
	sqlite3_stmt *s = query(db, Q_INFO);
	struct chaninfo **room = grow(out->infos, out->n_infos, sizeof(struct chaninfo *));
	struct chanmeta m = { .bitrate_kbps = 0 };
	int rc;

	if (room == NULL)
		return ST_LIMIT;
	out->infos = room;
	(void)text_copy(m.text[CT_NAME], TEXT_MAX, name);
	if (!bind_int(s, 1, id))
		return failed(db);
	rc = sqlite3_step(s);
	for (size_t i = 0; rc == SQLITE_ROW && i < NELEM(columns); i++) {
		const void *v = sqlite3_column_text(s, (int)i);

		/* The file is the operator's, but who knows what wrote it. */
		if (v != NULL)
			(void)text_clean(m.text[columns[i]], TEXT_MAX, v, strlen(v));
	}
	(void)sqlite3_reset(s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return failed(db);
	out->infos[out->n_infos] = chaninfo_new(&m);
	if (out->infos[out->n_infos] == NULL)
		return ST_LIMIT;
	out->n_infos++;
	return ST_OK;
}

static int32_t count_of(sqlite3_stmt *s, int i)
{
	const int64_t v = sqlite3_column_int64(s, i);

	return (int32_t)MIN(MAX(v, -1), INT32_MAX);
}

static uint32_t size_of(sqlite3_stmt *s, int i)
{
	const int64_t v = sqlite3_column_int64(s, i);

	return (uint32_t)MIN(MAX(v, 0), UINT32_MAX);
}

static enum status get_rows(struct historydb *db, const char *name, int64_t channel, int64_t from_s,
	int64_t to_s, struct history *out)
{
	sqlite3_stmt *s = query(db, Q_ROWS);
	int64_t info = 0;
	enum status st = ST_OK;
	int rc;

	if (!bind_int(s, 1, channel) || !bind_int(s, 2, from_s) || !bind_int(s, 3, to_s) ||
	    !bind_int(s, 4, HISTORY_ROWS))
		return failed(db);
	while (st == ST_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct history_row *room = grow(out->rows, out->n, sizeof(*room));

		if (room == NULL) {
			st = ST_LIMIT;
			break;
		}
		out->rows = room;
		if (out->n_infos == 0 || sqlite3_column_int64(s, 5) != info) {
			info = sqlite3_column_int64(s, 5);
			st = get_info(db, name, info, out);
			if (st != ST_OK)
				break;
		}
		out->rows[out->n++] = (struct history_row){
			.at_s = sqlite3_column_int64(s, 0), .listeners = count_of(s, 1),
			.relays = count_of(s, 2), .age_s = size_of(s, 3), .bitrate_kbps = size_of(s, 4),
			.info = (uint32_t)(out->n_infos - 1),
		};
	}
	if (st == ST_OK && rc != SQLITE_DONE)
		st = failed(db);
	(void)sqlite3_reset(s);
	return st;
}

static enum status get_days(struct historydb *db, int64_t channel, struct history *out)
{
	sqlite3_stmt *s = query(db, Q_DAYS);
	enum status st = ST_OK;
	int rc;

	if (!bind_int(s, 1, channel) || !bind_int(s, 2, HISTORY_DAYS))
		return failed(db);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		uint32_t *room = grow(out->days, out->n_days, sizeof(*room));

		if (room == NULL) {
			st = ST_LIMIT;
			break;
		}
		out->days = room;
		out->days[out->n_days++] = size_of(s, 0);
	}
	if (st == ST_OK && rc != SQLITE_DONE)
		st = failed(db);
	(void)sqlite3_reset(s);
	return st;
}

enum status historydb_get(struct historydb *db, const char *name, int64_t from_s, int64_t to_s,
	struct history *out)
{
	int64_t channel = 0;
	bool found;
	enum status st;

	memset(out, 0, sizeof(*out));
	st = find_channel(db, name, &channel, &found);
	if (st != ST_OK || !found)
		return st;
	st = get_rows(db, name, channel, from_s, to_s, out);
	if (st == ST_OK)
		st = get_days(db, channel, out);
	if (st != ST_OK)
		history_fini(out);
	return st;
}

/* --- the file --------------------------------------------------------------------------------- */

void historydb_close(struct historydb **dbp)
{
	struct historydb *db = *dbp;

	*dbp = NULL;
	if (db == NULL)
		return;
	forget_all(db);
	for (size_t i = 0; i < QUERIES; i++)
		(void)sqlite3_finalize(db->stmt[i]);
	(void)sqlite3_close(db->sq);
	free(db);
}

const char *historydb_error(const struct historydb *db)
{
	return db->error;
}

static int open_file(struct historydb *db, const char *path)
{
	int rc = sqlite3_open_v2(path, &db->sq,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db->sq, 2000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->sq, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK && historydb_limit(db, HISTORYDB_PAGES) != ST_OK)
		rc = sqlite3_errcode(db->sq);
	return rc;
}

/* A file that is no database makes room for one. Returns whether it did. */
static bool put_aside(const char *path, char why[HISTORYDB_WHY])
{
	const size_t room = strlen(path) + sizeof(".bad");
	char *to = malloc(room);
	bool ok = false;

	if (to != NULL) {
		snprintf(to, room, "%s.bad", path);
		ok = rename(path, to) == 0;
	}
	if (ok)
		snprintf(why, HISTORYDB_WHY, "%s was broken: it is called .bad now", path);
	free(to);
	return ok;
}

enum status historydb_open(struct historydb **out, const char *path, char why[HISTORYDB_WHY])
{
	struct historydb *db = calloc(1, sizeof(*db));
	int rc;

	*out = NULL;
	why[0] = '\0';
	if (db == NULL)
		return ST_LIMIT;
	rc = open_file(db, path);
	if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT) {
		(void)sqlite3_close(db->sq);
		db->sq = NULL;
		if (put_aside(path, why))
			rc = open_file(db, path);
	}
	if (rc != SQLITE_OK) {
		snprintf(why, HISTORYDB_WHY, "%s: %s", path,
			db->sq != NULL ? sqlite3_errmsg(db->sq) : sqlite3_errstr(rc));
		historydb_close(&db);
		return rc == SQLITE_NOMEM ? ST_LIMIT : ST_SYS;
	}
	*out = db;
	return ST_OK;
}

#endif

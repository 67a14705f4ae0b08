/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/historydb.h"

#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define NOON ((int64_t)1795176000)      /* a whole minute */

static char folder[200], path[256];
static struct historydb *db;

static void begin(void)
{
	char why[HISTORYDB_WHY];

	snprintf(folder, sizeof(folder), "/tmp/test-historydb-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/history.sqlite", folder);
	ck_assert_int_eq(historydb_open(&db, path, why), ST_OK);
	ck_assert_str_eq(why, "");
}

static void end(void)
{
	char bad[300];

	historydb_close(&db);
	(void)unlink(path);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	(void)unlink(bad);
	ck_assert_int_eq(rmdir(folder), 0);     /* no journal is left behind */
}

static struct chaninfo *info_of(const char *name, const char *desc)
{
	struct chanmeta m = { .id = id_of(1), .bitrate_kbps = 500 };
	struct chaninfo *i;

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, name);
	(void)text_copy(m.text[CT_DESC], TEXT_MAX, desc);
	(void)text_copy(m.text[CT_GENRE], TEXT_MAX, "genre");
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

static void put(int64_t at, const char *name, const char *desc, int32_t listeners)
{
	struct chaninfo *i = info_of(name, desc);
	const struct history_sample s = { .info = i, .listeners = listeners, .relays = 2, .age_s = 61 };

	ck_assert_msg(historydb_put(db, at, &s, 1) == ST_OK, "%s", historydb_error(db));
	chaninfo_unref(&i);
}

static void get(const char *name, struct history *h)
{
	ck_assert_msg(historydb_get(db, name, NOON - 86400, NOON + 86400, h) == ST_OK, "%s",
		historydb_error(db));
}

/* Another program at the file. */
static void run(const char *sql)
{
	sqlite3 *sq;

	ck_assert_int_eq(sqlite3_open(path, &sq), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(sq), SQLITE_OK);
}

START_TEST(rows_come_back)
{
	struct history h;

	put(NOON + 59, "雑談 'ch", "one", 5);
	put(NOON + 60, "雑談 'ch", "one", 6);
	put(NOON + 180, "雑談 'ch", "two", -1);
	put(NOON, "another", "x", 1);
	get("雑談 'ch", &h);
	ck_assert_uint_eq(h.n, 3);
	ck_assert_int_eq(h.rows[0].at_s, NOON);
	ck_assert_int_eq(h.rows[1].at_s, NOON + 60);
	ck_assert_int_eq(h.rows[2].at_s, NOON + 180);
	ck_assert_int_eq(h.rows[0].listeners, 5);
	ck_assert_int_eq(h.rows[2].listeners, -1);
	ck_assert_int_eq(h.rows[1].relays, 2);
	ck_assert_uint_eq(h.rows[1].age_s, 61);
	ck_assert_uint_eq(h.rows[1].bitrate_kbps, 500);
	ck_assert_uint_eq(h.n_infos, 2);        /* one for each change of texts, not for each row */
	ck_assert_uint_eq(h.rows[1].info, 0);
	ck_assert_uint_eq(h.rows[2].info, 1);
	ck_assert_str_eq(h.infos[0]->text[CT_DESC], "one");
	ck_assert_str_eq(h.infos[1]->text[CT_DESC], "two");
	ck_assert_str_eq(h.infos[1]->text[CT_NAME], "雑談 'ch");
	ck_assert_str_eq(h.infos[1]->text[CT_GENRE], "genre");
	history_fini(&h);
	get("nobody", &h);
	ck_assert_uint_eq(h.n + h.n_infos + h.n_days, 0);
	history_fini(&h);
}
END_TEST

START_TEST(bounds)
{
	struct history h;

	for (int i = 0; i < 5; i++)
		put(NOON + 60 * i, "x", "d", i);
	ck_assert_int_eq(historydb_get(db, "x", NOON + 60, NOON + 180, &h), ST_OK);
	ck_assert_uint_eq(h.n, 2);
	ck_assert_int_eq(h.rows[0].listeners, 1);
	history_fini(&h);
	/* more than one answer holds */
	run("INSERT INTO sample SELECT channel, at + 60 * n, listeners, relays, age, bitrate, info FROM sample,"
		" (WITH RECURSIVE c(n) AS (SELECT 5 UNION ALL SELECT n + 1 FROM c WHERE n < 4000) SELECT n FROM c)"
		" WHERE at = (SELECT min(at) FROM sample)");
	ck_assert_int_eq(historydb_get(db, "x", 0, INT64_MAX, &h), ST_OK);
	ck_assert_uint_eq(h.n, HISTORY_ROWS);
	history_fini(&h);
}
END_TEST

/* Of two channels with one name the better watched counts, in one put or in two. */
START_TEST(one_name)
{
	struct chaninfo *a = info_of("x", "a"), *b = info_of("x", "b");
	const struct history_sample s[] = { { .info = a, .listeners = 3 }, { .info = b, .listeners = 7 },
		{ .info = a, .listeners = 4 } };
	struct history h;

	ck_assert_int_eq(historydb_put(db, NOON, s, 3), ST_OK);
	put(NOON + 30, "x", "c", 6);
	get("x", &h);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_int_eq(h.rows[0].listeners, 7);
	ck_assert_str_eq(h.infos[h.rows[0].info]->text[CT_DESC], "b");
	history_fini(&h);
	chaninfo_unref(&a);
	chaninfo_unref(&b);
}
END_TEST

START_TEST(days)
{
	struct history h;
	struct tm tm;
	const time_t first = (time_t)NOON, last = (time_t)(NOON + 3 * 86400);

	put(NOON, "x", "d", 1);
	put(NOON + 60, "x", "d", 1);
	put(NOON + 3 * 86400, "x", "d", 1);
	get("x", &h);
	ck_assert_uint_eq(h.n_days, 2);
	ck_assert_ptr_nonnull(localtime_r(&first, &tm));
	ck_assert_uint_eq(h.days[0], (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday));
	ck_assert_ptr_nonnull(localtime_r(&last, &tm));
	ck_assert_uint_eq(h.days[1], (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday));
	history_fini(&h);
}
END_TEST

static int64_t count(const char *table)
{
	char sql[64];
	sqlite3_stmt *s;
	sqlite3 *sq;
	int64_t n;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	ck_assert_int_eq(sqlite3_open(path, &sq), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(sq, sql, -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(sq);
	return n;
}

START_TEST(forgets)
{
	struct history h;

	put(NOON, "old", "d", 1);
	put(NOON, "x", "one", 1);
	put(NOON + 60, "x", "two", 1);
	put(NOON + 120, "x", "three", 1);
	ck_assert_int_eq(historydb_prune(db, NOON + 60), ST_OK);
	ck_assert_int_eq(count("sample"), 2);
	ck_assert_int_eq(count("info"), 2);
	ck_assert_int_eq(count("channel"), 1);
	/* what was forgotten may come again */
	put(NOON + 180, "old", "d", 9);
	put(NOON + 180, "x", "three", 9);
	get("old", &h);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_str_eq(h.infos[0]->text[CT_DESC], "d");
	history_fini(&h);
	get("x", &h);
	ck_assert_uint_eq(h.n, 3);
	ck_assert_str_eq(h.infos[h.rows[2].info]->text[CT_DESC], "three");
	history_fini(&h);
}
END_TEST

START_TEST(opened_again)
{
	char why[HISTORYDB_WHY];
	struct history h;

	put(NOON, "x", "d", 1);
	historydb_close(&db);
	ck_assert_int_eq(historydb_open(&db, path, why), ST_OK);
	ck_assert_str_eq(why, "");
	put(NOON + 60, "x", "d", 2);
	get("x", &h);
	ck_assert_uint_eq(h.n, 2);
	history_fini(&h);
}
END_TEST

START_TEST(broken_file)
{
	char why[HISTORYDB_WHY], bad[300];
	FILE *f;

	historydb_close(&db);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 5000; i++)
		ck_assert_int_ge(fputs("this is no database ", f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(historydb_open(&db, path, why), ST_OK);
	ck_assert_ptr_nonnull(strstr(why, ".bad"));
	snprintf(bad, sizeof(bad), "%s.bad", path);
	ck_assert_int_eq(access(bad, F_OK), 0);
	put(NOON, "x", "d", 1);
}
END_TEST

START_TEST(no_such_folder)
{
	char why[HISTORYDB_WHY];
	struct historydb *none;

	ck_assert_int_eq(historydb_open(&none, "/tmp/no/such/folder/h.sqlite", why), ST_SYS);
	ck_assert_ptr_null(none);
	ck_assert_ptr_nonnull(strstr(why, "/tmp/no/such/folder/h.sqlite"));
}
END_TEST

/* A minute that cannot be written leaves nothing behind, and the next one works. */
START_TEST(locked_by_another)
{
	struct chaninfo *i = info_of("x", "d");
	const struct history_sample s = { .info = i, .listeners = 1 };
	struct history h;
	sqlite3 *sq;

	ck_assert_int_eq(sqlite3_open(path, &sq), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(sq, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(historydb_put(db, NOON, &s, 1), ST_SYS);
	ck_assert_str_ne(historydb_error(db), "");
	ck_assert_int_eq(sqlite3_close(sq), SQLITE_OK);
	ck_assert_int_eq(historydb_put(db, NOON + 60, &s, 1), ST_OK);
	get("x", &h);
	ck_assert_uint_eq(h.n, 1);
	history_fini(&h);
	chaninfo_unref(&i);
}
END_TEST

START_TEST(disk_full)
{
	enum status st = ST_OK;
	struct history h;
	size_t written = 0;

	ck_assert_int_eq(historydb_limit(db, 10), ST_OK);
	for (int64_t at = NOON; st == ST_OK && written < 1000; at += 60) {
		char desc[TEXT_MAX];
		struct history_sample s = { .listeners = 1 };

		snprintf(desc, sizeof(desc), "%0250zu", written);       /* a new text each time fills it soon */
		s.info = info_of("x", desc);
		st = historydb_put(db, at, &s, 1);
		written += st == ST_OK;
		chaninfo_unref(&s.info);
	}
	ck_assert_int_eq(st, ST_SYS);
	ck_assert_uint_gt(written, 3);
	get("x", &h);
	ck_assert_uint_eq(h.n, written);
	ck_assert_uint_eq(h.n_infos, written);
	history_fini(&h);
	ck_assert_int_eq(historydb_limit(db, 1000), ST_OK);
	put(NOON - 60, "x", "again", 1);
	get("x", &h);
	ck_assert_uint_eq(h.n, written + 1);
	history_fini(&h);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("historydb");
	TCase *t = tcase_create("file");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, rows_come_back);
	tcase_add_test(t, bounds);
	tcase_add_test(t, one_name);
	tcase_add_test(t, days);
	tcase_add_test(t, forgets);
	tcase_add_test(t, opened_again);
	tcase_add_test(t, broken_file);
	tcase_add_test(t, no_such_folder);
	tcase_add_test(t, locked_by_another);
	tcase_add_test(t, disk_full);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "test/unit/unit.h"

static char dir[] = "/tmp/peercast-storage-XXXXXX", ini[64], path[64], bad[64];
static char yt[64], old[96];            /* the folder of PeerCast-YT, and its file */

static void up(void)
{
	memcpy(strrchr(dir, '-') + 1, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(ini, sizeof(ini), "%s/peercast.ini", dir);
	snprintf(path, sizeof(path), "%s/storage.json", dir);
	snprintf(bad, sizeof(bad), "%s/storage.json.bad", dir);
	snprintf(yt, sizeof(yt), "%s/yt", dir);
	snprintf(old, sizeof(old), "%s/channelFilters.json", yt);
}

static void down(void)
{
	(void)unlink(path);
	(void)unlink(bad);
	(void)unlink(old);
	(void)rmdir(yt);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct storage *opened(void)
{
	struct storage *s = storage_open(ini, yt);

	ck_assert_ptr_nonnull(s);
	return s;
}

/* The value, which is let go, as JSON. */
static void expect(json_t *v, const char *want)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, want);
	free(text);
	json_decref(v);
}

START_TEST(kept_over_a_restart)
{
	struct storage *s = opened();
	json_t *v = json_pack("{si}", "x", 5), *e = json_pack("{ss}", "channelName", "c");
	struct stat st;

	expect(storage_item(s, "channelFilters"), "null");
	ck_assert_int_eq(access(path, F_OK), -1);       /* nothing is written before there is something */
	ck_assert_int_eq(storage_set_item(s, "channelFilters", "a\nb", 3), ST_OK);
	ck_assert_int_eq(storage_set_user(s, "me", "look", v), ST_OK);
	ck_assert_int_eq(storage_add_history(s, e), ST_OK);
	json_decref(v);
	json_decref(e);
	storage_free(&s);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	s = opened();
	expect(storage_item(s, "channelFilters"), "\"a\\nb\"");
	expect(storage_user(s, "me", "look"), "{\"x\":5}");
	expect(storage_user(s, "you", "look"), "null");
	expect(storage_user(s, "me", "other"), "null");
	expect(storage_history(s), "[{\"channelName\":\"c\"}]");
	ck_assert_int_eq(storage_set_item(s, "channelFilters", "", 0), ST_OK);
	expect(storage_item(s, "channelFilters"), "\"\"");
	storage_free(&s);
}
END_TEST

START_TEST(without_a_file)
{
	struct storage *s = storage_open(NULL, NULL);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(storage_set_item(s, "channelFilters", "x", 1), ST_OK);
	expect(storage_item(s, "channelFilters"), "\"x\"");
	storage_free(&s);
}
END_TEST

START_TEST(names)
{
	ck_assert(storage_is_item("channelFilters"));
	ck_assert(storage_is_item("channelFavorites"));
	ck_assert(!storage_is_item(""));
	ck_assert(!storage_is_item("../channelFilters"));
	ck_assert(!storage_is_item("ChannelFilters"));
}
END_TEST

/* How to play is the same for everybody. */
START_TEST(shared_key)
{
	struct storage *s = opened();
	json_t *v = json_pack("{ss}", "FLV", "HTTP");

	ck_assert_int_eq(storage_set_user(s, "me", "defaultPlayProtocol", v), ST_OK);
	expect(storage_user(s, "you", "defaultPlayProtocol"), "{\"FLV\":\"HTTP\"}");
	json_decref(v);
	storage_free(&s);
}
END_TEST

START_TEST(limits)
{
	struct storage *s = opened();
	char *big = calloc(1, STORAGE_ITEM + 1), name[STORAGE_NAME + 2];
	json_t *v, *small = json_object();

	ck_assert(big != NULL && small != NULL);
	memset(big, 'x', STORAGE_ITEM + 1);
	ck_assert_int_eq(storage_set_item(s, "channelFilters", big, STORAGE_ITEM + 1), ST_LIMIT);
	expect(storage_item(s, "channelFilters"), "null");
	ck_assert_int_eq(storage_set_item(s, "channelFilters", big, STORAGE_ITEM), ST_OK);
	memset(name, 'n', sizeof(name));
	name[STORAGE_NAME + 1] = '\0';
	ck_assert_int_eq(storage_set_user(s, name, "k", small), ST_LIMIT);
	ck_assert_int_eq(storage_set_user(s, "u", name, small), ST_LIMIT);
	name[STORAGE_NAME] = '\0';
	ck_assert_int_eq(storage_set_user(s, name, name, small), ST_OK);
	v = json_pack("{ss%}", "v", big, (size_t)30000);
	ck_assert_int_eq(storage_set_user(s, "u", "1", v), ST_OK);
	ck_assert_int_eq(storage_set_user(s, "u", "2", v), ST_OK);
	/* all users together */
	ck_assert_int_eq(storage_set_user(s, "other", "3", v), ST_LIMIT);
	expect(storage_user(s, "other", "3"), "null");
	/* in the place of one there is room */
	ck_assert_int_eq(storage_set_user(s, "u", "1", v), ST_OK);
	ck_assert_int_eq(storage_set_user(s, "u", "1", small), ST_OK);
	ck_assert_int_eq(storage_set_user(s, "other", "3", v), ST_OK);
	json_decref(v);
	json_decref(small);
	free(big);
	storage_free(&s);
}
END_TEST

static json_t *broadcast(int n, bool favorite)
{
	return json_pack("{sisb}", "n", n, "favorite", (int)favorite);
}

static void add(struct storage *s, int n, bool favorite)
{
	json_t *e = broadcast(n, favorite);

	ck_assert_int_eq(storage_add_history(s, e), ST_OK);
	json_decref(e);
}

START_TEST(history)
{
	struct storage *s = storage_open(NULL, NULL);
	json_t *v;

	add(s, 1, false);
	add(s, 2, true);
	add(s, 3, false);
	expect(storage_history(s), "[{\"favorite\":true,\"n\":2},{\"favorite\":false,\"n\":3},"
		"{\"favorite\":false,\"n\":1}]");
	/* the same again: once, newest, with what it is now */
	add(s, 1, true);
	expect(storage_history(s), "[{\"favorite\":true,\"n\":1},{\"favorite\":true,\"n\":2},"
		"{\"favorite\":false,\"n\":3}]");
	for (int i = 10; i < 10 + STORAGE_HISTORY; i++)
		add(s, i, false);
	v = storage_history(s);
	ck_assert_uint_eq(json_array_size(v), STORAGE_HISTORY);
	/* favourites outlive the others */
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(v, 0), "n")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(v, 1), "n")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(v, 2), "n")), 9 + STORAGE_HISTORY);
	json_decref(v);
	for (int i = 1000; i < 1000 + 2 * STORAGE_HISTORY; i++)
		add(s, i, true);
	v = storage_history(s);
	ck_assert_uint_eq(json_array_size(v), STORAGE_HISTORY);
	json_decref(v);
	storage_free(&s);
}
END_TEST

static const char *const files[] = {
	"", "{", "[]", "5", "null", "{\"items\":5,\"users\":[],\"history\":{}}", "{\"users\":{\"me\":3}}",
	"{\"items\":{\"channelFilters\":\"\xff\"}}",
};

/* Whatever is in the file, the node starts, and keeps what it is given. */
START_TEST(odd_files)
{
	json_t *v = json_pack("{si}", "x", 1);
	struct storage *s;
	struct buf b;

	ck_assert_int_eq(file_replace(path, files[_i], strlen(files[_i]), 0600), ST_OK);
	s = opened();
	expect(storage_item(s, "channelFilters"), "null");
	expect(storage_history(s), "[]");
	ck_assert_int_eq(storage_set_user(s, "me", "k", v), ST_OK);
	expect(storage_user(s, "me", "k"), "{\"x\":1}");
	storage_free(&s);
	if (files[_i][0] != '{' || files[_i][1] == '\0' || strchr(files[_i], '\xff') != NULL) {
		/* it is not lost */
		buf_init(&b, 1000);
		ck_assert_int_eq(file_read(bad, &b), ST_OK);
		ck_assert_str_eq(buf_cstr(&b), files[_i]);
		buf_fini(&b);
	}
	json_decref(v);
}
END_TEST

/* What cannot be written does not count. */
START_TEST(disk_that_fails)
{
	struct storage *s = opened();

	ck_assert_int_eq(storage_set_item(s, "channelFilters", "old", 3), ST_OK);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(storage_set_item(s, "channelFilters", "new", 3), ST_SYS);
	expect(storage_item(s, "channelFilters"), "\"old\"");
	storage_free(&s);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
}
END_TEST

static void write_old(const char *text, size_t n)
{
	FILE *f = fopen(old, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static const struct {
	const char *text, *item;
} olds[] = {
	{ "[{\"name\":\"x\"}]", "\"[{\\\"name\\\":\\\"x\\\"}]\"" },
	{ "{}\n", "\"{}\\n\"" },
	{ "\"[1,2]\"", "\"[1,2]\"" },
	{ "", "null" }, { "[", "null" }, { "5", "null" }, { "true", "null" }, { "null", "null" },
	{ "[]]", "null" }, { "\"a\\u0000\"", "null" }, { "[\"\xff\"]", "null" },
};

/* What PeerCast-YT kept is there, once, and its file is never touched. */
START_TEST(from_peercast_yt)
{
	const char *text = olds[_i].text;
	struct storage *s;
	struct buf b;

	ck_assert_int_eq(mkdir(yt, 0700), 0);
	s = opened();
	expect(storage_item(s, "channelFilters"), "null");
	storage_free(&s);
	write_old(text, strlen(text));
	s = opened();
	expect(storage_item(s, "channelFilters"), olds[_i].item);
	expect(storage_item(s, "channelFavorites"), "null");
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(storage_set_item(s, "channelFilters", "mine", 4), ST_OK);
	storage_free(&s);
	s = opened();
	expect(storage_item(s, "channelFilters"), "\"mine\"");
	storage_free(&s);
	buf_init(&b, 1000);
	ck_assert_int_eq(file_read(old, &b), ST_OK);
	ck_assert_str_eq(buf_cstr(&b), text);
	buf_fini(&b);
}
END_TEST

START_TEST(from_peercast_yt_too_long)
{
	static const size_t sizes[] = { STORAGE_ITEM, STORAGE_ITEM + 1, 3 * STORAGE_ITEM };
	char *text = malloc(3 * STORAGE_ITEM);
	struct storage *s;
	json_t *v;

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(mkdir(yt, 0700), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(text, ' ', sizes[i]);
		memcpy(text, "[]", 2);
		write_old(text, sizes[i]);
		s = opened();
		v = storage_item(s, "channelFilters");
		ck_assert_uint_eq(json_string_length(v), i == 0 ? STORAGE_ITEM : 0);
		json_decref(v);
		storage_free(&s);
	}
	free(text);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/storage");
	TCase *t = tcase_create("storage");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, kept_over_a_restart);
	tcase_add_test(t, without_a_file);
	tcase_add_test(t, names);
	tcase_add_test(t, shared_key);
	tcase_add_test(t, limits);
	tcase_add_test(t, history);
	tcase_add_loop_test(t, odd_files, 0, NELEM(files));
	tcase_add_test(t, disk_that_fails);
	tcase_add_loop_test(t, from_peercast_yt, 0, (int)(sizeof(olds) / sizeof(olds[0])));
	tcase_add_test(t, from_peercast_yt_too_long);
	suite_add_tcase(s, t);
	return s;
}

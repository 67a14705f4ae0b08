/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/conf.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "test/unit/unit.h"

static char dir[64], path[128];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_conf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/peercast.ini", dir);
	log_set_level(LOG_OFF);
}

static void teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static char *slurp(const char *p)
{
	struct buf in;
	char *s;

	buf_init(&in, SETTINGS_FILE_MAX);
	ck_assert_int_eq(file_read(p, &in), ST_OK);
	s = strdup(buf_cstr(&in));
	buf_fini(&in);
	return s;
}

static struct conf *open_new(void)
{
	struct conf *c;

	ck_assert_int_eq(conf_open(&c, path), ST_OK);
	ck_assert_str_eq(conf_path(c), path);
	return c;
}

static uint32_t port_of(struct conf *c)
{
	const struct settings *st = conf_get(c);
	uint32_t port = st->server_port;

	settings_unref(&st);
	return port;
}

static enum status put_relay(struct settings *draft, void *ctx)
{
	return settings_relay_put(draft, ctx, 2);
}

/* Files in the folder: nothing temporary may stay. */
static int files_in_dir(void)
{
	char cmd[128];
	FILE *p;
	int n = -1;

	snprintf(cmd, sizeof(cmd), "ls -A '%s' | wc -l", dir);
	p = popen(cmd, "r");
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(fscanf(p, "%d", &n), 1);
	pclose(p);
	return n;
}

START_TEST(snapshots_do_not_change)
{
	struct conf *c = open_new();
	const struct settings *before = conf_get(c), *after;
	char why[SETTINGS_WHY];

	ck_assert_int_eq(conf_set(c, "serverPort", "8144", why), ST_OK);
	after = conf_get(c);
	ck_assert_uint_eq(before->server_port, 7144);
	ck_assert_uint_eq(after->server_port, 8144);
	conf_free(&c);
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(before->server_port, 7144);   /* outlives conf */
	settings_unref(&before);
	ck_assert_ptr_null(before);
	settings_unref(&after);
}
END_TEST

static enum status edit_then_fail(struct settings *draft, void *ctx)
{
	draft->server_port = 1;
	return *(enum status *)ctx;
}

START_TEST(a_refused_change_leaves_nothing)
{
	struct conf *c = open_new();
	enum status want = ST_PROTO;
	char why[SETTINGS_WHY];

	ck_assert_int_eq(conf_update(c, edit_then_fail, &want), ST_PROTO);
	ck_assert_int_eq(conf_set(c, "serverPort", "none", why), ST_PROTO);
	ck_assert_str_eq(why, "not a number");
	ck_assert_int_eq(conf_set(c, "noSuchKey", "1", why), ST_PROTO);
	ck_assert_uint_eq(port_of(c), 7144);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	conf_free(&c);
}
END_TEST

START_TEST(dirty_until_saved)
{
	struct conf *c = open_new();
	nsec t0 = clk_now(), first;
	char *text;

	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	ck_assert_int_eq(conf_set(c, "serverPort", "8144", NULL), ST_OK);
	first = conf_dirty_since(c);
	ck_assert(first >= t0 && first <= clk_now());
	ck_assert_int_eq(conf_set(c, "maxRelays", "9", NULL), ST_OK);
	ck_assert(conf_dirty_since(c) == first);        /* the first change sets the time */
	text = slurp(path);
	ck_assert_ptr_nonnull(strstr(text, "serverPort = 7144\n"));
	free(text);

	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	text = slurp(path);
	ck_assert_ptr_nonnull(strstr(text, "serverPort = 8144\n"));
	ck_assert_ptr_nonnull(strstr(text, "maxRelays = 9\n"));
	free(text);
	conf_free(&c);

	c = open_new();
	ck_assert_uint_eq(port_of(c), 8144);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	conf_free(&c);
	ck_assert_int_eq(files_in_dir(), 1);
}
END_TEST

/* Nothing to write: an operator's edit meanwhile is not overwritten. */
START_TEST(a_clean_save_does_not_touch_the_file)
{
	static const char mine[] = "serverPort = 9000\n";
	struct conf *c = open_new();
	char *text;

	ck_assert_int_eq(file_replace(path, mine, strlen(mine), 0600), ST_OK);
	ck_assert_int_eq(conf_save(c), ST_OK);
	text = slurp(path);
	ck_assert_str_eq(text, mine);
	free(text);
	conf_free(&c);
}
END_TEST

static void count(void *ctx)
{
	++*(int *)ctx;
}

START_TEST(a_change_is_told_once)
{
	struct conf *c = open_new();
	enum status want = ST_PROTO;
	int told = 0;

	conf_watch(c, count, &told);
	ck_assert_int_eq(conf_set(c, "serverPort", "8144", NULL), ST_OK);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(conf_save(c), ST_OK);

	/* What changes nothing is no change: nothing to write, nobody to wake. */
	ck_assert_int_eq(conf_set(c, "serverPort", "8144", NULL), ST_OK);
	ck_assert_int_eq(conf_update(c, edit_then_fail, &want), ST_PROTO);
	ck_assert_int_eq(told, 1);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);

	ck_assert_int_eq(conf_reload(c), ST_OK);
	ck_assert_int_eq(told, 2);
	conf_free(&c);
}
END_TEST

START_TEST(an_old_file_wants_to_be_saved)
{
	char *old = slurp("test/data/ini/root.ini"), *text;
	struct conf *c;

	ck_assert_int_eq(file_replace(path, old, strlen(old), 0644), ST_OK);
	c = open_new();
	ck_assert(conf_dirty_since(c) != NSEC_NEVER);
	ck_assert_int_eq(conf_save(c), ST_OK);
	text = slurp(path);
	ck_assert_ptr_nonnull(strstr(text, "serverName = DEMO ROOT\n"));
	ck_assert_ptr_nonnull(strstr(text, "livesync = No\n"));
	free(text);
	free(old);
	conf_free(&c);
}
END_TEST

START_TEST(without_a_file)
{
	struct settings *draft = settings_new(false);
	struct conf *c;

	draft->max_channels = 5;
	ck_assert_int_eq(conf_of(&c, draft), ST_OK);
	ck_assert_ptr_null(conf_path(c));
	ck_assert_int_eq(conf_set(c, "serverPort", "1", NULL), ST_OK);
	ck_assert_uint_eq(port_of(c), 1);
	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert_int_eq(conf_reload(c), ST_OK);
	ck_assert_uint_eq(port_of(c), 1);
	conf_free(&c);
	ck_assert_int_eq(conf_open(&c, NULL), ST_OK);
	ck_assert_uint_eq(port_of(c), 7144);
	conf_free(&c);
	conf_free(&c);
}
END_TEST

START_TEST(faults_are_logged_with_their_lines)
{
	struct conf *c;
	struct buf text, log;
	uint64_t first;
	uint32_t n;

	buf_init(&text, 1 << 16);
	buf_puts(&text, "serverPort = x\n");
	for (int i = 0; i < 200; i++)
		buf_puts(&text, "serverPort = 70000\n");
	ck_assert_int_eq(file_replace(path, text.p, text.len, 0600), ST_OK);
	log_clear();
	log_set_level(LOG_WARN);
	ck_assert_int_eq(log_open("/dev/null"), ST_OK);
	c = open_new();
	log_set_level(LOG_OFF);
	buf_init(&log, 1 << 20);
	log_copy(&log, 0, LOG_RING, &first, &n);
	ck_assert_uint_eq(n, CONF_WARN_MAX + 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&log),
		"peercast.ini line 1: serverPort: not a number; stays 7144\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&log), "peercast.ini: 102 more warnings"));
	buf_fini(&log);
	buf_fini(&text);
	log_close();
	conf_free(&c);
}
END_TEST

START_TEST(reload)
{
	static const char good[] = "serverPort = 9000\n[Filter]\nip = ::/0\n[End]\n";
	struct conf *c = open_new();
	const struct settings *old = conf_get(c), *now;

	ck_assert_int_eq(conf_set(c, "serverPort", "8144", NULL), ST_OK);
	ck_assert_int_eq(file_replace(path, good, strlen(good), 0600), ST_OK);
	ck_assert_int_eq(conf_reload(c), ST_OK);
	now = conf_get(c);
	ck_assert_uint_eq(now->server_port, 9000);
	/* The file has none: the node stays who it is. */
	ck_assert_mem_eq(now->broadcast_id, old->broadcast_id, SETTINGS_ID);
	ck_assert(conf_dirty_since(c) != NSEC_NEVER);
	settings_unref(&now);
	settings_unref(&old);

	/* Without a file the settings stay, and none is made up. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(conf_reload(c), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(port_of(c), 9000);
	ck_assert_int_eq(files_in_dir(), 0);
	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert_int_eq(files_in_dir(), 1);
	conf_free(&c);
}
END_TEST

/* What was changed and is not saved yet, and what the operator wrote into the file, both count. */
START_TEST(reload_keeps_what_is_unsaved)
{
	static const struct settings_pair pairs[] = { { "id", "0123456789ABCDEF0123456789ABCDEF" }, { "name", "kept" } };
	struct conf *c = open_new();
	const struct settings *st;
	struct settings *draft;
	uint8_t id[SETTINGS_ID];
	struct buf text;
	size_t n;

	st = conf_get(c);
	memcpy(id, st->broadcast_id, sizeof(id));
	draft = settings_copy(st);
	settings_unref(&st);
	ck_assert_int_eq(conf_set(c, "serverName", "a name of some length", NULL), ST_OK);
	ck_assert_int_eq(conf_set(c, "maxRelays", "33", NULL), ST_OK);
	ck_assert_int_eq(conf_set(c, "maxDirect", "5", NULL), ST_OK);
	ck_assert_int_eq(conf_set(c, "rootMsg", "two = words", NULL), ST_OK);
	ck_assert_int_eq(conf_update(c, put_relay, (void *)(uintptr_t)pairs), ST_OK);

	draft->server_port = 9000;
	draft->max_direct = 7;                  /* changed here as well */
	settings_feeds_clear(draft);
	buf_init(&text, SETTINGS_FILE_MAX);
	buf_puts(&text, "# a new comment\n");
	settings_emit(draft, &text);
	settings_free(&draft);
	ck_assert_int_eq(file_replace(path, text.p, text.len, 0600), ST_OK);
	buf_fini(&text);

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(conf_reload(c), ST_OK);
		st = conf_get(c);
		ck_assert_uint_eq(st->server_port, 9000);
		ck_assert_uint_eq(st->max_relays, 33);
		ck_assert_uint_eq(st->max_direct, 7);
		ck_assert_str_eq(st->server_name, "a name of some length");
		ck_assert_str_eq(st->root_msg, "two = words");
		ck_assert_mem_eq(st->broadcast_id, id, sizeof(id));
		(void)settings_relays(st, &n);
		ck_assert_uint_eq(n, 1);
		(void)settings_feeds(st, &n);
		ck_assert_uint_eq(n, 0);
		settings_unref(&st);
		ck_assert(conf_dirty_since(c) != NSEC_NEVER);
	}
	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert_int_eq(conf_reload(c), ST_OK);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	st = conf_get(c);
	ck_assert_uint_eq(st->max_relays, 33);
	settings_unref(&st);
	conf_free(&c);
}
END_TEST

/* --- failures of the disk --- */

/* In a child, so that the limit is its own: no file may grow beyond 1000 bytes. */
static void full_disk_child(struct conf *c)
{
	const struct rlimit small = { 1000, 1000 };
	nsec before = clk_now();
	enum status r;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &small) == -1)
		_exit(2);
	if (conf_set(c, "serverPort", "8144", NULL) != ST_OK)
		_exit(3);
	r = conf_save(c);
	if (r != ST_SYS || errno != EFBIG)
		_exit(4);
	/* Still to be saved, and not at once. */
	if (conf_dirty_since(c) == NSEC_NEVER || conf_dirty_since(c) < before)
		_exit(5);
	if (conf_save(c) != ST_SYS || conf_save_failures(c) != 2)
		_exit(6);
	_exit(0);
}

START_TEST(a_full_disk_leaves_the_old_file)
{
	struct conf *c = open_new();
	char *before = slurp(path), *after;
	int status;
	pid_t pid;

	ck_assert_uint_gt(strlen(before), 2000);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		full_disk_child(c);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	after = slurp(path);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(files_in_dir(), 1);
	free(before);
	free(after);
	conf_free(&c);
}
END_TEST

START_TEST(a_failed_write_is_tried_again)
{
	struct conf *c = open_new();
	char *text;

	/* No folder, no file. */
	teardown();
	ck_assert_int_eq(conf_set(c, "serverPort", "8144", NULL), ST_OK);
	ck_assert_int_eq(conf_save(c), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(conf_save_failures(c), 1);
	ck_assert(conf_dirty_since(c) != NSEC_NEVER);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert(conf_dirty_since(c) == NSEC_NEVER);
	text = slurp(path);
	ck_assert_ptr_nonnull(strstr(text, "serverPort = 8144\n"));
	free(text);
	conf_free(&c);
}
END_TEST

/* Saves for ever; a byte to fd after each. */
static void save_for_ever(struct conf *c, int fd)
{
	for (uint32_t i = 0;; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", 1 + i % 60000);
		if (conf_set(c, "serverPort", text, NULL) != ST_OK || conf_save(c) != ST_OK ||
		    write(fd, "x", 1) != 1)
			_exit(1);
	}
}

/* Killed at any moment, the file is one of those that were written, whole. */
START_TEST(killed_while_saving)
{
	struct conf *c = open_new();

	for (int round = 0; round < 10; round++) {
		struct settings *st;
		struct buf in;
		char bytes[16];
		int fds[2], status;
		pid_t pid;

		ck_assert_int_eq(pipe(fds), 0);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			save_for_ever(c, fds[1]);
		close(fds[1]);
		for (int i = 0; i <= round; i++)
			ck_assert_int_gt(read(fds[0], bytes, 1), 0);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		close(fds[0]);

		buf_init(&in, SETTINGS_FILE_MAX);
		ck_assert_int_eq(file_read(path, &in), ST_OK);
		ck_assert_uint_gt(in.len, 2000);
		ck_assert_int_eq(memcmp(in.p + in.len - 6, "[End]\n", 6), 0);
		ck_assert_int_eq(settings_parse(in.p, in.len, NULL, NULL, &st), ST_OK);
		ck_assert_uint_ge(st->server_port, 1);
		settings_free(&st);
		buf_fini(&in);
	}
	conf_free(&c);
}
END_TEST

START_TEST(a_link_stays_a_link)
{
	char target[160];
	struct conf *c;
	struct stat sb;

	snprintf(target, sizeof(target), "%s/real.ini", dir);
	ck_assert_int_eq(file_replace(target, "serverPort = 9\n", 15, 0600), ST_OK);
	ck_assert_int_eq(symlink("real.ini", path), 0);
	c = open_new();
	ck_assert_uint_eq(port_of(c), 9);
	ck_assert_int_eq(conf_save(c), ST_OK);
	ck_assert_int_eq(lstat(path, &sb), 0);
	ck_assert(S_ISLNK(sb.st_mode));
	ck_assert_int_eq(lstat(target, &sb), 0);
	ck_assert(sb.st_size > 1000 && S_ISREG(sb.st_mode));
	conf_free(&c);
}
END_TEST

/* --- threads --- */

#define WRITERS 4
#define READERS 2
#define ROUNDS  200

struct crowd {
	struct conf *c;
	_Atomic bool over;
	_Atomic uint32_t bad;
};

/* Both fields move together; and each writer's step must be found in the end. */
static enum status step(struct settings *draft, void *ctx)
{
	(void)ctx;
	draft->max_channels++;
	draft->max_direct++;
	snprintf(draft->server_name, sizeof(draft->server_name), "%u", draft->max_channels);
	return ST_OK;
}

static void writer(void *arg)
{
	struct crowd *w = arg;

	for (int i = 0; i < ROUNDS; i++)
		if (conf_update(w->c, step, NULL) != ST_OK)
			w->bad++;
}

static void reader(void *arg)
{
	struct crowd *w = arg;

	while (!atomic_load(&w->over)) {
		const struct settings *st = conf_get(w->c);
		char name[16];

		snprintf(name, sizeof(name), "%u", st->max_channels);
		if (st->max_channels - 1000 != st->max_direct ||
		    (st->max_direct > 0 && strcmp(name, st->server_name) != 0))
			w->bad++;
		settings_unref(&st);
	}
}

static void saver(void *arg)
{
	struct crowd *w = arg;

	while (!atomic_load(&w->over))
		if (conf_save(w->c) != ST_OK)
			w->bad++;
}

static void reloader(void *arg)
{
	struct crowd *w = arg;

	while (!atomic_load(&w->over))
		if (conf_reload(w->c) != ST_OK)
			w->bad++;
}

START_TEST(concurrent_updates_are_all_kept)
{
	struct thr writers[WRITERS], others[READERS + 3];
	struct crowd w = { .c = open_new() };
	const nsec end = clk_deadline(60 * NSEC_PER_SEC);
	const struct settings *st;
	char want[64], *text;

	ck_assert_int_eq(conf_set(w.c, "maxChannels", "1000", NULL), ST_OK);
	ck_assert_int_eq(conf_save(w.c), ST_OK);
	for (int i = 0; i < READERS + 3; i++)
		ck_assert_int_eq(thr_start(&others[i], "other", i < READERS ? reader :
			i < READERS + 2 ? saver : reloader, &w), ST_OK);
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(thr_start(&writers[i], "writer", writer, &w), ST_OK);
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(thr_join(&writers[i], end), ST_OK);
	atomic_store(&w.over, true);
	for (int i = 0; i < READERS + 3; i++)
		ck_assert_int_eq(thr_join(&others[i], end), ST_OK);
	ck_assert_uint_eq(w.bad, 0);

	st = conf_get(w.c);
	ck_assert_uint_eq(st->max_channels, 1000 + WRITERS * ROUNDS);
	ck_assert_uint_eq(st->max_direct, WRITERS * ROUNDS);
	settings_unref(&st);
	ck_assert_int_eq(conf_save(w.c), ST_OK);
	text = slurp(path);
	snprintf(want, sizeof(want), "\nmaxChannels = %u\n", 1000u + WRITERS * ROUNDS);
	ck_assert_ptr_nonnull(strstr(text, want));
	ck_assert_int_eq(files_in_dir(), 1);
	free(text);
	conf_free(&w.c);
}
END_TEST

/* The write is tried with what was current; a change during it stays to be saved. fn publishes a
 * second change from inside the first, so the first has to run again. */
static enum status step_with_a_rival(struct settings *draft, void *ctx)
{
	struct crowd *w = ctx;

	if (!atomic_exchange(&w->over, true))
		ck_assert_int_eq(conf_set(w->c, "maxDirect", "77", NULL), ST_OK);
	draft->max_channels++;
	return ST_OK;
}

START_TEST(a_rival_change_is_not_lost)
{
	struct crowd w = { .c = open_new() };
	const struct settings *st;

	ck_assert_int_eq(conf_update(w.c, step_with_a_rival, &w), ST_OK);
	st = conf_get(w.c);
	ck_assert_uint_eq(st->max_channels, 201);
	ck_assert_uint_eq(st->max_direct, 77);
	settings_unref(&st);
	conf_free(&w.c);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf"), *d = tcase_create("disk"), *c = tcase_create("threads");
	TCase *const all[] = { t, d, c };

	for (size_t i = 0; i < NELEM(all); i++) {
		tcase_add_checked_fixture(all[i], setup, teardown);
		tcase_set_timeout(all[i], 120);
		suite_add_tcase(s, all[i]);
	}
	tcase_add_test(t, snapshots_do_not_change);
	tcase_add_test(t, a_refused_change_leaves_nothing);
	tcase_add_test(t, dirty_until_saved);
	tcase_add_test(t, a_clean_save_does_not_touch_the_file);
	tcase_add_test(t, a_change_is_told_once);
	tcase_add_test(t, an_old_file_wants_to_be_saved);
	tcase_add_test(t, without_a_file);
	tcase_add_test(t, faults_are_logged_with_their_lines);
	tcase_add_test(t, reload);
	tcase_add_test(t, reload_keeps_what_is_unsaved);
	tcase_add_test(d, a_full_disk_leaves_the_old_file);
	tcase_add_test(d, a_failed_write_is_tried_again);
	tcase_add_test(d, killed_while_saving);
	tcase_add_test(d, a_link_stays_a_link);
	tcase_add_test(c, concurrent_updates_are_all_kept);
	tcase_add_test(c, a_rival_change_is_not_lost);
	return s;
}

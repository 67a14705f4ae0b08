/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "core/sys/thr.h"
#include "test/unit/unit.h"

/* Time we can move, and stop: in front of the C library's. */
static _Atomic int64_t ahead_s;
static _Atomic int64_t stopped_s;       /* what the monotonic clock says; 0 = it goes */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_MONOTONIC && atomic_load(&stopped_s) != 0)
		*ts = (struct timespec){ .tv_sec = (time_t)atomic_load(&stopped_s) };
	ts->tv_sec += (time_t)atomic_load(&ahead_s);
	return rc;
}

/* Where a machine that has much to do must not count. */
static void stop_clock(void)
{
	struct timespec now;

	ck_assert_int_eq(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now), 0);
	atomic_store(&stopped_s, (int64_t)now.tv_sec + 1);
}

static char dir[64], path[96], moved[96];
static struct buf got;

static void open_log(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	ck_assert_int_eq(log_open(path), ST_OK);
	log_set_level(LOG_INFO);
	log_pause(false);
	log_clear();
	buf_init(&got, 4 << 20);
	/* each test begins with rested buckets */
	atomic_fetch_add(&ahead_s, 1000);
}

static void close_log(void)
{
	atomic_store(&stopped_s, 0);
	log_set_form(LOG_TEXT);
	log_set_limits(0, 1, 0);
	log_close();
	log_clear();
	buf_fini(&got);
	(void)unlink(path);
	(void)unlink(moved);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *file_text(const char *name)
{
	buf_reset(&got);
	ck_assert_int_eq(file_read(name, &got), ST_OK);
	return buf_cstr(&got);
}

static const char *ring_text(uint64_t from, uint32_t max, uint64_t *first, uint32_t *n)
{
	buf_reset(&got);
	log_copy(&got, from, max, first, n);
	ck_assert_int_eq(got.err, ST_OK);
	return buf_cstr(&got);
}

static int count(const char *s, const char *what)
{
	int n = 0;

	for (s = strstr(s, what); s != NULL; s = strstr(s + 1, what))
		n++;
	return n;
}

START_TEST(line_formats)
{
	struct stat sb;
	struct tm tm;
	char week[8], month[8];
	int y, mo, d, h, mi, s, ms, end = 0;
	uint64_t first;
	uint32_t n;

	errno = EPIPE;
	log_info("Fetch Host=%s:%d", "127.0.0.1", 9);
	ck_assert_int_eq(errno, EPIPE);
	const char *t = file_text(path);

	ck_assert_int_eq(sscanf(t, "%4d/%2d/%2d %2d:%2d:%2d.%3d [INFO] Fetch Host=127.0.0.1:9\n%n", &y,
		&mo, &d, &h, &mi, &s, &ms, &end), 7);
	ck_assert_int_eq(end, (int)strlen(t));
	ck_assert_uint_eq(strlen(t), strlen("2026/11/20 09:44:44.470 [INFO] Fetch Host=127.0.0.1:9\n"));
	/* local time, now */
	const time_t now = (time_t)clk_wall_s();
	struct tm line = { .tm_year = y - 1900, .tm_mon = mo - 1, .tm_mday = d, .tm_hour = h,
		.tm_min = mi, .tm_sec = s, .tm_isdst = -1 };

	ck_assert_int_le(llabs((long long)(mktime(&line) - now)), 5);
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);

	t = ring_text(0, 10, &first, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(sscanf(t, "%3s %3s %d %d:%d:%d %d [INFO] Fetch Host=127.0.0.1:9%n", week, month,
		&d, &h, &mi, &s, &y, &end), 7);
	ck_assert_int_eq(end, (int)strlen(t));
	ck_assert_ptr_nonnull(localtime_r(&now, &tm));
	ck_assert_int_eq(y, tm.tm_year + 1900);
	ck_assert_int_eq(t[10], ' ');
	ck_assert_int_eq(t[19], ' ');
}
END_TEST

START_TEST(levels_and_pause)
{
	log_debug("no");
	log_set_level(LOG_TRACE);
	ck_assert_int_eq(log_get_level(), LOG_TRACE);
	log_at(LOG_TRACE, "a");
	log_debug("b");
	log_info("c");
	log_warn("d");
	log_error("e");
	log_at(LOG_FATAL, "f");
	log_pause(true);
	log_error("no");
	log_pause(false);
	log_set_level(LOG_OFF);
	log_at(LOG_FATAL, "no");
	const char *t = file_text(path);

	ck_assert_int_eq(count(t, "\n"), 6);
	ck_assert_int_eq(count(t, " no\n"), 0);
	ck_assert_ptr_nonnull(strstr(t, "[TRAC] a\n"));
	ck_assert_ptr_nonnull(strstr(t, "[DBUG] b\n"));
	ck_assert_ptr_nonnull(strstr(t, "[INFO] c\n"));
	ck_assert_ptr_nonnull(strstr(t, "[WARN] d\n"));
	ck_assert_ptr_nonnull(strstr(t, "[EROR] e\n"));
	ck_assert_ptr_nonnull(strstr(t, "[FATL] f\n"));
}
END_TEST

START_TEST(nobody_forges_a_line)
{
	log_info("name=%s", "x\n2026/11/20 09:44:44.470 [INFO] root\x1B[2J \xC2\x9B \xE6\xBC\xA2 \xFF");
	const char *t = file_text(path);

	ck_assert_int_eq(count(t, "\n"), 1);
	ck_assert_ptr_nonnull(strstr(t, "name=x\\x0A2026/11/20 09:44:44.470 [INFO] root\\x1B[2J "
		"\\xC2\\x9B \xE6\xBC\xA2 \\xFF\n"));
}
END_TEST

START_TEST(long_lines_are_cut_at_a_character)
{
	char big[4000];

	for (size_t pad = 0; pad < 3; pad++) {
		uint64_t first;
		uint32_t n;

		memset(big, 'a', sizeof(big));
		for (size_t i = pad; i + 3 < sizeof(big); i += 3)
			memcpy(big + i, "\xE6\xBC\xA2", 3);
		big[sizeof(big) - 1] = 0;
		log_clear();
		log_info("%s", big);
		const char *t = strchr(ring_text(0, 1, &first, &n), ']');

		ck_assert_ptr_nonnull(t);
		t += 2;
		ck_assert_uint_le(strlen(t), LOG_LINE - 1);
		ck_assert_uint_gt(strlen(t), LOG_LINE - 4);
		ck_assert_uint_eq((strlen(t) - pad) % 3, 0);
		ck_assert_ptr_null(strstr(t, "\\x"));
	}
	/* escapes grow: still bounded, still one line */
	memset(big, 1, sizeof(big) - 1);
	log_info("%s", big);
	ck_assert_int_eq(count(file_text(path), "\n"), 4);
}
END_TEST

START_TEST(ring_numbers_only_grow)
{
	uint64_t first, start, end;
	uint32_t n;
	const char *t;

	log_info("mark");
	(void)ring_text(0, 1, &start, &n);
	ck_assert_uint_eq(n, 1);
	for (int i = 1; i < LOG_RING + 10; i++)
		log_info("no. %d.", i);
	t = ring_text(0, UINT32_MAX, &first, &n);
	ck_assert_uint_eq(first, start + 10);
	ck_assert_uint_eq(n, LOG_RING);
	ck_assert_int_eq(count(t, "\n"), LOG_RING - 1);         /* between, not behind */
	ck_assert_ptr_null(strstr(t, "no. 9."));
	ck_assert_ptr_nonnull(strstr(t, "no. 10."));
	ck_assert_ptr_nonnull(strstr(t, "no. 1009."));
	ck_assert_ptr_nonnull(strstr(file_text(path), "no. 9."));

	t = ring_text(start + 500, 2, &first, &n);
	ck_assert_uint_eq(first, start + 500);
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_nonnull(strstr(t, "no. 500.\n"));
	ck_assert_ptr_nonnull(strstr(t, "no. 501."));
	ck_assert_int_eq(count(t, "no. "), 2);

	end = start + LOG_RING + 10;
	(void)ring_text(end - 1, 9, &first, &n);
	ck_assert_uint_eq(n, 1);
	t = ring_text(UINT64_MAX, 9, &first, &n);               /* the next poll's cursor */
	ck_assert_uint_eq(first, end);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(t, "");
	(void)ring_text(0, 0, &first, &n);
	ck_assert_uint_eq(n, 0);

	log_clear();
	(void)ring_text(0, 9, &first, &n);
	ck_assert_uint_eq(n, 0);
	log_info("after");
	t = ring_text(0, 9, &first, &n);
	ck_assert_uint_eq(first, end);
	ck_assert_uint_eq(n, 1);
	ck_assert_ptr_nonnull(strstr(t, "after"));
}
END_TEST

START_TEST(copy_into_a_small_buffer)
{
	struct buf b;
	uint64_t first;
	uint32_t n;

	for (int i = 0; i < 10; i++)
		log_info("0123456789");
	for (size_t max = 0; max < 500; max++) {
		buf_init(&b, max);
		log_copy(&b, 0, 10, &first, &n);
		ck_assert_int_eq(b.err, ST_OK);
		/* "Fri Nov 20 09:44:44 2026 [INFO] 0123456789" = 42, and a LF between */
		ck_assert_uint_eq(n, MIN((max + 1) / 43, (size_t)10));
		ck_assert_uint_eq(b.len, n == 0 ? 0 : n * 43 - 1);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(reopen_after_rotation)
{
	log_info("one");
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("two");                /* still the old file */
	ck_assert_int_eq(log_reopen(), ST_OK);
	log_info("three");
	ck_assert_ptr_null(strstr(file_text(moved), "three"));
	ck_assert_ptr_nonnull(strstr(file_text(moved), "two"));
	ck_assert_int_eq(count(file_text(path), "\n"), 1);
	ck_assert_ptr_nonnull(strstr(file_text(path), "three"));
	/* appends, does not truncate */
	ck_assert_int_eq(log_reopen(), ST_OK);
	log_info("four");
	ck_assert_int_eq(count(file_text(path), "\n"), 2);
}
END_TEST

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

START_TEST(reopen_leaks_no_fd)
{
	const int before = count_fds();

	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(log_reopen(), ST_OK);
		log_close();
		ck_assert_int_eq(log_open(path), ST_OK);
	}
	ck_assert_int_eq(count_fds(), before);
}
END_TEST

START_TEST(open_failure_keeps_the_old_sink)
{
	char bad[128];

	snprintf(bad, sizeof(bad), "%s/none/log", dir);
	ck_assert_int_eq(log_open(bad), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	log_info("here");
	ck_assert_ptr_nonnull(strstr(file_text(path), "here"));
}
END_TEST

START_TEST(back_to_stdout)
{
	/* A pipe in the place of stdout. */
	const int saved = dup(STDOUT_FILENO);
	char line[256] = "";
	int p[2];

	fflush(stdout);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(dup2(p[1], STDOUT_FILENO), STDOUT_FILENO);
	const enum status st = log_open(NULL);

	log_info("to stdout");
	const ssize_t n = read(p[0], line, sizeof(line) - 1);

	dup2(saved, STDOUT_FILENO);
	log_close();            /* stdout again, whatever it is by now: drop our end of the pipe */
	ck_assert_int_eq(log_open(path), ST_OK);
	close(saved);
	close(p[0]);
	close(p[1]);
	ck_assert_int_eq(st, ST_OK);
	ck_assert_int_gt(n, 0);
	ck_assert_ptr_nonnull(strstr(line, "[INFO] to stdout\n"));
	ck_assert_int_eq(count(file_text(path), "to stdout"), 0);
}
END_TEST

/* A file that is full moves to .1, that to .2; what is too old goes. No line is lost or cut on the way. */
START_TEST(rotation)
{
	char last[100], gone[100];
	struct stat sb;

	snprintf(last, sizeof(last), "%s.2", path);
	snprintf(gone, sizeof(gone), "%s.3", path);
	log_set_limits(200, 2, 0);
	for (int i = 0; i < 20; i++)
		log_info("line %02d of some bytes", i);
	ck_assert_int_eq(stat(gone, &sb), -1);
	ck_assert_int_eq(stat(last, &sb), 0);
	ck_assert_int_eq(stat(moved, &sb), 0);
	/* 53 bytes a line: a file ends with the line that makes it full */
	ck_assert_int_eq(count(file_text(path), "\n"), 0);
	ck_assert_int_eq(count(file_text(moved), "\n"), 4);
	ck_assert_ptr_nonnull(strstr(file_text(moved), "line 16"));
	ck_assert_ptr_nonnull(strstr(file_text(moved), "line 19"));
	ck_assert_ptr_nonnull(strstr(file_text(last), "line 12"));
	/* a file that is long already when it is opened */
	log_set_limits(60, 2, 0);
	log_info("one");
	ck_assert_int_eq(log_reopen(), ST_OK);
	log_info("two");
	ck_assert_int_eq(count(file_text(moved), "\n"), 2);
	(void)unlink(last);
}
END_TEST

/* Nothing can be renamed: it goes on in the file it has, and does not try at every line. */
START_TEST(rotation_that_fails)
{
	char inside[128], block[100];

	snprintf(block, sizeof(block), "%s.1", path);
	snprintf(inside, sizeof(inside), "%s/x", block);
	ck_assert_int_eq(mkdir(block, 0700), 0);
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	log_set_limits(100, 1, 0);
	for (int i = 0; i < 10; i++)
		log_info("line %d", i);
	ck_assert_int_eq(count(file_text(path), "\n"), 10);
	/* three lines make it full: the last try was at line 8 */
	(void)rmdir(inside);
	(void)rmdir(block);
	log_info("line A");
	ck_assert_int_eq(count(file_text(path), "\n"), 11);
	log_info("line B");
	ck_assert_int_eq(count(file_text(path), "\n"), 0);
	ck_assert_int_eq(count(file_text(moved), "\n"), 12);
}
END_TEST

START_TEST(rate_of_one_place)
{
	struct log_counts before, after;

	stop_clock();
	log_get_counts(&before);
	log_set_limits(0, 1, 3);
	for (int i = 0; i < 10; i++)
		log_info("often %d", i);
	log_info("once");
	ck_assert_int_eq(count(file_text(path), "often"), 3);
	ck_assert_int_eq(count(file_text(path), "once"), 1);
	log_get_counts(&after);
	ck_assert_uint_eq(after.held - before.held, 7);
	ck_assert_uint_eq(after.lines[LOG_INFO] - before.lines[LOG_INFO], 4);
	atomic_fetch_add(&ahead_s, 2);
	log_info("often %s", "elsewhere");     /* another place has room of its own */
	ck_assert_int_eq(count(file_text(path), "often"), 4);
}
END_TEST

START_TEST(note_of_what_was_held)
{
	stop_clock();
	log_set_limits(0, 1, 1);
	for (int i = 0; i < 6; i++) {
		if (i == 5)
			atomic_fetch_add(&ahead_s, 2);
		log_info("again");
	}
	ck_assert_int_eq(count(file_text(path), "again"), 2);
	ck_assert_ptr_nonnull(strstr(file_text(path), "again (+4 suppressed)\n"));
}
END_TEST

START_TEST(json_lines)
{
	const struct host peer = host_v4(203, 0, 113, 9, 7144);

	log_set_form(LOG_JSON);
	log_warn("a \"b\" \\ \x1b[0m");
	log_peer(LOG_INFO, &peer, "of him");
	const char *t = file_text(path);

	ck_assert_int_eq(count(t, "{\"time\":\"2"), 2);
	ck_assert_ptr_nonnull(strstr(t, ",\"level\":\"warning\",\"thread\":\""));
	ck_assert_ptr_nonnull(strstr(t, "\"msg\":\"a \\\"b\\\" \\\\ \\\\x1B[0m\"}\n"));
	ck_assert_ptr_nonnull(strstr(t, ",\"peer\":\"203.0.113.9:7144\",\"msg\":\"of him\"}\n"));
}
END_TEST

START_TEST(peer_limit)
{
	const struct host a = host_v4(198, 51, 100, 7, 1), a2 = host_v4(198, 51, 100, 7, 2);
	uint64_t first;
	uint32_t n;

	for (int i = 0; i < 25; i++)
		log_peer(LOG_WARN, i % 2 ? &a : &a2, "peer %d;", i);    /* the port does not matter */
	ck_assert_int_eq(count(file_text(path), "peer "), 10);
	log_peer(LOG_DEBUG, &a, "below the level: not counted");
	atomic_fetch_add(&ahead_s, 30);
	log_peer(LOG_WARN, &a, "peer, same minute");
	ck_assert_int_eq(count(file_text(path), "peer"), 10);
	atomic_fetch_add(&ahead_s, 31);
	log_peer(LOG_WARN, &a, "peer, next minute");
	log_peer(LOG_WARN, &a, "peer, and on");
	ck_assert_ptr_nonnull(strstr(file_text(path), "[WARN] peer, next minute (+16 suppressed)\n"));
	ck_assert_ptr_nonnull(strstr(file_text(path), "[WARN] peer, and on\n"));
	(void)ring_text(0, 100, &first, &n);
	ck_assert_uint_eq(n, 12);

	/* nothing was held back: no note */
	atomic_fetch_add(&ahead_s, 61);
	log_peer(LOG_WARN, &a, "peer, quiet");
	ck_assert_ptr_nonnull(strstr(file_text(path), "[WARN] peer, quiet\n"));
}
END_TEST

START_TEST(peer_limit_holds_for_a_flood_of_addresses)
{
	for (int i = 0; i < 20000; i++) {
		const struct host h = host_v4(1, 2, (uint8_t)(i >> 8), (uint8_t)i, 1);

		log_peer(LOG_WARN, &h, "flood");
	}
	const int n = count(file_text(path), "flood");

	ck_assert_int_le(n, 2560);
	ck_assert_int_gt(n, 2000);              /* spread over the buckets */
	/* one IPv6 customer has 2^64 addresses */
	struct host v6;

	atomic_fetch_add(&ahead_s, 61);
	ck_assert(host_parse(&v6, "2001:db8::1", 0));
	for (int i = 0; i < 100; i++) {
		v6.ip[15] = (uint8_t)i;
		log_peer(LOG_WARN, &v6, "six");
	}
	ck_assert_int_eq(count(file_text(path), "[WARN] six"), 10);
}
END_TEST

START_TEST(peer_note_survives_the_cut)
{
	const struct host a = host_v4(203, 0, 113, 9, 1);
	char big[3000];
	uint64_t first;
	uint32_t n;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	for (int i = 0; i < 12; i++)
		log_peer(LOG_WARN, &a, "%s", big);
	atomic_fetch_add(&ahead_s, 61);
	log_clear();
	log_peer(LOG_WARN, &a, "%s", big);
	const char *t = strchr(ring_text(0, 1, &first, &n), ']') + 2;

	ck_assert_uint_eq(strlen(t), LOG_LINE - 1);
	ck_assert_str_eq(t + strlen(t) - 17, "x (+2 suppressed)");
}
END_TEST

#define WRITERS 4
#define LINES   400

static void writer(void *arg)
{
	const int k = *(const int *)arg;
	const struct host h = host_v4(9, 9, 9, (uint8_t)k, 1);

	for (int i = 0; i < LINES; i++) {
		log_info("w%d i%d %0*d", k, i, 50 + i % 100, 7);
		log_peer(LOG_WARN, &h, "p");
	}
}

START_TEST(many_threads)
{
	static const int k[WRITERS] = { 0, 1, 2, 3 };
	struct thr t[WRITERS];
	int lines[WRITERS] = { 0 };
	uint64_t first;
	uint32_t n;

	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(thr_start(&t[i], "writer", writer, (void *)(uintptr_t)&k[i]), ST_OK);
	for (int i = 0; i < 50; i++) {
		(void)ring_text(0, 1000, &first, &n);
		ck_assert_int_eq(log_reopen(), ST_OK);
		if (i % 10 == 0)
			log_clear();
	}
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(thr_join(&t[i], NSEC_NEVER), ST_OK);

	/* every line whole, each thread's in order */
	for (const char *s = file_text(path); *s != 0; s = strchr(s, '\n') + 1) {
		int w, i, end = 0;

		ck_assert_ptr_nonnull(strchr(s, '\n'));
		if (sscanf(s, "%*s %*s [INFO] w%d i%d %n", &w, &i, &end) == 2 && end > 0) {
			ck_assert_int_eq(i, lines[w]);
			lines[w]++;
			ck_assert_uint_eq(strspn(s + end, "0"), (size_t)(50 + i % 100 - 1));
			ck_assert_int_eq(strncmp(s + end + 50 + i % 100 - 1, "7\n", 2), 0);
		} else {
			ck_assert_ptr_nonnull(strstr(s, "[WARN] p"));
		}
	}
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(lines[i], LINES);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/log");
	TCase *t = tcase_create("log");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_log, close_log);
	tcase_add_test(t, line_formats);
	tcase_add_test(t, levels_and_pause);
	tcase_add_test(t, nobody_forges_a_line);
	tcase_add_test(t, long_lines_are_cut_at_a_character);
	tcase_add_test(t, ring_numbers_only_grow);
	tcase_add_test(t, copy_into_a_small_buffer);
	tcase_add_test(t, reopen_after_rotation);
	tcase_add_test(t, reopen_leaks_no_fd);
	tcase_add_test(t, open_failure_keeps_the_old_sink);
	tcase_add_test(t, back_to_stdout);
	tcase_add_test(t, rotation);
	tcase_add_test(t, rotation_that_fails);
	tcase_add_test(t, rate_of_one_place);
	tcase_add_test(t, note_of_what_was_held);
	tcase_add_test(t, json_lines);
	tcase_add_test(t, peer_limit);
	tcase_add_test(t, peer_limit_holds_for_a_flood_of_addresses);
	tcase_add_test(t, peer_note_survives_the_cut);
	tcase_add_test(t, many_threads);
	suite_add_tcase(s, t);
	return s;
}

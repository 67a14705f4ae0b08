/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: write */
#include "servent/chanlogd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

/* --- a disk that fails ---------------------------------------------------------------------------- */

static _Atomic int short_writes;        /* so many writes to the log take only half */
static _Atomic int bad_writes;          /* so many fail */
static _Atomic int bad_after;           /* so many fail behind a short one */
static _Atomic bool intruder;           /* another process appends right behind a short one */
static char path[256];

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

static bool is_log(int fd)
{
	struct stat a, b;

	return path[0] != '\0' && fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
		a.st_dev == b.st_dev;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	ssize_t k;

	if (!is_log(fd))
		return __real_write(fd, p, n);
	if (atomic_load(&bad_writes) > 0) {
		atomic_fetch_sub(&bad_writes, 1);
		errno = ENOSPC;
		return -1;
	}
	if (n < 2 || atomic_load(&short_writes) == 0)
		return __real_write(fd, p, n);
	atomic_fetch_sub(&short_writes, 1);
	k = __real_write(fd, p, n / 2);
	atomic_store(&bad_writes, atomic_exchange(&bad_after, 0));
	if (atomic_exchange(&intruder, false)) {
		const int own = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

		ck_assert_int_eq(__real_write(own, "<!-- me -->\n", 12), 12);
		ck_assert_int_eq(close(own), 0);
	}
	return k;
}

/* --- fixture -------------------------------------------------------------------------------------- */

static struct app app;
static char folder[200];

static void begin(const char *const *more)
{
	const char *keys[16] = { "chanLog", path, "chanLogEvents", "Yes" };
	size_t n = 4;

	snprintf(folder, sizeof(folder), "/tmp/test-chanlogd-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/channels.xml", folder);
	for (; more != NULL && *more != NULL; more++)
		keys[n++] = *more;
	atomic_store(&short_writes, 0);
	atomic_store(&bad_writes, 0);
	app_make(&app, keys);
	ck_assert_int_eq(chanlogd_start(&app.chanlog, app.node.conf), ST_OK);
}

static void end(void)
{
	char old[300];

	chanlogd_stop(&app.chanlog, clk_deadline(SOON));
	ck_assert_ptr_null(app.chanlog);
	app_drop(&app);
	(void)unlink(path);
	snprintf(old, sizeof(old), "%s.1", path);
	(void)unlink(old);
	ck_assert_int_eq(rmdir(folder), 0);
	path[0] = '\0';
}

static void say(uint32_t i)
{
	struct announce_result r = { .created = clk_now() };
	struct chanmeta m = { .id = id_of(1), .bitrate_kbps = i };

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, "name");
	r.info = chaninfo_new(&m);
	r.before.closest = 10000;
	chanlogd_update(app.chanlog, &m.id, &r);
	announce_result_fini(&r);
}

static void slurp(const char *file, struct buf *b)
{
	buf_init(b, 8 << 20);
	if (file_read(file, b) != ST_OK)
		buf_reset(b);
}

/* The bitrates of the records in the file, which must be whole from end to end. Returns how many. */
static uint32_t records(const char *file, uint32_t *v, uint32_t max)
{
	uint32_t n = 0;
	struct buf b;

	slurp(file, &b);
	for (const char *p = buf_cstr(&b); *p != '\0' && n < max; n++) {
		const char *at = strstr(p, "bitrate=\""), *close = strstr(p, "</update>\n");

		ck_assert_msg(strncmp(p, "<update time=\"", 14) == 0, "torn at: %.60s", p);
		ck_assert_ptr_nonnull(at);
		ck_assert_msg(close != NULL && at < close, "cut: %.60s", p);
		v[n] = (uint32_t)strtoul(at + 9, NULL, 10);
		p = close + 10;
	}
	buf_fini(&b);
	return n;
}

/* Until the counters say so. */
static void wait_counts(uint64_t written, uint64_t failed)
{
	const nsec deadline = clk_deadline(3 * SOON);
	struct chanlog_counts c;
	struct mbox mb;

	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	for (;;) {
		chanlogd_counts(app.chanlog, &c);
		if (c.written >= written && c.failed >= failed)
			break;
		ck_assert_msg(clk_now() < deadline, "written %llu, failed %llu",
			(unsigned long long)c.written, (unsigned long long)c.failed);
		ck_assert_int_eq(mbox_wait(&mb, clk_deadline(5 * NSEC_PER_MSEC)), ST_TIMEOUT);
	}
	mbox_fini(&mb);
}

/* --- tests ----------------------------------------------------------------------------------------- */

static uint32_t got[4096];

static void expect(uint32_t first, uint32_t n)
{
	ck_assert_uint_eq(records(path, got, NELEM(got)), n);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(got[i], first + i);
}

START_TEST(in_order)
{
	struct stat sb;

	begin((const char *const[]){ "chanLogMode", "0604", NULL });
	for (uint32_t i = 0; i < 500; i++)
		say(i);
	wait_counts(500, 0);
	expect(0, 500);
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_int_eq((int)(sb.st_mode & 07777), 0604);
	end();
}
END_TEST

START_TEST(drained)
{
	begin(NULL);
	for (uint32_t i = 0; i < 1000; i++)
		say(i);
	chanlogd_stop(&app.chanlog, clk_deadline(SOON));
	expect(0, 1000);
	end();
}
END_TEST

/* A write that took half: what it began is taken back, and nothing is lost or said twice. */
START_TEST(half_written)
{
	begin(NULL);
	say(0);
	wait_counts(1, 0);
	atomic_store(&short_writes, 3);
	for (uint32_t i = 1; i < 200; i++)
		say(i);
	wait_counts(200, 0);
	ck_assert_int_eq(atomic_load(&short_writes), 0);
	expect(0, 200);
	end();
}
END_TEST

/* Somebody else wrote behind the half: it must not be cut, so the rest follows. */
START_TEST(half_written_twice)
{
	struct buf b;

	begin(NULL);
	say(0);
	wait_counts(1, 0);
	atomic_store(&intruder, true);
	atomic_store(&short_writes, 1);
	say(1);
	wait_counts(2, 0);
	slurp(path, &b);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "<!-- me -->\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "</update>\n<update"));
	ck_assert_int_eq(memcmp(b.p + b.len - 10, "</update>\n", 10), 0);
	buf_fini(&b);
	end();
}
END_TEST

/* While the disk fails records wait; when the queue is full the oldest go, counted. */
START_TEST(failing)
{
	struct chanlog_counts c;
	uint32_t n;

	begin(NULL);
	say(0);
	wait_counts(1, 0);
	atomic_store(&bad_writes, 1000000);
	say(1);
	wait_counts(1, 1);
	for (uint32_t i = 2; i < 3000; i++)
		say(i);
	chanlogd_counts(app.chanlog, &c);
	ck_assert_uint_gt(c.dropped, 500);
	ck_assert_uint_eq(c.written, 1);
	atomic_store(&bad_writes, 0);
	wait_counts(3000 - c.dropped, 1);
	n = records(path, got, NELEM(got));
	ck_assert_uint_eq(n, 3000 - c.dropped);
	ck_assert_uint_eq(got[1], 1);           /* built before the disk failed */
	ck_assert_uint_eq(got[n - 1], 2999);
	for (uint32_t i = 1; i < n; i++)
		ck_assert_uint_gt(got[i], got[i - 1]);
	end();
}
END_TEST

START_TEST(reopened)
{
	char old[300];

	begin(NULL);
	say(0);
	wait_counts(1, 0);
	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(rename(path, old), 0);
	chanlogd_reopen(app.chanlog);
	say(1);
	wait_counts(2, 0);
	expect(1, 1);
	ck_assert_uint_eq(records(old, got, NELEM(got)), 1);
	/* Switched off, and on again. */
	ck_assert_int_eq(conf_set(app.node.conf, "chanLog", "", NULL), ST_OK);
	say(2);
	ck_assert_int_eq(conf_set(app.node.conf, "chanLog", path, NULL), ST_OK);
	say(3);
	wait_counts(3, 0);
	ck_assert_uint_eq(records(path, got, NELEM(got)), 2);
	ck_assert_uint_eq(got[1], 3);
	end();
}
END_TEST

START_TEST(rotated)
{
	char old[300];
	uint32_t n;
	struct stat sb;

	begin((const char *const[]){ "chanLogMaxSize", "2000", NULL });
	for (uint32_t i = 0; i < 20; i++) {
		say(i);
		wait_counts(i + 1, 0);
		ck_assert_int_eq(stat(path, &sb), 0);
		ck_assert_int_le(sb.st_size, 2000);
	}
	snprintf(old, sizeof(old), "%s.1", path);
	n = records(old, got, NELEM(got));
	n += records(path, got + n, NELEM(got) - n);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(got[i], 20 - n + i);
	ck_assert_uint_gt(n, 3);
	end();
}
END_TEST

START_TEST(ends)
{
	static const struct {
		bool told;
		enum chanlog_reason why;
		const char *want;
	} rows[] = {
		{ false, CHANLOG_TIMEOUT,  "timeout" },
		{ true,  CHANLOG_TIMEOUT,  "stop" },
		{ false, CHANLOG_TIMEOUT,  "timeout" },         /* a goodbye counts once */
		{ false, CHANLOG_SHUTDOWN, "shutdown" },
		{ false, CHANLOG_STOP,     "stop" },
	};
	const struct gnuid id = id_of(0xa1), other = id_of(0xa2);
	char line[200], want[200];
	unsigned long t;
	FILE *f;

	begin(NULL);
	for (size_t i = 0; i < NELEM(rows); i++) {
		chanlogd_stopping(app.chanlog, &other);
		if (rows[i].told)
			chanlogd_stopping(app.chanlog, &id);
		chanlogd_end(app.chanlog, &id, rows[i].why);
	}
	wait_counts(NELEM(rows), 0);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < NELEM(rows); i++) {
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
		ck_assert_int_eq(sscanf(line, "<end time=\"%lu\"", &t), 1);
		snprintf(want, sizeof(want), "<end time=\"%lu\" id=\"A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1\""
			" reason=\"%s\"/>\n", t, rows[i].want);
		ck_assert_str_eq(line, want);
	}
	ck_assert_ptr_null(fgets(line, sizeof(line), f));
	fclose(f);
	ck_assert_int_eq(conf_set(app.node.conf, "chanLogEvents", "No", NULL), ST_OK);
	chanlogd_end(app.chanlog, &id, CHANLOG_STOP);
	say(1);
	wait_counts(NELEM(rows) + 1, 0);
	end();
}
END_TEST

static void put_file(const char *text, mode_t mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(__real_write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

static void mode_is(mode_t want)
{
	struct stat sb;

	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_msg((sb.st_mode & 07777) == want, "%o", sb.st_mode);
}

/* The mode of a file that is there is its owner's affair, until the settings speak of it. */
START_TEST(mode_of_another)
{
	begin(NULL);
	put_file("", 0604);
	say(0);
	wait_counts(1, 0);
	mode_is(0604);
	ck_assert_int_eq(conf_set(app.node.conf, "chanLogMode", "0644", NULL), ST_OK);
	say(1);
	wait_counts(2, 0);
	mode_is(0644);
	/* logrotate makes a new one */
	ck_assert_int_eq(unlink(path), 0);
	put_file("", 0600);
	chanlogd_reopen(app.chanlog);
	say(2);
	wait_counts(3, 0);
	mode_is(0644);
	ck_assert_int_eq(conf_set(app.node.conf, "chanLogMode", "0640", NULL), ST_OK);
	say(3);
	wait_counts(4, 0);
	mode_is(0640);
	expect(2, 2);
	end();
}
END_TEST

/* What a killed node left of a record goes; what is not of a log stays. */
START_TEST(mended)
{
	static const char whole[] = "<update time=\"1\">\n<channel bitrate=\"7\">\n</channel>\n</update>\n";
	char text[300];
	struct buf b;

	begin(NULL);
	snprintf(text, sizeof(text), "%s<update time=\"2\">\n<channel name=\"", whole);
	put_file(text, 0600);
	say(8);
	wait_counts(1, 0);
	ck_assert_uint_eq(records(path, got, NELEM(got)), 2);
	ck_assert(got[0] == 7 && got[1] == 8);
	end();

	begin(NULL);
	put_file("not ours", 0600);
	say(9);
	wait_counts(1, 0);
	slurp(path, &b);
	ck_assert_int_eq(strncmp(buf_cstr(&b), "not ours<update time=", 21), 0);
	buf_fini(&b);
	end();
}
END_TEST

/* A record that another writer cut does not go on in another file. */
START_TEST(half_in_another)
{
	char old[300];
	struct buf b;
	struct chanlog_counts c;

	begin(NULL);
	say(0);
	wait_counts(1, 0);
	atomic_store(&intruder, true);
	atomic_store(&short_writes, 1);
	atomic_store(&bad_after, 1);
	say(1);
	wait_counts(1, 1);
	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(rename(path, old), 0);
	chanlogd_reopen(app.chanlog);
	say(2);
	wait_counts(2, 1);
	expect(2, 1);
	chanlogd_counts(app.chanlog, &c);
	ck_assert_uint_eq(c.dropped, 1);
	slurp(old, &b);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "<!-- me -->\n"));
	buf_fini(&b);
	end();
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/chanlogd");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, in_order);
	tcase_add_test(t, drained);
	tcase_add_test(t, half_written);
	tcase_add_test(t, half_written_twice);
	tcase_add_test(t, failing);
	tcase_add_test(t, reopened);
	tcase_add_test(t, rotated);
	tcase_add_test(t, ends);
	tcase_add_test(t, mode_of_another);
	tcase_add_test(t, mended);
	tcase_add_test(t, half_in_another);
	suite_add_tcase(s, t);
	return s;
}

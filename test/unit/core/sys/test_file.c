/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/thr.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

static char dir[64];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_file.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static int count_files(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;             /* . and .. */

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Our own files only, one level of folders deep. */
static void drop_dir(void)
{
	static const char *const names[] = { "new", "old", "link", "dangling", "loop", "pipe", "sub/f",
		"sub/g", "sub", "a/b/c", "a/b", "a" };

	for (size_t i = 0; i < NELEM(names); i++)
		(void)remove(names[i]);
	ck_assert_int_eq(count_files("."), 0);  /* no temporary stays */
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void expect(const char *path, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(file_read(path, &b), ST_OK);
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_fini(&b);
}

START_TEST(replace_new_and_old)
{
	struct stat sb;
	const mode_t mask = umask(077);

	ck_assert_int_eq(file_replace("new", "one", 3, 0644), ST_OK);
	expect("new", "one");
	ck_assert_int_eq(stat("new", &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 07777, 0644);    /* whatever the umask */
	ck_assert_int_eq(file_replace("new", "", 0, 0600), ST_OK);
	expect("new", "");
	ck_assert_int_eq(stat("new", &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 07777, 0600);
	ck_assert_int_eq(count_files("."), 1);
	umask(mask);
}
END_TEST

START_TEST(replace_follows_links)
{
	struct stat sb;

	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(symlink("f", "sub/g"), 0);             /* relative to its own folder */
	ck_assert_int_eq(symlink("sub/g", "link"), 0);
	ck_assert_int_eq(file_replace("link", "through", 7, 0600), ST_OK);
	expect("sub/f", "through");
	ck_assert_int_eq(lstat("link", &sb), 0);
	ck_assert(S_ISLNK(sb.st_mode));
	ck_assert_int_eq(lstat("sub/g", &sb), 0);
	ck_assert(S_ISLNK(sb.st_mode));
	ck_assert_int_eq(file_replace("link", "again", 5, 0600), ST_OK);
	expect("sub/f", "again");

	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s/new", dir);
	ck_assert_int_eq(symlink(target, "dangling"), 0);
	ck_assert_int_eq(file_replace("dangling", "x", 1, 0600), ST_OK);
	expect("new", "x");

	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(file_replace("loop", "x", 1, 0600), ST_SYS);
	ck_assert_int_eq(errno, ELOOP);
}
END_TEST

START_TEST(replace_failures_leave_the_old_one)
{
	char longname[PATH_MAX + 10];

	ck_assert_int_eq(file_replace("none/x", "x", 1, 0600), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(file_replace("sub", "x", 1, 0600), ST_SYS);    /* a folder is in the way */
	ck_assert_int_eq(errno, EISDIR);
	memset(longname, 'a', sizeof(longname));
	longname[sizeof(longname) - 1] = 0;
	ck_assert_int_eq(file_replace(longname, "x", 1, 0600), ST_SYS);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	longname[253] = 0;                                              /* its temporary is too long */
	ck_assert_int_eq(file_replace(longname, "x", 1, 0600), ST_SYS);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(count_files("."), 1);
}
END_TEST

START_TEST(replace_when_the_disk_is_full)
{
	const struct rlimit lim = { .rlim_cur = 100, .rlim_max = RLIM_INFINITY };
	static const char big[1000];

	ck_assert_int_eq(file_replace("old", "keep", 4, 0600), ST_OK);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	ck_assert_int_eq(file_replace("old", big, sizeof(big), 0600), ST_SYS);
	ck_assert_int_eq(errno, EFBIG);
	expect("old", "keep");
	ck_assert_int_eq(count_files("."), 1);
}
END_TEST

START_TEST(read_limits)
{
	struct buf b;
	char big[200];

	memset(big, 'x', sizeof(big));
	ck_assert_int_eq(file_replace("new", big, sizeof(big), 0600), ST_OK);
	buf_init(&b, 300);
	buf_puts(&b, "head");
	ck_assert_int_eq(file_read("new", &b), ST_OK);          /* appends */
	ck_assert_uint_eq(b.len, 204);
	ck_assert_int_eq(file_read("new", &b), ST_LIMIT);       /* what was there stays */
	ck_assert_uint_eq(b.len, 204);
	buf_fini(&b);
	buf_init(&b, 200);
	ck_assert_int_eq(file_read("new", &b), ST_OK);          /* exactly full */
	ck_assert_uint_eq(b.len, 200);
	buf_fini(&b);
	buf_init(&b, 199);
	ck_assert_int_eq(file_read("new", &b), ST_LIMIT);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(read_big)
{
	struct buf b;
	const size_t n = 300000;
	char *big = malloc(n);

	for (size_t i = 0; i < n; i++)
		big[i] = (char)(i * 7 + i / 251);
	ck_assert_int_eq(file_replace("new", big, n, 0600), ST_OK);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(file_read("new", &b), ST_OK);
	ck_assert_uint_eq(b.len, n);
	ck_assert_int_eq(memcmp(b.p, big, n), 0);
	buf_fini(&b);
	free(big);
}
END_TEST

START_TEST(read_only_regular_files)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(file_read("none", &b), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(file_read(".", &b), ST_SYS);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_eq(file_read("pipe", &b), ST_SYS);        /* and does not hang */
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(file_read("/dev/zero", &b), ST_SYS);
	ck_assert_int_eq(b.err, ST_OK);
	buf_fini(&b);
}
END_TEST

#define PIPE_BYTES 400000

static void slow_reader(void *arg)
{
	const int fd = *(int *)arg;
	static char piece[7001];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			ck_assert_int_eq(piece[i], (char)((sum + (size_t)i) % 251));
		sum += (size_t)n;
	}
	ck_assert_uint_eq(sum, PIPE_BYTES);
}

START_TEST(write_all_goes_on_after_short_counts)
{
	char *big = malloc(PIPE_BYTES);
	struct thr t;
	int p[2];

	for (size_t i = 0; i < PIPE_BYTES; i++)
		big[i] = (char)(i % 251);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(thr_start(&t, "reader", slow_reader, &p[0]), ST_OK);
	ck_assert_int_eq(file_write_all(p[1], big, PIPE_BYTES), ST_OK);
	close(p[1]);
	ck_assert_int_eq(thr_join(&t, NSEC_NEVER), ST_OK);
	close(p[0]);
	free(big);
	ck_assert_int_eq(file_write_all(-1, "x", 1), ST_SYS);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(file_write_all(-1, "x", 0), ST_OK);
}
END_TEST

/* What killed writers left goes, and nothing else. */
START_TEST(sweep)
{
	static const struct { const char *name; bool stays; } files[] = {
		{ "f.new-a1B2c3", false }, { "f.new-zzzzzz", false }, { "f", true }, { "f.new-", true },
		{ "f.new-a1B2c", true }, { "f.new-a1B2c34", true }, { "f.new-a1B-c3", true },
		{ "g.new-a1B2c3", true },
		{ "xf.new-a1B2c3", true }, { "f.bak-a1B2c3", true }, { "f.backup", true },
	};

	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(symlink("sub/f", "link"), 0);
	ck_assert_int_eq(chdir("sub"), 0);
	for (size_t i = 0; i < NELEM(files); i++)
		ck_assert_int_eq(close(open(files[i].name, O_WRONLY | O_CREAT, 0600)), 0);
	ck_assert_int_eq(chdir(".."), 0);
	file_sweep("link");             /* where it leads */
	file_sweep("nowhere/f");
	ck_assert_int_eq(chdir("sub"), 0);
	file_sweep("h");
	for (size_t i = 0; i < NELEM(files); i++) {
		ck_assert_msg((access(files[i].name, F_OK) == 0) == files[i].stays, "%s", files[i].name);
		(void)unlink(files[i].name);
	}
	ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

START_TEST(mkdirs)
{
	struct stat sb;

	ck_assert_int_eq(file_mkdirs("a/b/c"), ST_OK);
	ck_assert_int_eq(stat("a/b/c", &sb), 0);
	ck_assert(S_ISDIR(sb.st_mode));
	ck_assert_uint_eq(sb.st_mode & 07777, 0700);
	ck_assert_int_eq(file_mkdirs("a/b/c"), ST_OK);
	ck_assert_int_eq(file_mkdirs("a//b/"), ST_OK);
	ck_assert_int_eq(file_mkdirs("/"), ST_OK);
	ck_assert_int_eq(file_mkdirs(dir), ST_OK);
	ck_assert_int_eq(file_mkdirs(""), ST_SYS);
	ck_assert_int_eq(file_replace("new", "x", 1, 0600), ST_OK);
	ck_assert_int_eq(file_mkdirs("new"), ST_SYS);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(file_mkdirs("new/sub"), ST_SYS);
	ck_assert_int_eq(errno, ENOTDIR);
}
END_TEST

static const struct {
	const char *path;               /* = is the folder */
	enum status want;
	int e;
} below[] = {
	{ "f", ST_OK, 0 }, { "=/sub/f", ST_OK, 0 }, { "./../sub/f", ST_OK, 0 }, { "inside", ST_OK, 0 },
	{ "../old", ST_PROTO, 0 }, { "/proc/self/status", ST_PROTO, 0 }, { "=/old", ST_PROTO, 0 },
	{ "outside", ST_PROTO, 0 }, { "=/sub", ST_PROTO, 0 }, { "/dev/zero", ST_PROTO, 0 }, { "", ST_PROTO, 0 },
	{ "=/subway", ST_PROTO, 0 }, { "gone", ST_SYS, ENOENT }, { "loop", ST_SYS, ELOOP },
	{ "fifo", ST_SYS, EINVAL }, { "folder", ST_SYS, EISDIR },
};

START_TEST(open_below)
{
	char path[PATH_MAX], c;
	int fd = -1;

	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(mkdir("sub/folder", 0700), 0);
	ck_assert_int_eq(mkfifo("sub/fifo", 0600), 0);
	ck_assert_int_eq(file_replace("sub/f", "x", 1, 0600), ST_OK);
	ck_assert_int_eq(file_replace("old", "y", 1, 0600), ST_OK);
	ck_assert_int_eq(file_replace("subway", "z", 1, 0600), ST_OK);
	ck_assert_int_eq(symlink("../old", "sub/outside"), 0);
	ck_assert_int_eq(symlink("../sub/f", "sub/inside"), 0);
	ck_assert_int_eq(symlink("loop", "sub/loop"), 0);
	ck_assert_int_eq(symlink("sub", "link"), 0);
	snprintf(path, sizeof(path), "%s%s", below[_i].path[0] == '=' ? dir : "",
		below[_i].path + (below[_i].path[0] == '='));
	errno = 0;
	ck_assert_msg(file_open_below(&fd, _i % 2 == 0 ? "link" : "sub", path) == below[_i].want, "%s", path);
	if (below[_i].want == ST_OK) {
		ck_assert_int_eq(read(fd, &c, 1), 1);
		ck_assert_int_eq(c, 'x');
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		close(fd);
	} else if (below[_i].want == ST_SYS) {
		ck_assert_int_eq(errno, below[_i].e);
	}
	for (size_t i = 0; i < NELEM(below); i++)
		if (strchr(below[i].path, '/') == NULL && below[i].path[0] != '\0') {
			snprintf(path, sizeof(path), "sub/%s", below[i].path);
			(void)remove(path);
		}
	(void)remove("subway");
}
END_TEST

START_TEST(open_below_nothing)
{
	int fd;

	ck_assert_int_eq(file_open_below(&fd, "gone", "f"), ST_SYS);
	ck_assert_int_eq(file_open_below(&fd, "", "f"), ST_SYS);
	ck_assert_int_eq(file_open_below(&fd, "/", "proc/self/status"), ST_OK);
	close(fd);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/file");
	TCase *t = tcase_create("file");

	tcase_add_checked_fixture(t, make_dir, drop_dir);
	tcase_add_test(t, replace_new_and_old);
	tcase_add_test(t, replace_follows_links);
	tcase_add_test(t, replace_failures_leave_the_old_one);
	if (can_fork())
		tcase_add_test(t, replace_when_the_disk_is_full);
	tcase_add_test(t, read_limits);
	tcase_add_test(t, read_big);
	tcase_add_test(t, read_only_regular_files);
	tcase_add_test(t, write_all_goes_on_after_short_counts);
	tcase_add_test(t, sweep);
	tcase_add_test(t, mkdirs);
	tcase_add_loop_test(t, open_below, 0, NELEM(below));
	tcase_add_test(t, open_below_nothing);
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/unit.h"

static char dir[64], ini[96], lock[112], pid[96];

static void touch(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	close(fd);
}

static void up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_daemon.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(ini, sizeof(ini), "%s/peercast.ini", dir);
	snprintf(lock, sizeof(lock), "%s.lock", ini);
	snprintf(pid, sizeof(pid), "%s/pid", dir);
	touch(ini);
}

static void down(void)
{
	(void)unlink(ini);
	(void)unlink(lock);
	(void)rmdir(lock);
	(void)unlink(pid);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* One at a time; the file goes with its owner, and one left over by a kill is no lock. */
START_TEST(one_ini_one_node)
{
	struct stat sb;
	int a, b;

	touch(lock);
	ck_assert(!daemon_ini_is_locked(ini));
	ck_assert_int_eq(daemon_ini_lock(ini, &a), ST_OK);
	ck_assert_int_ne(a, -1);
	ck_assert(daemon_ini_is_locked(ini));
	ck_assert_int_eq(daemon_ini_lock(ini, &b), ST_LIMIT);
	ck_assert_int_eq(b, -1);
	daemon_ini_unlock(ini, &a);
	ck_assert_int_eq(a, -1);
	ck_assert(!daemon_ini_is_locked(ini));
	ck_assert_int_eq(stat(lock, &sb), -1);          /* asking makes none */
	ck_assert_int_eq(daemon_ini_lock(ini, &b), ST_OK);
	ck_assert_int_eq(stat(lock, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	daemon_ini_unlock(ini, &b);
}
END_TEST

/* No file can be made there: the ini itself is locked, and stays. */
START_TEST(no_room_for_a_lock)
{
	struct stat sb;
	int a, b;

	ck_assert_int_eq(mkdir(lock, 0700), 0);
	ck_assert(!daemon_ini_is_locked(ini));
	ck_assert_int_eq(daemon_ini_lock(ini, &a), ST_OK);
	ck_assert_int_ne(a, -1);
	ck_assert(daemon_ini_is_locked(ini));
	ck_assert_int_eq(daemon_ini_lock(ini, &b), ST_LIMIT);
	daemon_ini_unlock(ini, &a);
	ck_assert_int_eq(stat(ini, &sb), 0);
	ck_assert_int_eq(daemon_ini_lock(ini, &b), ST_OK);
	daemon_ini_unlock(ini, &b);
}
END_TEST

/* Nothing to lock at all: not a reason to stay down. */
START_TEST(nowhere)
{
	int a = 7;

	ck_assert_int_eq(daemon_ini_lock("/nonexistent/peercast.ini", &a), ST_OK);
	ck_assert_int_eq(a, -1);
	ck_assert(!daemon_ini_is_locked("/nonexistent/peercast.ini"));
	daemon_ini_unlock("/nonexistent/peercast.ini", &a);
}
END_TEST

/* Another process of ours put its own file there meanwhile: that is left alone. */
START_TEST(foreign_lock_stays)
{
	struct stat sb;
	int a;

	ck_assert_int_eq(daemon_ini_lock(ini, &a), ST_OK);
	ck_assert_int_eq(unlink(lock), 0);
	touch(lock);
	daemon_ini_unlock(ini, &a);
	ck_assert_int_eq(stat(lock, &sb), 0);
}
END_TEST

START_TEST(pid_file)
{
	char text[32] = "", want[32];
	int a, fd;

	ck_assert_int_eq(daemon_pid_open(NULL), -1);
	a = daemon_pid_open(pid);
	ck_assert_int_ge(a, 0);
	snprintf(want, sizeof(want), "%ld\n", (long)getpid());
	fd = open(pid, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, text, sizeof(text) - 1), (ssize_t)strlen(want));
	ck_assert_str_eq(text, want);
	close(fd);
	ck_assert_int_eq(daemon_pid_open(pid), -2);
	close(a);
	ck_assert_int_eq(daemon_pid_open("/nonexistent/pid"), -2);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("daemon");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, one_ini_one_node);
	tcase_add_test(t, no_room_for_a_lock);
	tcase_add_test(t, nowhere);
	tcase_add_test(t, foreign_lock_stays);
	tcase_add_test(t, pid_file);
	suite_add_tcase(s, t);
	return s;
}

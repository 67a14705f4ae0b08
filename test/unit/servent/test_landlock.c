/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

/* A folder with the folders `in`, `read` and `out`, each with a file f. */
static char top[64];

static int opened(const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd != -1)
		close(fd);
	return fd == -1 ? errno : 0;
}

static void fill(void)
{
	static const char *const sub[] = { "in", "read", "out" };
	char path[128];

	snprintf(top, sizeof(top), "/tmp/landlock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	for (size_t i = 0; i < NELEM(sub); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, sub[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		snprintf(path, sizeof(path), "%s/f", sub[i]);
		ck_assert_int_eq(opened(path, O_WRONLY | O_CREAT), 0);
	}
}

static void clear(void)
{
	char line[128];

	snprintf(line, sizeof(line), "rm -rf '%s'", top);
	ck_assert_int_eq(system(line), 0);
}

static int read_in(void)
{
	return opened("in/f", O_RDONLY);
}

static int write_in(void)
{
	return opened("in/f", O_WRONLY | O_TRUNC);
}

static int make_in(void)
{
	return opened("in/new", O_WRONLY | O_CREAT);
}

static int read_read(void)
{
	return opened("read/f", O_RDONLY);
}

static int write_read(void)
{
	return opened("read/f", O_WRONLY);
}

static int read_out(void)
{
	return opened("out/f", O_RDONLY);
}

static int make_out(void)
{
	return opened("out/new", O_WRONLY | O_CREAT);
}

static int list_out(void)
{
	return opened("out", O_RDONLY | O_DIRECTORY);
}

static int null(void)
{
	const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd == -1 ? errno : 0;
}

static int run(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int signal_others(void)
{
	return kill(getppid(), 0) == -1 ? errno : 0;
}

static const struct {
	int (*call)(void);
	unsigned kinds;
	int error, abi;                 /* abi: at least this is needed to forbid it */
} rows[] = {
	{ read_in, LANDLOCK_ALL, 0, 1 }, { write_in, LANDLOCK_ALL, 0, 1 }, { make_in, LANDLOCK_ALL, 0, 1 },
	{ read_read, LANDLOCK_ALL, 0, 1 }, { write_read, LANDLOCK_ALL, EACCES, 1 },
	{ read_out, LANDLOCK_ALL, EACCES, 1 }, { make_out, LANDLOCK_ALL, EACCES, 1 },
	{ list_out, LANDLOCK_ALL, EACCES, 1 }, { null, LANDLOCK_ALL, 0, 1 }, { run, LANDLOCK_ALL, EACCES, 1 },
	{ signal_others, LANDLOCK_ALL, EPERM, 6 },
	/* what was not asked to be forbidden */
	{ read_out, LANDLOCK_WRITE, 0, 1 }, { make_out, LANDLOCK_WRITE, EACCES, 1 },
	{ make_out, LANDLOCK_READ, 0, 1 }, { run, LANDLOCK_WRITE, 0, 1 },
	{ signal_others, LANDLOCK_WRITE, 0, 1 },
};

static int lock_up(unsigned kinds)
{
	char path[128];
	struct landlock l;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !landlock_begin(&l, kinds))
		return 201;
	snprintf(path, sizeof(path), "%s/in", top);
	if (!landlock_allow(&l, path, LANDLOCK_READ | LANDLOCK_WRITE))
		return 202;
	snprintf(path, sizeof(path), "%s/read", top);
	if (!landlock_allow(&l, path, LANDLOCK_READ) || !landlock_allow(&l, "/dev/null", LANDLOCK_ALL))
		return 203;
	if (landlock_allow(&l, "/no/such/folder", LANDLOCK_READ) || errno != ENOENT)
		return 204;
	return landlock_enforce(&l) ? 0 : 205;
}

START_TEST(locked_up)
{
	pid_t child;
	int how;

	fill();
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		const int e = lock_up(rows[_i].kinds);

		_exit(e != 0 ? e : rows[_i].call());
	}
	ck_assert_int_eq(waitpid(child, &how, 0), child);
	clear();
	ck_assert(WIFEXITED(how));
	ck_assert_int_eq(WEXITSTATUS(how), rows[_i].error);
}
END_TEST

/* One that was begun and forgotten does nothing. */
START_TEST(forgotten)
{
	struct landlock l;

	fill();
	ck_assert(landlock_begin(&l, LANDLOCK_ALL));
	landlock_forget(&l);
	landlock_forget(&l);
	ck_assert_int_eq(make_out(), 0);
	clear();
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/landlock");
	TCase *t = tcase_create("landlock");
	struct landlock l;

	if (landlock_begin(&l, LANDLOCK_ALL)) {
		tcase_add_test(t, forgotten);
		for (int i = 0; i < (int)NELEM(rows) && can_fork(); i++)
			if (l.abi >= rows[i].abi)
				tcase_add_loop_test(t, locked_up, i, i + 1);
	} else {
		fputs("landlock: not in this kernel\n", stderr);
	}
	landlock_forget(&l);
	suite_add_tcase(s, t);
	return s;
}

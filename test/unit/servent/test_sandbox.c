/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process that has locked itself up may still do. */
#include "servent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define FILTERED true
#else
#define FILTERED false
#endif

static struct rlimit room;

static long own_limits(pid_t parent)
{
	(void)parent;
	return syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, &room);
}

static long parents_limits(pid_t parent)
{
	return syscall(SYS_prlimit64, parent, RLIMIT_CPU, NULL, &room);
}

static long own_signal(pid_t parent)
{
	(void)parent;
	return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0);
}

static long parents_signal(pid_t parent)
{
	return syscall(SYS_tgkill, parent, parent, 0);
}

static long parents_end(pid_t parent)
{
	return kill(parent, 0);
}

static long open_file(pid_t parent)
{
	(void)parent;
	return open("/dev/null", O_RDONLY);
}

static const struct {
	long (*call)(pid_t parent);
	int error;                      /* 0 = it may */
} calls[] = {
	{ own_limits, 0 }, { parents_limits, EPERM }, { own_signal, 0 }, { parents_signal, EPERM },
	{ parents_end, EPERM }, { open_file, EPERM },
};

START_TEST(locked_up)
{
	const pid_t parent = getpid();
	pid_t child;
	int how;

	/* without it, it may: what fails below fails for the lock */
	ck_assert_int_ne(calls[_i].call(parent), -1);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		if (!sandbox_enter((size_t)512 << 20))
			_exit(201);
		errno = 0;
		_exit(calls[_i].call(parent) == -1 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(child, &how, 0), child);
	ck_assert(WIFEXITED(how));
	ck_assert_int_eq(WEXITSTATUS(how), calls[_i].error);
}
END_TEST

/* From what it has used. */
START_TEST(processor_time)
{
	struct rlimit was, now;

	ck_assert_int_eq(getrlimit(RLIMIT_CPU, &was), 0);
	sandbox_allow_cpu(2000);
	sandbox_allow_cpu(1000);
	ck_assert_int_eq(getrlimit(RLIMIT_CPU, &now), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_CPU, &was), 0);
	ck_assert(now.rlim_cur >= 1000 && now.rlim_cur < 2000);
	ck_assert(now.rlim_max == was.rlim_max);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/sandbox");
	TCase *t = tcase_create("sandbox");

	tcase_add_test(t, processor_time);
	/* builds with sanitizers cannot be locked up */
	if (FILTERED && can_fork())
		tcase_add_loop_test(t, locked_up, 0, (int)NELEM(calls));
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process that has locked itself up may still do. */
#include "servent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* --- the node itself --- */

static long two_uses(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long run_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long keep_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ);
}

static long inet(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0);
}

static long local(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long other_net(void)
{
	return socket(AF_INET + 1000, SOCK_STREAM, 0);
}

static long crypto(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static long namespace(void)
{
	return unshare(CLONE_FS);
}

static long type_in(void)
{
	return ioctl(-1, TIOCSTI, "x");
}

static long ask_size(void)
{
	struct winsize w;

	return ioctl(-1, TIOCGWINSZ, &w);
}

static long clone3(void)
{
	return syscall(SYS_clone3, NULL, (size_t)0);
}

static long user_space(void)
{
	return syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L);
}

static void *nothing(void *arg)
{
	return arg;
}

static long thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0 ? 0 : -1;
}

static long program(void)
{
	char name[] = "true";
	char *const argv[] = { name, NULL };
	pid_t pid;
	int how = 1;

	if (posix_spawnp(&pid, "true", NULL, NULL, argv, NULL) != 0 || waitpid(pid, &how, 0) != pid)
		return -1;
	return how == 0 ? 0 : -1;
}

static long rename_mode(void)
{
	return chmod("/dev/null/nowhere", 0600);
}

static const struct {
	bool commands;
	long (*call)(void);
	int error;                      /* 0 = it may */
} node_calls[] = {
	{ false, two_uses, EPERM }, { false, run_code, 0 }, { false, make_code, EPERM },
	{ false, keep_data, 0 }, { false, inet, 0 }, { false, local, 0 }, { false, other_net, EAFNOSUPPORT },
	{ false, crypto, EAFNOSUPPORT }, { false, namespace, EPERM }, { false, type_in, EPERM },
	{ false, ask_size, EBADF }, { false, clone3, ENOSYS }, { false, user_space, EPERM },
	{ false, thread, 0 }, { false, program, 0 }, { false, rename_mode, EPERM },
	{ true, two_uses, 0 }, { true, make_code, 0 }, { true, rename_mode, ENOTDIR },
	{ true, namespace, EPERM }, { true, user_space, EPERM }, { true, other_net, EAFNOSUPPORT },
};

START_TEST(node_locked_up)
{
	const pid_t child = fork();
	int how;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_calls(node_calls[_i].commands))
			_exit(201);
		errno = 0;
		_exit(node_calls[_i].call() == -1 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(child, &how, 0), child);
	ck_assert(WIFEXITED(how));
	ck_assert_int_eq(WEXITSTATUS(how), node_calls[_i].error);
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
	if (FILTERED && can_fork())
		tcase_add_loop_test(t, node_locked_up, 0, (int)NELEM(node_calls));
	suite_add_tcase(s, t);
	return s;
}

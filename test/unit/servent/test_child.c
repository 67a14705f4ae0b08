/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs whose output is read. */
#include "servent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "test/unit/unit.h"

/* All of it, as text, until it closes. */
static void read_all(int fd, char *to, size_t cap)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		ck_assert_int_eq(poll(&p, 1, 20000), 1);
		got = read(fd, to + n, cap - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		ck_assert_uint_lt(n, cap - 1);
	}
	to[n] = '\0';
}

static const struct {
	const char *script, *out, *err, *how;
} scripts[] = {
	{ "echo a; echo b >&2", "a\n", "b\n", "exit status 0" },
	{ "exit 3", "", "", "exit status 3" },
	{ "kill -9 $$", "", "", "signal 9" },
	{ "cat", "", "", "exit status 0" },                     /* nothing to read */
	{ "kill -PIPE $$", "", "", "signal 13" },               /* which we ignore */
	{ "kill -TERM $$", "", "", "signal 15" },               /* which we block */
	{ "ls /proc/self/fd | wc -l", "4\n", "", "exit status 0" },     /* and the folder */
	{ "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own", "own\n", "", "exit status 0" },
};

START_TEST(runs)
{
	char sh[] = "sh", c[] = "-c", script[256], out[256], err[256], how[CHILD_HOW];
	char *argv[] = { sh, c, script, NULL };
	struct child x;
	const int loose = open("/dev/null", O_RDONLY);          /* not close-on-exec, as a library's may be */
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &term, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert(text_copy(script, sizeof(script), scripts[_i].script));
	ck_assert_int_eq(child_start(&x, argv), ST_OK);
	read_all(x.out, out, sizeof(out));
	read_all(x.err, err, sizeof(err));
	child_end(&x, 20 * NSEC_PER_SEC, how);
	ck_assert_str_eq(out, scripts[_i].out);
	ck_assert_str_eq(err, scripts[_i].err);
	ck_assert_str_eq(how, scripts[_i].how);
	ck_assert(x.pid == 0 && x.out == -1 && x.err == -1 && x.pidfd == -1);
	close(loose);
}
END_TEST

START_TEST(no_such_program)
{
	char name[] = "no-such-program-here";
	char *argv[] = { name, NULL };
	struct child x;

	ck_assert_int_eq(child_start(&x, argv), ST_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(x.pid == 0 && x.out == -1 && x.err == -1);
}
END_TEST

/* What it is given to read, and an environment of its own; one that does not read is no trouble. */
START_TEST(fed)
{
	char sh[] = "sh", c[] = "-c", script[] = "echo $A $B; cat", deaf[] = "exec <&-; sleep 0.01; exit 7";
	char a[] = "A=1 2", path[] = "PATH=/usr/bin:/bin", out[64], how[CHILD_HOW];
	char *argv[] = { sh, c, script, NULL }, *argv2[] = { sh, c, deaf, NULL };
	char *const env[] = { a, path, NULL };
	struct pollfd p = { .events = POLLIN };
	struct child x;

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(setenv("B", "not inherited", 1), 0);
	ck_assert_int_eq(child_start_fed(&x, argv, env), ST_OK);
	ck_assert(!child_has_ended(&x));
	ck_assert_int_eq(write(x.in, "abc", 3), 3);
	child_shut_in(&x);
	read_all(x.out, out, sizeof(out));
	ck_assert_str_eq(out, "1 2\nabc");
	child_end(&x, 20 * NSEC_PER_SEC, how);
	ck_assert_int_eq(x.status, 0);

	ck_assert_int_eq(child_start_fed(&x, argv2, env), ST_OK);
	p.fd = x.pidfd;
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	ck_assert(child_has_ended(&x));
	ck_assert_int_eq(write(x.in, "abc", 3), -1);
	ck_assert_int_eq(errno, EPIPE);
	child_end(&x, 0, how);
	ck_assert_int_eq(x.status, 7);

	(void)snprintf(deaf, sizeof(deaf), "sleep 1000");
	ck_assert_int_eq(child_start_fed(&x, argv2, env), ST_OK);
	child_signal(&x, SIGUSR1);
	p.fd = x.pidfd;
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	child_end(&x, 0, how);
	ck_assert_str_eq(how, "signal 10");
	ck_assert_int_eq(x.status, -1);
	ck_assert(x.in == -1);
}
END_TEST

/* One that is deaf to SIGTERM, and its child. Both hold the pipe: it closes when both are gone. */
START_TEST(ends_the_group)
{
	char sh[] = "sh", c[] = "-c", script[] = "trap '' TERM; sleep 1000 & echo; sleep 1000", how[CHILD_HOW], b[8];
	char *argv[] = { sh, c, script, NULL };
	struct child x;
	struct pollfd p = { .events = POLLIN };
	nsec began;
	int left;

	ck_assert_int_eq(child_start(&x, argv), ST_OK);
	p.fd = x.out;
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	ck_assert_int_eq(read(x.out, b, sizeof(b)), 1);
	left = fcntl(x.out, F_DUPFD_CLOEXEC, 0);
	began = clk_now();
	child_end(&x, 0, how);
	ck_assert_str_eq(how, "signal 9");
	ck_assert_int_lt(clk_now() - began, 20 * NSEC_PER_SEC);
	p.fd = left;
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	ck_assert_int_eq(read(left, b, sizeof(b)), 0);
	close(left);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/child");
	TCase *t = tcase_create("child");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, runs, 0, NELEM(scripts));
	tcase_add_test(t, no_such_program);
	tcase_add_test(t, fed);
	tcase_add_test(t, ends_the_group);
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: unlinkat */
/* Files of recordings: which are deleted, in which folder, and what the list of them says. */
#include "servent/reckeep.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pthread.h>

#include "core/sys/file.h"
#include "test/unit/unit.h"

static struct reckeep keep;
static char top[64], dir[3][128];

/* Where unlinkat() of this name waits until it may go on. */
static const char *stuck;
static int stuck_tell[2], stuck_go[2];

int __wrap_unlinkat(int at, const char *name, int flags);
int __real_unlinkat(int at, const char *name, int flags);

int __wrap_unlinkat(int at, const char *name, int flags)
{
	char c = 0;

	if (stuck != NULL && strcmp(name, stuck) == 0) {
		ck_assert_int_eq(write(stuck_tell[1], &c, 1), 1);
		ck_assert_int_eq(read(stuck_go[0], &c, 1), 1);
	}
	return __real_unlinkat(at, name, flags);
}

static void set_up(void)
{
	stuck = NULL;
	snprintf(top, sizeof(top), "/tmp/test-reckeep-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	for (int i = 0; i < 3; i++) {
		snprintf(dir[i], sizeof(dir[i]), "%s/%c", top, "abc"[i]);
		ck_assert_int_eq(i < 2 ? mkdir(dir[i], 0700) : symlink("a", dir[i]), 0);
	}
	reckeep_init(&keep);
}

static void tear_down(void)
{
	char cmd[128];

	reckeep_fini(&keep);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	ck_assert_int_eq(system(cmd), 0);
}

static void path_of(char to[400], const char *folder, const char *name)
{
	snprintf(to, 400, "%s/%s", folder, name);
}

static bool is_there(const char *folder, const char *name)
{
	char path[400];
	struct stat sb;

	path_of(path, folder, name);
	return lstat(path, &sb) == 0;
}

static uint64_t make(const char *folder, const char *name)
{
	char path[400];
	struct stat sb;
	int fd;

	path_of(path, folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	ck_assert_int_eq(fstat(fd, &sb), 0);
	close(fd);
	return sb.st_ino;
}

struct one {
	struct reckeep_dir *d;
	uint64_t ino;
};

static struct one begin(const char *folder, const char *name)
{
	struct one o = { .ino = make(folder, name) };

	ck_assert_int_eq(reckeep_add(&keep, folder, name, o.ino, &o.d), ST_OK);
	reckeep_note(&keep, o.d, o.ino, 10, false);
	return o;
}

static void end(const struct one *o)
{
	reckeep_note(&keep, o->d, o->ino, 10, true);
}

static void some(const char *folder, const char *letter, int n)
{
	for (int i = 0; i < n; i++) {
		char name[32];
		struct one o;

		snprintf(name, sizeof(name), "%s%d", letter, i);
		o = begin(folder, name);
		end(&o);
	}
}

static uint32_t kept(void)
{
	return atomic_load(&keep.files);
}

/* The list of a folder, to be written. */
static FILE *list_of(const char *folder)
{
	char path[400];
	FILE *f;

	path_of(path, folder, RECKEEP_LIST);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	return f;
}

static size_t lines_in(const char *folder)
{
	char path[400];
	size_t n = 0;
	struct buf b;

	path_of(path, folder, RECKEEP_LIST);
	buf_init(&b, 16 << 20);
	ck_assert_int_eq(file_read(path, &b), ST_OK);
	for (size_t i = 0; i < b.len; i++)
		n += b.p[i] == '\n';
	buf_fini(&b);
	return n;
}

START_TEST(oldest_go)
{
	struct one last;

	set_up();
	make(dir[0], "mine");
	some(dir[0], "f", 40);
	last = begin(dir[0], "last");
	ck_assert_uint_eq(kept(), 41);
	ck_assert_uint_eq(atomic_load(&keep.bytes), 410);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 0, 0), 0);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 41, 410), 0);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 0, 205), 21);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 3, 0), 17);
	ck_assert(!is_there(dir[0], "f0") && !is_there(dir[0], "f37") && is_there(dir[0], "f38"));
	/* what is written stays, and so does what is not ours */
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 1), 2);
	ck_assert(is_there(dir[0], "last") && is_there(dir[0], "mine"));
	ck_assert_uint_eq(kept(), 1);
	tear_down();
}
END_TEST

/* Back in a folder after one whose list cannot be read. */
START_TEST(back_from_a_bad_one)
{
	struct reckeep_dir *d;
	char path[400];
	struct one last;

	set_up();
	some(dir[0], "f", 3);
	path_of(path, dir[1], RECKEEP_LIST);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(reckeep_add(&keep, dir[1], "x", make(dir[1], "x"), &d), ST_PROTO);
	ck_assert_ptr_null(d);
	last = begin(dir[0], "last");
	ck_assert_uint_eq(kept(), 4);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 0), 3);
	ck_assert(is_there(dir[0], "last") && is_there(dir[1], "x"));
	tear_down();
}
END_TEST

/* What is written is known when recordings go elsewhere and come back, by another name even. */
START_TEST(there_and_back)
{
	struct one old, other, last;

	set_up();
	some(dir[0], "f", 2);
	old = begin(dir[0], "old");
	other = begin(dir[1], "other");
	ck_assert_uint_eq(kept(), 1);
	ck_assert_uint_eq(reckeep_sweep(&keep, old.d, 1, 1), 0);        /* not there any more */
	ck_assert(is_there(dir[0], "f0"));
	last = begin(dir[2], "last");
	ck_assert_uint_eq(kept(), 4);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 0), 2);
	ck_assert(!is_there(dir[0], "f1") && is_there(dir[0], "old") && is_there(dir[0], "last"));
	end(&old);
	end(&other);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 0), 1);
	ck_assert(!is_there(dir[0], "old") && is_there(dir[1], "other"));
	tear_down();
}
END_TEST

/* The list has at most about twice as many lines as there are files. */
START_TEST(list_stays_short)
{
	struct one last = { .d = NULL };

	set_up();
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		last = begin(dir[0], name);
		(void)reckeep_sweep(&keep, last.d, 3, 0);
		end(&last);
	}
	ck_assert_uint_eq(kept(), 3);
	ck_assert_uint_lt(lines_in(dir[0]), 40);
	/* and says all there is to know */
	reckeep_fini(&keep);
	reckeep_init(&keep);
	last = begin(dir[0], "last");
	ck_assert_uint_eq(kept(), 4);
	tear_down();
}
END_TEST

/* Of a list that is too long its end counts, and it is put right. */
START_TEST(list_too_long)
{
	struct one last;
	FILE *f;

	set_up();
	f = list_of(dir[0]);
	fprintf(f, "%llu first\n", (unsigned long long)make(dir[0], "first"));
	for (int i = 0; i < 110000; i++)
		fprintf(f, "1 channel_20260101-000000_%05d.flv with more\n", i);
	fprintf(f, "%llu one\nno line\n%llu two", (unsigned long long)make(dir[0], "one"),
		(unsigned long long)make(dir[0], "two"));
	ck_assert_int_eq(fclose(f), 0);
	last = begin(dir[0], "last");
	ck_assert_uint_eq(kept(), 3);
	ck_assert_uint_eq(lines_in(dir[0]), 3);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 0), 2);
	ck_assert(is_there(dir[0], "first") && !is_there(dir[0], "one") && !is_there(dir[0], "two"));
	tear_down();
}
END_TEST

/* The last line was not written to its end. */
START_TEST(list_torn)
{
	struct one last;
	FILE *f;

	set_up();
	f = list_of(dir[0]);
	fprintf(f, "%llu one\n17", (unsigned long long)make(dir[0], "one"));
	ck_assert_int_eq(fclose(f), 0);
	last = begin(dir[0], "last");
	end(&last);
	reckeep_fini(&keep);
	reckeep_init(&keep);
	last = begin(dir[0], "next");
	ck_assert_uint_eq(kept(), 3);
	tear_down();
}
END_TEST

static void *sweeps(void *arg)
{
	const struct one *o = arg;

	ck_assert_uint_eq(reckeep_sweep(&keep, o->d, 1, 0), 1);
	return NULL;
}

/* A folder that hangs: what is written there is noted as ever, and other folders are as they were. */
START_TEST(one_hangs)
{
	struct one last, other;
	pthread_t t;
	char c = 0;

	set_up();
	ck_assert(pipe(stuck_tell) == 0 && pipe(stuck_go) == 0);
	some(dir[0], "f", 1);
	some(dir[1], "g", 2);
	last = begin(dir[0], "last");
	stuck = "f0";
	ck_assert_int_eq(pthread_create(&t, NULL, sweeps, &last), 0);
	ck_assert_int_eq(read(stuck_tell[0], &c, 1), 1);
	reckeep_note(&keep, last.d, last.ino, 20, false);
	ck_assert_uint_eq(atomic_load(&keep.bytes), 30);
	ck_assert_uint_eq(reckeep_sweep(&keep, last.d, 1, 0), 0);       /* somebody does */
	other = begin(dir[1], "other");
	ck_assert_uint_eq(reckeep_sweep(&keep, other.d, 1, 0), 2);
	ck_assert_int_eq(write(stuck_go[1], &c, 1), 1);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert(!is_there(dir[0], "f0"));
	tear_down();
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/reckeep");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, oldest_go);
	tcase_add_test(t, back_from_a_bad_one);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, list_stays_short);
	tcase_add_test(t, list_too_long);
	tcase_add_test(t, list_torn);
	tcase_add_test(t, one_hangs);
	suite_add_tcase(s, t);
	return s;
}

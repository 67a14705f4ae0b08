/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Out of memory at every place, one after another: an error, nothing lost, nothing leaked. */
/* wrap: malloc calloc realloc reallocarray strdup strndup free */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/conf.h"
#include "core/conf/settings.h"
#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "test/unit/unit.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);

static long fail_at;            /* the request that fails, counted from 1; 0 = none */
static long requests, live;     /* blocks taken and not given back */

static bool refused(void)
{
	return ++requests == fail_at;
}

static void *taken(void *p)
{
	live += p != NULL;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return refused() ? NULL : taken(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : taken(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	bool fresh = p == NULL;

	if (refused())
		return NULL;
	p = __real_realloc(p, n);
	return fresh ? taken(p) : p;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	bool fresh = p == NULL;

	if (refused())
		return NULL;
	p = __real_reallocarray(p, n, size);
	return fresh ? taken(p) : p;
}

char *__wrap_strdup(const char *s)
{
	return refused() ? NULL : taken(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n)
{
	return refused() ? NULL : taken(__real_strndup(s, n));
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

#define ID_B "FB359F96E2097E916DF7FD60ED2CA0C6"

/* A file with something of everything. */
static const char rich[] =
	"# first\nserverPort = 81\nunknown = 1\n[Filter]\n# in\nip = 1.2.3.4\n[End]\n"
	"[Filter]\nip = 1.2.3.5\n[Filter]\nip = 1.2.3.6\n[End]\n[Filter]\nip = 1.2.3.7\n[End]\n"
	"[Filter]\nip = 1.2.3.8\n[End]\n[Feed]\nurl = http://a/\n[End]\n[Feed]\nurl = ftp://a/\n[End]\n"
	"[Hook]\n# h\ncommand = a\n# i\n[End]\n[Hook]\nurl = b\n[End]\n"
	"[X]\nserverPort = 9\n[End]\n[Flags]\n# f\nforceFirewalled = 1\n# e\n[End]\n"
	"[RelayChannel]\n# r\nid = " ID_B "\nname = x\nname = y\n[End]\n[Host]\ntype = SERVENT\n[End]\n"
	"# last\n";

static void quiet(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	(void)line;
	(void)text;
}

/* As ck_assert(), but takes memory only to fail: Check's own requests are counted like ours. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fail_at = 0;
	ck_abort_msg("%s", what);
}

/* Each of these does its whole work, or says ST_LIMIT and leaves nothing behind. */

static enum status do_parse(void)
{
	struct settings *st = NULL;
	enum status r = settings_parse(rich, strlen(rich), quiet, NULL, &st);
	size_t n;

	if (r == ST_OK) {
		(void)settings_filters(st, &n);
		must(n == 5, "all filters");
		(void)settings_relays(st, &n);
		must(n == 1, "the relay");
	}
	must((r == ST_OK) == (st != NULL), "result and status");
	settings_free(&st);
	return r;
}

static enum status do_new(void)
{
	struct settings *st = settings_new(true);
	enum status r = st != NULL ? ST_OK : ST_LIMIT;

	settings_free(&st);
	return r;
}

static struct settings *parsed;

static enum status do_copy(void)
{
	struct settings *st = settings_copy(parsed);
	enum status r = st != NULL ? ST_OK : ST_LIMIT;

	settings_free(&st);
	return r;
}

static enum status do_relay(void)
{
	static const struct settings_pair pairs[] = {
		{ "id", ID_B }, { "name", "new" }, { "desc", "d" },
	};
	static const struct settings_pair other[] = {
		{ "id", "00000000000000000000000000000001" }, { "name", "new" },
	};
	enum status r = settings_relay_put(parsed, pairs, NELEM(pairs));

	return r == ST_OK ? settings_relay_put(parsed, other, NELEM(other)) : r;
}

static struct conf *conf;
static const char path[] = "/tmp/test_nomem.ini";

static enum status edit(struct settings *draft, void *ctx)
{
	(void)ctx;
	draft->max_channels++;
	return ST_OK;
}

static uint32_t max_channels(void)
{
	const struct settings *st = conf_get(conf);
	uint32_t n = st->max_channels;

	settings_unref(&st);
	return n;
}

static enum status do_update(void)
{
	const uint32_t before = max_channels();
	enum status r = conf_update(conf, edit, NULL);

	must(max_channels() == before + (r == ST_OK), "all or nothing");
	return r;
}

static enum status do_reload(void)
{
	const uint32_t before = max_channels();
	enum status r = conf_reload(conf);

	must(max_channels() == (r == ST_OK ? 200 : before), "all or nothing");
	return r;
}

/* A change that is not saved, and a file that says otherwise. */
static enum status do_merge(void)
{
	const enum status r = max_channels() == 200 ? conf_update(conf, edit, NULL) : ST_OK;

	return r == ST_OK ? conf_reload(conf) : r;
}

static const struct {
	const char *name;
	enum status (*fn)(void);
	bool grows;             /* what it leaves is part of `parsed` or `conf` */
} works[] = {
	{ "parse", do_parse, false },
	{ "new", do_new, false },
	{ "copy", do_copy, false },
	{ "relay", do_relay, true },
	{ "update", do_update, true },
	{ "reload", do_reload, true },
	{ "merge", do_merge, true },
};

START_TEST(nomem)
{
	const char *name = works[_i].name;
	enum status r = ST_LIMIT;
	long base, failures = 0;

	log_set_level(LOG_OFF);
	fail_at = 0;
	base = live;
	ck_assert_int_eq(settings_parse(rich, strlen(rich), NULL, NULL, &parsed), ST_OK);
	ck_assert_int_eq(file_replace(path, rich, strlen(rich), 0600), ST_OK);
	ck_assert_int_eq(conf_open(&conf, path), ST_OK);

	for (long n = 1; r != ST_OK; n++) {
		long before = live;

		ck_assert_int_lt(n, 100000);
		requests = 0;
		fail_at = n;
		r = works[_i].fn();
		/* Done although something was refused: what was refused was not needed. */
		if (requests >= n && r == ST_OK)
			r = ST_EOF;
		fail_at = 0;
		ck_assert_msg(r == ST_OK || r == ST_LIMIT || r == ST_EOF, "%s %ld: %d", name, n, r);
		ck_assert_msg(works[_i].grows || live == before, "%s %ld: %ld blocks lost", name, n,
			live - before);
		failures += r == ST_LIMIT;
	}
	ck_assert_int_gt(failures, 3);

	conf_free(&conf);
	settings_free(&parsed);
	ck_assert_int_eq(remove(path), 0);
	ck_assert_msg(live == base, "%s: %ld blocks lost", name, live - base);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("nomem");
	TCase *t = tcase_create("nomem");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, nomem, 0, NELEM(works));
	suite_add_tcase(s, t);
	return s;
}

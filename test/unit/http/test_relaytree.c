/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: calloc */
#include "http/relaytree.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/rng.h"
#include "test/unit/unit.h"

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

#define NODES 8

/* A node as its reports describe it. NULLs and 0 = not told. */
struct row {
	char name;              /* 'a' ...: its session */
	const char *global, *local, *up;
	uint8_t hops;
	char via;               /* session of the connection the report came over */
	uint8_t flags;
};

static struct gnuid sid_of(char c)
{
	struct gnuid id = { .b = { (uint8_t)c, 1 } };

	return c == 0 ? (struct gnuid){ .b = { 0 } } : id;
}

static struct host host_of(const char *s)
{
	struct host h = { .port = 0 };

	if (s != NULL)
		ck_assert_msg(host_parse(&h, s, 0), "%s", s);
	return h;
}

static struct hit hit_of(const struct row *r)
{
	struct hit h = { .sid = sid_of(r->name), .uphost = host_of(r->up), .hops = r->hops,
	                 .via = sid_of(r->via), .flags = r->flags };

	h.rhost[0] = host_of(r->global);
	h.rhost[1] = host_of(r->local);
	return h;
}

/* "a(b(c)d)e": the forest, children in the order of the list; '*' is this node. */
static char *draw(const struct treefacts *f, const size_t *parent, const char *names, size_t of, char *at)
{
	for (size_t i = 0; i <= f->n; i++) {
		if (parent[i] != of || (i == f->n && f->self == NULL))
			continue;
		*at++ = i == f->n ? '*' : names[i];
		*at++ = '(';
		at = draw(f, parent, names, i, at);
		if (at[-1] == '(')
			at--;
		else
			*at++ = ')';
	}
	*at = '\0';
	return at;
}

static const char us[] = "203.0.113.1:7144", us_closed[] = "203.0.113.1:0", lan[] = "192.168.0.5:7144";

enum { TRACKER = HIT_TRACKER };

static const struct {
	const char *name;
	const char *self;       /* our global pair, NULL = we do not carry it */
	uint8_t self_flags;
	const char *self_up;
	const char *below;      /* connected to us */
	char source;
	struct row row[NODES];
	const char *want;
} trees[] = {
	{ "alone", us, TRACKER, NULL, "", 0, { { 0 } }, "*" },
	{ "two levels", us, TRACKER, NULL, "ab", 0, {
		{ 'a', "198.51.100.1:7144", lan, us, 1, 'a', 0 },
		{ 'b', "198.51.100.2:7144", lan, us, 1, 'b', 0 },
		{ 'c', "198.51.100.3:7144", lan, "198.51.100.1:7144", 2, 'a', 0 },
		{ 'd', "198.51.100.4:7144", lan, "198.51.100.3:7144", 3, 'a', 0 } }, "*(a(c(d))b)" },
	{ "IPv6", "[2001:db8::1]:7144", TRACKER, NULL, "a", 0, {
		{ 'a', "[2001:db8::a]:7144", NULL, "[2001:db8::1]:7144", 1, 'a', 0 },
		{ 'b', "[2001:db8::b]:7144", NULL, "[2001:db8::a]:7144", 2, 'a', 0 },
		{ 'c', "[2001:db8::c]:7144", NULL, "[2001:db8::a]:7145", 2, 'a', 0 } }, "*(a(b)c)" },
	{ "by address alone, nobody is connected now", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", lan, us, 1, 'a', 0 } }, "*(a)" },
	{ "unknown upstream", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", lan, NULL, 2, 'x', 0 },
		{ 'b', "198.51.100.2:7144", lan, "192.0.2.99:7144", 3, 'x', 0 },
		{ 'c', "198.51.100.3:7144", lan, "198.51.100.2:7144", 4, 'x', 0 } }, "*(ab(c))" },
	/* Two nodes, one NAT: different ports, or only one of them was forwarded. */
	{ "NAT, two ports", us, TRACKER, NULL, "ab", 0, {
		{ 'a', "198.51.100.1:7144", "192.168.0.2:7144", us, 1, 'a', 0 },
		{ 'b', "198.51.100.1:7145", "192.168.0.3:7144", us, 1, 'b', 0 },
		{ 'c', "198.51.100.3:7144", NULL, "198.51.100.1:7145", 2, 'b', 0 },
		{ 'd', "198.51.100.4:7144", NULL, "198.51.100.1:7144", 2, 'a', 0 } }, "*(a(d)b(c))" },
	/* Both closed: they have dialled (GIV), from whatever port; the way the report came decides. */
	{ "NAT, closed ports", us, TRACKER, NULL, "ab", 0, {
		{ 'a', "198.51.100.1:0", "192.168.0.2:7144", us, 1, 'a', HIT_PUSH },
		{ 'b', "198.51.100.1:0", "192.168.0.3:7144", us, 1, 'b', HIT_PUSH },
		{ 'c', "198.51.100.3:7144", NULL, "198.51.100.1:40001", 2, 'b', 0 },
		{ 'd', "198.51.100.4:7144", NULL, "198.51.100.1:40002", 2, 'a', 0 } }, "*(a(d)b(c))" },
	/* Behind the same NAT as their upstream they name its inner address. */
	{ "NAT, from inside", us, TRACKER, NULL, "a", 0, {
		{ 'a', "198.51.100.1:0", "192.168.0.2:7144", us, 1, 'a', HIT_PUSH },
		{ 'b', "198.51.100.1:0", "192.168.0.3:7144", "192.168.0.2:7144", 2, 'a', HIT_PUSH },
		{ 'c', "198.51.100.1:0", "192.168.0.4:7144", "192.168.0.3:7144", 3, 'a', HIT_PUSH } }, "*(a(b(c)))" },
	/* The same inner address in another home is somebody else. */
	{ "two homes", us, TRACKER, NULL, "ax", 0, {
		{ 'a', "198.51.100.1:0", "192.168.0.2:7144", us, 1, 'a', HIT_PUSH },
		{ 'x', "198.51.100.9:0", "192.168.0.2:7144", us, 1, 'x', HIT_PUSH },
		{ 'b', "198.51.100.1:0", "192.168.0.3:7144", "192.168.0.2:7144", 2, 'a', HIT_PUSH },
		{ 'y', "198.51.100.9:0", "192.168.0.3:7144", "192.168.0.2:7144", 2, 'x', HIT_PUSH } },
		"*(a(b)x(y))" },
	{ "two homes, told by one", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:0", "192.168.0.2:7144", NULL, 2, 'r', HIT_PUSH },
		{ 'x', "198.51.100.9:0", "192.168.0.2:7144", NULL, 2, 'r', HIT_PUSH },
		{ 'b', "198.51.100.1:0", "192.168.0.3:7144", "192.168.0.2:7144", 3, 'r', HIT_PUSH },
		{ 'y', "198.51.100.9:0", "192.168.0.3:7144", "192.168.0.2:7144", 3, 'r', HIT_PUSH } },
		"*(a(b)x(y))" },
	{ "the nearer of two", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:0", "192.168.0.2:7144", NULL, 1, 'r', HIT_PUSH },
		{ 'b', "198.51.100.1:0", "192.168.0.3:7144", NULL, 2, 'r', HIT_PUSH },
		{ 'c', "198.51.100.3:7144", NULL, "198.51.100.1:40001", 3, 'r', 0 },
		{ 'd', "198.51.100.4:7144", NULL, "198.51.100.1:40002", 2, 'r', 0 } }, "*(a(d)b(c))" },
	{ "we are closed, and dialled", us_closed, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", NULL, "203.0.113.1:40001", 1, 'a', 0 } }, "*(a)" },
	/* Connected to us: whatever it says, and whatever else has that address. */
	{ "behind our NAT", us_closed, TRACKER, NULL, "a", 0, {
		{ 'a', "203.0.113.1:0", "192.168.0.9:7144", "192.168.0.5:7144", 1, 'a', HIT_PUSH },
		{ 'b', "203.0.113.1:0", "192.168.0.8:7144", "192.168.0.9:7144", 2, 'a', HIT_PUSH } }, "*(a(b))" },
	{ "loopback", "127.0.0.1:0", TRACKER, NULL, "a", 0, {
		{ 'a', "127.0.0.1:0", NULL, "127.0.0.1:7144", 1, 'a', HIT_PUSH },
		{ 'b', "127.0.0.1:0", NULL, "127.0.0.1:7154", 2, 'a', HIT_PUSH } }, "*(a(b))" },
	/* A relay: what is above it is not below it. */
	{ "relay", us, 0, "192.0.2.1:7144", "a", 't', {
		{ 't', "192.0.2.1:7144", NULL, NULL, 0, 0, TRACKER },
		{ 'a', "198.51.100.1:7144", NULL, us, 1, 'a', 0 },
		{ 'b', "198.51.100.2:7144", NULL, "192.0.2.1:7144", 1, 't', 0 } }, "t(b)*(a)" },
	{ "relay of a relay", us, 0, "192.0.2.2:7144", "a", 'p', {
		{ 't', "192.0.2.1:7144", NULL, NULL, 0, 0, TRACKER },
		{ 'p', "192.0.2.2:7144", NULL, "192.0.2.1:7144", 1, 't', 0 },
		{ 'a', "198.51.100.1:7144", NULL, us, 1, 'a', 0 } }, "t(p)*(a)" },
	{ "source known by its address", us, 0, "192.0.2.2:7144", "", 0, {
		{ 'p', "192.0.2.2:7144", NULL, NULL, 1, 0, 0 } }, "p*" },
	{ "root", NULL, 0, NULL, "", 0, {
		{ 't', "192.0.2.1:7144", NULL, NULL, 1, 't', TRACKER },
		{ 'a', "192.0.2.2:7144", NULL, "192.0.2.1:7144", 2, 't', 0 },
		{ 'b', "192.0.2.3:7144", NULL, "192.0.2.9:7144", 2, 't', 0 } }, "t(a)b" },
	/* What cannot be. */
	{ "its own upstream", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", NULL, "198.51.100.1:7144", 2, 'x', 0 } }, "*(a)" },
	{ "cycle", us, TRACKER, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", NULL, "198.51.100.3:7144", 3, 'x', 0 },
		{ 'b', "198.51.100.2:7144", NULL, "198.51.100.1:7144", 2, 'x', 0 },
		{ 'c', "198.51.100.3:7144", NULL, "198.51.100.2:7144", 4, 'x', 0 },
		{ 'd', "198.51.100.4:7144", NULL, "198.51.100.3:7144", 5, 'x', 0 } }, "*(b(c(a d)))" },
	{ "two cycles", NULL, 0, NULL, "", 0, {
		{ 'a', "198.51.100.1:7144", NULL, "198.51.100.2:7144", 1, 'x', 0 },
		{ 'b', "198.51.100.2:7144", NULL, "198.51.100.1:7144", 2, 'x', 0 },
		{ 'c', "198.51.100.3:7144", NULL, "198.51.100.4:7144", 4, 'x', 0 },
		{ 'd', "198.51.100.4:7144", NULL, "198.51.100.3:7144", 3, 'x', 0 } }, "a(b)d(c)" },
};

START_TEST(tree)
{
	struct hit hit[NODES], self;
	struct gnuid below[NODES];
	struct treefacts f = { .hit = hit, .below = below };
	char names[NODES + 1], got[4 * NODES + 8], want[4 * NODES + 8], *w = want;
	size_t parent[NODES + 1];

	while (f.n < NODES && trees[_i].row[f.n].name != 0) {
		hit[f.n] = hit_of(&trees[_i].row[f.n]);
		names[f.n] = trees[_i].row[f.n].name;
		f.n++;
	}
	if (trees[_i].self != NULL) {
		self = hit_of(&(struct row){ '*', trees[_i].self, lan, trees[_i].self_up, 0, 0,
		                             trees[_i].self_flags });
		f.self = &self;
		f.own = self.rhost[0];
		f.own.port = 7144;
	}
	for (const char *p = trees[_i].below; *p != '\0'; p++)
		below[f.n_below++] = sid_of(*p);
	f.source = sid_of(trees[_i].source);
	ck_assert_int_eq(relaytree_build(&f, parent), ST_OK);
	draw(&f, parent, names, TREE_TOP, got);
	for (const char *p = trees[_i].want; *p != '\0'; p++)
		if (*p != ' ')
			*w++ = *p;
	*w = '\0';
	ck_assert_msg(strcmp(got, want) == 0, "%s: %s", trees[_i].name, got);
}
END_TEST

/* Every node is there once, no way up is longer than TREE_DEPTH, and short ways are as reported. */
static void check_forest(const struct treefacts *f, const size_t *parent)
{
	for (size_t i = 0; i < f->n; i++) {
		size_t depth = 1;

		for (size_t at = i; parent[at] != TREE_TOP; at = parent[at]) {
			ck_assert_uint_le(parent[at], f->n);
			ck_assert_uint_le(++depth, TREE_DEPTH);
		}
	}
}

START_TEST(deep_chain)
{
	enum { N = 1000 };
	struct hit *hit = calloc(N, sizeof(*hit)), self = { .flags = HIT_TRACKER };
	size_t *parent = calloc(N + 1, sizeof(*parent));
	struct treefacts f = { .hit = hit, .n = N, .self = &self };

	self.rhost[0] = f.own = host_of(us);
	for (size_t i = 0; i < N; i++) {
		/* each below the one before it, and told in the opposite order */
		struct hit *h = &hit[N - 1 - i];

		h->rhost[0] = host_v4(198, 51, (uint8_t)(i >> 8), (uint8_t)i, 7144);
		h->uphost = i == 0 ? self.rhost[0] : host_v4(198, 51, (uint8_t)((i - 1) >> 8), (uint8_t)(i - 1), 7144);
		h->hops = (uint8_t)MIN(i + 1, (size_t)255);
	}
	ck_assert_int_eq(relaytree_build(&f, parent), ST_OK);
	check_forest(&f, parent);
	for (size_t i = 1; i < TREE_DEPTH - 1; i++)
		ck_assert_uint_eq(parent[N - 1 - i], N - i);
	ck_assert_uint_eq(parent[N - 1], N);
	free(hit);
	free(parent);
}
END_TEST

/* Whatever is reported. */
START_TEST(chaos)
{
	enum { N = 60 };
	struct hit hit[N], self = { .hops = 0 };
	size_t parent[N + 1];

	for (int round = 0; round < 300; round++) {
		struct treefacts f = { .hit = hit, .n = 1 + rng_below(N) };

		memset(hit, 0, sizeof(hit));
		self.flags = (uint8_t)(rng_below(2) == 0 ? HIT_TRACKER : 0);
		self.rhost[0] = host_v4(198, 51, 100, 0, (uint16_t)rng_below(2));
		f.self = rng_below(3) == 0 ? NULL : &self;
		for (size_t i = 0; i < f.n; i++) {
			hit[i].rhost[0] = host_v4(198, 51, 100, (uint8_t)rng_below(N), (uint16_t)rng_below(3));
			hit[i].rhost[1] = host_v4(10, 0, 0, (uint8_t)rng_below(9), (uint16_t)rng_below(3));
			hit[i].uphost = rng_below(9) == 0 ? hit[i].rhost[1]
			              : host_v4(198, 51, 100, (uint8_t)rng_below(N), (uint16_t)rng_below(3));
			hit[i].hops = (uint8_t)rng_below(20);
			hit[i].sid.b[0] = hit[i].via.b[0] = (uint8_t)rng_below(N);
		}
		ck_assert_int_eq(relaytree_build(&f, parent), ST_OK);
		check_forest(&f, parent);
	}
}
END_TEST

START_TEST(out_of_memory)
{
	struct treefacts f = { .n = 0 };
	size_t parent[1];

	no_memory = true;
	ck_assert_int_eq(relaytree_build(&f, parent), ST_LIMIT);
	no_memory = false;
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("relaytree");
	TCase *t = tcase_create("relaytree");

	tcase_add_loop_test(t, tree, 0, NELEM(trees));
	tcase_add_test(t, deep_chain);
	tcase_add_test(t, chaos);
	tcase_add_test(t, out_of_memory);
	suite_add_tcase(s, t);
	return s;
}

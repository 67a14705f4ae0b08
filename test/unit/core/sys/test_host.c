/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/host.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "test/unit/core/sys/death.h"
#include "test/unit/unit.h"

/* --- a resolver of our own in front of the C library's: no network, and it can hang ------------ */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_shut;
static int inside;              /* look-ups that hang now */

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate);
	gate_shut = shut;
	pthread_cond_broadcast(&gate_moved);
	/* opened: wait until all have left, so that the next test starts with none */
	while (!shut && inside > 0)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
}

static struct addrinfo *answer(const struct host *h, struct addrinfo *next)
{
	struct addrinfo *a = calloc(1, sizeof(*a));
	struct sockaddr_storage *ss = calloc(1, sizeof(*ss));

	a->ai_addrlen = host_to_sockaddr(h, ss);
	a->ai_family = ss->ss_family;
	a->ai_addr = (struct sockaddr *)ss;
	a->ai_next = next;
	return a;
}

int getnameinfo(const struct sockaddr *restrict sa, socklen_t len, char *restrict name, socklen_t cap,
	char *restrict service, socklen_t service_cap, int flags)
{
	static const struct { const char *h, *name; } rows[] = {
		{ "198.51.100.7", "both.test" }, { "198.51.100.8", "both.test" }, { "2001:db8::7", "six.test" },
		{ "198.51.100.9", "none.test" }, { "198.51.100.10", "bad..name" }, { "198.51.100.11", "10.0.0.1" },
		{ "198.51.100.12", "hang.test" },
	};
	const struct host who = host_from_sockaddr(sa);
	char s[HOST_STRLEN];

	ck_assert_int_ne(flags & NI_NAMEREQD, 0);
	host_ip_str(&who, s);
	for (size_t i = 0; i < NELEM(rows); i++)
		if (strcmp(rows[i].h, s) == 0) {
			ck_assert_uint_lt(strlen(rows[i].name), cap);
			text_copy(name, cap, rows[i].name);
			return 0;
		}
	return EAI_NONAME;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	const struct host v4 = host_v4(198, 51, 100, 7, 0);
	struct host v6;

	ck_assert(host_parse(&v6, "2001:db8::7", 0));
	if (strcmp(name, "both.test") == 0) {
		*res = answer(&v6, answer(&v4, NULL));
		return 0;
	}
	if (strcmp(name, "six.test") == 0) {
		*res = answer(&v6, NULL);
		return 0;
	}
	if (strcmp(name, "none.test") == 0)
		return EAI_NONAME;
	if (strcmp(name, "later.test") == 0)
		return EAI_AGAIN;
	if (strcmp(name, "broken.test") == 0) {
		errno = EMFILE;
		return EAI_SYSTEM;
	}
	if (strcmp(name, "zero.test") == 0) {
		*res = answer(&(struct host){ .port = 0 }, NULL);
		return 0;
	}
	ck_assert_str_eq(name, "hang.test");
	pthread_mutex_lock(&gate);
	inside++;
	pthread_cond_broadcast(&gate_moved);
	while (gate_shut)
		pthread_cond_wait(&gate_moved, &gate);
	inside--;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate);
	*res = answer(&v4, NULL);
	return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
	while (a != NULL) {
		struct addrinfo *next = a->ai_next;

		free(a->ai_addr);
		free(a);
		a = next;
	}
}

/* --- values ----------------------------------------------------------------------------------- */

static const struct {
	const char *in;
	const char *out;        /* NULL: rejected */
} parses[] = {
	{ "1.2.3.4", "1.2.3.4:7144" },
	{ "1.2.3.4:80", "1.2.3.4:80" },
	{ "1.2.3.4:0", "1.2.3.4:0" },
	{ "255.255.255.255:65535", "255.255.255.255:65535" },
	{ "::1", "[::1]:7144" },
	{ "[::1]", "[::1]:7144" },
	{ "[2001:db8::7]:80", "[2001:db8::7]:80" },
	{ "2001:db8::7:80", "[2001:db8::7:80]:7144" },
	{ "::ffff:1.2.3.4", "1.2.3.4:7144" },
	{ "[::ffff:1.2.3.4]:5", "1.2.3.4:5" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:7144" },
	{ "", NULL },
	{ ":", NULL },
	{ ":80", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3.4:", NULL },
	{ "1.2.3.4:65536", NULL },
	{ "1.2.3.4:-1", NULL },
	{ "1.2.3.4:+1", NULL },
	{ "1.2.3.4:000080", NULL },
	{ "1.2.3.4:80x", NULL },
	{ "1.2.3.4 ", NULL },
	{ " 1.2.3.4", NULL },
	{ "[1.2.3.4]:80", NULL },
	{ "[::1", NULL },
	{ "[::1]x", NULL },
	{ "[::1]:", NULL },
	{ "[]", NULL },
	{ "::1]", NULL },
	{ "[[::1]]", NULL },
	{ "fe80::1%eth0", NULL },
	{ "localhost", NULL },
	{ "example.com:80", NULL },
	{ "16909060", NULL },
	{ "0x7f.1", NULL },
};

START_TEST(parse_table)
{
	struct host h = host_v4(9, 9, 9, 9, 9);
	char s[HOST_STRLEN];
	const bool ok = host_parse(&h, parses[_i].in, 7144);

	ck_assert_msg(ok == (parses[_i].out != NULL), "%s", parses[_i].in);
	ck_assert_str_eq(host_str(&h, s), ok ? parses[_i].out : "9.9.9.9:9");
	if (ok) {
		struct host again;

		ck_assert(host_parse(&again, s, 1));
		ck_assert(host_equal(&again, &h));
	}
}
END_TEST

START_TEST(parse_overlong)
{
	struct host h;
	char s[400];

	memset(s, '1', sizeof(s));
	s[sizeof(s) - 1] = 0;
	ck_assert(!host_parse(&h, s, 1));
	s[0] = '[';
	ck_assert(!host_parse(&h, s, 1));
}
END_TEST

enum { SET = 1, LOOP = 2, LINK = 4, PRIV = 8, MULTI = 16, GLOBAL = 32, V4 = 64 };

static const struct {
	const char *ip;
	int kind;
} kinds[] = {
	{ "0.0.0.0", V4 },
	{ "::", 0 },
	{ "0.0.0.1", V4 | SET | GLOBAL },
	{ "9.255.255.255", V4 | SET | GLOBAL },
	{ "10.0.0.0", V4 | SET | PRIV },
	{ "10.255.255.255", V4 | SET | PRIV },
	{ "11.0.0.0", V4 | SET | GLOBAL },
	{ "100.63.255.255", V4 | SET | GLOBAL },
	{ "100.64.0.0", V4 | SET },
	{ "100.127.255.255", V4 | SET },
	{ "100.128.0.0", V4 | SET | GLOBAL },
	{ "127.0.0.1", V4 | SET | LOOP },
	{ "127.255.255.255", V4 | SET | LOOP },
	{ "128.0.0.0", V4 | SET | GLOBAL },
	{ "169.253.255.255", V4 | SET | GLOBAL },
	{ "169.254.1.1", V4 | SET | LINK },
	{ "169.255.0.0", V4 | SET | GLOBAL },
	{ "172.15.255.255", V4 | SET | GLOBAL },
	{ "172.16.0.0", V4 | SET | PRIV },
	{ "172.31.255.255", V4 | SET | PRIV },
	{ "172.32.0.0", V4 | SET | GLOBAL },
	{ "192.167.255.255", V4 | SET | GLOBAL },
	{ "192.168.0.1", V4 | SET | PRIV },
	{ "192.169.0.0", V4 | SET | GLOBAL },
	{ "198.51.100.7", V4 | SET | GLOBAL },
	{ "223.255.255.255", V4 | SET | GLOBAL },
	{ "224.0.0.1", V4 | SET | MULTI },
	{ "239.255.255.255", V4 | SET | MULTI },
	{ "255.255.255.254", V4 | SET | GLOBAL },
	{ "255.255.255.255", V4 | SET },
	{ "::1", SET | LOOP },
	{ "::2", SET | GLOBAL },
	{ "fe80::1", SET | LINK },
	{ "febf::1", SET | LINK },
	{ "fec0::1", SET | GLOBAL },
	{ "fbff::1", SET | GLOBAL },
	{ "fc00::1", SET | PRIV },
	{ "fdff::1", SET | PRIV },
	{ "fe00::1", SET | GLOBAL },
	{ "ff02::1", SET | MULTI },
	{ "2001:db8::7", SET | GLOBAL },
};

START_TEST(kind_table)
{
	struct host h;
	int k;

	ck_assert(host_parse(&h, kinds[_i].ip, 0));
	k = (host_is_v4(&h) ? V4 : 0) | (host_is_set(&h) ? SET : 0) | (host_is_loopback(&h) ? LOOP : 0) |
		(host_is_linklocal(&h) ? LINK : 0) | (host_is_private(&h) ? PRIV : 0) |
		(host_is_multicast(&h) ? MULTI : 0) | (host_is_global(&h) ? GLOBAL : 0);
	ck_assert_msg(k == kinds[_i].kind, "%s: %d, not %d", kinds[_i].ip, k, kinds[_i].kind);
}
END_TEST

START_TEST(zero_is_unset)
{
	const struct host zero = { .port = 0 };
	struct host h;
	char s[HOST_STRLEN];

	ck_assert(!host_is_set(&zero));
	ck_assert(!host_is_global(&zero));
	ck_assert_str_eq(host_str(&zero, s), "[::]:0");
	h = host_v4(0, 0, 0, 0, 7144);
	ck_assert(!host_is_set(&h));
	ck_assert_str_eq(host_ip_str(&h, s), "0.0.0.0");
}
END_TEST

START_TEST(equality)
{
	const struct host a = host_v4(1, 2, 3, 4, 5), b = host_v4(1, 2, 3, 4, 6),
		c = host_v4(1, 2, 3, 5, 5);

	ck_assert(host_equal(&a, &a));
	ck_assert(!host_equal(&a, &b));
	ck_assert(host_same_ip(&a, &b));
	ck_assert(!host_same_ip(&a, &c));
}
END_TEST

START_TEST(sockaddr_both_ways)
{
	static const char *const all[] = { "1.2.3.4:80", "[2001:db8::7]:65535", "[::]:7" };

	for (size_t i = 0; i < NELEM(all); i++) {
		struct sockaddr_storage ss;
		struct host h, back;

		ck_assert(host_parse(&h, all[i], 0));
		const socklen_t len = host_to_sockaddr(&h, &ss);

		ck_assert_int_eq(ss.ss_family, i == 0 ? AF_INET : AF_INET6);
		ck_assert_uint_eq(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		back = host_from_sockaddr((struct sockaddr *)&ss);
		ck_assert_msg(host_equal(&back, &h), "%s", all[i]);
	}

	/* an IPv4 peer of a dual-stack socket */
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(99) };

	memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x01\x02\x03\x04", 16);
	const struct host m = host_from_sockaddr((struct sockaddr *)&in6);
	const struct host v4 = host_v4(1, 2, 3, 4, 99);

	ck_assert(host_equal(&m, &v4));

	const struct sockaddr_storage un = { .ss_family = AF_UNIX };
	const struct host none = host_from_sockaddr((const struct sockaddr *)&un);

	ck_assert(!host_is_set(&none));
}
END_TEST

/* --- look-ups --------------------------------------------------------------------------------- */

static const struct {
	const char *in;
	enum status st;
	int err;
	const char *out;
} names[] = {
	{ "1.2.3.4", ST_OK, 0, "1.2.3.4:7144" },
	{ "[::1]:80", ST_OK, 0, "[::1]:80" },
	{ "both.test", ST_OK, 0, "198.51.100.7:7144" },
	{ "both.test:80", ST_OK, 0, "198.51.100.7:80" },
	{ "six.test:80", ST_OK, 0, "[2001:db8::7]:80" },
	{ "none.test", ST_PROTO, 0, NULL },
	{ "zero.test", ST_PROTO, 0, NULL },
	{ "later.test", ST_SYS, EAGAIN, NULL },
	{ "broken.test", ST_SYS, EMFILE, NULL },
	{ "", ST_PROTO, 0, NULL },
	{ "both.test:", ST_PROTO, 0, NULL },
	{ "both.test:x", ST_PROTO, 0, NULL },
	{ "both.test:65536", ST_PROTO, 0, NULL },
	{ "both .test", ST_PROTO, 0, NULL },
	{ "both..test", ST_PROTO, 0, NULL },
	{ ".test", ST_PROTO, 0, NULL },
	{ "-x.test", ST_PROTO, 0, NULL },
	{ "caf\xC3\xA9.test", ST_PROTO, 0, NULL },
	{ "http://both.test/", ST_PROTO, 0, NULL },
	{ "[both.test]", ST_PROTO, 0, NULL },
	{ "2130706433", ST_PROTO, 0, NULL },
	{ "127.1", ST_PROTO, 0, NULL },
	{ "0x7f000001", ST_PROTO, 0, NULL },
	{ "1.2.3.4.", ST_PROTO, 0, NULL },
};

START_TEST(resolve_table)
{
	struct host h = host_v4(9, 9, 9, 9, 9);
	char s[HOST_STRLEN];
	const enum status st = host_resolve(&h, names[_i].in, 7144, clk_deadline(20 * NSEC_PER_SEC));

	if (st == ST_SYS)
		ck_assert_int_eq(errno, names[_i].err);
	ck_assert_msg(st == names[_i].st, "%s: %s", names[_i].in, status_str(st));
	ck_assert_str_eq(host_str(&h, s), names[_i].out != NULL ? names[_i].out : "9.9.9.9:9");
}
END_TEST

/* Both families of a name; the port goes with what there is. */
START_TEST(resolve_pair)
{
	static const struct { const char *in; enum status st; const char *v4, *v6; } rows[] = {
		{ "both.test:80", ST_OK, "198.51.100.7:80", "[2001:db8::7]:80" },
		{ "six.test", ST_OK, "[::]:0", "[2001:db8::7]:7144" },
		{ "1.2.3.4", ST_OK, "1.2.3.4:7144", "[::]:0" },
		{ "[::1]:80", ST_OK, "[::]:0", "[::1]:80" },
		{ "zero.test", ST_PROTO, "9.9.9.9:9", "9.9.9.9:9" },
		{ "0.0.0.0", ST_PROTO, "9.9.9.9:9", "9.9.9.9:9" },
		{ "::", ST_PROTO, "9.9.9.9:9", "9.9.9.9:9" },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		const nsec deadline = clk_deadline(20 * NSEC_PER_SEC);
		struct host h[2];
		char s[HOST_STRLEN];

		h[0] = h[1] = host_v4(9, 9, 9, 9, 9);
		ck_assert_msg(host_resolve_pair(h, rows[i].in, 7144, deadline) == rows[i].st, "%s", rows[i].in);
		ck_assert_str_eq(host_str(&h[0], s), rows[i].v4);
		ck_assert_str_eq(host_str(&h[1], s), rows[i].v6);
	}
}
END_TEST

START_TEST(resolve_too_long)
{
	struct host h;
	char s[300];

	memset(s, 'a', sizeof(s));
	s[254] = 0;
	ck_assert_int_eq(host_resolve(&h, s, 1, clk_deadline(NSEC_PER_SEC)), ST_PROTO);
}
END_TEST

START_TEST(resolve_hanging)
{
	struct host h;
	nsec deadline;

	gate_set(true);
	/* 16 may hang; each caller gets away at its deadline */
	for (int i = 0; i < 16; i++) {
		deadline = clk_deadline(NSEC_PER_MSEC);
		ck_assert_int_eq(host_resolve(&h, "hang.test", 1, deadline), ST_TIMEOUT);
		ck_assert_int_ge(clk_now(), deadline);
	}
	ck_assert_int_eq(host_resolve(&h, "hang.test", 1, clk_deadline(NSEC_PER_SEC)), ST_LIMIT);
	ck_assert_int_eq(host_resolve(&h, "both.test", 1, clk_deadline(NSEC_PER_SEC)), ST_LIMIT);
	ck_assert_int_eq(host_resolve(&h, "1.2.3.4", 1, 0), ST_OK);     /* needs none */
	pthread_mutex_lock(&gate);
	while (inside < 16)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
	gate_set(false);
	/* they leave one by one: the places come back */
	deadline = clk_deadline(20 * NSEC_PER_SEC);
	enum status st;

	do {
		st = host_resolve(&h, "hang.test", 1, deadline);
	} while (st == ST_LIMIT && clk_now() < deadline);
	ck_assert_int_eq(st, ST_OK);
}
END_TEST

/* Only a name that leads back counts. */
START_TEST(reverse)
{
	static const struct { const char *h; enum status st; const char *name; } rows[] = {
		{ "198.51.100.7", ST_OK, "both.test" },
		{ "198.51.100.8", ST_PROTO, "" },
		{ "2001:db8::7", ST_OK, "six.test" },
		{ "198.51.100.9", ST_PROTO, "" },
		{ "198.51.100.10", ST_PROTO, "" },
		{ "198.51.100.11", ST_PROTO, "" },
		{ "203.0.113.1", ST_PROTO, "" },
	};

	for (size_t i = 0; i < NELEM(rows); i++) {
		char name[HOST_NAME] = "before";
		struct host h;

		ck_assert(host_parse(&h, rows[i].h, 80));
		ck_assert_msg(host_reverse(name, &h, clk_deadline(20 * NSEC_PER_SEC)) == rows[i].st, "%s", rows[i].h);
		ck_assert_str_eq(name, rows[i].name);
	}
}
END_TEST

static void *stop_soon(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate);
	while (inside < 1)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
	host_stop_lookups(true);
	return NULL;
}

/* The end of the node waits for no name server. */
START_TEST(stopped)
{
	const struct host slow = host_v4(198, 51, 100, 12, 0);
	char name[HOST_NAME];
	struct host h;
	pthread_t t;

	gate_set(true);
	ck_assert_int_eq(pthread_create(&t, NULL, stop_soon, NULL), 0);
	ck_assert_int_eq(host_reverse(name, &slow, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(host_resolve(&h, "hang.test", 1, NSEC_NEVER), ST_STOPPED);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	host_stop_lookups(false);
	gate_set(false);
	ck_assert_int_eq(host_resolve(&h, "both.test", 1, clk_deadline(20 * NSEC_PER_SEC)), ST_OK);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/sys/host");
	TCase *t = tcase_create("host");

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, parse_table, 0, NELEM(parses));
	tcase_add_test(t, parse_overlong);
	tcase_add_loop_test(t, kind_table, 0, NELEM(kinds));
	tcase_add_test(t, zero_is_unset);
	tcase_add_test(t, equality);
	tcase_add_test(t, sockaddr_both_ways);
	tcase_add_loop_test(t, resolve_table, 0, NELEM(names));
	tcase_add_test(t, resolve_pair);
	tcase_add_test(t, resolve_too_long);
	tcase_add_test(t, resolve_hanging);
	tcase_add_test(t, reverse);
	tcase_add_test(t, stopped);
	suite_add_tcase(s, t);
	return s;
}

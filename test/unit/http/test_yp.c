/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now malloc calloc realloc */
#include "http/yp.h"

#include <stdio.h>

#include "core/sys/thr.h"
#include "http/viewer.h"
#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"
#include "xml/xmlout.h"

/* --- time and memory -------------------------------------------------------------------------- */

static nsec now;                /* 0 = the real one */
static nsec step;               /* passes with each look at the clock */
static _Thread_local int fail_in = -1;    /* the allocation that fails: 0 = the next; -1 = none */
static _Thread_local int arm = -1;        /* fail_in for the next request; -1 again when it failed */

nsec __real_clk_now(void);
nsec __wrap_clk_now(void);
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

nsec __wrap_clk_now(void)
{
	if (now == 0)
		return __real_clk_now();
	now += step;
	return now;
}

static bool fails(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct node node;
static struct host peer;

static uint32_t checks;         /* asked for */
static struct host checked;
enum { CHECK_OPEN, CHECK_SHUT, CHECK_LATE, CHECK_CANNOT };
static int result;

static bool check(struct node *n, struct servent *sv, const struct host *who)
{
	checks++;
	checked = *who;
	if (result == CHECK_CANNOT)
		return false;
	if (result != CHECK_LATE) {
		viewers_port_done(yp_viewers(n->yp), who, result == CHECK_OPEN, __wrap_clk_now());
		mbox_wake(&sv->mbox);
	}
	return true;
}

static void up(void)
{
	xml_init();
	now = 1000000 * NSEC_PER_SEC;
	step = 0;
	peer = stranger();
	checks = 0;
	result = CHECK_OPEN;
	root_up(&node, "yp");
	node.ops.check_viewer = check;
}

static void down(void)
{
	now = 0;
	root_down(&node);
}

/* One answer; the status, and what it consists of. */
struct answer {
	enum status st;
	int status;
	char etag[64], cache[64];
	struct blob *bytes;             /* a reference */
	struct buf head;
};

static void ask(struct answer *a, enum ypformat format, const char *target, const char *headers)
{
	struct response rs;
	struct request rq;
	struct servent *sv;
	char line[1024];
	const char *p;
	int far;

	memset(a, 0, sizeof(*a));
	buf_init(&a->head, 65536);
	sv = servent_up(&node, peer, &far);
	request_init(&rq);
	response_init(&rs, 65536);
	snprintf(line, sizeof(line), "GET /x?%s HTTP/1.0", target);
	ck_assert_int_eq(request_line(&rq, line), ST_OK);
	ck_assert_int_eq(request_headers(&rq, headers, strlen(headers)), ST_OK);
	fail_in = arm;
	a->st = yp_serve(&node, sv, &rq, format, &rs);
	arm = fail_in;
	fail_in = -1;
	if (a->st == ST_OK) {
		a->status = rs.status;
		response_head(&rs, &a->head);
		p = strstr(buf_cstr(&a->head), "ETag: ");
		if (p != NULL)
			snprintf(a->etag, sizeof(a->etag), "%.*s", (int)strcspn(p + 6, "\r"), p + 6);
		p = strstr(buf_cstr(&a->head), "Cache-Control: ");
		if (p != NULL)
			snprintf(a->cache, sizeof(a->cache), "%.*s", (int)strcspn(p + 15, "\r"), p + 15);
		if (rs.shared != NULL)
			a->bytes = blob_ref(rs.shared);
	}
	response_fini(&rs);
	request_fini(&rq);
	close(far);
	servent_end(&sv);
}

static void forget(struct answer *a)
{
	blob_unref(&a->bytes);
	buf_fini(&a->head);
}

static bool has(const struct answer *a, const char *text)
{
	return a->bytes != NULL && memmem(a->bytes->data, a->bytes->len, text, strlen(text)) != NULL;
}

static const enum ypformat formats[] = { YP_INDEX, YP_RSS, YP_JSON };

/* --- sharing ---------------------------------------------------------------------------------- */

START_TEST(shared)
{
	const enum ypformat f = formats[_i];
	struct answer a, b, c;

	SAY(&node, 1, "one", "yp", .listeners = 1);
	ask(&a, f, "", "");
	ck_assert(a.st == ST_OK && a.status == 200 && has(&a, "one"));
	ck_assert_str_eq(a.cache, "public, max-age=10");
	ask(&b, f, "", "");
	ck_assert_ptr_eq(a.bytes, b.bytes);
	ck_assert(a.etag[0] != '\0');
	ck_assert_str_eq(a.etag, b.etag);
	forget(&b);
	/* a change: other bytes under another name */
	SAY(&node, 2, "two", "yp");
	ask(&b, f, "", "");
	ck_assert(has(&b, "two") && has(&b, "one"));
	ck_assert_ptr_ne(a.bytes, b.bytes);
	ck_assert_str_ne(a.etag, b.etag);
	ck_assert(!has(&a, "two"));
	/* news that change nothing: made again, and found to be the same */
	now += YP_AGE + 1;
	ask(&c, f, "", "");
	ck_assert_ptr_eq(b.bytes, c.bytes);
	ck_assert_str_eq(b.etag, c.etag);
	forget(&c);
	unsay(&node, 1);
	ask(&c, f, "", "");
	ck_assert(has(&c, "two") && !has(&c, "one"));
	forget(&a);
	forget(&b);
	forget(&c);
}
END_TEST

/* Times go on without news. */
START_TEST(ages)
{
	struct answer a, b;

	SAY(&node, 1, "one", "yp");
	ask(&a, YP_INDEX, "", "");
	ck_assert(has(&a, "<>0:00<>"));
	now += 60 * NSEC_PER_SEC;
	ask(&b, YP_INDEX, "", "");
	ck_assert(has(&b, "<>0:01<>"));
	ck_assert_str_ne(a.etag, b.etag);
	forget(&a);
	forget(&b);
}
END_TEST

/* Making takes a tenth of the time at most: until then the old list is shown. */
START_TEST(paced)
{
	struct answer a;

	SAY(&node, 1, "one", "yp");
	step = 100 * NSEC_PER_MSEC;     /* the clock is looked at twice and more while one is made */
	ask(&a, YP_INDEX, "", "");
	forget(&a);
	step = 0;
	SAY(&node, 2, "two", "yp");
	ask(&a, YP_INDEX, "", "");
	ck_assert(has(&a, "one") && !has(&a, "two"));
	forget(&a);
	now += NSEC_PER_SEC / 2;
	ask(&a, YP_INDEX, "", "");
	ck_assert(!has(&a, "two"));
	forget(&a);
	now += 2 * NSEC_PER_SEC;
	ask(&a, YP_INDEX, "", "");
	ck_assert(has(&a, "two"));
	forget(&a);
}
END_TEST

START_TEST(new_settings)
{
	struct answer a, b;
	char why[SETTINGS_WHY];

	SAY(&node, 1, "one", "yp");
	ask(&a, YP_INDEX, "", "");
	ck_assert(has(&a, "one"));
	ck_assert_int_eq(conf_set(node.conf, "ypGenrePrefix", "zz", why), ST_OK);
	ask(&b, YP_INDEX, "", "");
	ck_assert(b.bytes != NULL && b.bytes->len == 0);
	forget(&a);
	forget(&b);
}
END_TEST

static const struct {
	const char *head;       /* with %s: the tag */
	int status;
} tag_rows[] = {
	{ "If-None-Match: %s\n", 304 }, { "If-None-Match: W/%s\n", 304 }, { "If-None-Match: \"x\", %s\n", 304 },
	{ "If-None-Match: %s , \"x\"\n", 304 }, { "If-None-Match: *\n", 304 }, { "If-None-Match: \"x\"\n", 200 },
	{ "If-None-Match: x%s\n", 200 }, { "If-None-Match: \n", 200 }, { "If-None-Match: ,,,\n", 200 },
	{ "X: %s\n", 200 },
};

START_TEST(unchanged)
{
	struct answer a, b;
	char head[256];
	const char *at = strstr(tag_rows[_i].head, "%s");

	SAY(&node, 1, "one", "yp");
	ask(&a, YP_JSON, "", "");
	if (at != NULL)
		snprintf(head, sizeof(head), "%.*s%s%s", (int)(at - tag_rows[_i].head), tag_rows[_i].head, a.etag, at + 2);
	else
		snprintf(head, sizeof(head), "%s", tag_rows[_i].head);
	ask(&b, YP_JSON, "", head);
	ck_assert_msg(b.status == tag_rows[_i].status, "%s: %d", head, b.status);
	ck_assert_str_eq(a.etag, b.etag);
	if (b.status == 304) {
		ck_assert(b.bytes == NULL);
		ck_assert_ptr_null(strstr(buf_cstr(&b.head), "Content-"));
	}
	forget(&a);
	forget(&b);
}
END_TEST

/* The least used of many documents go; what is asked for again and again stays. */
START_TEST(bounded)
{
	struct answer base, a;
	char target[32];
	int i;

	SAY(&node, 1, "one", "yp");
	ask(&base, YP_INDEX, "", "");
	for (i = 0; i < 3 * YP_DOCS; i++) {
		snprintf(target, sizeof(target), "find=word%d", i);
		ask(&a, YP_INDEX, target, "");
		ck_assert_int_eq(a.status, 200);
		forget(&a);
		ask(&a, YP_INDEX, "", "");
		ck_assert_ptr_eq(a.bytes, base.bytes);
		forget(&a);
	}
	for (i = 0; i < YP_DOCS; i++) {
		snprintf(target, sizeof(target), "find=more%d", i);
		ask(&a, YP_INDEX, target, "");
		forget(&a);
	}
	ask(&a, YP_INDEX, "", "");
	ck_assert_ptr_ne(a.bytes, base.bytes);
	ck_assert(a.bytes->len == base.bytes->len);
	forget(&a);
	forget(&base);
}
END_TEST

START_TEST(no_root)
{
	struct answer a;

	root_down(&node);
	node_up(&node, NULL);
	node.yp = yp_new();
	ask(&a, formats[_i], "", "");
	ck_assert(a.st == ST_OK && a.status == 404 && a.bytes == NULL);
	forget(&a);
}
END_TEST

START_TEST(without_memory)
{
	struct answer a;
	int k;

	SAY(&node, 1, "one", "yp");
	for (k = 0; k < 1000; k++) {
		arm = k;
		ask(&a, formats[_i], "", "");
		if (arm >= 0)
			break;
		ck_assert_msg(a.st == ST_LIMIT || (a.st == ST_OK && has(&a, "one")), "%d: %d", k, a.st);
		forget(&a);
		/* the next one finds everything in order */
		ask(&a, formats[_i], "", "");
		ck_assert(a.st == ST_OK && has(&a, "one"));
		forget(&a);
		root_down(&node);
		root_up(&node, "yp");
		SAY(&node, 1, "one", "yp");
	}
	arm = -1;
	ck_assert(k > 5 && k < 1000 && a.st == ST_OK && has(&a, "one"));
	forget(&a);
}
END_TEST

/* --- many at once ----------------------------------------------------------------------------- */

#define ROUNDS 200

static _Atomic uint32_t bad;

static void reader(void *arg)
{
	const uint32_t me = *(const uint32_t *)arg;
	uint32_t i;

	for (i = 0; i < ROUNDS; i++) {
		static const char *const targets[] = { "", "find=one", "ns=NS" };
		struct answer a;

		ask(&a, formats[(me + i) % 3], targets[i % 3], "");
		if (a.st != ST_OK || a.status != 200 || !has(&a, "one"))
			atomic_fetch_add(&bad, 1);
		forget(&a);
	}
}

START_TEST(threads)
{
	uint32_t i, numbers[4] = { 0, 1, 2, 3 };
	struct thr t[4];

	now = 0;
	SAY(&node, 1, "one", "yp");
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(thr_start(&t[i], "reader", reader, &numbers[i]), ST_OK);
	for (i = 0; i < ROUNDS; i++)
		SAY(&node, 2, "two", "ypNS:", .listeners = i);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(thr_join(&t[i], clk_deadline(20 * SOON)), ST_OK);
	ck_assert_uint_eq(atomic_load(&bad), 0);
}
END_TEST

/* --- viewers ---------------------------------------------------------------------------------- */

#define TIP "203.0.113.1:7144"

START_TEST(first_visit)
{
	struct answer a;

	SAY(&node, 1, "one", "yp@");
	result = _i;
	ask(&a, YP_INDEX, "host=localhost:7150", "");
	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.cache, "private, max-age=10");
	ck_assert_uint_eq(checks, 1);
	ck_assert(host_same_ip(&checked, &peer) && checked.port == 7150);
	ck_assert_int_eq(has(&a, TIP), _i == CHECK_OPEN);
	ck_assert_int_eq(has(&a, "(要ポート開放)"), _i != CHECK_OPEN);
	forget(&a);
	/* known now, or still being found out */
	ask(&a, YP_INDEX, "host=localhost:7150", "");
	ck_assert_uint_eq(checks, 1);
	ck_assert_int_eq(has(&a, TIP), _i == CHECK_OPEN);
	forget(&a);
	ask(&a, YP_RSS, "host=localhost:7150", "");
	ck_assert(!has(&a, TIP));
	ck_assert_str_eq(a.cache, "public, max-age=10");
	forget(&a);
	if (_i == CHECK_LATE) {
		viewers_port_done(yp_viewers(node.yp), &checked, true, now);
		ask(&a, YP_INDEX, "host=localhost:7150", "");
		ck_assert(has(&a, TIP));
		forget(&a);
	}
}
END_TEST

/* Nobody is tested for nothing. */
START_TEST(no_need)
{
	struct answer a;

	SAY(&node, 1, "one", "yp");
	ask(&a, YP_INDEX, "host=localhost:7150", "");
	ck_assert(checks == 0 && has(&a, TIP));
	forget(&a);
	SAY(&node, 2, "two", "yp@");
	ask(&a, YP_RSS, "host=localhost:7150", "");
	forget(&a);
	ask(&a, YP_INDEX, "host=localhost:7150", "Sec-Fetch-Site: cross-site\n");
	forget(&a);
	ask(&a, YP_INDEX, "host=localhost:7150", "Host: a\nOrigin: http://b\n");
	ck_assert_uint_eq(checks, 0);
	forget(&a);
	ask(&a, YP_JSON, "host=localhost:7150", "");
	ck_assert_uint_eq(checks, 1);
	forget(&a);
}
END_TEST

/* A result belongs to a port, and is renewed while the old one counts. */
START_TEST(later_visits)
{
	struct answer a;

	SAY(&node, 1, "one", "yp@");
	ask(&a, YP_INDEX, "port=7150", "");
	ck_assert(checks == 1 && has(&a, TIP));
	forget(&a);
	ask(&a, YP_INDEX, "", "");              /* the port known */
	ck_assert(checks == 1 && has(&a, TIP));
	forget(&a);
	ask(&a, YP_INDEX, "port=7151", "");     /* too soon for another */
	ck_assert(checks == 1 && !has(&a, TIP));
	forget(&a);
	now += PORTCHECK_OPEN + 1;
	result = CHECK_LATE;
	ask(&a, YP_INDEX, "port=7150", "");
	ck_assert(checks == 2 && has(&a, TIP)); /* at once */
	forget(&a);
	viewers_port_done(yp_viewers(node.yp), &checked, false, now);
	ask(&a, YP_INDEX, "port=7150", "");
	ck_assert(checks == 2 && !has(&a, TIP));
	forget(&a);
}
END_TEST

static const struct {
	const char *query;
	uint16_t port;          /* 0 = not tested */
} port_rows[] = {
	{ "", 7144 }, { "host=localhost:7150", 7150 }, { "host=203.0.113.99:8000", 8000 }, { "host=localhost", 7144 },
	{ "host=[2001:db8::1]:7200", 7200 }, { "host=2001:db8::1", 7144 }, { "host=[2001:db8::1]", 7144 },
	{ "port=7300", 7300 }, { "host=localhost:7150&port=7300", 7150 }, { "port=0", 7144 }, { "port=65536", 7144 },
	{ "port=80", 0 }, { "host=x:1023", 0 }, { "host=x:1024", 1024 }, { "port=-1", 7144 }, { "port=7150x", 7144 },
	{ "host=x:7150%0d%0aX:y", 7144 }, { "host=x:%00", 7144 }, { "host=:", 7144 }, { "host=&port=7300", 7300 },
};

START_TEST(ports)
{
	struct answer a;

	SAY(&node, 1, "one", "yp@");
	ask(&a, YP_INDEX, port_rows[_i].query, "");
	ck_assert_int_eq(a.status, 200);
	ck_assert_msg(checks == (port_rows[_i].port != 0) && checked.port == port_rows[_i].port, "%s: %u",
		port_rows[_i].query, checked.port);
	ck_assert(checks == 0 || host_same_ip(&checked, &peer));
	memset(&checked, 0, sizeof(checked));
	forget(&a);
}
END_TEST

START_TEST(uploads)
{
	struct viewers *vs = yp_viewers(node.yp);
	struct answer a;

	SAY(&node, 1, "one", "yp@@", .bitrate = 500);
	ask(&a, YP_INDEX, "", "");
	ck_assert(!has(&a, TIP) && has(&a, "(要帯域チェック)"));
	forget(&a);
	ck_assert_int_eq(viewers_upload_begin(vs, &peer, 250000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &peer, 500, now);
	ask(&a, YP_INDEX, "", "");
	ck_assert(!has(&a, TIP) && has(&a, "(再生不可)"));
	forget(&a);
	now += UPTEST_INTERVAL;
	ck_assert_int_eq(viewers_upload_begin(vs, &peer, 250000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &peer, 501, now);
	ask(&a, YP_INDEX, "", "");
	ck_assert(has(&a, TIP));
	forget(&a);
	/* not for others */
	peer.ip[15]++;
	ask(&a, YP_INDEX, "", "");
	ck_assert(!has(&a, TIP));
	forget(&a);
}
END_TEST

/* --- yp4g.xml, chat.php ----------------------------------------------------------------------- */

static void expect_client(const char *want)
{
	struct response rs;
	struct servent *sv;
	int far;

	sv = servent_up(&node, peer, &far);
	response_init(&rs, 65536);
	ck_assert_int_eq(yp_serve_client(&node, sv, &rs), ST_OK);
	ck_assert_int_eq(rs.status, 200);
	ck_assert_str_eq(buf_cstr(&rs.body), want);
	response_fini(&rs);
	close(far);
	servent_end(&sv);
}

#define CLIENT(ip, open, speed, over, checkable, remain, addr) \
	"<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<yp4g>\n\t<yp name=\"DEMO YP\" />\n\t<host ip=\"" ip "\" port_open=\"" \
	open "\" speed=\"" speed "\" over=\"" over "\" />\n\t<uptest checkable=\"" checkable "\" remain=\"" remain \
	"\" />\n\t<uptest_srv addr=\"" addr "\" port=\"7144\" object=\"/uptest.cgi\" post_size=\"250\" limit=\"3000\" " \
	"interval=\"15\" enabled=\"1\" />\n</yp4g>\n"

START_TEST(client)
{
	struct viewers *vs = yp_viewers(node.yp);
	struct host port = peer;

	ck_assert(servmgr_force_address(node.sm, (struct host[2]){ host_v4(203, 0, 113, 77, 0) }));
	expect_client(CLIENT("203.0.113.9", "0", "0", "0", "0", "0", "203.0.113.77"));
	port.port = 7144;
	ck_assert_int_eq(viewers_port_begin(vs, &port, now), PORTCHECK_BEGIN);
	viewers_port_done(vs, &port, true, now);
	expect_client(CLIENT("203.0.113.9", "1", "0", "0", "1", "0", "203.0.113.77"));
	ck_assert_int_eq(viewers_upload_begin(vs, &peer, 250000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &peer, 1480, now);
	now += NSEC_PER_SEC / 2;
	expect_client(CLIENT("203.0.113.9", "1", "1480", "0", "1", "15", "203.0.113.77"));
	now += 15 * NSEC_PER_SEC;
	expect_client(CLIENT("203.0.113.9", "1", "1480", "0", "1", "0", "203.0.113.77"));
	ck_assert_int_eq(viewers_upload_begin(vs, &peer, 250000, 2000, now), UPTEST_BEGIN);
	viewers_upload_done(vs, &peer, 5000, now);
	now += 15 * NSEC_PER_SEC;
	expect_client(CLIENT("203.0.113.9", "1", "2000", "1", "0", "0", "203.0.113.77"));
}
END_TEST

static const struct {
	const char *query, *to;         /* NULL = 404 */
} chat_rows[] = {
	{ "cn=one", "http://x.example/a%20b%22%E9%9B%91" }, { "cn=%6Fne", "http://x.example/a%20b%22%E9%9B%91" },
	{ "cn=two", NULL }, { "cn=three", NULL }, { "cn=", NULL }, { "", NULL }, { "cn=ONE", NULL },
};

START_TEST(chat)
{
	struct response rs;
	struct request rq;
	struct buf head;
	char line[256], want[256] = "";

	SAY(&node, 1, "one", "yp", .url = "http://x.example/a b\"雑");
	SAY(&node, 2, "two", "yp", .url = "javascript:alert(1)");
	request_init(&rq);
	response_init(&rs, 65536);
	buf_init(&head, 65536);
	snprintf(line, sizeof(line), "GET /chat.php?%s HTTP/1.0", chat_rows[_i].query);
	ck_assert_int_eq(request_line(&rq, line), ST_OK);
	ck_assert_int_eq(yp_serve_chat(&node, &rq, &rs), ST_OK);
	ck_assert_int_eq(rs.status, chat_rows[_i].to != NULL ? 302 : 404);
	response_head(&rs, &head);
	if (chat_rows[_i].to != NULL)
		snprintf(want, sizeof(want), "\r\nLocation: %s\r\n", chat_rows[_i].to);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&head), want));
	buf_fini(&head);
	response_fini(&rs);
	request_fini(&rq);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/yp");
	TCase *t = tcase_create("yp");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, shared, 0, 3);
	tcase_add_test(t, ages);
	tcase_add_test(t, paced);
	tcase_add_test(t, new_settings);
	tcase_add_loop_test(t, unchanged, 0, (int)NELEM(tag_rows));
	tcase_add_test(t, bounded);
	tcase_add_loop_test(t, no_root, 0, 3);
	tcase_add_loop_test(t, without_memory, 0, 3);
	tcase_add_test(t, threads);
	tcase_add_loop_test(t, first_visit, CHECK_OPEN, CHECK_CANNOT + 1);
	tcase_add_test(t, no_need);
	tcase_add_test(t, later_visits);
	tcase_add_loop_test(t, ports, 0, (int)NELEM(port_rows));
	tcase_add_test(t, uploads);
	tcase_add_test(t, client);
	tcase_add_loop_test(t, chat, 0, (int)NELEM(chat_rows));
	suite_add_tcase(s, t);
	return s;
}

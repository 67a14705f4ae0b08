/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/board.h"

#include "test/unit/http/asktest.h"
#include "test/unit/unit.h"

static struct node node;

/* --- addresses -------------------------------------------------------------------------------- */

static const struct url_row {
	const char *url, *want;         /* kind https host category num thread; "" = none of a board */
} url_rows[] = {
	{ "http://jbbs.shitaraba.net/game/12345/", "S1 jbbs.shitaraba.net game 12345 " },
	{ "https://jbbs.shitaraba.net/game/12345", "S1 jbbs.shitaraba.net game 12345 " },
	{ "https://jbbs.shitaraba.net/bbs/read.cgi/game/12345/1600000000/", "S1 jbbs.shitaraba.net game 12345 1600000000" },
	{ "https://jbbs.shitaraba.net/bbs/read.cgi/game/12345/1600000000/l50?x#y", "S1 jbbs.shitaraba.net game 12345 1600000000" },
	{ "http://jbbs.livedoor.jp/game/12345/", "S1 jbbs.shitaraba.net game 12345 " },
	{ "https://jbbs.shitaraba.net/bbs/lite/read.cgi/game/12345/1/", "S1 jbbs.shitaraba.net game 12345 1" },
	{ "https://jbbs.shitaraba.net/game/", "" },
	{ "https://jbbs.shitaraba.net/", "" },
	{ "http://BBS.example.org/peca/", "20 bbs.example.org peca  " },
	{ "https://bbs.example.org:443/peca/index.html", "21 bbs.example.org peca  " },
	{ "http://bbs.example.org:80/peca?a=b", "20 bbs.example.org peca  " },
	{ "http://bbs.example.org:8080/peca/", "20 bbs.example.org:8080 peca  " },
	{ "https://bbs.example.org/test/read.cgi/peca/1600000000/1-100", "21 bbs.example.org peca  1600000000" },
	{ "https://bbs.example.org/test/read.cgi/peca/", "21 bbs.example.org peca  " },
	{ "http://bbs.example.org", "" },
	{ "http://bbs.example.org/", "" },
	{ "http://bbs.example.org/a%2e/", "" },
	{ "http://bbs.example.org/../x/", "" },
	{ "http://user@bbs.example.org/peca/", "" },
	{ "http://user:80@bbs.example.org/peca/", "" },
	{ "http://[::1]/peca/", "" },
	{ "http://bbs.example.org:22/peca/", "" },
	{ "http://bbs.example.org:99999/peca/", "" },
	{ "http://bbs.example.org:/peca/", "" },
	{ "http://bbs.exa mple.org/peca/", "" },
	{ "http://.example.org/peca/", "" },
	{ "http:///peca/", "" },
	{ "ftp://bbs.example.org/peca/", "" },
	{ "", "" },
};

START_TEST(urls)
{
	const struct url_row *r = &url_rows[_i];
	char got[512] = "";
	struct board b;

	if (board_of_url(&b, r->url))
		(void)snprintf(got, sizeof(got), "%c%d %s %s %s %s", b.kind == BOARD_2CH ? '2' : 'S', b.https, b.host,
			b.category, b.num, b.thread);
	ck_assert_msg(strcmp(got, r->want) == 0, "%s: %s", r->url, got);
}
END_TEST

START_TEST(paths)
{
	static const struct {
		enum board_path which;
		const char *shitaraba, *ch2;
	} rows[] = {
		{ BOARD_PATH_THREADS, "/c/n/subject.txt", "/c/subject.txt" },
		{ BOARD_PATH_SETTINGS, "/bbs/api/setting.cgi/c/n/", "/c/SETTING.TXT" },
		{ BOARD_PATH_POSTS, "/bbs/rawmode.cgi/c/n/t/5-", "/c/dat/t.dat" },
		{ BOARD_PATH_WRITE, "/bbs/write.cgi/c/n/t/", "/test/bbs.cgi" },
		{ BOARD_PATH_READ, "/bbs/read.cgi/c/n/t/", "/c/" },
	};
	const struct board s = { .kind = BOARD_SHITARABA, .category = "c", .num = "n", .thread = "t" };
	const struct board ch2 = { .kind = BOARD_2CH, .category = "c", .thread = "t" };
	char path[BOARD_PATH];

	for (size_t i = 0; i < NELEM(rows); i++) {
		board_path(path, &s, rows[i].which, 5);
		ck_assert_str_eq(path, rows[i].shitaraba);
		board_path(path, &ch2, rows[i].which, 5);
		ck_assert_str_eq(path, rows[i].ch2);
	}
}
END_TEST

/* --- who may be asked ------------------------------------------------------------------------- */

static struct chaninfo *with_contact(const char *id, const char *url)
{
	struct chaninfo *plain = info_new(id, "n", "FLV"), *i;
	struct chanmeta m;

	chaninfo_to_meta(plain, &m);
	chaninfo_unref(&plain);
	(void)text_copy(m.text[CT_URL], TEXT_MAX, url);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

/* A node that carries a channel, knows another, and has one in a feed. */
static void up(void)
{
	struct settings *d = draft_new();
	struct dirfeed feed = { .url = "http://yp.example/" };
	static const char line[] = "n<>" NO_ID "<>192.0.2.1:7144<>http://feed.example/x/<>g<>d<>3<>2<>500<>FLV<>"
		"<><><><>x<>1:05<>click<>hi<>1\n";
	struct chaninfo *known = with_contact(WMV_ID, "https://known.example:8080/x/");

	(void)text_copy(d->board_hosts, sizeof(d->board_hosts), "Listed.example, 127.0.0.1:8000");
	node_up(&node, d);
	chan_up(&node, with_contact(FLV_ID, "http://carried.example/board/"), CHAN_RELAY, CHAN_RECEIVING);
	ck_assert_int_eq(chanmgr_list_ensure(node.cm, &known->id, known), ST_OK);
	chaninfo_unref(&known);
	ck_assert_int_eq(feed_parse(line, strlen(line), &feed.list), ST_OK);
	ck_assert_int_eq(chandir_put(&node.chandir, &feed, 1), ST_OK);
	feedlist_unref(&feed.list);
}

START_TEST(leave)
{
	static const struct {
		const char *host;
		enum board_leave want;
		bool https;
	} rows[] = {
		{ "carried.example", BOARD_CONTACT, false },
		{ "CARRIED.example", BOARD_CONTACT, false },
		{ "carried.example:8080", BOARD_NEVER, false },
		{ "known.example:8080", BOARD_CONTACT, true },
		{ "known.example", BOARD_NEVER, false },
		{ "feed.example", BOARD_CONTACT, false },
		{ "xfeed.example", BOARD_NEVER, false },
		{ "listed.example", BOARD_LISTED, false },
		{ "127.0.0.1:8000", BOARD_LISTED, false },
		{ "127.0.0.1", BOARD_NEVER, false },
		{ "jbbs.shitaraba.net", BOARD_NEVER, true },
	};

	up();
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct board b = { .kind = BOARD_2CH };

		ck_assert(board_set_host(&b, rows[i].host, strlen(rows[i].host)));
		ck_assert_msg(board_may(&node, &b) == rows[i].want, "%s", rows[i].host);
		ck_assert_msg(b.https == rows[i].https, "%s", rows[i].host);
	}
	node_down(&node);
}
END_TEST

/* --- answers ---------------------------------------------------------------------------------- */

static const char *text, *settings, *fault;
static struct board_ask asked;
static char form[1024];
static unsigned int asks;

static enum status on_board(struct node *n, struct servent *sv, const struct board_ask *ask, struct board_answer *out)
{
	memset(out, 0, sizeof(*out));
	asks++;
	asked = *ask;
	(void)text_copy(form, sizeof(form), ask->form);
	asked.form = NULL;
	out->code = fault != NULL ? 404 : 200;
	(void)text_copy(out->why, sizeof(out->why), fault != NULL ? fault : "");
	if (fault == NULL)
		out->text = blob_new(text, strlen(text));
	if (fault == NULL && settings != NULL)
		out->settings = blob_new(settings, strlen(settings));
	return ST_OK;
}

static const struct page_row {
	const char *name, *request;     /* without its head's end */
	const char *body;               /* of a POST; NULL = GET */
	const char *text, *settings, *fault;
	int status;
	const char *want;               /* the answer; a part of it, for errors of ours */
	const char *form;               /* what is posted; NULL = nothing */
} page_rows[] = {
	{ "board", "/cgi-bin/board.cgi?fqdn=carried.example&category=board&board_num=", NULL,
		"1.dat<>a \"b\" (3)\n2.dat<>c (4)\n", "BBS_TITLE=T\n", NULL, 200,
		"{\"board_num\":\"\",\"category\":\"board\",\"fqdn\":\"carried.example\",\"id\":\"\",\"status\":\"ok\",\"threads\":["
		"{\"id\":\"1\",\"last\":3,\"title\":\"a \\\"b\\\"\"},{\"id\":\"2\",\"last\":4,\"title\":\"c\"}],\"title\":\"T\"}", NULL },
	{ "by its address", "/cgi-bin/board.cgi?url=http%3A%2F%2Fcarried.example%2Ftest%2Fread.cgi%2Fboard%2F77%2F", NULL,
		"", NULL, NULL, 200,
		"{\"board_num\":\"\",\"category\":\"board\",\"fqdn\":\"carried.example\",\"id\":\"77\",\"status\":\"ok\",\"threads\":[],"
		"\"title\":\"\"}", NULL },
	{ "Shitaraba", "/cgi-bin/board.cgi?fqdn=carried.example&category=game&board_num=5", NULL,
		"1.cgi,a(3)\n1.cgi,a(3)\n", NULL, NULL, 200,
		"{\"board_num\":\"5\",\"category\":\"game\",\"fqdn\":\"carried.example\",\"id\":\"\",\"status\":\"ok\",\"threads\":["
		"{\"id\":\"1\",\"last\":3,\"title\":\"a\"}],\"title\":\"\"}", NULL },
	{ "thread", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board&id=77", NULL,
		"n<>m<>d<>b<br>c<>t\nn<><>d2<>e<>\n", NULL, NULL, 200,
		"{\"id\":\"77\",\"posts\":[{\"body\":\"b<br>c\",\"date\":\"d\",\"mail\":\"m\",\"name\":\"n\",\"no\":1},"
		"{\"body\":\"e\",\"date\":\"d2\",\"mail\":\"\",\"name\":\"n\",\"no\":2}],\"last\":2,\"status\":\"ok\",\"title\":\"t\"}", NULL },
	{ "thread from", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board&id=77&first=3", NULL,
		"n<>m<>d<>b<br>c<>t\nn<><>d2<>e<>\n", NULL, NULL, 200,
		"{\"id\":\"77\",\"posts\":[],\"last\":2,\"status\":\"ok\",\"title\":\"t\"}", NULL },
	{ "gone", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board&id=77", NULL, NULL, NULL, "the board answers 404",
		200, "{\"code\":404,\"message\":\"the board answers 404\",\"status\":\"error\"}", NULL },
	{ "post", "/cgi-bin/post.cgi", "fqdn=carried.example&category=board&id=77&body=a%0Ab&name=n&mail=sage", "", NULL, NULL, 200,
		"{\"status\":\"ok\"}", "FROM=n&mail=sage&MESSAGE=a%0D%0Ab&bbs=board&key=77&submit=%8F%91%82%AB%8D%9E%82%DE" },
	{ "post to Shitaraba", "/cgi-bin/post.cgi", "fqdn=carried.example&category=game&board_num=5&id=77&body=%E6%97%A5", "", NULL, NULL,
		200, "{\"status\":\"ok\"}", "BBS=5&KEY=77&DIR=game&NAME=&MAIL=&MESSAGE=%C6%FC" },
	{ "refused", "/cgi-bin/post.cgi", "fqdn=carried.example&category=board&id=77&body=a", "<title>ERROR</title>no", NULL, NULL, 200,
		"{\"code\":200,\"message\":\"no\",\"status\":\"error\"}",
		"FROM=&mail=&MESSAGE=a&bbs=board&key=77&submit=%8F%91%82%AB%8D%9E%82%DE" },
	{ "not ours to ask", "/cgi-bin/board.cgi?fqdn=other.example&category=board", NULL, NULL, NULL, NULL, 403, "boardHosts", NULL },
	{ "no host", "/cgi-bin/board.cgi?category=board", NULL, NULL, NULL, NULL, 400, "missing", NULL },
	{ "no board", "/cgi-bin/board.cgi?fqdn=carried.example", NULL, NULL, NULL, NULL, 400, "missing", NULL },
	{ "no thread", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board", NULL, NULL, NULL, NULL, 400, "id is missing", NULL },
	{ "bad thread", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board&id=..", NULL, NULL, NULL, NULL, 400, "no such thread", NULL },
	{ "bad board", "/cgi-bin/board.cgi?fqdn=carried.example&category=a%2Fb", NULL, NULL, NULL, NULL, 400, "no such board", NULL },
	{ "bad number", "/cgi-bin/board.cgi?fqdn=carried.example&category=a&board_num=..", NULL, NULL, NULL, NULL, 400, "no such board", NULL },
	{ "bad host", "/cgi-bin/board.cgi?fqdn=carried.example%2Fx&category=a", NULL, NULL, NULL, NULL, 400, "no such board", NULL },
	{ "bad first", "/cgi-bin/thread.cgi?fqdn=carried.example&category=board&id=7&first=0", NULL, NULL, NULL, NULL, 400, "first", NULL },
	{ "bad address", "/cgi-bin/board.cgi?url=http%3A%2F%2Fcarried.example%2F", NULL, NULL, NULL, NULL, 400, "no address", NULL },
	{ "nothing to say", "/cgi-bin/post.cgi", "fqdn=carried.example&category=board&id=77&body=", NULL, NULL, NULL, 400, "body", NULL },
	{ "nowhere", "/cgi-bin/post.cgi", "category=board&id=77&body=a", NULL, NULL, NULL, 400, "missing", NULL },
	{ "GET of a post", "/cgi-bin/post.cgi?fqdn=carried.example&category=board&id=77&body=a", NULL, NULL, NULL, NULL, 405, "405", NULL },
};

START_TEST(pages)
{
	const struct page_row *r = &page_rows[_i];
	char request[2048];
	struct buf got;

	up();
	node.ops.board = on_board;
	text = r->text;
	settings = r->settings;
	fault = r->fault;
	asks = 0;
	(void)snprintf(request, sizeof(request), "%s %s HTTP/1.0\nContent-Length: %zu\n\n%s", r->body != NULL ? "POST" : "GET",
		r->request, r->body != NULL ? strlen(r->body) : 0, r->body != NULL ? r->body : "");
	ask(&node, home(), request, &got);
	ck_assert_msg(status_of(&got) == r->status, "%s: %s", r->name, (const char *)got.p);
	if (r->status == 200)
		ck_assert_msg(strcmp(body_of(&got), r->want) == 0, "%s: %s", r->name, body_of(&got));
	else
		ck_assert_msg(strstr(body_of(&got), r->want) != NULL, "%s: %s", r->name, body_of(&got));
	ck_assert_uint_eq(asks, r->status == 200 ? 1 : 0);
	ck_assert(r->status != 200 || !asked.near);
	if (r->form != NULL)
		ck_assert_str_eq(form, r->form);
	buf_fini(&got);
	node_down(&node);
}
END_TEST

static enum status off(struct settings *d, void *ctx)
{
	(void)ctx;
	d->chat = false;
	return ST_OK;
}

START_TEST(switched_off)
{
	struct buf got;

	up();
	node.ops.board = on_board;
	asks = 0;
	ck_assert_int_eq(conf_update(node.conf, off, NULL), ST_OK);
	ask(&node, home(), "GET /cgi-bin/board.cgi?fqdn=carried.example&category=board HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 404);
	buf_fini(&got);
	/* and nobody but who runs the node */
	ask(&node, stranger(), "GET /cgi-bin/board.cgi?fqdn=carried.example&category=board HTTP/1.0\n\n", &got);
	ck_assert_int_ne(status_of(&got), 200);
	ck_assert_int_ne(status_of(&got), 404);
	buf_fini(&got);
	ck_assert_uint_eq(asks, 0);
	node_down(&node);
}
END_TEST

START_TEST(near)
{
	struct buf got;

	up();
	node.ops.board = on_board;
	text = "";
	fault = NULL;
	ask(&node, home(), "GET /cgi-bin/board.cgi?fqdn=127.0.0.1:8000&category=board HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 200);
	ck_assert(asked.near);
	buf_fini(&got);
	node_down(&node);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("board");
	TCase *t = tcase_create("board");

	tcase_add_loop_test(t, urls, 0, NELEM(url_rows));
	tcase_add_test(t, paths);
	tcase_add_test(t, leave);
	tcase_add_loop_test(t, pages, 0, NELEM(page_rows));
	tcase_add_test(t, switched_off);
	tcase_add_test(t, near);
	suite_add_tcase(s, t);
	return s;
}

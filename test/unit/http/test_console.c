/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's commands, but for the one that stays (test/box has that). */
#include "http/console.h"

#include <stdio.h>

#include "test/unit/http/asktest.h"
#include "test/unit/unit.h"

static struct node node;
static unsigned int changed, ended;

static void on_settings(struct node *n)
{
	(void)n;
	changed++;
}

static void on_shutdown(struct node *n)
{
	(void)n;
	ended++;
}

static void on_info(struct node *n, struct chan *c)
{
	(void)n;
	(void)c;
	changed++;
}

/* Write down what is to be pulled. */
static char pulled[PULL_TEXT];

static enum status on_pull(struct node *n, const struct host *peer, const char *url, struct chanmeta *m, bool v6,
	char why[NODE_WHY])
{
	ck_assert(n == &node && host_is_loopback(peer));
	pull_text(pulled, url, m, v6);
	(void)text_copy(why, NODE_WHY, "because");
	ck_assert(gnuid_parse(&m->id, FLV_ID));
	return strcmp(url, "bad") == 0 ? ST_PROTO : ST_OK;
}

static void up(void)
{
	node_up(&node, NULL);
	node.ops.settings_changed = on_settings;
	node.ops.shutdown = on_shutdown;
	node.ops.info_changed = on_info;
	node.ops.pull_start = on_pull;
	pulled[0] = '\0';
	changed = ended = 0;
	chan_up(&node, info_new(FLV_ID, "A \"b\" <c>", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "relayed", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
}

static void down(void)
{
	node_down(&node);
}

static int run(const char *q, const char *headers, struct buf *got)
{
	char text[512];

	ck_assert_int_lt(snprintf(text, sizeof(text), "GET /cmd?q=%s HTTP/1.0\n%s\n", q, headers),
		(int)sizeof(text));
	ask(&node, home(), text, got);
	return status_of(got);
}

static const struct {
	const char *q, *want;           /* all of the answer; NULL = only what it has */
	const char *has;
	unsigned int changes;
} rows[] = {
	{ "echo", "\n", "", 0 },
	{ "echo+a++b%20c", "a b c\n", "", 0 },
	{ "echo+%22a++b%22+c", "a  b c\n", "", 0 },
	{ "echo+%22a", "\"a\n", "", 0 },
	{ "echo+%22%22x", " x\n", "", 0 },
	{ "echo+%83e%83X%83g", "テスト\n", "", 0 },
	{ "echo+a%0d%0ab", "a b\n", "", 0 },
	{ "echo+1+2+3+4+5+6+7+8+9+a+b+c+d+e+f+g+h", "1 2 3 4 5 6 7 8 9 a b c d e f g h\n", "", 0 },
	{ "+date", NULL, " +", 0 },
	{ "help", NULL, "\nshutdown  ", 0 },
	{ "pid", NULL, "\n", 0 },
	{ "ECHO", "Error: No such command 'ECHO'\n", "", 0 },
	{ "expr+1", "Error: No such command 'expr'\n", "", 0 },
	{ "get+http%3A%2F%2F127.0.0.1", "Error: No such command 'get'\n", "", 0 },
	{ "%3Cscript%3E", "Error: No such command '<script>'\n", "", 0 },
	{ "flag", NULL, "Usage: flag", 0 },
	{ "flag+set", NULL, "Usage: flag", 0 },
	{ "flag+set+forceFirewalled", NULL, "Usage: flag", 0 },
	{ "flag+ls", NULL, "\nstartPlayingFromKeyFrame = Yes\n", 0 },
	{ "flag+set+forceFirewalled+Yes", "", "", 1 },
	{ "flag+set+forceFirewalled+maybe", NULL, "Error: ", 0 },
	{ "flag+set+password+x", "Error: No such flag 'password'\n", "", 0 },
	{ "flag+set+allowHTML+No", "Error: No such flag 'allowHTML'\n", "", 0 },
	{ "chan", NULL, "Usage: chan", 0 },
	{ "chan+ls", NULL, FLV_ID " broadcast BROADCAST FLV 194 kbit/s \"A \"b\" <c>\"\n", 0 },
	{ "chan+ls", NULL, WMV_ID " relay RECEIVE WMV 194 kbit/s \"relayed\"\n", 0 },
	{ "chan+show+" FLV_ID, NULL, "\nlisteners: 0\nrelays: 0\n", 0 },
	{ "chan+show+" NO_ID, "Error: No such channel '" NO_ID "'\n", "", 0 },
	{ "chan+show", NULL, "Usage: chan", 0 },
	{ "chan+stop+relayed", "Error: No such channel 'relayed'\n", "", 0 },
	{ "chan+stop+" WMV_ID, "", "", 0 },
	{ "chan+set-url+" FLV_ID, NULL, "Usage: chan", 0 },
	{ "chan+set-url+" FLV_ID "+http%3A%2F%2Fx%2F", "", "", 1 },
	{ "chan+set-url+" WMV_ID "+http%3A%2F%2Fx%2F", "Error: Not a broadcast of this node\n", "", 0 },
	{ "shutdown", "Server is shutting down...\n", "", 0 },
};

START_TEST(command)
{
	struct buf got;

	ck_assert_int_eq(run(rows[_i].q, "", &got), 200);
	ck_assert_msg((rows[_i].want == NULL || strcmp(body_of(&got), rows[_i].want) == 0) &&
		strstr(body_of(&got), rows[_i].has) != NULL, "%s: %s", rows[_i].q, body_of(&got));
	buf_fini(&got);
	ck_assert_uint_eq(changed, rows[_i].changes);
	ck_assert_uint_eq(ended, strcmp(rows[_i].q, "shutdown") == 0);
	ck_assert_uint_eq(chanmgr_count(node.cm), strncmp(rows[_i].q, "chan+stop+" WMV_ID, 42) == 0 ? 1 : 2);
}
END_TEST

/* What changes something is not for pages of other sites; what looks is stopped before that only by what the
 * browser says itself. */
START_TEST(other_sites)
{
	static const char *const changes[] = { "shutdown", "flag+set+forceFirewalled+Yes", "chan+stop+" WMV_ID,
		"chan+set-url+" FLV_ID "+x" };
	static const char evil[] = "Host: 127.0.0.1:7144\nReferer: http://evil.example/\n";
	struct buf got;

	for (size_t i = 0; i < NELEM(changes); i++) {
		ck_assert_msg(run(changes[i], evil, &got) == 403, "%s", changes[i]);
		buf_fini(&got);
	}
	ck_assert_int_eq(run("pid", evil, &got), 200);
	buf_fini(&got);
	ck_assert_int_eq(run("pid", "Sec-Fetch-Site: cross-site\n", &got), 403);
	buf_fini(&got);
	ck_assert_uint_eq(changed + ended, 0);
	ck_assert_uint_eq(chanmgr_count(node.cm), 2);
}
END_TEST

static const struct {
	const char *q, *want, *pulled;
} pulls[] = {
	{ "chan+fetch+http%3A%2F%2Fh%2F", FLV_ID "\n", "http://h/|||||0||4" },
	{ "chan+fetch+u+--name=n+%22--desc=a+b%22+--genre=g+--contact=c+--bitrate=9+--type=FLV+--ipv=6", FLV_ID "\n",
		"u|n|a b|g|c|9|FLV|6" },
	{ "chan+fetch+bad", "Error: because\n", "bad|||||0||4" },
	{ "chan+fetch+u+--bitrate=x", "Error: Bad option '--bitrate=x'\n", "" },
	{ "chan+fetch+u+--ipv=5", "Error: Bad option '--ipv=5'\n", "" },
	{ "chan+fetch+u+--names=x", "Error: Bad option '--names=x'\n", "" },
	{ "chan+fetch+u+x", "Error: Bad option 'x'\n", "" },
};

START_TEST(pull)
{
	struct buf got;

	ck_assert_int_eq(run(pulls[_i].q, "", &got), 200);
	ck_assert_msg(strstr(buf_cstr(&got), pulls[_i].want) != NULL, "%s: %s", pulls[_i].q, buf_cstr(&got));
	ck_assert_str_eq(pulled, pulls[_i].pulled);
	buf_fini(&got);
	/* not for a page of another site */
	pulled[0] = '\0';
	(void)run(pulls[_i].q, "Origin: http://evil.example\n", &got);
	ck_assert_str_eq(pulled, "");
	buf_fini(&got);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("console");
	TCase *t = tcase_create("commands");

	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, command, 0, (int)NELEM(rows));
	tcase_add_test(t, other_sites);
	tcase_add_loop_test(t, pull, 0, (int)NELEM(pulls));
	suite_add_tcase(s, t);
	return s;
}

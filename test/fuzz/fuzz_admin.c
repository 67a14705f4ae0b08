/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of POST /admin, and after a '?' command lines of /cmd, against a node with one channel. Whatever
 * comes: the settings stay such that the file gives them back, and no value starts a header of its own. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/node/node.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/admin.h"
#include "http/console.h"
#include "http/jsonrpc.h"

static struct node node;
static struct servent sv;
static struct chaninfo *info;

static void nothing(struct node *n)
{
}

static void check_firewall(struct node *n, bool v4, bool v6)
{
}

static void root_broadcast(struct node *n, bool upd)
{
}

static void info_changed(struct node *n, struct chan *c)
{
}

static enum status fetch_feeds(struct node *n, nsec pace, nsec deadline)
{
	return ST_STOPPED;
}

static enum status speedtest(struct node *n, struct servent *from, const char *url, bool send)
{
	return send ? ST_OK : ST_LIMIT;
}

static enum status pull_start(struct node *n, const struct host *peer, const char *url, struct chanmeta *m,
	bool v6, char why[NODE_WHY])
{
	ASSERT(text_is_clean(m->text[CT_NAME], strlen(m->text[CT_NAME])));
	why[0] = '\0';
	return v6 ? ST_OK : ST_PROTO;
}

static enum status rtmp_prepare(struct node *n, const char *key, struct chanmeta *m, bool v6)
{
	return ST_OK;
}

static void rtmp_switch(struct node *n, bool on, uint16_t port)
{
}

static void rtmp_status(struct node *n, struct rtmp_status *s)
{
	*s = (struct rtmp_status){ .on = true };
}

static void node_up(void)
{
	struct settings *draft = settings_new(false);
	struct chanmeta m;
	struct conf *conf;

	memset(&m, 0, sizeof(m));
	ASSERT(gnuid_parse(&m.id, "5942D78C0D0D12273317E281AE0E7B79"));
	text_copy(m.text[CT_NAME], TEXT_MAX, "on the air");
	text_copy(m.text[CT_TYPE], TEXT_MAX, "FLV");
	info = chaninfo_new(&m);
	ASSERT(info != NULL && draft != NULL && conf_of(&conf, draft) == ST_OK);
	ASSERT(node_init(&node, conf, chanmgr_new(), servmgr_new()) == ST_OK);
	node.ops.kept_changed = node.ops.settings_changed = node.ops.shutdown = nothing;
	node.ops.check_firewall = check_firewall;
	node.ops.root_broadcast = root_broadcast;
	node.ops.info_changed = info_changed;
	node.ops.fetch_feeds = fetch_feeds;
	node.ops.speedtest = speedtest;
	node.ops.rtmp_prepare = rtmp_prepare;
	node.ops.pull_start = pull_start;
	node.ops.rtmp_switch = rtmp_switch;
	node.ops.rtmp_status = rtmp_status;
	sv.peer = host_v4(127, 0, 0, 1, 1);
	sv.sock.fd = -1;
	log_set_level(LOG_OFF);
}

/* stop takes it away: it is there again for the next form. */
static void chan_up(void)
{
	struct chan *c = chanmgr_find(node.cm, &info->id);

	if (c == NULL) {
		c = chan_new(info, CHAN_BROADCAST, CHAN_SRC_HTTPPUSH, false);
		ASSERT(c != NULL && chanmgr_add(node.cm, c, 0) == ST_OK);
	}
	chan_unref(&c);
}

static void check_headers(const struct response *rs)
{
	struct buf head;
	char *line, *next;

	buf_init(&head, 1 << 20);
	response_head(rs, &head);
	line = (char *)buf_cstr(&head);
	line = strstr(line, "\r\n") + 2;
	for (; strncmp(line, "\r\n", 2) != 0; line = next + 2) {
		next = strstr(line, "\r\n");
		ASSERT(next != NULL);
		*next = '\0';
		ASSERT(strchr(line, ':') != NULL && strpbrk(line, "\r\n") == NULL);
	}
	ASSERT(line[2] == '\0');
	buf_fini(&head);
}

static void check_settings(void)
{
	const struct settings *st = conf_get(node.conf);
	struct settings *again;
	struct buf out;

	buf_init(&out, SETTINGS_FILE_MAX);
	settings_emit(st, &out);
	ASSERT(out.err == ST_OK && settings_parse(out.p, out.len, NULL, NULL, &again) == ST_OK);
	ASSERT(settings_same(st, again));
	settings_free(&again);
	buf_fini(&out);
	settings_unref(&st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool console = size > 0 && data[0] == '?';
	static struct request rq;
	struct response rs;
	bool answered = false;
	struct buf text;

	if (node.cm == NULL)
		node_up();
	chan_up();
	buf_init(&text, HTTP_BODY_MAX + 2);
	buf_put(&text, data + console, size - console);
	buf_u8(&text, 0);
	if (text.err != ST_OK || strstr((const char *)text.p, "log") != NULL)
		goto out;               /* too long; and what would follow the log */
	response_init(&rs, RPC_ANSWER);
	request_init(&rq);
	rq.target = rq.path = "/admin";
	rq.query = console ? (const char *)text.p : "";
	rq.method = console ? HTTP_GET : HTTP_POST;
	if (console)
		ASSERT(console_serve(&node, &sv, &rq, &rs, &answered) == ST_OK);
	else
		ASSERT(admin_serve(&node, &sv, &rq, (const char *)text.p, &rs) == ST_OK);
	ASSERT(!answered);
	check_headers(&rs);
	check_settings();
	request_fini(&rq);
	response_fini(&rs);
out:
	buf_fini(&text);
	return 0;
}

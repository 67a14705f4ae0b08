/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of POST /api/1 against a node with one channel. What comes out is JSON, or nothing at all. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/node/node.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/jsonrpc.h"
#include "http/storage.h"

static struct node node;
static struct servent sv;
static struct chaninfo *info;

static void kept_changed(struct node *n)
{
}

static void check_firewall(struct node *n, bool v4, bool v6)
{
}

static enum status relay_start(struct node *n, const struct gnuid *id, const struct host *tip, struct chan **out)
{
	return ST_LIMIT;
}

static void settings_changed(struct node *n)
{
}

static void info_changed(struct node *n, struct chan *c)
{
}

static enum status pull_start(struct node *n, const struct host *peer, const char *url, struct chanmeta *m,
	bool v6, char why[NODE_WHY])
{
	ASSERT(url[0] != '\0');
	why[0] = '\0';
	return v6 ? ST_OK : ST_PROTO;
}

static enum status rtmp_prepare(struct node *n, const char *key, struct chanmeta *m, bool v6)
{
	ASSERT(key[0] != '\0' && strlen(key) < TEXT_MAX && gnuid_is_set(&m->id));
	for (int i = 0; i < CT_COUNT; i++)
		ASSERT(text_is_clean(m->text[i], strlen(m->text[i])));
	return ST_OK;
}

static void rtmp_status(struct node *n, struct rtmp_status *s)
{
	*s = (struct rtmp_status){ .on = true };
}

static enum status fetch_feeds(struct node *n, nsec pace, nsec deadline)
{
	return ST_STOPPED;
}

static void node_up(void)
{
	struct settings *draft = settings_new(false);
	struct chanmeta m;
	struct conf *conf;

	memset(&m, 0, sizeof(m));
	ASSERT(gnuid_parse(&m.id, "5942D78C0D0D12273317E281AE0E7B79"));
	text_copy(m.text[CT_NAME], TEXT_MAX, "a <b> \"c\"");
	text_copy(m.text[CT_TYPE], TEXT_MAX, "FLV");
	info = chaninfo_new(&m);
	ASSERT(info != NULL && draft != NULL && conf_of(&conf, draft) == ST_OK);
	ASSERT(node_init(&node, conf, chanmgr_new(), servmgr_new()) == ST_OK);
	node.ops.kept_changed = kept_changed;
	node.ops.check_firewall = check_firewall;
	node.ops.relay_start = relay_start;
	node.ops.settings_changed = settings_changed;
	node.ops.info_changed = info_changed;
	node.ops.rtmp_prepare = rtmp_prepare;
	node.ops.pull_start = pull_start;
	node.ops.rtmp_status = rtmp_status;
	node.ops.fetch_feeds = fetch_feeds;
	node.storage = storage_open(NULL, NULL);
	ASSERT(node.storage != NULL);
	sv.peer = host_v4(127, 0, 0, 1, 1);
	log_set_level(LOG_OFF);
}

/* stopChannel takes it away: it is there again for the next body. */
static void chan_up(void)
{
	struct chan *c = chanmgr_find(node.cm, &info->id);

	if (c == NULL) {
		c = chan_new(info, CHAN_RELAY, CHAN_SRC_PEERCAST, false);
		ASSERT(c != NULL && chanmgr_add(node.cm, c, 0) == ST_OK);
	}
	chan_unref(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_error_t why;
	struct buf out;
	json_t *v;
	int http;

	if (node.cm == NULL)
		node_up();
	chan_up();
	buf_init(&out, RPC_ANSWER);
	ASSERT(jsonrpc_handle(&node, &sv, sv.peer.ip, data, size, &out, &http) == ST_OK);
	ASSERT(http == (out.len > 0 ? 200 : 204));
	if (out.len > 0) {
		v = json_loadb((const char *)out.p, out.len, JSON_DECODE_INT_AS_REAL, &why);
		/* An id is echoed as it was: it may be a number no double holds, or a lone surrogate. */
		ASSERT(v != NULL || json_error_code(&why) == json_error_numeric_overflow ||
			strstr(why.text, "invalid Unicode") != NULL);
		json_decref(v);
	}
	buf_fini(&out);
	return 0;
}

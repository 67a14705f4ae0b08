/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node with one channel and no threads behind it: what would start one is looked at and let be. */
#ifndef TEST_FUZZ_STANDIN_H
#define TEST_FUZZ_STANDIN_H

#include <string.h>

#include "core/node/node.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/storage.h"
#include "test/fuzz/fuzz.h"

static struct node node;
static struct servent sv;               /* who asks: this machine */
static struct chaninfo *info;           /* of the channel */

static void standin_nothing(struct node *n)
{
}

static void standin_check_firewall(struct node *n, bool v4, bool v6)
{
}

static void standin_root_broadcast(struct node *n, bool upd)
{
}

static void standin_info_changed(struct node *n, struct chan *c)
{
}

static void standin_clean(const struct chanmeta *m)
{
	for (int i = 0; i < CT_COUNT; i++)
		ASSERT(text_is_clean(m->text[i], strlen(m->text[i])));
}

static enum status standin_relay_start(struct node *n, const struct gnuid *id, const struct host *tip,
	struct chan **out)
{
	ASSERT(gnuid_is_set(id));
	return ST_LIMIT;
}

static enum status standin_fetch_feeds(struct node *n, nsec pace, nsec deadline)
{
	return ST_STOPPED;
}

static enum status standin_speedtest(struct node *n, struct servent *from, const char *url, bool send)
{
	return send ? ST_OK : ST_LIMIT;
}

static enum status standin_pull_start(struct node *n, const struct host *peer, const char *url,
	struct chanmeta *m, bool v6, char why[NODE_WHY])
{
	ASSERT(url[0] != '\0');
	standin_clean(m);
	why[0] = '\0';
	return v6 ? ST_OK : ST_PROTO;
}

static enum status standin_rtmp_prepare(struct node *n, const char *key, const struct host *door,
	struct chanmeta *m, bool v6)
{
	ASSERT(door == NULL || (host_is_loopback(door) && door->port != 0));
	ASSERT(strlen(key) < TEXT_MAX);
	standin_clean(m);
	return ST_OK;
}

static void standin_rtmp_switch(struct node *n, bool on, uint16_t port)
{
}

static void standin_rtmp_status(struct node *n, struct rtmp_status *s)
{
	*s = (struct rtmp_status){ .on = true };
}

/* Before each input: a form may have taken the channel away. */
static void standin_up(enum chan_type type, enum chan_src src)
{
	struct chan *c;

	if (node.cm == NULL) {
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
		node.ops = (struct node_ops){
			.kept_changed = standin_nothing, .settings_changed = standin_nothing,
			.shutdown = standin_nothing, .name_asked = standin_nothing,
			.check_firewall = standin_check_firewall, .root_broadcast = standin_root_broadcast,
			.relay_start = standin_relay_start, .info_changed = standin_info_changed,
			.fetch_feeds = standin_fetch_feeds, .speedtest = standin_speedtest,
			.pull_start = standin_pull_start, .rtmp_prepare = standin_rtmp_prepare,
			.rtmp_switch = standin_rtmp_switch, .rtmp_status = standin_rtmp_status,
		};
		node.storage = storage_open(NULL, NULL);
		ASSERT(node.storage != NULL);
		sv.peer = host_v4(127, 0, 0, 1, 1);
		sv.sock.fd = -1;
		log_set_level(LOG_OFF);
	}
	c = chanmgr_find(node.cm, &info->id);
	if (c == NULL) {
		c = chan_new(info, type, src, false);
		ASSERT(c != NULL && chanmgr_add(node.cm, c, 0) == ST_OK);
	}
	chan_unref(&c);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of this room share: a node without threads, a connection to it, channels. */
#ifndef TEST_HTTPTEST_H
#define TEST_HTTPTEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "core/chan/chan.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"

#define SOON (5 * NSEC_PER_SEC)

/* A file of test/data (tests run in the source tree), or the test fails. */
static inline void data_read(struct buf *b, const char *path)
{
	buf_init(b, 1 << 20);
	ck_assert_msg(file_read(path, b) == ST_OK, "%s", path);
	buf_cstr(b);
}

static inline struct settings *draft_new(void)
{
	struct settings *d = settings_new(false);

	ck_assert_ptr_nonnull(d);
	return d;
}

/* A node with these settings (taken over; NULL = defaults). */
static inline void node_up(struct node *n, struct settings *draft)
{
	struct conf *conf;
	struct chanmgr *cm = chanmgr_new();
	struct servmgr *sm = servmgr_new();

	ck_assert(cm != NULL && sm != NULL);
	ck_assert_int_eq(conf_of(&conf, draft != NULL ? draft : draft_new()), ST_OK);
	ck_assert_int_eq(node_init(n, conf, cm, sm), ST_OK);
	ck_assert_int_eq(node_apply_settings(n), ST_OK);
	(void)servmgr_set_port(sm, 7144);
}

static inline void node_down(struct node *n)
{
	struct chan **all;
	size_t count, i;

	ck_assert_int_eq(chanmgr_all(n->cm, &all, &count), ST_OK);
	for (i = 0; i < count; i++) {
		chan_close(all[i]);
		chanmgr_remove(n->cm, all[i]);
		chan_unref(&all[i]);
	}
	free(all);
	node_fini(n);
	chanmgr_free(&n->cm);
	servmgr_free(&n->sm);
	conf_free(&n->conf);
}

/* A connection from `peer`; *far is the peer's end. */
static inline struct servent *servent_up(struct node *n, struct host peer, int *far)
{
	struct servent *sv;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_eq(servent_new(n->sm, fd[0], &peer, false, &sv), ST_OK);
	*far = fd[1];
	return sv;
}

static inline struct host home(void)
{
	return host_v4(127, 0, 0, 1, 50000);
}

static inline struct host stranger(void)
{
	return host_v4(203, 0, 113, 9, 50000);
}

static inline struct chaninfo *info_new(const char *id, const char *name, const char *type)
{
	struct chanmeta m;
	struct chaninfo *i;

	memset(&m, 0, sizeof(m));
	ck_assert(gnuid_parse(&m.id, id));
	m.bitrate_kbps = 194;
	text_copy(m.text[CT_NAME], TEXT_MAX, name);
	text_copy(m.text[CT_TYPE], TEXT_MAX, type);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

/* A listed channel in that status, with its hit list. Takes info. */
static inline void chan_up(struct node *n, struct chaninfo *info, enum chan_type type,
	enum chan_status st)
{
	struct chan *c = chan_new(info, type, type == CHAN_RELAY ? CHAN_SRC_PEERCAST :
		CHAN_SRC_HTTPPUSH, false);

	ck_assert_ptr_nonnull(c);
	chan_set_status(c, st);
	ck_assert_int_eq(chanmgr_add(n->cm, c, 0), ST_OK);
	ck_assert_int_eq(chanmgr_list_ensure(n->cm, &info->id, info), ST_OK);
	chan_unref(&c);
	chaninfo_unref(&info);
}

#define FLV_ID "5942D78C0D0D12273317E281AE0E7B79"
#define WMV_ID "D82C624BD1FE26A478F8D2AA9908B1D9"
#define NO_ID  "00000000000000000000000000000001"

/* What is to be pulled, as text. */
#define PULL_TEXT 4096
static inline void pull_text(char dst[PULL_TEXT], const char *url, const struct chanmeta *m, bool v6)
{
	ck_assert_int_lt(snprintf(dst, PULL_TEXT, "%s|%s|%s|%s|%s|%u|%s|%d", url, m->text[CT_NAME],
		m->text[CT_DESC], m->text[CT_GENRE], m->text[CT_URL], m->bitrate_kbps, m->text[CT_TYPE],
		v6 ? 6 : 4), PULL_TEXT);
}

#endif

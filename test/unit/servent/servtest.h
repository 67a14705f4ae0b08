/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of servent share: a node without threads, a pair of sockets, atoms written by hand. */
#ifndef TEST_UNIT_SERVENT_SERVTEST_H
#define TEST_UNIT_SERVENT_SERVTEST_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "core/sys/log.h"
#include "pcp/atom.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "servent/app.h"

#define SOON (5 * NSEC_PER_SEC)         /* what is sure to come has come by then */

static inline struct gnuid id_of(uint8_t v)
{
	struct gnuid id;

	memset(&id, v, sizeof(id));
	return id;
}

/* A node with default settings; pairs of key and value, NULL-terminated, change them. */
static inline void app_make(struct app *a, const char *const *keys)
{
	struct settings *draft = settings_new(false);
	char why[SETTINGS_WHY];
	struct conf *conf;

	log_set_level(LOG_OFF);
	memset(a, 0, sizeof(*a));
	a->listen_fd = a->passed_fd = a->ini_lock = -1;
	ck_assert_ptr_nonnull(draft);
	for (; keys != NULL && keys[0] != NULL; keys += 2)
		ck_assert_msg(settings_set(draft, keys[0], keys[1], why) == ST_OK, "%s: %s", keys[0], why);
	ck_assert_int_eq(conf_of(&conf, draft), ST_OK);
	mtx_init(&a->mtx, &lk_app);
	passing_init(&a->passing);
	cond_init(&a->idle);
	ck_assert_int_eq(mbox_init(&a->house_mb), ST_OK);
	ck_assert_int_eq(node_init(&a->node, conf, chanmgr_new(), servmgr_new()), ST_OK);
	ck_assert_int_eq(node_apply_settings(&a->node), ST_OK);
}

static inline void app_drop(struct app *a)
{
	chanmgr_free(&a->node.cm);
	servmgr_free(&a->node.sm);
	node_fini(&a->node);
	conf_free(&a->node.conf);
	mbox_fini(&a->house_mb);
	cond_fini(&a->idle);
	passing_fini(&a->passing);
	mtx_fini(&a->mtx);
}

/* A connected pair: one end as a sock with a mailbox, the other as it is. */
struct wire {
	struct mbox mb;
	struct sock s;
	int far;
};

static inline void wire_make(struct wire *w)
{
	const struct host peer = host_v4(127, 0, 0, 1, 1);
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(mbox_init(&w->mb), ST_OK);
	sock_init(&w->s, fd[0], &peer, &w->mb);
	w->far = fd[1];
}

static inline void wire_drop(struct wire *w)
{
	sock_close(&w->s);
	mbox_fini(&w->mb);
	if (w->far != -1)
		close(w->far);
}

static inline void far_send(const struct wire *w, const void *p, size_t n)
{
	ck_assert_int_eq(send(w->far, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* What a buffer of hand-written atoms begins with. */
static inline struct atom atom_of(const struct buf *b)
{
	struct atom a;

	ck_assert_int_eq(b->err, ST_OK);
	ck_assert_int_eq(atom_open(&a, b->p, b->len), ST_OK);
	return a;
}

#endif

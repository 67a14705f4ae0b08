/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the atoms of one connection do to a node: nothing that its kind may not do, and what is
 * passed on, to a control connection, up the channel's tree and down, is well-formed. Input: a byte of
 * choices, the connection's channel, then the stream. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "pcp/bcst.h"
#include "pcp/pcp.h"
#include "servent/app.h"
#include "servent/proc.h"

enum { AS_ROOT = 0x04, AS_YP = 0x08 };

static struct app apps[2];              /* a node, a root that forwards everything */
static struct servent *others[2];       /* a control connection at each */
static const struct gnuid sid_here = { .b = { 1 } }, sid_other = { .b = { 2 } };

/* The connection's channel: it has a source, and a relay, unless they are the connection itself. */
static struct tree {
	struct chan *c;
	struct mbox source;
	uint32_t token;
	struct servent *relay;
	int far;
} tree;

static void make(struct app *a, bool root)
{
	struct settings *draft = settings_new(false);
	struct conf *conf;

	ASSERT(draft != NULL);
	draft->is_root = root;
	draft->root_forward = ROOTFWD_ALL;
	ASSERT(conf_of(&conf, draft) == ST_OK);
	mtx_init(&a->mtx, &lk_app);
	passing_init(&a->passing);
	cond_init(&a->idle);
	ASSERT(mbox_init(&a->house_mb) == ST_OK);
	app_lock(a);
	a->stopping = true;             /* pushes are not obeyed in earnest */
	app_unlock(a);
	ASSERT(node_init(&a->node, conf, chanmgr_new(), servmgr_new()) == ST_OK);
	ASSERT(node_apply_settings(&a->node) == ST_OK);
}

static struct servent *neighbour(struct app *a)
{
	const struct host peer = host_v4(198, 51, 100, 1, 1);
	struct servent *sv;
	int fd[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	ASSERT(servent_new(a->node.sm, fd[0], &peer, false, &sv) == ST_OK);
	ASSERT(servmgr_admit_control(a->node.sm, sv, &sid_other) == ADMIT_OK);
	return sv;
}

static void plant(const struct proc *p)
{
	const struct host peer = host_v4(198, 51, 100, 2, 1);
	struct chanmeta m = { .id = p->chan };
	struct chaninfo *i = chaninfo_new(&m);
	int fd[2];

	ASSERT(i != NULL && mbox_init(&tree.source) == ST_OK);
	tree.c = chan_new(i, CHAN_RELAY, CHAN_SRC_PEERCAST, false);
	chaninfo_unref(&i);
	ASSERT(tree.c != NULL && chanmgr_add(p->node->cm, tree.c, 0) == ST_OK);
	ASSERT(chan_attach(tree.c, &tree.source, &tree.token, NSEC_NEVER) == ST_OK);
	chan_set_source(tree.c, NULL, p->kind == PROC_FETCH ? &sid_here : &sid_other, NULL);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	tree.far = fd[1];
	ASSERT(servent_new(p->node->sm, fd[0], &peer, false, &tree.relay) == ST_OK);
	servent_set_private(tree.relay, true);
	ASSERT(servmgr_admit(p->node->sm, tree.relay, SV_RELAY, &p->chan, 1, true) == ADMIT_OK);
	servent_set_remote(tree.relay, p->kind == PROC_RELAY ? &sid_here : &sid_other);
}

static void fell(const struct proc *p)
{
	chan_close(tree.c);
	chan_detach(tree.c, tree.token);
	chanmgr_remove(p->node->cm, tree.c);
	chan_unref(&tree.c);
	mbox_fini(&tree.source);
	servent_end(&tree.relay);
	close(tree.far);
}

struct ctx {
	const struct proc *p;
};

static enum status on_packet(void *ctx, const struct pktatom *k)
{
	const struct ctx *x = ctx;

	ASSERT(x->p->kind == PROC_FETCH);
	ASSERT(k->type == ATOM_HEAD || k->type == ATOM_DATA);
	ASSERT(k->data != NULL || k->len == 0);
	return ST_OK;
}

static bool on_info(void *ctx, const struct chanatom *c)
{
	const struct ctx *x = ctx;

	ASSERT(x->p->kind == PROC_FETCH && gnuid_equal(&c->id, &x->p->chan));
	return true;
}

static void on_root(void *ctx, const struct root *r)
{
	const struct ctx *x = ctx;

	ASSERT(x->p->kind == PROC_COUT && x->p->yp);
	ASSERT(!(r->has & ROOT_UINT) || (r->uint_s >= 30 && r->uint_s <= 3600));
}

/* What went to a neighbour; none is said back to where it came from. */
static void check_mail(struct mbox *mb, bool any)
{
	for (struct blob *b = mbox_take(mb); b != NULL; b = mbox_take(mb)) {
		struct bcst packet;
		struct atom a;

		ASSERT(any && b->len <= PCP_ATOM_SEND_MAX);
		ASSERT(atom_open(&a, b->data, b->len) == ST_OK && a.size == b->len);
		ASSERT(bcst_parse(&packet, &a) == ST_OK && (packet.has & BCST_TTL) && packet.ttl > 0);
		blob_unref(&b);
	}
}

/* What is known now; then it is forgotten. */
static void check_lists(struct app *a, const struct proc *p)
{
	struct hitlist_view *list;
	size_t n;

	ASSERT(chanmgr_lists(a->node.cm, true, &list, &n) == ST_OK);
	for (size_t i = 0; i < n; i++) {
		ASSERT(gnuid_is_set(&list[i].id));
		ASSERT(p->kind != PROC_CIN || a == &apps[1]);
		ASSERT(list[i].n <= HITLIST_MAX_HITS);
		for (size_t h = 0; h < list[i].n; h++)
			ASSERT(list[i].hits[h].listeners <= HIT_LISTENERS_MAX);
		for (int t = 0; list[i].info != NULL && t < CT_COUNT; t++)
			ASSERT(text_is_clean(list[i].info->text[t], strlen(list[i].info->text[t])));
		hitlist_view_fini(&list[i]);
	}
	free(list);
	chanmgr_free(&a->node.cm);
	a->node.cm = chanmgr_new();
	ASSERT(a->node.cm != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct proc p = { .peer = host_v4(203, 0, 113, 1, 7144), .remote = sid_here };
	struct ctx x = { .p = &p };
	struct app *a;

	if (!ready) {
		log_set_level(LOG_OFF);
		make(&apps[0], false);
		make(&apps[1], true);
		others[0] = neighbour(&apps[0]);
		others[1] = neighbour(&apps[1]);
		ready = true;
	}
	if (size < 1 + GNUID_LEN)
		return 0;
	a = &apps[(data[0] & AS_ROOT) != 0];
	p.node = &a->node;
	p.kind = (enum proc_kind)(data[0] & 3);
	p.yp = (data[0] & AS_YP) != 0;
	p.packet = on_packet;
	p.info = on_info;
	p.root = on_root;
	p.ctx = &x;
	memcpy(p.chan.b, data + 1, GNUID_LEN);
	if (!gnuid_is_set(&p.chan))
		p.chan.b[0] = 1;
	data += 1 + GNUID_LEN;
	size -= 1 + GNUID_LEN;
	plant(&p);
	while (size > 0) {
		struct atom at;
		uint32_t quit;
		size_t len;
		enum status st;

		if (atomscan_whole(data, size, &atomlimits_control, &len) != ST_OK)
			break;
		ASSERT(atom_open(&at, data, len) == ST_OK);
		st = proc_atom(&p, &at, &quit);
		ASSERT(st == ST_OK || st == ST_EOF || st == ST_PROTO || st == ST_LIMIT);
		ASSERT(st != ST_LIMIT || quit == PCP_QUIT_BADRESPONSE);
		ASSERT(st != ST_PROTO || quit == PCP_QUIT_BADRESPONSE || quit == PCP_QUIT_LOOPBACK);
		ASSERT(st != ST_PROTO || p.why != NULL);
		if (st != ST_OK)
			break;
		data += len;
		size -= len;
	}
	ASSERT(p.kind == PROC_FETCH || pass_due(&p) == NSEC_NEVER);
	pass_end(&p);
	ASSERT(pass_due(&p) == NSEC_NEVER);
	check_mail(&others[0]->mbox, true);
	check_mail(&others[1]->mbox, true);
	check_mail(&tree.source, p.kind != PROC_FETCH);
	check_mail(&tree.relay->mbox, p.kind != PROC_RELAY);
	fell(&p);
	check_lists(a, &p);
	return 0;
}

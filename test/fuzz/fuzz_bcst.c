/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything behind the handshake: read all that is in a stream of atoms, write it again, read
 * that; forward every bcst and read the copy.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/sys/text.h"
#include "pcp/bcst.h"
#include "pcp/chanatom.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "pcp/route.h"

static void reopen(struct atom *a, const struct buf *b)
{
	size_t len;

	ASSERT(b->err == ST_OK);
	ASSERT(atomscan_whole(b->p, b->len, &atomlimits_fetch, &len) == ST_OK && len == b->len);
	ASSERT(atom_open(a, b->p, b->len) == ST_OK);
}

static void chan(const struct atom *a, struct buf *b)
{
	static struct chanmeta m, back;
	struct chanatom c, c2;
	struct chaninfo *info;
	struct pktatom p, p2;
	struct atomwr w;
	struct atom again;
	bool pkt;

	if (chanatom_parse(&c, a) != ST_OK)
		return;
	memset(&m, 0, sizeof(m));
	memset(&back, 0, sizeof(back));
	chanatom_meta(&c, &m);
	for (int t = 0; t < CT_COUNT; t++)
		ASSERT(text_is_clean(m.text[t], strlen(m.text[t])));
	ASSERT(m.bitrate_kbps <= BITRATE_MAX_KBPS);
	pkt = chanatom_pkt(&c, &p);
	info = chaninfo_new(&m);
	if (info == NULL)
		return;
	atomwr_init(&w, b);
	chanatom_emit(&w, info, CHANATOM_BCID | CHANATOM_INFO | CHANATOM_TRCK, pkt ? &p : NULL);
	reopen(&again, b);
	ASSERT(chanatom_parse(&c2, &again) == ST_OK);
	chanatom_meta(&c2, &back);
	ASSERT(chaninfo_same(info, &back));
	ASSERT(chanatom_pkt(&c2, &p2) == pkt);
	if (pkt) {
		uint8_t frame[PCP_PKT_FRAME_CONT];

		ASSERT(p.type == p2.type && p.pos == p2.pos && p.cont == p2.cont &&
			p.len == p2.len);
		ASSERT(memcmp(p.data, p2.data, p.len) == 0);
		buf_reset(b);
		buf_put(b, frame, pcp_pkt_frame(frame, &m.id, p.type, p.pos, p.cont, p.len));
		buf_put(b, p.data, p.len);
		reopen(&again, b);
		ASSERT(chanatom_parse(&c2, &again) == ST_OK && chanatom_pkt(&c2, &p2));
	}
	chaninfo_unref(&info);
}

static void host(const struct atom *a, const struct bcst *env, struct buf *b)
{
	struct hit h, back, third;
	struct atomwr w;
	struct atom again;

	if (hostatom_parse(&h, a, env != NULL ? &env->cid : NULL,
		env != NULL ? bcst_hops_next(env) : 0) != ST_OK)
		return;
	ASSERT(h.listeners <= HIT_LISTENERS_MAX && h.relays <= HIT_LISTENERS_MAX);
	atomwr_init(&w, b);
	hostatom_emit(&w, &h, true);
	ASSERT(b->len <= PCP_ATOM_SEND_MAX);
	reopen(&again, b);
	ASSERT(hostatom_parse(&back, &again, NULL, h.hops) == ST_OK);
	ASSERT(gnuid_equal(&h.sid, &back.sid) && gnuid_equal(&h.chan, &back.chan));
	ASSERT(h.listeners == back.listeners && h.relays == back.relays && h.flags == back.flags);
	ASSERT(h.uptime_s == back.uptime_s && h.version == back.version);
	ASSERT(h.ex_number == back.ex_number && memcmp(h.ex_prefix, back.ex_prefix, 2) == 0);
	/* Mixed families lose an address on the way out, once. */
	buf_reset(b);
	hostatom_emit(&w, &back, true);
	reopen(&again, b);
	ASSERT(hostatom_parse(&third, &again, NULL, h.hops) == ST_OK);
	for (int i = 0; i < 2; i++)
		ASSERT(host_equal(&back.rhost[i], &third.rhost[i]));
	ASSERT(host_equal(&back.uphost, &third.uphost) && back.uphops == third.uphops);
}

static void root(const struct atom *a, struct buf *b)
{
	struct root r, back;
	struct atomwr w;
	struct atom again;

	if (root_parse(&r, a) != ST_OK)
		return;
	ASSERT(!(r.has & ROOT_UINT) || (r.uint_s >= 30 && r.uint_s <= 3600));
	ASSERT(!(r.has & ROOT_NEXT) || r.next_s == 0 || (r.next_s >= 30 && r.next_s <= 3600));
	atomwr_init(&w, b);
	root_emit(&w, &r);
	reopen(&again, b);
	ASSERT(root_parse(&back, &again) == ST_OK);
	ASSERT(r.has == back.has && r.uint_s == back.uint_s && r.next_s == back.next_s);
	ASSERT(strcmp(r.url, back.url) == 0 && strcmp(r.asci, back.asci) == 0);
}

static void small(const struct atom *a, struct buf *b)
{
	const struct host none = { .port = 0 };
	char text[TEXT_MAX], name[QUIT_STRLEN];
	struct push p, back;
	struct atomwr w;
	struct atom again;

	if (a->id == ATOM_QUIT)
		ASSERT(quit_str(quit_parse(a), name)[0] != '\0');
	if (mesg_parse(a, text))
		ASSERT(text_is_clean(text, strlen(text)));
	if (push_parse(&p, a) != ST_OK)
		return;
	ASSERT(p.host.port != 0);
	if (!push_may_dial(&p, &none))
		return;
	atomwr_init(&w, b);
	push_emit(&w, &p);
	reopen(&again, b);
	ASSERT(push_parse(&back, &again) == ST_OK && host_equal(&p.host, &back.host));
	ASSERT(gnuid_equal(&p.cid, &back.cid));
}

static void any(const struct atom *a, const struct bcst *env, struct buf *b)
{
	buf_reset(b);
	chan(a, b);
	buf_reset(b);
	host(a, env, b);
	buf_reset(b);
	root(a, b);
	buf_reset(b);
	small(a, b);
}

static void bcst(const struct atom *a, struct buf *b)
{
	static struct routeseen seen;
	static bool ready;
	const struct gnuid self = { .b = { 1 } };
	const struct gnuid other = { .b = { 2 } };
	struct bcst in, copy;
	struct atombag bag, bag2;
	struct routeplan plan;
	struct buf out;
	struct atom c, c2, again;
	uint64_t key;

	if (bcst_parse(&in, a) != ST_OK)
		return;
	if (!ready) {
		routeseen_init(&seen);
		ready = true;
	}
	(void)routeseen_check(&seen, &in, &self, 1000 * NSEC_PER_SEC);
	ASSERT(routeseen_check(&seen, &in, &other, 1000 * NSEC_PER_SEC));
	plan = route_plan(&in, &self);
	ASSERT(!(plan.loop && (plan.process || plan.forward)));
	for (unsigned k = 0; k < 8; k++) {
		const struct routeplace at = { .kind = (enum routekind)(k & 3), .is_root = k > 3 };
		struct servent_query q;

		if (!route_down(&at, &in, &other, &q))
			continue;
		ASSERT(route_up(&in) && gnuid_equal(&q.not_remote, &other));
		ASSERT(gnuid_equal(&q.chan, &in.cid) && gnuid_equal(&q.dest, &in.dest));
		ASSERT(!gnuid_is_set(&in.cid) || q.types == 1u << SV_RELAY);
	}
	(void)route_root_forwards(ROUTE_FORWARD_PUSH, &in);
	key = route_key(&seen.hash, &in);
	ASSERT(key == 0 || (gnuid_is_set(&in.from) && !gnuid_is_set(&in.dest)));
	bcst_payload(&in, &bag);
	while (atombag_next(&bag, &c)) {
		ASSERT(c.id != ATOM_BCST && c.id != ATOM_ATOM && c.id != ATOM_QUIT);
		any(&c, &in, b);
	}

	buf_init(&out, 2 * 1024 * 1024);
	if (bcst_forward(&out, &in) == ST_OK) {
		ASSERT(atom_open(&again, out.p, out.len) == ST_OK && again.size == out.len);
		ASSERT(bcst_parse(&copy, &again) == ST_OK);
		ASSERT((copy.has & BCST_TTL) && copy.ttl == bcst_ttl_next(&in));
		ASSERT(!(copy.has & BCST_HOPS) || copy.hops == bcst_hops_next(&in));
		ASSERT(copy.grp == in.grp && gnuid_equal(&copy.from, &in.from) &&
			gnuid_equal(&copy.dest, &in.dest) && gnuid_equal(&copy.cid, &in.cid));
		ASSERT(out.len == a->size + (in.has & BCST_TTL ? 0 : 9));
		/* each hop calls it the same */
		ASSERT(route_key(&seen.hash, &copy) == key);
		ASSERT(routeseen_check(&seen, &copy, &other, 1000 * NSEC_PER_SEC));
		bcst_payload(&in, &bag);
		bcst_payload(&copy, &bag2);
		while (atombag_next(&bag, &c)) {
			ASSERT(atombag_next(&bag2, &c2));
			ASSERT(c.size == c2.size && memcmp(c.whole, c2.whole, c.size) == 0);
		}
		ASSERT(!atombag_next(&bag2, &c2));
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;
	struct atom a;

	buf_init(&b, 4 * 1024 * 1024);
	for (size_t at = 0; at < size; at += a.size) {
		struct atombag bag;
		struct atom c;
		size_t len;

		if (atomscan_whole(data + at, size - at, &atomlimits_fetch, &len) != ST_OK)
			break;
		ASSERT(atom_open(&a, data + at, size - at) == ST_OK && a.size == len);
		any(&a, NULL, &b);
		bcst(&a, &b);
		if (a.id != ATOM_ATOM)
			continue;
		atombag_init(&bag, &a);
		while (atombag_next(&bag, &c)) {
			any(&c, NULL, &b);
			bcst(&c, &b);
		}
	}
	buf_fini(&b);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/route.h"

#include "pcp/pcp.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

/* --- may it be obeyed? (pcp.md 13) ------------------------------------------------------------ */

#define T ROUTE_TAKE
#define I ROUTE_IGNORE
#define R ROUTE_REFUSE

/* Columns: fetch, relay, COUT to the YP, COUT to another, CIN, CIN of a root; then the same inside
 * a bcst that is not addressed to us. */
static const struct {
	const char *name;
	uint32_t id;
	enum routeaccept bare[6], in_bcst[6];
} accept_row[] = {
	{ "chan", ATOM_CHAN, { T, T, T, T, T, T }, { T, T, T, T, T, T } },
	{ "info (B42)", ATOM_INFO, { T, I, I, I, I, T }, { T, I, I, I, I, T } },
	{ "trck", ATOM_TRCK, { T, I, I, I, I, T }, { T, I, I, I, I, T } },
	{ "bcid", ATOM_BCID, { T, I, I, I, I, T }, { T, I, I, I, I, T } },
	{ "key", ATOM_KEY, { T, I, I, I, I, T }, { T, I, I, I, I, T } },
	{ "pkt (B40)", ATOM_PKT, { T, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "host", ATOM_HOST, { T, I, T, T, T, T }, { T, T, T, T, T, T } },
	{ "root (B41)", ATOM_ROOT, { I, I, T, I, I, R }, { I, I, T, I, I, R } },
	{ "push", ATOM_PUSH, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "bcst (B50)", ATOM_BCST, { T, T, T, T, T, T }, { I, I, I, I, I, I } },
	{ "quit", ATOM_QUIT, { T, T, T, T, T, T }, { I, I, I, I, I, I } },
	{ "ok", ATOM_OK, { T, T, T, T, T, T }, { T, T, T, T, T, T } },
	{ "mesg", ATOM_MESG, { T, T, T, T, T, T }, { T, T, T, T, T, T } },
	{ "asci", ATOM_ASCI, { T, T, T, T, T, T }, { T, T, T, T, T, T } },
	{ "atom", ATOM_ATOM, { T, T, T, T, T, T }, { T, T, T, T, T, T } },
	{ "helo", ATOM_HELO, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "oleh", ATOM_OLEH, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "pcp", ATOM_PCP, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "get", ATOM_GET, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
	{ "unknown (B8)", 0, { I, I, I, I, I, I }, { I, I, I, I, I, I } },
};

#undef T
#undef I
#undef R

START_TEST(accepts)
{
	static const struct routeplace at[] = {
		{ .kind = ROUTE_FETCH }, { .kind = ROUTE_RELAY },
		{ .kind = ROUTE_COUT, .from_yp = true }, { .kind = ROUTE_COUT },
		{ .kind = ROUTE_CIN }, { .kind = ROUTE_CIN, .is_root = true },
	};

	for (size_t k = 0; k < NELEM(at); k++) {
		struct routeplace in = at[k];

		ck_assert_msg(route_accept(&at[k], accept_row[_i].id) == accept_row[_i].bare[k],
			"%s, column %zu", accept_row[_i].name, k);
		in.in_bag = in.in_bcst = true;
		ck_assert_msg(route_accept(&in, accept_row[_i].id) == accept_row[_i].in_bcst[k],
			"%s, column %zu, in bcst", accept_row[_i].name, k);
		/* Only a push minds whether it is for us. */
		in.to_me = true;
		if (accept_row[_i].id == ATOM_PUSH)
			ck_assert_int_eq(route_accept(&in, ATOM_PUSH), ROUTE_TAKE);
		/* A bag alone hides no more than quit. */
		in = at[k];
		in.in_bag = true;
		if (accept_row[_i].id != ATOM_QUIT)
			ck_assert_int_eq(route_accept(&in, accept_row[_i].id),
				accept_row[_i].bare[k]);
		else
			ck_assert_int_eq(route_accept(&in, ATOM_QUIT), ROUTE_IGNORE);
	}
}
END_TEST

/* --- what becomes of a bcst ------------------------------------------------------------------- */

enum { NONE, ME, A, B, C };

static struct gnuid node(int n)
{
	return n == NONE ? (struct gnuid){ .b = { 0 } } : id_of((uint8_t)n);
}

static const struct {
	const char *name;
	int from, dest;
	uint8_t grp, ttl;
	bool has_ttl;
	bool loop, to_me, process, forward;
} plan_row[] = {
	{ "status", A, NONE, 2, 11, true, false, false, true, true },
	{ "ttl 2", A, NONE, 2, 2, true, false, false, true, true },
	{ "ttl 1", A, NONE, 2, 1, true, false, false, true, false },
	{ "ttl 0", A, NONE, 2, 0, true, false, false, true, false },
	{ "ttl 200", A, NONE, 2, 200, true, false, false, true, true },
	{ "no ttl", A, NONE, 2, 0, false, false, false, true, true },
	{ "no group (B49)", A, NONE, 0, 7, true, false, false, true, false },
	{ "no sender", NONE, NONE, 2, 7, true, false, false, true, true },
	{ "to me", A, ME, 0xff, 7, true, false, true, true, false },
	{ "to another", A, B, 0xff, 7, true, false, false, false, true },
	{ "to another, ttl 1", A, B, 0xff, 1, true, false, false, false, false },
	{ "loop (B51)", ME, NONE, 2, 7, true, true, false, false, false },
	{ "loop, to me", ME, ME, 2, 7, true, true, true, false, false },
};

START_TEST(plans)
{
	const struct gnuid self = node(ME);
	struct bcst b = {
		.has = plan_row[_i].has_ttl ? BCST_TTL : 0, .grp = plan_row[_i].grp,
		.ttl = plan_row[_i].ttl, .from = node(plan_row[_i].from),
		.dest = node(plan_row[_i].dest),
	};
	struct routeplan p = route_plan(&b, &self);

	ck_assert_msg(p.loop == plan_row[_i].loop, "%s: loop", plan_row[_i].name);
	ck_assert_msg(p.to_me == plan_row[_i].to_me, "%s: to me", plan_row[_i].name);
	ck_assert_msg(p.process == plan_row[_i].process, "%s: process", plan_row[_i].name);
	ck_assert_msg(p.forward == plan_row[_i].forward, "%s: forward", plan_row[_i].name);
}
END_TEST

/* yp.md 2.4 */
static const struct {
	const char *name;
	bool dest;
	uint32_t payload[2];
	bool push;
} root_row[] = {
	{ "addressed push", true, { ATOM_PUSH, 0 }, true },
	{ "push to all", false, { ATOM_PUSH, 0 }, false },
	{ "addressed host", true, { ATOM_HOST, 0 }, false },
	{ "push and chan", true, { ATOM_PUSH, ATOM_CHAN }, false },
	{ "nothing", true, { 0, 0 }, false },
};

START_TEST(root_forwards)
{
	const struct gnuid id = id_of(9);
	struct bcst b;
	struct atom a;
	struct buf in;

	buf_init(&in, 256);
	put_hdr(&in, ATOM_BCST,
		CONT | (root_row[_i].payload[1] ? 3 : root_row[_i].payload[0] ? 2 : 1));
	put_leaf(&in, root_row[_i].dest ? ATOM_DEST : ATOM_FROM, id.b, GNUID_LEN);
	for (int k = 0; k < 2; k++) {
		if (root_row[_i].payload[k])
			put_hdr(&in, root_row[_i].payload[k], CONT);
	}
	a = open_all(&in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	ck_assert_msg(route_root_forwards(ROUTE_FORWARD_PUSH, &b) == root_row[_i].push, "%s",
		root_row[_i].name);
	ck_assert(route_root_forwards(ROUTE_FORWARD_ALL, &b));
	ck_assert(!route_root_forwards(ROUTE_FORWARD_NONE, &b));
	buf_fini(&in);
}
END_TEST

/* --- which connections (pcp.md 10.2, 10.4) ---------------------------------------------------- */

#define OUT   (1u << SV_COUT)
#define IN    (1u << SV_CIN)
#define RELAY (1u << SV_RELAY)

static const struct {
	const char *name;
	uint8_t grp;
	bool cid;
	bool up;
	uint32_t down;
} group_row[] = {
	{ "none", 0, false, false, 0 },
	{ "ROOT", 1, false, true, OUT },
	{ "TRACKERS", 2, false, true, OUT | IN },
	{ "ROOT, TRACKERS", 3, false, true, OUT | IN },
	{ "RELAYS", 4, false, true, OUT | IN | RELAY },
	{ "ALL", 0xff, false, true, OUT | IN | RELAY },
	{ "bits nobody knows", 0xf8, false, false, 0 },
	{ "ROOT with cid", 1, true, true, 0 },
	{ "TRACKERS with cid", 2, true, true, 0 },
	{ "RELAYS with cid", 4, true, true, RELAY },
	{ "ALL with cid", 0xff, true, true, RELAY },
	{ "bits nobody knows, with cid", 0xf8, true, false, 0 },
};

/* bcst{grp dest? cid? payload?}, parsed. */
static struct bcst way_packet(struct buf *in, uint8_t grp, bool dest, bool cid, uint32_t payload, bool bag)
{
	const struct gnuid d = id_of(30), c = id_of(20);
	struct bcst b;
	struct atom a;

	buf_reset(in);
	put_hdr(in, ATOM_BCST, CONT | (1u + dest + cid + (payload != 0)));
	put_leaf(in, ATOM_GRP, &grp, 1);
	if (dest)
		put_leaf(in, ATOM_DEST, d.b, GNUID_LEN);
	if (cid)
		put_leaf(in, ATOM_CID, c.b, GNUID_LEN);
	if (bag)
		put_hdr(in, ATOM_ATOM, CONT | 1);
	if (payload != 0)
		put_hdr(in, payload, CONT);
	a = open_all(in);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	return b;
}

static const struct routeplace places[] = {
	{ .kind = ROUTE_FETCH }, { .kind = ROUTE_COUT, .from_yp = true }, { .kind = ROUTE_COUT },
	{ .kind = ROUTE_CIN, .is_root = true }, { .kind = ROUTE_CIN }, { .kind = ROUTE_RELAY },
	{ .kind = ROUTE_RELAY, .is_root = true },
};
#define FROM_BELOW 4            /* the places from here on */

START_TEST(groups)
{
	const struct gnuid arrival = node(A), dest = id_of(30), chan = id_of(20);

	for (size_t k = 0; k < NELEM(places) * 2; k++) {
		const bool addressed = k % 2 == 1;
		struct servent_query q;
		struct buf in;
		struct bcst b;

		buf_init(&in, 256);
		b = way_packet(&in, group_row[_i].grp, addressed, group_row[_i].cid, ATOM_HOST, false);
		ck_assert_msg(route_up(&b) == group_row[_i].up, "%s", group_row[_i].name);
		ck_assert_msg(route_down(&places[k / 2], &b, &arrival, &q) == (group_row[_i].down != 0), "%s",
			group_row[_i].name);
		ck_assert_msg(q.types == group_row[_i].down, "%s, place %zu: %x", group_row[_i].name, k, q.types);
		/* Never back to the session it came from; of its channel; on the way to its addressee. */
		ck_assert(gnuid_equal(&q.not_remote, &arrival));
		ck_assert(group_row[_i].cid ? gnuid_equal(&q.chan, &chan) : !gnuid_is_set(&q.chan));
		ck_assert(addressed ? gnuid_equal(&q.dest, &dest) : !gnuid_is_set(&q.dest));
		ck_assert(!gnuid_is_set(&q.remote) && q.id == 0);
		buf_fini(&in);
	}
}
END_TEST

/* What those below say of a channel goes up alone. */
START_TEST(hushed)
{
	static const struct {
		uint32_t payload;
		bool bag, hush;
	} row[] = {
		{ ATOM_CHAN, false, true }, { ATOM_CHAN, true, true }, { ATOM_HOST, false, false },
		{ ATOM_MESG, true, false }, { 0, false, false },
	};
	const struct gnuid arrival = node(A);

	for (size_t i = 0; i < NELEM(row); i++) {
		for (size_t k = 0; k < NELEM(places); k++) {
			const bool hush = row[i].hush && k >= FROM_BELOW;
			struct servent_query q;
			struct buf in;
			struct bcst b;

			buf_init(&in, 256);
			b = way_packet(&in, PCP_BCST_GROUP_ALL, false, false, row[i].payload, row[i].bag);
			ck_assert(route_up(&b));
			ck_assert(route_down(&places[k], &b, &arrival, &q));
			ck_assert_msg(q.types == (hush ? OUT : OUT | IN | RELAY), "row %zu, place %zu", i, k);
			b = way_packet(&in, PCP_BCST_GROUP_RELAYS, false, true, row[i].payload, row[i].bag);
			ck_assert(route_up(&b));
			ck_assert(route_down(&places[k], &b, &arrival, &q) != hush);
			buf_fini(&in);
		}
	}
}
END_TEST

/* --- what it is about ------------------------------------------------------------------------- */

/* Payloads in words: "h12" = a host of session 1 and channel 2, 3 = another number of listeners behind it;
 * "c1" = chan 1, then i = info, t = trck, b = bcid, p = pkt, n = the same with another title; "m" = mesg;
 * "a" = what follows is in a bag. from, cid, grp and dest are the envelope's. */
static const struct key {
	uint8_t from, cid, grp, dest;
	const char *payload;
} status = { 1, 2, 2, 0, "h12" };

static void put_payload(struct buf *in, const char *s)
{
	uint8_t v;

	for (; *s != '\0'; s++) {
		const struct gnuid id = id_of((uint8_t)s[1]);
		struct gnuid cid;

		switch (*s) {
		case 'h':
			cid = id_of((uint8_t)s[2]);
			put_hdr(in, ATOM_HOST, CONT | 3);
			put_leaf(in, ATOM_CID, cid.b, GNUID_LEN);
			put_leaf(in, ATOM_ID, id.b, GNUID_LEN);
			v = (uint8_t)(s[3] == '3' ? 3 : 0);
			put_leaf(in, ATOM_NUML, (uint8_t[4]){ v }, 4);
			s += s[3] == '3' ? 3 : 2;
			break;
		case 'c': {
			const size_t n = strspn(s + 2, "itbpn");

			put_hdr(in, ATOM_CHAN, CONT | (uint32_t)(1 + n));
			put_leaf(in, ATOM_ID, id.b, GNUID_LEN);
			for (s += 2; strchr("itbpn", *s) != NULL && *s != '\0'; s++) {
				if (*s == 'b')
					put_leaf(in, ATOM_BCID, id.b, GNUID_LEN);
				else
					put_hdr(in, *s == 'i' ? ATOM_INFO : *s == 'p' ? ATOM_PKT : ATOM_TRCK, CONT | 1);
				if (*s != 'b')
					put_leaf(in, ATOM_TITL, *s == 'n' ? "y" : "x", 2);
			}
			s--;
			break;
		}
		case 'm':
			put_leaf(in, ATOM_MESG, "x", 2);
			break;
		case 'a':
			put_hdr(in, ATOM_ATOM, CONT | 1);
			break;
		default:
			ck_abort();
		}
	}
}

static uint64_t key_of(const struct routehash *h, const struct key *k)
{
	const struct gnuid from = node(k->from), dest = node(k->dest), cid = node(k->cid);
	struct buf head, body;
	uint32_t n = 0;
	uint64_t key;
	struct bcst b;
	struct atom a;

	buf_init(&body, 4096);
	put_payload(&body, k->payload);
	for (struct buf in = body; in.len > 0; n++) {
		ck_assert_int_eq(atom_open(&a, in.p, in.len), ST_OK);
		in.p += a.size;
		in.len -= a.size;
	}
	buf_init(&head, 8192);
	put_hdr(&head, ATOM_BCST, CONT | (n + 5));
	put_leaf(&head, ATOM_TTL, &(uint8_t){ k->grp ^ 5 }, 1);         /* no matter */
	put_leaf(&head, ATOM_GRP, &k->grp, 1);
	put_leaf(&head, ATOM_FROM, from.b, GNUID_LEN);
	put_leaf(&head, ATOM_DEST, dest.b, GNUID_LEN);
	put_leaf(&head, ATOM_CID, cid.b, GNUID_LEN);
	buf_put(&head, body.p, body.len);
	a = open_all(&head);
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	key = route_key(h, &b);
	buf_fini(&body);
	buf_fini(&head);
	return key;
}

enum likeness { COUNTS, SAME, OTHER };  /* each one counts; as the one it stands beside; another thing */

static const struct {
	const char *name;
	struct key a, b;
	enum likeness like;
} key_row[] = {
	{ "again", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "h12" }, SAME },
	{ "newer numbers", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "h123" }, SAME },
	{ "another origin", { 1, 2, 2, 0, "h12" }, { 3, 2, 2, 0, "h12" }, OTHER },
	{ "another channel", { 1, 2, 2, 0, "h12" }, { 1, 3, 2, 0, "h12" }, OTHER },
	{ "no channel", { 1, 2, 2, 0, "h12" }, { 1, 0, 2, 0, "h12" }, OTHER },
	{ "another group", { 1, 2, 2, 0, "h12" }, { 1, 2, 4, 0, "h12" }, OTHER },
	{ "another host", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "h22" }, OTHER },
	{ "the host's channel", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "h13" }, OTHER },
	{ "two hosts", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "h12h22" }, OTHER },
	{ "in a bag", { 1, 2, 2, 0, "h12" }, { 1, 2, 2, 0, "ah12" }, SAME },
	{ "update", { 1, 2, 1, 0, "c1bith12" }, { 1, 2, 1, 0, "c1binh123" }, SAME },
	{ "update without host", { 1, 2, 1, 0, "c1bith12" }, { 1, 2, 1, 0, "c1bit" }, OTHER },
	{ "title", { 1, 2, 4, 0, "c1it" }, { 1, 2, 4, 0, "c1in" }, SAME },
	{ "part of it", { 1, 2, 4, 0, "c1it" }, { 1, 2, 4, 0, "c1t" }, OTHER },
	{ "other part", { 1, 2, 4, 0, "c1i" }, { 1, 2, 4, 0, "c1t" }, OTHER },
	{ "of another", { 1, 2, 4, 0, "c1it" }, { 1, 2, 4, 0, "c3it" }, OTHER },
	{ "no sender", { 0, 2, 2, 0, "h12" }, { 0, 2, 2, 0, "h12" }, COUNTS },
	{ "addressed", { 1, 2, 2, 4, "h12" }, { 1, 2, 2, 4, "h12" }, COUNTS },
	{ "nothing", { 1, 2, 2, 0, "" }, { 1, 2, 2, 0, "" }, COUNTS },
	{ "a message", { 1, 2, 2, 0, "m" }, { 1, 2, 2, 0, "m" }, COUNTS },
	{ "a message besides", { 1, 2, 2, 0, "h12m" }, { 1, 2, 2, 0, "mh12" }, COUNTS },
	{ "stream", { 1, 2, 2, 0, "c1p" }, { 1, 2, 2, 0, "h12c1itp" }, COUNTS },
};

START_TEST(keys)
{
	const struct routehash h = { .key = { 11, 22 } }, other = { .key = { 11, 23 } };
	const uint64_t a = key_of(&h, &key_row[_i].a), b = key_of(&h, &key_row[_i].b);

	switch (key_row[_i].like) {
	case COUNTS:
		ck_assert_msg(a == 0 && b == 0, "%s", key_row[_i].name);
		break;
	case SAME:
		ck_assert_msg(a == b && a != 0, "%s", key_row[_i].name);
		break;
	case OTHER:
		ck_assert_msg(a != b && a != 0 && b != 0, "%s", key_row[_i].name);
		break;
	}
	/* nobody can work it out */
	ck_assert(key_of(&h, &status) != key_of(&other, &status));
}
END_TEST

/* --- seen before? (pcp.md 10.3) --------------------------------------------------------------- */

static struct bcst packet(struct buf *in, uint8_t ttl, uint8_t from, const char *payload)
{
	struct gnuid id = id_of(from);
	struct bcst b;
	struct atom a;

	buf_reset(in);
	put_hdr(in, ATOM_BCST, CONT | 3);
	put_leaf(in, ATOM_TTL, &ttl, 1);
	put_leaf(in, ATOM_FROM, id.b, GNUID_LEN);
	put_leaf(in, ATOM_MESG, payload, strlen(payload));
	if (atom_open(&a, in->p, in->len) != ST_OK || bcst_parse(&b, &a) != ST_OK)
		ck_abort();
	return b;
}

static bool came(struct routeseen *s, const struct bcst *b, uint8_t via, nsec now)
{
	const struct gnuid id = id_of(via);

	return routeseen_check(s, b, &id, now);
}

START_TEST(seen)
{
	struct routeseen *s = malloc(sizeof(*s));
	nsec now = 1000 * NSEC_PER_SEC;
	struct buf in;
	struct bcst b;

	ck_assert_ptr_nonnull(s);
	buf_init(&in, 1024);
	routeseen_init(s);
	b = packet(&in, 7, 1, "abc");
	ck_assert(!came(s, &b, 10, now));
	/* The same connection says it again: no duplicate. Another one: it is, whatever the ttl. */
	ck_assert(!came(s, &b, 10, now + 1));
	ck_assert(came(s, &b, 11, now + 2));
	b = packet(&in, 3, 1, "abc");
	ck_assert(came(s, &b, 12, now + 3));
	/* Another sender, another payload. */
	b = packet(&in, 7, 2, "abc");
	ck_assert(!came(s, &b, 11, now + 4));
	b = packet(&in, 7, 1, "abd");
	ck_assert(!came(s, &b, 11, now + 5));
	b = packet(&in, 7, 1, "abcd");
	ck_assert(!came(s, &b, 11, now + 6));
	b = packet(&in, 7, 1, "");
	ck_assert(!came(s, &b, 11, now + 7));
	/* Ten seconds later it is news again. */
	b = packet(&in, 7, 1, "abc");
	ck_assert(came(s, &b, 11, now + ROUTESEEN_AGE));
	ck_assert(!came(s, &b, 11, now + 1 + ROUTESEEN_AGE));
	ck_assert(came(s, &b, 10, now + 2 + ROUTESEEN_AGE));
	buf_fini(&in);
	free(s);
}
END_TEST

START_TEST(seen_many)
{
	struct routeseen *s = malloc(sizeof(*s));
	nsec now = 1000 * NSEC_PER_SEC;
	unsigned known = 0;
	char text[16];
	struct buf in;
	struct bcst b;

	/* More than it can hold: the newest are known, and none is taken for another. */
	ck_assert_ptr_nonnull(s);
	buf_init(&in, 1024);
	routeseen_init(s);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		b = packet(&in, 7, 1, text);
		if (came(s, &b, 1, now + i) || !came(s, &b, 2, now + i))
			ck_abort_msg("packet %u", i);
	}
	for (unsigned i = 4700; i < 5000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		b = packet(&in, 7, 1, text);
		known += came(s, &b, 2, now + i);
	}
	ck_assert_uint_gt(known, 270);
	buf_fini(&in);
	free(s);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("accept");

	tcase_add_loop_test(t, accepts, 0, NELEM(accept_row));
	suite_add_tcase(s, t);

	t = tcase_create("plan");
	tcase_add_loop_test(t, plans, 0, NELEM(plan_row));
	tcase_add_loop_test(t, root_forwards, 0, NELEM(root_row));
	suite_add_tcase(s, t);

	t = tcase_create("ways");
	tcase_add_loop_test(t, groups, 0, NELEM(group_row));
	tcase_add_test(t, hushed);
	suite_add_tcase(s, t);

	t = tcase_create("keys");
	tcase_add_loop_test(t, keys, 0, NELEM(key_row));
	suite_add_tcase(s, t);

	t = tcase_create("seen");
	tcase_add_test(t, seen);
	tcase_add_test(t, seen_many);
	suite_add_tcase(s, t);
	return s;
}

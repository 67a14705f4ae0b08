/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte streams of real nodes (test/data/README.md): every atom is framed, read into plain structs
 * and written again; the bytes must be the same, for the reference's order is ours.
 */
#include "pcp/agent.h"
#include "pcp/bcst.h"
#include "pcp/chanatom.h"
#include "pcp/helo.h"
#include "pcp/hostatom.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "test/unit/pcp/pcptest.h"
#include "test/unit/unit.h"

/* Counts come from another decoder: top-level atoms, atoms at all levels, bytes of the atom that
 * the end of the recording cuts. */
static const struct {
	const char *name;
	unsigned tops, all;
	size_t tail;
} capture[] = {
	{ "control_loopback.c2s", 7, 184, 0 },
	{ "control_loopback.s2c", 5, 31, 4 },
	{ "control_root_full.c2s", 2, 7, 4 },
	{ "control_root_full.s2c", 3, 13, 0 },
	{ "control_root_shutdown.c2s", 3, 51, 4 },
	{ "control_root_shutdown.s2c", 5, 16, 0 },
	{ "control_tracker_shutdown.c2s", 4, 52, 0 },
	{ "control_tracker_shutdown.s2c", 4, 15, 4 },
	{ "control_tracker_to_root.c2s", 17, 624, 0 },
	{ "control_tracker_to_root.s2c", 7, 63, 4 },
	{ "control_updint30.c2s", 6, 140, 0 },
	{ "control_updint30.s2c", 5, 31, 4 },
	{ "ping_root_to_tracker.c2s", 3, 4, 0 },
	{ "ping_root_to_tracker.s2c", 3, 9, 0 },
	{ "ping_tracker_to_relay.c2s", 2, 3, 4 },
	{ "ping_tracker_to_relay.s2c", 2, 7, 0 },
	{ "ping_tracker_to_relay3.c2s", 3, 4, 0 },
	{ "ping_tracker_to_relay3.s2c", 2, 7, 0 },
	{ "relay_503_hosts.c2s", 2, 34, 0 },
	{ "relay_503_hosts.s2c", 4, 47, 0 },
	{ "relay_503_hosts_plain_client.c2s", 1, 5, 0 },
	{ "relay_503_hosts_plain_client.s2c", 5, 67, 0 },
	{ "relay_end.s2c.tail", 3, 14, 0 },
	{ "relay_from_relay.c2s", 3, 63, 0 },
	{ "relay_from_relay.s2c", 16, 117, 903 },
	{ "relay_ok.c2s", 9, 237, 0 },
	{ "relay_ok.s2c", 51, 357, 952 },
	{ "relay_ok_loopback_mkv.c2s", 3, 63, 0 },
	{ "relay_ok_loopback_mkv.s2c", 7, 54, 6252 },
	{ "relay_ok_second_pull.c2s", 3, 63, 0 },
	{ "relay_ok_second_pull.s2c", 16, 117, 1310 },
};

/* Where the atoms begin: behind an HTTP head, if there is one. */
static size_t skip_head(const struct buf *b)
{
	if (memcmp(b->p, "GET ", 4) != 0 && memcmp(b->p, "HTTP", 4) != 0)
		return 0;
	for (size_t i = 3; i < b->len; i++) {
		if (memcmp(b->p + i - 3, "\r\n\r\n", 4) == 0)
			return i + 1;
	}
	ck_abort_msg("head without end");
	return 0;
}

static unsigned count(struct atom a)
{
	unsigned n = 1;
	struct atom c;

	while (atom_next(&a, &c))
		n += count(c);
	return n;
}

static void again_chan(struct atomwr *w, const struct atom *a)
{
	struct chanmeta m = { .bitrate_kbps = 0 };
	struct chaninfo *info;
	struct pktatom p;
	struct chanatom c;
	bool pkt;

	ck_assert_int_eq(chanatom_parse(&c, a), ST_OK);
	ck_assert(c.has & CHANATOM_ID);
	chanatom_meta(&c, &m);
	info = chaninfo_new(&m);
	ck_assert_ptr_nonnull(info);
	pkt = chanatom_pkt(&c, &p);
	ck_assert(pkt == ((c.has & CHANATOM_PKT) != 0));
	if (c.has == (CHANATOM_ID | CHANATOM_PKT)) {
		/* A stored packet is frame and bytes. */
		uint8_t frame[PCP_PKT_FRAME_CONT];

		buf_put(w->b, frame, pcp_pkt_frame(frame, &c.id, p.type, p.pos, p.cont, p.len));
		buf_put(w->b, p.data, p.len);
	} else {
		chanatom_emit(w, info, c.has, pkt ? &p : NULL);
	}
	chaninfo_unref(&info);
}

static void again_host(struct atomwr *w, const struct atom *a, const struct bcst *b)
{
	struct hit h;

	ck_assert_int_eq(hostatom_parse(&h, a, b != NULL ? &b->cid : NULL,
		b != NULL ? bcst_hops_next(b) : 0), ST_OK);
	ck_assert(gnuid_is_set(&h.chan) && gnuid_is_set(&h.sid));
	ck_assert_uint_eq(h.hops, b != NULL ? b->hops + 1u : 0u);
	/* A host inside an envelope with cid does not repeat it. */
	hostatom_emit(w, &h, b == NULL || !gnuid_is_set(&b->cid));
}

static void again_root(struct atomwr *w, const struct atom *a)
{
	struct root r;

	ck_assert_int_eq(root_parse(&r, a), ST_OK);
	root_emit(w, &r);
}

static void again_bcst(struct atomwr *w, const struct atom *a)
{
	struct atombag bag;
	struct bcst b;
	struct atom c;

	ck_assert_int_eq(bcst_parse(&b, a), ST_OK);
	bcst_begin(w, &b);
	bcst_payload(&b, &bag);
	while (atombag_next(&bag, &c)) {
		switch (c.id) {
		case ATOM_HOST:
			again_host(w, &c, &b);
			break;
		case ATOM_ROOT:
			again_root(w, &c);
			break;
		case ATOM_CHAN: {
			/* chanatom_emit() counts as one child, frames would not. */
			struct chanmeta m = { .bitrate_kbps = 0 };
			struct chanatom chan;
			struct chaninfo *info;

			ck_assert_int_eq(chanatom_parse(&chan, &c), ST_OK);
			chanatom_meta(&chan, &m);
			info = chaninfo_new(&m);
			ck_assert_ptr_nonnull(info);
			chanatom_emit(w, info, chan.has, NULL);
			chaninfo_unref(&info);
			break;
		}
		default:
			ck_abort_msg("unexpected in bcst");
		}
	}
	bcst_end(w);
}

static void again(struct atomwr *w, const struct atom *a)
{
	uint32_t version;
	struct helo h;
	struct oleh o;

	switch (a->id) {
	case ATOM_PCP:
		ck_assert_int_eq(helo_opener_parse(a, &version), ST_OK);
		helo_opener_emit(w, version);
		break;
	case ATOM_HELO:
		ck_assert_int_eq(helo_parse(&h, a), ST_OK);
		ck_assert(gnuid_is_set(&h.sid));
		if (helo_is_test(&h))
			ck_assert_uint_eq(a->size, HELO_TEST_LEN - 12);
		else if (strstr(h.agent, "YT50") != NULL)
			ck_assert_int_eq(agent_check(h.agent), AGENT_SUPPORTED);
		helo_emit(w, &h);
		break;
	case ATOM_OLEH:
		ck_assert_int_eq(oleh_parse(&o, a), ST_OK);
		ck_assert(gnuid_is_set(&o.sid) && o.has_rip && o.has_port);
		oleh_emit(w, &o);
		break;
	case ATOM_OK:
		ok_emit(w);
		break;
	case ATOM_QUIT:
		quit_emit(w, quit_parse(a));
		break;
	case ATOM_ROOT:
		again_root(w, a);
		break;
	case ATOM_HOST:
		again_host(w, a, NULL);
		break;
	case ATOM_CHAN:
		again_chan(w, a);
		break;
	case ATOM_BCST:
		again_bcst(w, a);
		break;
	default:
		ck_abort_msg("unexpected atom");
	}
}

START_TEST(captures)
{
	struct buf in, out, want;
	unsigned tops = 0, all = 0;
	struct atomwr w;
	struct atom a;
	size_t at, left;
	char what[96];

	load(&in, capture[_i].name);
	buf_init(&out, 1024 * 1024);
	for (at = skip_head(&in);; at += a.size) {
		struct atomscan s;
		size_t used;

		left = in.len - at;
		atomscan_init(&s, tops > 1 ? &atomlimits_fetch : &atomlimits_control);
		ck_assert_int_eq(atomscan_feed(&s, in.p + at, left, &used), ST_OK);
		if (!atomscan_done(&s))
			break;
		ck_assert_int_eq(atom_open(&a, in.p + at, left), ST_OK);
		ck_assert_uint_eq(a.size, used);
		all += count(a);
		buf_reset(&out);
		atomwr_init(&w, &out);
		again(&w, &a);
		ck_assert_int_eq(atomwr_status(&w), ST_OK);
		want = (struct buf){ .p = in.p + at, .len = a.size, .err = ST_OK };
		snprintf(what, sizeof(what), "%s, atom %u at %zu", capture[_i].name, tops, at);
		assert_bytes(&out, &want, what);
		tops++;
	}
	ck_assert_uint_eq(tops, capture[_i].tops);
	ck_assert_uint_eq(all, capture[_i].all);
	ck_assert_uint_eq(left, capture[_i].tail);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

/* Stream packets of a relay follow one another without gap, and none has a lie in its length. */
START_TEST(relay_positions)
{
	struct buf in;
	struct chanatom c;
	struct pktatom p;
	struct atom a;
	uint32_t next = 0;
	unsigned heads = 0, data = 0;

	load(&in, "relay_ok.s2c");
	for (size_t at = skip_head(&in); atom_open(&a, in.p + at, in.len - at) == ST_OK;
	     at += a.size) {
		if (a.id != ATOM_CHAN)
			continue;
		ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
		ck_assert(chanatom_pkt(&c, &p));
		heads += p.type == ATOM_HEAD;
		data += p.type == ATOM_DATA;
		if (data > 1)
			ck_assert_uint_eq(p.pos, next);
		next = p.pos + p.len;
	}
	ck_assert_uint_eq(heads, 1);
	ck_assert_uint_eq(data, 48);
	buf_fini(&in);
}
END_TEST

/* --- hand-made clients with one input error each ---------------------------------------------- */

static const struct {
	const char *name;
	enum status st;         /* of the scan of the whole stream */
	unsigned tops;          /* whole atoms before the end or the error */
} bad[] = {
	{ "children_7fffffff", ST_LIMIT, 2 },
	{ "nested_1000", ST_PROTO, 2 },
	{ "atom_bigger_than_packet", ST_LIMIT, 2 },
	{ "unknown_in_bcst", ST_OK, 3 },
	{ "unknown_in_chan", ST_OK, 3 },
	{ "unknown_top_atom", ST_OK, 3 },
	{ "shift_jis", ST_OK, 3 },
	{ "bad_utf8", ST_OK, 3 },
	{ "string_no_nul", ST_OK, 3 },
	{ "string_255_no_nul", ST_OK, 3 },
	{ "string_259", ST_OK, 3 },
	{ "string_over_256", ST_OK, 3 },
	{ "ctrl_chars", ST_OK, 3 },
	{ "first_atom_not_helo", ST_OK, 2 },
	{ "no_sid", ST_OK, 2 },
	{ "version_1199", ST_OK, 2 },
	{ "pcp_length_5", ST_LIMIT, 1 },
	{ "pcp_version_100", ST_OK, 2 },
	{ "empty_name", ST_OK, 3 },
	{ "null_channel_id", ST_OK, 3 },
	{ "host_ip_zero", ST_OK, 3 },
	{ "host_not_recv", ST_OK, 3 },
	{ "good_announce", ST_OK, 3 },
	{ "xml_inject", ST_OK, 3 },
	{ "amp_100", ST_OK, 3 },
	{ "root_atom_to_root", ST_OK, 3 },
	{ "type_attr_inject", ST_OK, 3 },
	{ "bcid_mismatch", ST_OK, 3 },
};

START_TEST(bad_streams)
{
	enum status st = ST_OK;
	unsigned tops = 0;
	char path[64];
	struct buf in;

	snprintf(path, sizeof(path), "bad/%s", bad[_i].name);
	load(&in, path);
	for (size_t at = 0, used = 0; at < in.len; at += used, tops++) {
		struct atomscan s;

		atomscan_init(&s, &atomlimits_control);
		st = atomscan_feed(&s, in.p + at, in.len - at, &used);
		if (!atomscan_done(&s))
			break;
	}
	ck_assert_msg(st == bad[_i].st, "%s: %d", bad[_i].name, st);
	ck_assert_msg(tops == bad[_i].tops, "%s: %u atoms", bad[_i].name, tops);
	buf_fini(&in);
}
END_TEST

/* The n-th top-level atom of a file, which stays in in. */
static struct atom nth(struct buf *in, const char *name, unsigned n)
{
	struct atom a = { .size = 0 };
	size_t at = 0;

	load(in, name);
	for (unsigned i = 0; i <= n; i++) {
		ck_assert_int_eq(atom_open(&a, in->p + at, in->len - at), ST_OK);
		at += a.size;
	}
	return a;
}

/* What the announcement of a bad stream says once it is inside. */
static void announce(const char *name, struct chanmeta *m, struct hit *h)
{
	struct buf in;
	struct atom a = nth(&in, name, 2), c;
	struct chanatom chan;
	struct atombag bag;
	struct bcst b;

	memset(m, 0, sizeof(*m));
	memset(h, 0, sizeof(*h));
	ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
	bcst_payload(&b, &bag);
	while (atombag_next(&bag, &c)) {
		if (c.id == ATOM_CHAN) {
			ck_assert_int_eq(chanatom_parse(&chan, &c), ST_OK);
			chanatom_meta(&chan, m);
		} else if (c.id == ATOM_HOST) {
			ck_assert_int_eq(hostatom_parse(h, &c, &b.cid, bcst_hops_next(&b)), ST_OK);
		}
	}
	buf_fini(&in);
}

START_TEST(bad_texts)
{
	struct chanmeta m;
	struct hit h;

	announce("bad/shift_jis", &m, &h);
	ck_assert_str_eq(m.text[CT_DESC], "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88 sjis");
	announce("bad/ctrl_chars", &m, &h);
	ck_assert_str_eq(m.text[CT_GENRE], "a b c d");
	announce("bad/string_no_nul", &m, &h);
	ck_assert_str_eq(m.text[CT_NAME], "noterm");
	announce("bad/string_over_256", &m, &h);
	ck_assert_uint_eq(strlen(m.text[CT_NAME]), 255);
	announce("bad/string_259", &m, &h);
	ck_assert_uint_eq(strlen(m.text[CT_NAME]), 255);
	announce("bad/type_attr_inject", &m, &h);
	ck_assert_str_eq(m.text[CT_TYPE], "F\" x=\"1");     /* escaped where it leaves */
	announce("bad/empty_name", &m, &h);
	ck_assert_str_eq(m.text[CT_NAME], "");
	announce("bad/null_channel_id", &m, &h);
	ck_assert(!gnuid_is_set(&m.id) && !gnuid_is_set(&h.chan));
	announce("bad/host_ip_zero", &m, &h);
	ck_assert(!host_is_set(&h.rhost[0]));
	announce("bad/host_not_recv", &m, &h);
	ck_assert(!(h.flags & HIT_RECV));
	announce("bad/unknown_in_chan", &m, &h);
	ck_assert_str_eq(m.text[CT_NAME], "fake");
	announce("bad/unknown_in_bcst", &m, &h);
	ck_assert(gnuid_is_set(&h.sid));
	for (size_t i = 0; i < NELEM(bad); i++) {
		char path[64];

		if (bad[i].tops < 3 || bad[i].st != ST_OK)
			continue;
		if (strcmp(bad[i].name, "root_atom_to_root") == 0 ||
		    strcmp(bad[i].name, "unknown_top_atom") == 0)
			continue;
		snprintf(path, sizeof(path), "bad/%s", bad[i].name);
		announce(path, &m, &h);
		for (int t = 0; t < CT_COUNT; t++)
			ck_assert_msg(text_is_clean(m.text[t], strlen(m.text[t])), "%s: %d", path,
				t);
	}
}
END_TEST

START_TEST(bad_handshakes)
{
	struct buf in;
	struct helo h;
	struct atom a;
	uint32_t version = 0;

	a = nth(&in, "bad/no_sid", 1);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert(!gnuid_is_set(&h.sid));
	buf_fini(&in);
	a = nth(&in, "bad/version_1199", 1);
	ck_assert_int_eq(helo_parse(&h, &a), ST_OK);
	ck_assert(h.has_ver && h.ver == 1199 && h.ver < PCP_CLIENT_MINVERSION);
	buf_fini(&in);
	a = nth(&in, "bad/pcp_length_5", 0);
	ck_assert_int_eq(helo_opener_parse(&a, &version), ST_PROTO);
	buf_fini(&in);
	a = nth(&in, "bad/pcp_version_100", 0);
	ck_assert_int_eq(helo_opener_parse(&a, &version), ST_OK);
	ck_assert_uint_eq(version, PCP_PROTO_V6);
	buf_fini(&in);
	a = nth(&in, "bad/first_atom_not_helo", 1);
	ck_assert_int_eq(helo_parse(&h, &a), ST_PROTO);
	buf_fini(&in);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("captures");
	TCase *t = tcase_create("good");

	tcase_add_loop_test(t, captures, 0, NELEM(capture));
	tcase_add_test(t, relay_positions);
	suite_add_tcase(s, t);

	t = tcase_create("bad");
	tcase_add_loop_test(t, bad_streams, 0, NELEM(bad));
	tcase_add_test(t, bad_texts);
	tcase_add_test(t, bad_handshakes);
	suite_add_tcase(s, t);
	return s;
}

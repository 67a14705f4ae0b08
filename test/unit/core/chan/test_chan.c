/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: sock_try_sendv clk_now realloc */
#include "core/chan/chan.h"

#include <pthread.h>

#include "core/sys/thr.h"
#include "test/unit/core/chan/chantest.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)

/* What an appender's send may take, and what happens in the middle of it. What the owner of a reader
 * sends goes past this. */
static size_t room = SIZE_MAX;
static void (*during)(void);
static nsec skew;               /* added to the clock of the channel */
static bool no_memory;
static bool stressing;          /* many threads: nothing above is touched */

enum status __real_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent);
enum status __wrap_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent);
nsec __real_clk_now(void);
nsec __wrap_clk_now(void);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

enum status __wrap_sock_try_sendv(int fd, const struct iovec *iov, int n, size_t *sent)
{
	struct iovec cut[READER_BATCH];
	size_t left = room;
	int k = 0;

	if (stressing)
		return __real_sock_try_sendv(fd, iov, n, sent);
	if (during != NULL)
		during();
	*sent = 0;
	for (; k < n && left > 0; k++) {
		cut[k] = iov[k];
		cut[k].iov_len = MIN(cut[k].iov_len, left);
		left -= room == SIZE_MAX ? 0 : cut[k].iov_len;
	}
	return k == 0 ? ST_OK : __real_sock_try_sendv(fd, cut, k, sent);
}

nsec __wrap_clk_now(void)
{
	return __real_clk_now() + (stressing ? 0 : skew);
}

void *__wrap_realloc(void *p, size_t n)
{
	return !stressing && no_memory ? NULL : __real_realloc(p, n);
}

static void setup(void)
{
	room = SIZE_MAX;
	during = NULL;
	skew = 0;
	no_memory = false;
	stressing = false;
}

/* --- a channel with a source --------------------------------------------------------------------- */

struct rig {
	struct chan *c;
	struct mbox src;
	uint32_t token;
	uint32_t n, gen;        /* packets appended, heads among them */
	uint64_t pos;
};

static void rig_init(struct rig *g)
{
	*g = (struct rig){ .c = chan_make(CHAN_BROADCAST) };
	ck_assert_int_eq(mbox_init(&g->src), ST_OK);
	ck_assert_int_eq(chan_attach(g->c, &g->src, &g->token, SOON), ST_OK);
}

static void rig_fini(struct rig *g)
{
	chan_detach(g->c, g->token);
	mbox_fini(&g->src);
	chan_unref(&g->c);
}

static enum status head(struct rig *g, uint64_t pos, size_t len)
{
	struct pkt *p = mark_pkt(PKT_HEAD, pos, 0, ++g->n, ++g->gen, len);

	g->pos = pos + len;
	return chan_set_head(g->c, g->token, p);
}

/* One packet of 20 media bytes for each character: its continuation bits. */
static enum status data(struct rig *g, const char *cont)
{
	struct pkt *p[READER_BATCH];
	size_t n = 0;

	for (; cont[n] != '\0'; n++) {
		p[n] = mark_pkt(PKT_DATA, g->pos, (uint8_t)(cont[n] - '0'), ++g->n, g->gen, 20);
		g->pos += 20;
	}
	return chan_append(g->c, g->token, p, n);
}

static void join(struct rig *g, struct sink *k, enum chan_from from)
{
	struct pkt *h;
	uint64_t start;

	ck_assert_int_eq(chan_join(g->c, &k->r), ST_OK);
	ck_assert_int_eq(chan_place(g->c, &k->r, from, 0, &h, &start), ST_OK);
	if (h != NULL) {
		struct iovec iov = { .iov_base = k->r.framed ? h->bytes : pkt_media(h),
			.iov_len = h->len + (k->r.framed ? h->frame_len : 0u) };

		ck_assert_int_eq(sock_writev(&k->s, &iov, 1, SOON), ST_OK);
		pkt_unref(&h);
	}
}

/* What a servent does when it is woken. ST_OK = it has parked again. */
static enum status owner(struct rig *g, struct sink *k, int *seen)
{
	int what = 0;
	enum status st;

	if (mbox_is_signalled(&k->mb))
		mbox_drain(&k->mb);
	k->mb.mail = false;
	reader_reclaim(&k->r);
	do {
		st = reader_flush(&k->r, SOON);
		if (st == ST_OK)
			st = chan_read(g->c, &k->r, &what);
		if (seen != NULL)
			*seen |= what;
	} while (st == ST_OK && (what & CHAN_PARKED) == 0);
	return st;
}

static void leave(struct rig *g, struct sink *k)
{
	reader_reclaim(&k->r);
	chan_leave(g->c, &k->r);
	sink_free(k);
}

static void arrived(struct sink *k, uint32_t packets, uint32_t last)
{
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	ck_assert_uint_eq(k->tape.packets, packets);
	ck_assert_uint_eq(k->tape.n, last);
}

/* --- every order of what can happen to a reader --------------------------------------------------- */

/* a start, c continuation   one packet
 * f full, p partly          a packet, two packets the socket refuses or cuts
 * w q                       as a and p, and the owner wants its right back meanwhile
 * y z                       as a and p, and the channel is closed meanwhile
 * h g                       a new head at 0 (the ring is emptied), one that goes on
 * j                         a minute passes and 80 packets push the old ones out
 * o                         the owner is woken, or wakes by itself
 * x                         the channel is closed */
static const char ops[] = "acfpwqyzhgjox";
static const char few_ops[] = "apqyhjo";       /* one of each kind, for longer orders */

static struct rig *now_g;
static struct sink *now_k;

static void want(void)
{
	int was = READER_SENDING;

	/* as reader_reclaim() begins */
	(void)atomic_compare_exchange_strong(&now_k->r.right, &was, READER_WANTED);
}

static void close_it(void)
{
	chan_close(now_g->c);
}

struct walk {
	struct rig g;
	struct sink *k;
	bool closed;
	bool ended;             /* the owner has been told */
	uint32_t last;          /* packets that were taken by the channel */
};

static void walk_append(struct walk *w, const char *cont)
{
	const uint32_t n = w->g.n;
	const uint64_t pos = w->g.pos;
	const bool was_closed = w->closed;

	ck_assert_int_eq(data(&w->g, cont), was_closed ? ST_STOPPED : ST_OK);
	if (was_closed) {
		w->g.n = n;
		w->g.pos = pos;
	}
}

static void walk_op(struct walk *w, char op)
{
	const bool cut = strchr("pqz", op) != NULL;

	now_g = &w->g;
	now_k = w->k;
	room = op == 'f' ? 0 : cut ? 30 : SIZE_MAX;
	during = strchr("wq", op) != NULL ? want : strchr("yz", op) != NULL ? close_it : NULL;
	switch (op) {
	case 'h':
	case 'g':
		ck_assert_int_eq(head(&w->g, op == 'h' ? 0 : w->g.pos, 25), w->closed ? ST_STOPPED : ST_OK);
		if (w->closed) {
			w->g.n--;
			w->g.gen--;
		}
		break;
	case 'j':
		skew += 60 * NSEC_PER_SEC;
		for (int i = 0; i < 5; i++)
			walk_append(w, "0111111111111111");
		break;
	case 'o':
		w->ended = owner(&w->g, w->k, NULL) == ST_STOPPED || w->ended;
		break;
	case 'x':
		chan_close(w->g.c);
		break;
	default:
		walk_append(w, cut ? "01" : op == 'c' ? "1" : "0");
	}
	w->closed = chan_is_closing(w->g.c);
	room = SIZE_MAX;
	during = NULL;
}

/* What must hold after every step. */
static void walk_check(struct walk *w, const char *path, bool was_parked, bool was_signalled)
{
	struct sink *k = w->k;
	const int right = atomic_load(&k->r.right);

	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_msg(k->tape.err[0] == '\0', "%s: %s", path, k->tape.err);
	ck_assert_msg(right == READER_OWN || right == READER_PARKED, "%s: right %d", path, right);
	ck_assert_msg(k->tape.gaps <= atomic_load(&k->r.skips), "%s: %u gaps", path, k->tape.gaps);
	ck_assert_msg(k->r.framed || k->tape.mid == 0, "%s: from the middle", path);
	ck_assert_msg((k->tape.len > 0) == reader_in_packet(&k->r), "%s: border", path);
	if (right == READER_PARKED)
		ck_assert_msg(k->r.want_start || k->tape.n == w->g.n, "%s: parked at %u of %u", path,
			k->tape.n, w->g.n);
	if (was_parked && right == READER_OWN && path[strlen(path) - 1] != 'o')
		ck_assert_msg(mbox_is_signalled(&k->mb), "%s: nobody woke it", path);
	if (w->closed && !w->ended)
		ck_assert_msg(mbox_is_signalled(&k->mb) || was_signalled || !was_parked,
			"%s: sleeps over the end", path);
}

static void walk(const char *path, bool framed)
{
	struct walk w = { .k = sink_new(framed, 0) };
	char so_far[64];

	skew = 0;
	rig_init(&w.g);
	ck_assert_int_eq(head(&w.g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&w.g, "01"), ST_OK);
	join(&w.g, w.k, framed ? CHAN_FROM_POS : CHAN_FROM_LIVE);
	for (size_t i = 0; path[i] != '\0' && !w.ended; i++) {
		const bool was_parked = !reader_owns(&w.k->r), sig = mbox_is_signalled(&w.k->mb);

		(void)text_copy(so_far, MIN(i + 2, sizeof(so_far)), path);
		walk_op(&w, path[i]);
		walk_check(&w, so_far, was_parked, sig);
	}
	/* The end: what was appended before it still arrives. */
	chan_close(w.g.c);
	ck_assert_msg(w.ended || owner(&w.g, w.k, NULL) == ST_STOPPED, "%s: no end", path);
	ck_assert(tape_drain(&w.k->tape, w.k->far));
	ck_assert_msg(w.k->tape.err[0] == '\0', "%s: %s", path, w.k->tape.err);
	ck_assert_msg(w.k->r.want_start || w.k->tape.n == w.g.n, "%s: %u of %u", path, w.k->tape.n, w.g.n);
	leave(&w.g, w.k);
	rig_fini(&w.g);
}

static void every(const char *of, size_t depth, bool framed)
{
	const size_t n = strlen(of);
	size_t all = 1;
	char path[8] = "";

	for (size_t i = 0; i < depth; i++)
		all *= n;
	for (size_t i = 0; i < all; i++) {
		for (size_t d = 0, v = i; d < depth; d++, v /= n)
			path[d] = of[v % n];
		walk(path, framed);
	}
}

START_TEST(every_order)
{
	every(ops, 3, _i == 1);
	every(few_ops, 4, _i == 1);
}
END_TEST

START_TEST(long_walks)
{
	uint32_t x = 12345;
	char path[49] = "";

	for (int i = 0; i < 500; i++) {
		for (size_t d = 0; d < sizeof(path) - 1; d++) {
			x = x * 1664525u + 1013904223u;
			/* the end comes rarely; the owner often */
			path[d] = x >> 28 < 5 ? 'o' : ops[(x >> 8) % (sizeof(ops) - 1)];
			if (strchr("xyz", path[d]) != NULL && (x >> 20) % 16 != 0)
				path[d] = 'a';
		}
		walk(path, i & 1);
	}
}
END_TEST

/* --- placing -------------------------------------------------------------------------------------- */

/* A head of 100 bytes, then ten packets of 100 bytes, one each 300 ms; ages 2850 .. 150 ms. */
static const struct place_row {
	const char *name, *cont;
	enum chan_from from;
	int64_t pos;            /* beyond the first byte of the head; -1 = 0 on the wire */
	int64_t want;           /* start: the same way */
	bool want_start;
} place_rows[] = {
	{ "live: newest start with a second behind", "0110110110", CHAN_FROM_LIVE, -1, 700, true },
	{ "live: one of 1050 ms",                    "0111110111", CHAN_FROM_LIVE, -1, 700, true },
	{ "live: one of 750 ms is too young",        "0111111011", CHAN_FROM_LIVE, -1, 100, true },
	{ "live: only young starts: the oldest",     "1111111101", CHAN_FROM_LIVE, -1, 900, true },
	{ "live: no start at all: the oldest",       "1111111111", CHAN_FROM_LIVE, -1, 100, true },
	{ "oldest start",                            "1110110110", CHAN_FROM_OLDEST, -1, 400, false },
	{ "oldest, no start at all",                 "1111111111", CHAN_FROM_OLDEST, -1, 100, false },
	{ "newest",                                  "0111111111", CHAN_FROM_NEWEST, -1, 1000, false },
	{ "pos 0",                                   "0110110110", CHAN_FROM_POS, -1, 700, false },
	{ "pos 0, no start",                         "1111111111", CHAN_FROM_POS, -1, 100, false },
	{ "pos of a packet",                         "0110110110", CHAN_FROM_POS, 500, 500, false },
	{ "pos in a packet",                         "0110110110", CHAN_FROM_POS, 501, 600, false },
	{ "pos of the oldest",                       "1110110110", CHAN_FROM_POS, 100, 100, false },
	{ "pos older than the ring",                 "1110110110", CHAN_FROM_POS, 99, 400, false },
	{ "pos long gone, no start",                 "1111111111", CHAN_FROM_POS, 50, 100, false },
	{ "pos of the next packet",                  "0111111111", CHAN_FROM_POS, 1100, 1100, false },
	{ "pos in the newest packet",                "0111111111", CHAN_FROM_POS, 1001, 1100, false },
	{ "pos 16 MiB ahead",            "0110110110", CHAN_FROM_POS, 1100 + (16 << 20), 1100, false },
	{ "pos more than 16 MiB ahead",  "0110110110", CHAN_FROM_POS, 1101 + (16 << 20), 700, false },
	{ "pos 2^31 - 1 ahead",          "0110110110", CHAN_FROM_POS, 1099 + (1ll << 31), 700, false },
};

/* Where the stream begins: positions pass 2^32 in the middle of it, at its end, or have long passed. */
static const uint64_t place_base[] = {
	5000, 0xffffffffu - 549, 0x100000000u - 1101, 0x100000000u - 50, 0x100000000u + 7, 0xfedcba9876543u,
};

/* A reader that holds the channel does so from when it joins until it leaves. */
START_TEST(held)
{
	struct sink *k = sink_new(false, 0), *other = sink_new(false, 0);
	struct rig g;

	rig_init(&g);
	other->r.holds = true;
	ck_assert_int_eq(chan_join(g.c, &k->r), ST_OK);
	ck_assert(!chan_is_held(g.c));
	ck_assert_int_eq(chan_join(g.c, &other->r), ST_OK);
	ck_assert(chan_is_held(g.c));
	chan_leave(g.c, &other->r);
	ck_assert(!chan_is_held(g.c));
	chan_leave(g.c, &k->r);
	sink_free(k);
	sink_free(other);
	rig_fini(&g);
}
END_TEST

START_TEST(place_table)
{
	const struct place_row *w = &place_rows[(size_t)_i % NELEM(place_rows)];
	const uint64_t base = place_base[(size_t)_i / NELEM(place_rows)];
	struct sink *k = sink_new(true, 0);
	struct rig g;
	struct pkt *h;
	uint64_t start;

	rig_init(&g);
	ck_assert_int_eq(head(&g, base, 100), ST_OK);
	skew = -100 * NSEC_PER_SEC;
	for (size_t i = 0; i < 10; i++) {
		struct pkt *p = mark_pkt(PKT_DATA, g.pos, (uint8_t)(w->cont[i] - '0'), ++g.n, g.gen, 100);

		skew += i > 0 ? 300 * NSEC_PER_MSEC : 0;
		g.pos += 100;
		ck_assert_int_eq(chan_append(g.c, g.token, &p, 1), ST_OK);
	}
	skew += 150 * NSEC_PER_MSEC;
	ck_assert_int_eq(chan_place(g.c, &k->r, w->from, w->pos < 0 ? 0 : (uint32_t)(base + (uint64_t)w->pos),
		&h, &start), ST_OK);
	ck_assert_msg(start == base + (uint64_t)w->want, "%s: %lld", w->name, (long long)(start - base));
	ck_assert_msg(k->r.want_start == w->want_start, "%s", w->name);
	ck_assert_ptr_nonnull(h);
	ck_assert_uint_eq(h->len, 100);
	pkt_unref(&h);
	sink_free(k);
	rig_fini(&g);
}
END_TEST

/* Before there is anything, after an empty head (RAW), when it has ended. */
START_TEST(place_edges)
{
	static const enum chan_from froms[] = { CHAN_FROM_LIVE, CHAN_FROM_NEWEST, CHAN_FROM_POS };
	struct sink *k = sink_new(false, 0);
	struct rig g;
	struct pkt *h, *raw;
	uint64_t start;

	rig_init(&g);
	for (size_t i = 0; i < NELEM(froms); i++) {
		ck_assert_int_eq(chan_place(g.c, &k->r, froms[i], 500, &h, &start), ST_OK);
		ck_assert_ptr_null(h);
		ck_assert_uint_eq(start, 0);
		ck_assert_uint_eq(k->r.seq, 0);
	}
	raw = pkt_new(PKT_HEAD, 0, 0, 0, 0);
	ck_assert_int_eq(chan_set_head(g.c, g.token, raw), ST_OK);
	for (size_t i = 0; i < NELEM(froms); i++) {
		ck_assert_int_eq(chan_place(g.c, &k->r, froms[i], 500, &h, &start), ST_OK);
		ck_assert_ptr_nonnull(h);
		ck_assert_uint_eq(h->len, 0);
		pkt_unref(&h);
		ck_assert_uint_eq(k->r.seq, 0);
	}
	g.gen = g.n = 0;
	g.pos = 0;
	ck_assert_int_eq(data(&g, "1"), ST_OK);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_NEWEST, 0, &h, &start), ST_OK);
	pkt_unref(&h);
	ck_assert_uint_eq(k->r.seq, 0);
	chan_close(g.c);
	ck_assert_int_eq(chan_place(g.c, &k->r, CHAN_FROM_LIVE, 0, &h, &start), ST_STOPPED);
	ck_assert_ptr_null(h);
	ck_assert_int_eq(chan_join(g.c, &k->r), ST_STOPPED);
	sink_free(k);
	rig_fini(&g);
}
END_TEST

/* --- heads ---------------------------------------------------------------------------------------- */

START_TEST(view_follows_the_ring)
{
	struct chan_view v;
	uint32_t stream;
	struct rig g;

	rig_init(&g);
	chan_view(g.c, &v);
	ck_assert(v.oldest == 0 && v.newest == 0 && v.pos == 0 && v.head_len == 0 && v.bytes_in == 0);
	ck_assert(!v.playing && v.uptime_s == 0 && v.status == CHAN_WAIT);
	chan_view_fini(&v);
	ck_assert_int_eq(head(&g, 50, 25), ST_OK);
	ck_assert_int_eq(data(&g, "01"), ST_OK);
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.oldest, 50);
	ck_assert_uint_eq(v.newest, 95);
	ck_assert_uint_eq(v.pos, 115);
	ck_assert_uint_eq(v.bytes_in, 65);
	ck_assert_uint_eq(v.in_bps, 0);
	chan_view_fini(&v);
	ck_assert_uint_eq(chan_sample(g.c, 5 * NSEC_PER_SEC, &(struct host){ .port = 0 }), 65);
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.in_bps, 13);
	ck_assert_uint_eq(chan_sample(g.c, 5 * NSEC_PER_SEC, &(struct host){ .port = 0 }), 0);
	ck_assert_uint_eq(v.head_len, 25);
	stream = v.stream;
	chan_view_fini(&v);

	/* a head that goes on keeps the ring; one that starts over empties it */
	ck_assert_int_eq(head(&g, 115, 16), ST_OK);
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.oldest, 50);
	ck_assert_uint_ne(v.stream, stream);
	stream = v.stream;
	chan_view_fini(&v);
	ck_assert_int_eq(head(&g, 0, 16), ST_OK);
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.oldest, 0);
	ck_assert_uint_eq(v.newest, 0);
	ck_assert_uint_eq(v.pos, 16);
	ck_assert_uint_ne(v.stream, stream);
	chan_view_fini(&v);

	/* so does one that steps back without starting over */
	ck_assert_int_eq(data(&g, "0101"), ST_OK);
	ck_assert_int_eq(head(&g, 50, 16), ST_OK);
	chan_view(g.c, &v);
	ck_assert(v.oldest == 50 && v.newest == 50 && v.pos == 66);
	chan_view_fini(&v);

	chan_reset(g.c, g.token + 1);           /* not the source */
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.head_len, 16);
	chan_view_fini(&v);
	chan_reset(g.c, g.token);
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.head_len, 0);
	chan_view_fini(&v);
	rig_fini(&g);
}
END_TEST

/* Nothing for longer than its source has patience for: dry. */
START_TEST(patience)
{
	static const struct {
		nsec span;
		bool dry;
	} row[] = { { 0, false }, { 3600 * NSEC_PER_SEC, false }, { 1, true } };
	struct chan_view v;
	struct rig g;

	rig_init(&g);
	chan_set_patience(g.c, 1);
	chan_view(g.c, &v);
	ck_assert_msg(!v.dry, "without a packet there is nothing to judge by");
	chan_view_fini(&v);
	ck_assert_int_eq(head(&g, 0, 16), ST_OK);
	ck_assert_int_eq(data(&g, "01"), ST_OK);
	for (size_t i = 0; i < NELEM(row); i++) {
		const nsec before = clk_now();

		chan_set_patience(g.c, row[i].span);
		while (clk_now() <= before + 1)
			;
		chan_view(g.c, &v);
		ck_assert_msg(v.dry == row[i].dry, "row %zu", i);
		chan_view_fini(&v);
	}
	rig_fini(&g);
}
END_TEST

/* A reader that slept while the head changed gets the new one before any data of its stream, even when
 * neither its own packets nor that head are in the ring any more. */
START_TEST(missed_head)
{
	struct sink *k = sink_new(_i & 1, 0);
	struct rig g;
	int what = 0;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0"), ST_OK);
	join(&g, k, CHAN_FROM_LIVE);
	ck_assert_int_eq(owner(&g, k, NULL), ST_OK);
	reader_reclaim(&k->r);
	ck_assert_int_eq(head(&g, (_i & 2) ? 0 : g.pos, 25), ST_OK);
	for (int i = 0; i < 10; i++) {
		skew += 20 * NSEC_PER_SEC;
		ck_assert_int_eq(data(&g, "1111011111111111"), ST_OK);
	}
	ck_assert_int_eq(owner(&g, k, &what), ST_OK);
	ck_assert_int_eq(what & (CHAN_NEWHEAD | CHAN_SKIPPED), CHAN_NEWHEAD | CHAN_SKIPPED);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	ck_assert_uint_eq(k->tape.heads, 2);
	ck_assert_uint_eq(k->tape.n, g.n);
	/* a player from the newest start point, a relay from the oldest */
	ck_assert_uint_eq(k->tape.packets, (_i & 1) ? 3 + 60 : 3 + 12);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* Two new heads, the first of them gone from the ring with part of its data: that stream is left out. */
START_TEST(missed_head_of_a_stream_between)
{
	struct sink *k = sink_new(_i & 1, 0);
	struct rig g;
	uint32_t last;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0"), ST_OK);
	join(&g, k, CHAN_FROM_LIVE);
	ck_assert_int_eq(head(&g, g.pos, 25), ST_OK);
	for (int i = 0; i < 8; i++) {
		skew += 20 * NSEC_PER_SEC;
		ck_assert_int_eq(data(&g, "0000000000000000"), ST_OK);
	}
	ck_assert_int_eq(head(&g, g.pos, 25), ST_OK);
	last = g.n;
	ck_assert_int_eq(data(&g, "1101"), ST_OK);
	ck_assert_int_eq(owner(&g, k, NULL), ST_OK);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	ck_assert_uint_eq(k->tape.n, g.n);
	ck_assert_uint_eq(k->tape.heads, 2);
	ck_assert_uint_eq(k->tape.gen, 3);
	/* from the start point behind the newest head */
	ck_assert_uint_eq(k->tape.packets, 2 + (g.n - last - 2));
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* A relay that falls behind in a stream without start points gets what there is. */
START_TEST(skip_without_start_points)
{
	struct sink *k = sink_new(_i & 1, 0);
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "1"), ST_OK);
	join(&g, k, CHAN_FROM_POS);
	for (int i = 0; i < 8; i++) {
		skew += 20 * NSEC_PER_SEC;
		ck_assert_int_eq(data(&g, "1111111111111111"), ST_OK);
	}
	ck_assert_int_eq(owner(&g, k, NULL), ST_OK);
	ck_assert_uint_eq(atomic_load(&k->r.skips), 1);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_str_eq(k->tape.err, "");
	ck_assert_uint_eq(k->tape.packets, (_i & 1) ? 1 + RING_MIN : 1);
	/* the player goes on with the next start point */
	ck_assert_int_eq(data(&g, "101"), ST_OK);
	ck_assert(tape_drain(&k->tape, k->far));
	ck_assert_uint_eq(k->tape.n, g.n);
	ck_assert_uint_eq(k->tape.packets, (_i & 1) ? 1 + RING_MIN + 3 : 1 + 2);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* An emptied ring is not a reader's fault. */
START_TEST(emptied_ring_is_no_skip)
{
	struct sink *k = sink_new(true, 0);
	struct rig g;
	int what = 0;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0000"), ST_OK);
	join(&g, k, CHAN_FROM_POS);
	chan_reset(g.c, g.token);
	ck_assert_int_eq(owner(&g, k, &what), ST_OK);
	ck_assert_uint_eq(atomic_load(&k->r.skips), 0);
	ck_assert_int_eq(what, CHAN_PARKED);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "1"), ST_OK);
	arrived(k, 3, g.n);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* --- many readers --------------------------------------------------------------------------------- */

START_TEST(forty_readers)
{
	struct sink *k[40];
	struct chan_view v;
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0"), ST_OK);
	for (size_t i = 0; i < NELEM(k); i++) {
		k[i] = sink_new(i % 2, 0);
		join(&g, k[i], CHAN_FROM_LIVE);
		ck_assert_int_eq(owner(&g, k[i], NULL), ST_OK);
	}
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.readers, NELEM(k));
	chan_view_fini(&v);
	ck_assert_int_eq(data(&g, "0111"), ST_OK);
	/* some leave, from anywhere in the list */
	for (size_t i = 0; i < NELEM(k); i++) {
		arrived(k[i], g.n, g.n);
		ck_assert(!reader_owns(&k[i]->r));
		if (i % 3 == 0 || i == NELEM(k) - 1) {
			leave(&g, k[i]);
			k[i] = NULL;
		}
	}
	ck_assert_int_eq(data(&g, "1"), ST_OK);
	for (size_t i = 0; i < NELEM(k); i++)
		if (k[i] != NULL) {
			arrived(k[i], g.n, g.n);
			leave(&g, k[i]);
		}
	chan_view(g.c, &v);
	ck_assert_uint_eq(v.readers, 0);
	chan_view_fini(&v);
	rig_fini(&g);
}
END_TEST

/* No memory for the list of those to feed: they are woken and send for themselves. */
START_TEST(no_room_to_feed)
{
	struct sink *k[3];
	struct rig g;

	rig_init(&g);
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0"), ST_OK);
	for (size_t i = 0; i < NELEM(k); i++) {
		k[i] = sink_new(true, 0);
		join(&g, k[i], CHAN_FROM_LIVE);
		ck_assert_int_eq(owner(&g, k[i], NULL), ST_OK);
	}
	no_memory = true;
	ck_assert_int_eq(data(&g, "01"), ST_OK);
	for (size_t i = 0; i < NELEM(k); i++) {
		ck_assert(reader_owns(&k[i]->r) && mbox_is_signalled(&k[i]->mb));
		ck_assert_int_eq(owner(&g, k[i], NULL), ST_OK);
		arrived(k[i], g.n, g.n);
	}
	no_memory = false;
	ck_assert_int_eq(data(&g, "1"), ST_OK);
	for (size_t i = 0; i < NELEM(k); i++) {
		ck_assert(!reader_owns(&k[i]->r));
		arrived(k[i], g.n, g.n);
		leave(&g, k[i]);
	}
	rig_fini(&g);
}
END_TEST

START_TEST(no_room_to_join)
{
	struct sink *k = sink_new(true, 0);
	struct rig g;

	rig_init(&g);
	no_memory = true;
	ck_assert_int_eq(chan_join(g.c, &k->r), ST_LIMIT);
	ck_assert_int_eq(chan_wait_head(g.c, &k->mb, SOON), ST_LIMIT);
	no_memory = false;
	ck_assert_int_eq(chan_join(g.c, &k->r), ST_OK);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* While the appender sends, the list of readers moves under it. */
static struct sink *guest;

static void guest_comes_and_goes(void)
{
	if (guest == NULL) {
		guest = sink_new(false, 0);
		join(now_g, guest, CHAN_FROM_NEWEST);
	} else {
		leave(now_g, guest);
		guest = NULL;
	}
}

START_TEST(others_come_and_go_during_a_send)
{
	struct sink *k = sink_new(false, 0);
	struct rig g;

	rig_init(&g);
	now_g = &g;
	guest = NULL;
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(data(&g, "0"), ST_OK);
	join(&g, k, CHAN_FROM_LIVE);
	ck_assert_int_eq(owner(&g, k, NULL), ST_OK);
	during = guest_comes_and_goes;
	ck_assert_int_eq(data(&g, "01"), ST_OK);
	ck_assert_int_eq(data(&g, "01"), ST_OK);
	ck_assert_ptr_null(guest);
	during = NULL;
	arrived(k, g.n, g.n);
	leave(&g, k);
	rig_fini(&g);
}
END_TEST

/* --- the first data -------------------------------------------------------------------------------- */

static void later(void *arg)
{
	struct rig *g = arg;

	ck_assert_int_eq(head(g, 0, 25), ST_OK);
	ck_assert_int_eq(data(g, "0"), ST_OK);
}

START_TEST(wait_head_ready)
{
	struct sink *k = sink_new(false, 0);
	struct blob *b = blob_new("x", 1);
	struct rig g;
	struct thr t;
	enum status st;

	rig_init(&g);
	/* a head alone is not enough */
	ck_assert_int_eq(head(&g, 0, 25), ST_OK);
	ck_assert_int_eq(chan_wait_head(g.c, &k->mb, clk_deadline(10 * NSEC_PER_MSEC)), ST_TIMEOUT);
	ck_assert_int_eq(mbox_post(&k->mb, b), ST_OK);
	blob_unref(&b);
	ck_assert_int_eq(thr_start(&t, "later", later, &g), ST_OK);
	st = chan_wait_head(g.c, &k->mb, SOON);
	ck_assert_int_eq(st, ST_OK);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	/* the mail is left, and said to be there */
	ck_assert(k->mb.mail);
	b = mbox_take(&k->mb);
	ck_assert_ptr_nonnull(b);
	blob_unref(&b);
	/* an old head does for the next ones at once */
	ck_assert_int_eq(chan_wait_head(g.c, &k->mb, clk_deadline(0)), ST_OK);
	sink_free(k);
	rig_fini(&g);
}
END_TEST

static void closer(void *arg)
{
	chan_close(((struct rig *)arg)->c);
}

static void stopper(void *arg)
{
	mbox_stop_soft(arg);
}

START_TEST(wait_head_ends)
{
	struct sink *k = sink_new(false, 0);
	struct rig g;
	struct thr t;

	rig_init(&g);
	if (_i == 0)
		ck_assert_int_eq(thr_start(&t, "closer", closer, &g), ST_OK);
	else
		ck_assert_int_eq(thr_start(&t, "stopper", stopper, &k->mb), ST_OK);
	ck_assert_int_eq(chan_wait_head(g.c, &k->mb, SOON), ST_STOPPED);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	sink_free(k);
	rig_fini(&g);
}
END_TEST

/* --- the source -------------------------------------------------------------------------------------- */

struct first {
	struct rig *g;
	struct mbox mb;
	uint32_t token;
};

/* A source as it should be: ends when it is told to. */
static void first_source(void *arg)
{
	struct first *f = arg;

	while (mbox_wait(&f->mb, SOON) == ST_OK)
		;
	ck_assert(mbox_is_stopped(&f->mb));
	chan_detach(f->g->c, f->token);
}

START_TEST(takeover)
{
	struct rig g = { .c = chan_make(CHAN_BROADCAST) };
	struct first f = { .g = &g };
	struct mbox mb;
	struct pkt *p;
	struct thr t;
	uint32_t token = 0;

	ck_assert_int_eq(mbox_init(&f.mb), ST_OK);
	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(chan_attach(g.c, &f.mb, &f.token, SOON), ST_OK);
	ck_assert(chan_is_source(g.c, f.token));
	/* it does not let go in time: nothing changes hands */
	ck_assert_int_eq(chan_attach(g.c, &mb, &token, clk_deadline(10 * NSEC_PER_MSEC)), ST_TIMEOUT);
	ck_assert(chan_is_source(g.c, f.token));
	ck_assert_int_eq(thr_start(&t, "first", first_source, &f), ST_OK);
	ck_assert_int_eq(chan_attach(g.c, &mb, &token, SOON), ST_OK);
	ck_assert_int_eq(thr_join(&t, SOON), ST_OK);
	ck_assert(token != f.token);
	ck_assert(chan_is_source(g.c, token) && !chan_is_source(g.c, f.token));

	/* what the first one still has is dropped, and a late detach does no harm */
	p = mark_pkt(PKT_DATA, 0, 0, 1, 1, 20);
	(void)pkt_ref(p);
	struct pkt *again = p;

	ck_assert_int_eq(chan_append(g.c, f.token, &again, 1), ST_STOPPED);
	ck_assert_uint_eq(atomic_load(&p->refs), 1);
	pkt_unref(&p);
	p = mark_pkt(PKT_HEAD, 0, 0, 1, 1, 20);
	ck_assert_int_eq(chan_set_head(g.c, f.token, p), ST_STOPPED);
	chan_detach(g.c, f.token);
	ck_assert(chan_is_source(g.c, token));

	chan_close(g.c);
	ck_assert(mbox_is_stopped(&mb));
	chan_detach(g.c, token);
	ck_assert_int_eq(chan_attach(g.c, &f.mb, &f.token, SOON), ST_STOPPED);
	mbox_fini(&f.mb);
	mbox_fini(&mb);
	chan_unref(&g.c);
}
END_TEST

START_TEST(bump)
{
	static const struct { enum chan_type type; bool takes; } rows[] = {
		{ CHAN_RELAY, true }, { CHAN_BROADCAST, false },
	};
	const struct host there = host_v4(192, 0, 2, 1, 7144);

	for (size_t i = 0; i < NELEM(rows); i++) {
		struct chan *c = chan_make(rows[i].type);
		struct host to;
		struct mbox mb;
		uint32_t token;

		ck_assert_int_eq(mbox_init(&mb), ST_OK);
		chan_bump(c, NULL);             /* nobody is attached yet */
		ck_assert_int_eq(chan_take_bump(c, &to), rows[i].takes);
		ck_assert_int_eq(chan_attach(c, &mb, &token, SOON), ST_OK);
		chan_bump(c, &there);
		ck_assert_int_eq(mbox_is_signalled(&mb), rows[i].takes);
		ck_assert_int_eq(chan_take_bump(c, &to), rows[i].takes);
		if (rows[i].takes)
			ck_assert(host_equal(&to, &there));
		ck_assert(!chan_take_bump(c, &to));
		chan_bump(c, NULL);
		ck_assert_int_eq(chan_take_bump(c, &to), rows[i].takes);
		if (rows[i].takes)
			ck_assert(!host_is_set(&to));
		chan_detach(c, token);
		mbox_fini(&mb);
		chan_unref(&c);
	}
}
END_TEST

static enum status post_up(struct chan *c, struct blob *b, uint8_t not_sid, uint8_t dest)
{
	const struct gnuid n = { { not_sid } }, d = { { dest } };

	return chan_post_source(c, b, &n, &d);
}

/* What goes up goes to the source's session, but never back to where it came from; what is addressed, only
 * to where its addressee was heard of. */
START_TEST(post_source)
{
	struct chan *c = chan_make(CHAN_RELAY);
	const struct gnuid up = { { 7 } }, far = { { 9 } };
	struct blob *b = blob_new("x", 1);
	unsigned n = 0;
	struct mbox mb;
	uint32_t token;

	ck_assert_int_eq(mbox_init(&mb), ST_OK);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_STOPPED);     /* nobody */
	ck_assert_int_eq(chan_attach(c, &mb, &token, SOON), ST_OK);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_STOPPED);     /* not connected */
	chan_set_source(c, NULL, &up, NULL);
	ck_assert_int_eq(post_up(c, b, 7, 0), ST_STOPPED);     /* it came from there */
	ck_assert_int_eq(post_up(c, b, 0, 9), ST_STOPPED);     /* is for somebody else */
	ck_assert_ptr_null(mbox_take(&mb));
	ck_assert_int_eq(post_up(c, b, 8, 0), ST_OK);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_OK);
	ck_assert_int_eq(post_up(c, b, 8, 7), ST_OK);
	chan_heard(c, &up);
	chan_heard(c, &far);
	ck_assert_int_eq(post_up(c, b, 8, 9), ST_OK);
	ck_assert_int_eq(post_up(c, b, 7, 9), ST_STOPPED);
	for (int i = 0; i < 4; i++) {
		struct blob *got = mbox_take(&mb);

		ck_assert_ptr_eq(got, b);
		blob_unref(&got);
	}
	/* Another connection: what was heard of through the one before counts no more. */
	chan_set_source(c, NULL, &up, NULL);
	ck_assert_int_eq(post_up(c, b, 0, 9), ST_STOPPED);
	chan_heard(c, &far);
	while (post_up(c, b, 0, 0) == ST_OK)
		n++;
	ck_assert_uint_eq(n, MAILQ_MAX);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_LIMIT);
	chan_close(c);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_STOPPED);
	chan_detach(c, token);
	ck_assert_int_eq(post_up(c, b, 0, 0), ST_STOPPED);
	mbox_fini(&mb);
	blob_unref(&b);
	chan_unref(&c);                 /* with the route it still has (ASan) */
}
END_TEST

/* --- what others see ---------------------------------------------------------------------------------- */

static const struct info_row {
	const char *name;
	int text;               /* changed to "new"; -1 = none */
	uint32_t bitrate;
	uint8_t bcid;
	bool changed, bitrate_only;
} info_rows[] = {
	{ "nothing",          -1,       500, 0, false, false },
	{ "bitrate",          -1,       501, 0, true,  true },
	{ "clamped bitrate",  -1, 0xffffffff, 0, true, true },
	{ "name",             CT_NAME,  500, 0, true,  false },
	{ "track and bitrate", CT_TRACK_TITLE, 700, 0, true, false },
	{ "last text",        CT_TRACK_GENRE, 500, 0, true, false },
	{ "owner",            -1,       500, 7, true,  false },
};

START_TEST(set_info)
{
	const struct info_row *w = &info_rows[_i];
	struct chan *c = chan_make(CHAN_BROADCAST);
	struct chaninfo *old = chan_info(c), *now;
	struct chanmeta m;
	bool only = true;

	chaninfo_to_meta(old, &m);
	if (w->text >= 0)
		(void)text_copy(m.text[w->text], TEXT_MAX, "new");
	m.bitrate_kbps = w->bitrate;
	m.bcid.b[5] = w->bcid;
	ck_assert_msg(chan_set_info(c, &m, &only) == w->changed, "%s", w->name);
	ck_assert_msg(only == w->bitrate_only, "%s", w->name);
	now = chan_info(c);
	ck_assert_msg((now == old) == !w->changed, "%s", w->name);
	ck_assert(!chan_set_info(c, &m, &only) && !only);
	ck_assert_str_eq(old->text[CT_NAME], "test");   /* what somebody holds does not change */
	chaninfo_unref(&now);
	chaninfo_unref(&old);
	chan_unref(&c);
}
END_TEST

/* Only what is named changes, the rest of `from` does not count. */
START_TEST(merge_info)
{
	struct chan *c = chan_make(CHAN_BROADCAST);
	struct chaninfo *now;
	struct chanmeta m;
	bool only;

	memset(&m, 0, sizeof(m));
	(void)text_copy(m.text[CT_COMMENT], TEXT_MAX, "new");
	m.bitrate_kbps = 9;
	ck_assert(!chan_merge_info(c, &m, 0, &only) && !only);
	ck_assert(chan_merge_info(c, &m, 1u << CT_COMMENT, &only) && !only);
	ck_assert(!chan_merge_info(c, &m, 1u << CT_COMMENT, &only));
	ck_assert(chan_merge_info(c, &m, CHANMETA_BITRATE, &only) && only);
	now = chan_info(c);
	ck_assert_str_eq(now->text[CT_COMMENT], "new");
	ck_assert_str_eq(now->text[CT_NAME], "test");
	ck_assert_uint_eq(now->bitrate_kbps, 9);
	chaninfo_unref(&now);
	ck_assert_str_eq(chan_key(c), "test");
	chan_unref(&c);
}
END_TEST

struct editor {
	struct chan *c;
	enum chantext text;
	uint32_t lost;
};

/* What only one sets has the value it was given, whoever changes other values meanwhile. */
static void edit(void *arg)
{
	struct editor *e = arg;
	struct chanmeta m;
	bool only;

	memset(&m, 0, sizeof(m));
	for (int i = 0; i < 2000; i++) {
		struct chaninfo *now;

		snprintf(m.text[e->text], TEXT_MAX, "%d", i);
		(void)chan_merge_info(e->c, &m, 1u << e->text, &only);
		now = chan_info(e->c);
		e->lost += strcmp(now->text[e->text], m.text[e->text]) != 0;
		chaninfo_unref(&now);
	}
}

START_TEST(merge_race)
{
	struct chan *c = chan_make(CHAN_BROADCAST);
	struct editor e[2] = { { c, CT_COMMENT, 0 }, { c, CT_TRACK_TITLE, 0 } };
	struct thr t;

	ck_assert_int_eq(thr_start(&t, "editor", edit, &e[0]), ST_OK);
	edit(&e[1]);
	ck_assert_int_eq(thr_join(&t, clk_deadline(60 * NSEC_PER_SEC)), ST_OK);
	ck_assert_uint_eq(e[0].lost, 0);
	ck_assert_uint_eq(e[1].lost, 0);
	chan_unref(&c);
}
END_TEST

START_TEST(status)
{
	struct chan *c = chan_make(CHAN_RELAY);
	struct host h = host_v4(192, 0, 2, 9, 7144);
	struct gnuid sid = { { 9 } };
	struct chan_view v;
	char url[CHAN_URL + 100];

	ck_assert_str_eq(chan_status_str(chan_get_status(c)), "WAIT");
	chan_set_status(c, CHAN_RECEIVING);
	ck_assert(chan_is_playing(c));
	ck_assert(chan_toggle_keep(c) && !chan_toggle_keep(c));
	chan_set_keep(c, true);
	memset(url, 'x', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	chan_set_source(c, &h, &sid, url);
	chan_count_skip(c);
	chan_view(c, &v);
	ck_assert(v.keep && v.playing && host_equal(&v.source, &h) && gnuid_equal(&v.source_sid, &sid));
	ck_assert_uint_eq(strlen(v.source_url), sizeof(v.source_url) - 1);
	ck_assert_uint_eq(v.skips, 1);
	chan_view_fini(&v);
	chan_set_source(c, NULL, NULL, NULL);
	chan_view(c, &v);
	ck_assert(!host_is_set(&v.source) && !gnuid_is_set(&v.source_sid) && v.source_url[0] == '\0');
	chan_view_fini(&v);
	/* the end is final */
	chan_close(c);
	chan_close(c);
	chan_set_status(c, CHAN_RECEIVING);
	ck_assert_int_eq(chan_get_status(c), CHAN_CLOSING);
	ck_assert(!chan_is_playing(c));
	for (int s = CHAN_WAIT; s <= CHAN_ERROR; s++)
		ck_assert_str_ne(chan_status_str((enum chan_status)s), "NONE");
	ck_assert_str_eq(chan_status_str((enum chan_status)99), "NONE");
	for (int s = CHAN_SRC_PEERCAST; s <= CHAN_SRC_RTMP; s++)
		ck_assert_str_ne(chan_src_str((enum chan_src)s), "NONE");
	chan_unref(&c);
}
END_TEST

/* --- all at once --------------------------------------------------------------------------------------- */

#define READERS 8

struct stress {
	struct rig g;
	pthread_mutex_t mtx;            /* of `mb`: who may be told to stop */
	struct mbox *mb[READERS];
	_Atomic bool over;
	_Atomic uint32_t sessions, packets, borders, cut;
	_Atomic uint32_t faults;
	char err[128];                  /* of the first fault; mtx */
};

struct worker {
	struct stress *x;
	size_t i;
	uint32_t seed;
};

static uint32_t dice(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*seed * n >> 32);
}

static void fault(struct stress *x, const char *what)
{
	pthread_mutex_lock(&x->mtx);
	if (atomic_fetch_add(&x->faults, 1) == 0)
		(void)text_copy(x->err, sizeof(x->err), what);
	pthread_mutex_unlock(&x->mtx);
}

struct listener {
	struct sink *k;
	uint32_t seed;
};

/* The other end: reads at its own pace until the end of the stream. */
static void listen_to(void *arg)
{
	struct listener *l = arg;
	uint8_t b[3000];

	for (;;) {
		const ssize_t n = recv(l->k->far, b, 1 + dice(&l->seed, sizeof(b)), 0);

		if (n > 0)
			tape_eat(&l->k->tape, b, (size_t)n);
		else if (n == 0 || errno != EINTR)
			return;
		for (uint32_t i = dice(&l->seed, 4) == 0 ? dice(&l->seed, 50) : 0; i > 0; i--)
			(void)sched_yield();
	}
}

/* Play until told to stop, tired, or the end. */
static enum status play(struct stress *x, struct sink *k, uint32_t *seed)
{
	uint32_t left = 5 + dice(seed, 300);
	enum status st = ST_OK;
	int what, got;

	while (st == ST_OK && left-- > 0) {
		st = reader_flush(&k->r, SOON);
		if (st == ST_OK)
			st = chan_read(x->g.c, &k->r, &what);
		if (st != ST_OK || (what & CHAN_PARKED) == 0)
			continue;
		/* sleep, wake by itself, or want the right at once */
		if (dice(seed, 3) != 0) {
			st = sock_wait(&k->s, 0, &got, clk_deadline(dice(seed, 3) * NSEC_PER_MSEC));
			st = st == ST_TIMEOUT ? ST_OK : st;
		}
		reader_reclaim(&k->r);
	}
	return st;
}

static void session(struct worker *w)
{
	static const uint8_t bye = BYE;
	struct stress *x = w->x;
	struct sink *k = sink_new(w->i % 2, w->i < 6 ? 4096 : 0);
	struct listener l = { .k = k, .seed = w->seed ^ 0x5555 };
	enum status st = ST_OK;
	struct thr t;
	bool in_packet, ended = false;

	if (thr_start(&t, "listener", listen_to, &l) != ST_OK) {
		fault(x, "no thread");
		sink_free(k);
		return;
	}
	pthread_mutex_lock(&x->mtx);
	x->mb[w->i] = &k->mb;
	pthread_mutex_unlock(&x->mtx);
	if (chan_wait_head(x->g.c, &k->mb, SOON) == ST_OK && chan_join(x->g.c, &k->r) == ST_OK) {
		struct pkt *h;
		uint64_t start;

		st = chan_place(x->g.c, &k->r, k->r.framed ? CHAN_FROM_POS : CHAN_FROM_LIVE,
			dice(&w->seed, 5000), &h, &start);
		if (st == ST_OK) {
			k->r.taken[k->r.n_taken++] = h;
			st = reader_flush(&k->r, SOON);
		}
		if (st == ST_OK)
			st = play(x, k, &w->seed);
		ended = st == ST_STOPPED && !mbox_is_stopped(&k->mb);
		reader_reclaim(&k->r);
		chan_leave(x->g.c, &k->r);
	}
	/* Goodbye, unless a packet is cut. */
	in_packet = reader_in_packet(&k->r);
	atomic_fetch_add(in_packet ? &x->cut : &x->borders, 1);
	sock_deafen(&k->s);
	if (!in_packet)
		(void)!sock_write(&k->s, &bye, 1, SOON);
	pthread_mutex_lock(&x->mtx);
	x->mb[w->i] = NULL;
	pthread_mutex_unlock(&x->mtx);
	sock_close(&k->s);
	if (thr_join(&t, SOON) != ST_OK)
		fault(x, "listener does not end");
	if (k->tape.err[0] != '\0')
		fault(x, k->tape.err);
	if (k->tape.gaps > atomic_load(&k->r.skips))
		fault(x, "a gap that was no skip");
	if (k->tape.mid > 0 && !k->r.framed)
		fault(x, "from the middle");
	if (ended && !in_packet && k->tape.n != x->g.n && !k->r.want_start)
		fault(x, "the rest was not delivered");
	atomic_fetch_add(&x->packets, k->tape.packets);
	atomic_fetch_add(&x->sessions, 1);
	sink_free(k);
}

static void reader_thread(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&w->x->over))
		session(w);
}

/* Has there been enough of everything that the end of the test asks for? */
static bool had_their_part(struct stress *x, uint32_t rounds)
{
	return atomic_load(&x->sessions) > READERS && atomic_load(&x->packets) > rounds &&
	       atomic_load(&x->borders) > 0;
}

START_TEST(stress)
{
	const uint32_t rounds = 1500;
	const nsec late = clk_deadline(30 * NSEC_PER_SEC);
	struct stress x = { .mtx = PTHREAD_MUTEX_INITIALIZER };
	struct worker w[READERS];
	struct thr t[READERS];
	uint32_t seed = 42;

	stressing = true;
	rig_init(&x.g);
	for (size_t i = 0; i < READERS; i++) {
		w[i] = (struct worker){ .x = &x, .i = i, .seed = (uint32_t)i * 7919 };
		ck_assert_int_eq(thr_start(&t[i], "reader", reader_thread, &w[i]), ST_OK);
	}
	ck_assert_int_eq(head(&x.g, 0, 300), ST_OK);
	/* at least so many rounds, and on until the readers have had a part in it */
	for (uint32_t i = 0; i < rounds || (clk_now() < late && !had_their_part(&x, rounds)); i++) {
		struct pkt *p[READER_BATCH];
		const size_t n = 1 + (dice(&seed, 4) == 0 ? dice(&seed, READER_BATCH) : 0);

		if (dice(&seed, 300) == 0)
			ck_assert_int_eq(head(&x.g, dice(&seed, 2) == 0 ? 0 : x.g.pos, 300), ST_OK);
		for (size_t j = 0; j < n; j++) {
			const size_t len = MARK + dice(&seed, dice(&seed, 8) == 0 ? 9000 : 900);

			p[j] = mark_pkt(PKT_DATA, x.g.pos, dice(&seed, 5) != 0, ++x.g.n, x.g.gen, len);
			x.g.pos += len;
		}
		ck_assert_int_eq(chan_append(x.g.c, x.g.token, p, n), ST_OK);
		if (dice(&seed, 40) == 0) {
			const size_t who = dice(&seed, READERS);
			const bool hard = dice(&seed, 2) != 0;

			pthread_mutex_lock(&x.mtx);
			if (x.mb[who] != NULL)
				(hard ? mbox_stop : mbox_stop_soft)(x.mb[who]);
			pthread_mutex_unlock(&x.mtx);
		}
		if (dice(&seed, 3) == 0)
			(void)sched_yield();
	}
	atomic_store(&x.over, true);
	chan_close(x.g.c);
	for (size_t i = 0; i < READERS; i++)
		ck_assert_int_eq(thr_join(&t[i], clk_deadline(60 * NSEC_PER_SEC)), ST_OK);
	ck_assert_msg(atomic_load(&x.faults) == 0, "%u faults: %s", atomic_load(&x.faults), x.err);
	ck_assert_uint_gt(atomic_load(&x.sessions), READERS);
	ck_assert_uint_gt(atomic_load(&x.packets), rounds);
	ck_assert_uint_gt(atomic_load(&x.borders), 0);
	rig_fini(&x.g);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("core/chan/chan");
	TCase *t = tcase_create("chan");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, every_order, 0, 2);
	tcase_add_test(t, long_walks);
	tcase_add_test(t, held);
	tcase_add_loop_test(t, place_table, 0, NELEM(place_rows) * NELEM(place_base));
	tcase_add_test(t, place_edges);
	tcase_add_test(t, view_follows_the_ring);
	tcase_add_test(t, patience);
	tcase_add_loop_test(t, missed_head, 0, 4);
	tcase_add_loop_test(t, missed_head_of_a_stream_between, 0, 2);
	tcase_add_loop_test(t, skip_without_start_points, 0, 2);
	tcase_add_test(t, emptied_ring_is_no_skip);
	tcase_add_test(t, forty_readers);
	tcase_add_test(t, no_room_to_feed);
	tcase_add_test(t, no_room_to_join);
	tcase_add_test(t, others_come_and_go_during_a_send);
	tcase_add_test(t, wait_head_ready);
	tcase_add_loop_test(t, wait_head_ends, 0, 2);
	tcase_add_test(t, takeover);
	tcase_add_test(t, bump);
	tcase_add_test(t, post_source);
	tcase_add_loop_test(t, set_info, 0, NELEM(info_rows));
	tcase_add_test(t, merge_info);
	tcase_add_test(t, merge_race);
	tcase_add_test(t, status);
	tcase_add_test(t, stress);
	suite_add_tcase(s, t);
	return s;
}

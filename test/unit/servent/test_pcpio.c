/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clk_now */
#include "servent/pcpio.h"

#include "pcp/quit.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static bool stands;                     /* the clock, but for what is added to it */
static nsec origin, skew;

nsec __real_clk_now(void);
nsec __wrap_clk_now(void);

nsec __wrap_clk_now(void)
{
	return stands ? origin + skew : __real_clk_now();
}

/* Three atoms: a leaf, an empty one, a container with depth. */
static void put_three(struct buf *b)
{
	struct atomwr w;

	atomwr_init(&w, b);
	mesg_emit(&w, "hello");
	atomwr_bytes(&w, ATOM_UPD, "", 0);
	atomwr_begin(&w, ATOM_BCST);
	atomwr_u8(&w, ATOM_TTL, 7);
	atomwr_begin(&w, ATOM_CHAN);
	atomwr_u32(&w, ATOM_POS, 0x12345678);
	atomwr_end(&w);
	atomwr_end(&w);
	ck_assert_int_eq(atomwr_status(&w), ST_OK);
}

static void expect_three(struct pcpio *io)
{
	const nsec soon = clk_deadline(SOON);
	struct atom a, c, d;
	char text[TEXT_MAX];
	uint32_t v;

	ck_assert_int_eq(pcpio_read(io, &a, soon), ST_OK);
	ck_assert(mesg_parse(&a, text));
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(pcpio_read(io, &a, soon), ST_OK);
	ck_assert(a.id == ATOM_UPD && atom_is_empty(&a));
	ck_assert_int_eq(pcpio_read(io, &a, soon), ST_OK);
	ck_assert_int_eq((int)a.id, ATOM_BCST);
	ck_assert(atom_next(&a, &c) && atom_next(&a, &c) && atom_next(&c, &d) && atom_u32(&d, &v));
	ck_assert_uint_eq(v, 0x12345678);
	ck_assert_int_eq(pcpio_next(io, &a), ST_TIMEOUT);
	ck_assert_int_eq(pcpio_deadline(io), NSEC_NEVER);
}

/* In pieces of every size, in both kinds of buffer. */
START_TEST(pieces)
{
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;

	buf_init(&b, 4096);
	put_three(&b);
	for (size_t size = 1; size <= b.len; size++) {
		wire_make(&w);
		pcpio_init(&io, &w.s, _i ? &atomlimits_fetch : &atomlimits_control);
		for (size_t at = 0; at < b.len; at += size) {
			far_send(&w, b.p + at, MIN(size, b.len - at));
			/* All but the last piece is looked at before the next one comes. */
			if (at + size < b.len && at == 0) {
				ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_OK);
				if (size < 14) {
					ck_assert_int_eq(pcpio_next(&io, &a), ST_TIMEOUT);
					ck_assert_int_ne(pcpio_deadline(&io), NSEC_NEVER);
					ck_assert(!pcpio_is_dry(&io));
				}
			}
		}
		expect_three(&io);
		ck_assert(pcpio_is_dry(&io));
		if (_i == 0)
			ck_assert_ptr_null(io.in.p);    /* an idle connection holds no memory */
		pcpio_fini(&io);
		wire_drop(&w);
	}
	buf_fini(&b);
}
END_TEST

/* The bytes of an atom stay where they are until the next call. */
START_TEST(many)
{
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;
	uint32_t v;

	buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < 9000; i++) {
		struct atomwr wr;

		atomwr_init(&wr, &b);
		atomwr_u32(&wr, ATOM_POS, i);
	}
	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_control);
	for (uint32_t i = 0; i < 9000; i += 3000) {
		far_send(&w, b.p + i * 12, 3000 * 12);
		for (uint32_t k = i; k < i + 3000; k++) {
			ck_assert_int_eq(pcpio_read(&io, &a, clk_deadline(SOON)), ST_OK);
			ck_assert(atom_u32(&a, &v));
			ck_assert_uint_eq(v, k);
		}
	}
	pcpio_fini(&io);
	wire_drop(&w);
	buf_fini(&b);
}
END_TEST

/* A read that fills its room is not the last one, though nothing is left of its atoms. */
START_TEST(full)
{
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < 2 * 1024; i++) {       /* 16 KiB of empty ones: a whole read */
		struct atomwr wr;

		atomwr_init(&wr, &b);
		atomwr_bytes(&wr, ATOM_UPD, "", 0);
	}
	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_control);
	ck_assert(pcpio_is_dry(&io));
	far_send(&w, b.p, b.len);
	ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_OK);
	while (pcpio_next(&io, &a) == ST_OK)
		ck_assert_int_eq((int)a.id, ATOM_UPD);
	ck_assert(!pcpio_is_dry(&io));
	ck_assert_int_eq(pcpio_pump(&io, 0), ST_TIMEOUT);
	ck_assert(pcpio_is_dry(&io));
	pcpio_fini(&io);
	wire_drop(&w);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name;
	uint32_t word;
	bool fetch;
	enum status want;
} claims[] = {
	{ "leaf at the limit",       16 * 1024,       false, ST_TIMEOUT },
	{ "leaf over it",            16 * 1024 + 1,   false, ST_LIMIT },
	{ "leaf at the limit",       1024 * 1024,     true,  ST_TIMEOUT },
	{ "leaf over it",            1024 * 1024 + 1, true,  ST_LIMIT },
	{ "greatest leaf",           0x7fffffff,      true,  ST_LIMIT },
	{ "children at the limit",   0x80000400,      false, ST_TIMEOUT },
	{ "children over it",        0x80000401,      false, ST_LIMIT },
	{ "most children",           0xffffffff,      true,  ST_LIMIT },
};

/* Refused from the header, before anything of that size is awaited or allocated. */
START_TEST(claim)
{
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;

	buf_init(&b, 64);
	buf_le32(&b, ATOM_CHAN);
	buf_le32(&b, claims[_i].word);
	wire_make(&w);
	pcpio_init(&io, &w.s, claims[_i].fetch ? &atomlimits_fetch : &atomlimits_control);
	far_send(&w, b.p, b.len);
	ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_OK);
	ck_assert_msg(pcpio_next(&io, &a) == claims[_i].want, "%s", claims[_i].name);
	ck_assert_msg(pcpio_next(&io, &a) == claims[_i].want, "%s, again", claims[_i].name);
	ck_assert_uint_le(io.in.cap, 256 * 1024);
	pcpio_fini(&io);
	wire_drop(&w);
	buf_fini(&b);
}
END_TEST

/* A great packet on a fetch connection, and what follows it. */
START_TEST(great)
{
	const size_t n = 1024 * 1024;
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;

	buf_init(&b, 2 * n);
	buf_le32(&b, ATOM_DATA);
	buf_le32(&b, (uint32_t)n);
	memset(buf_reserve(&b, n), 0xab, n);
	b.len += n;
	put_three(&b);
	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_fetch);
	for (size_t at = 0, k; at < b.len; at += k) {
		k = MIN((size_t)50000, b.len - at);
		far_send(&w, b.p + at, k);
		if (at + k < n)
			ck_assert_int_eq(pcpio_next(&io, &a), ST_TIMEOUT);
		if (at + k < n)
			ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_OK);
	}
	ck_assert_int_eq(pcpio_read(&io, &a, clk_deadline(SOON)), ST_OK);
	ck_assert_uint_eq(a.size, n + ATOM_HDR);
	ck_assert_int_eq(a.rd.p[0], 0xab);
	ck_assert_int_eq(a.rd.p[n - 1], 0xab);
	expect_three(&io);
	pcpio_fini(&io);
	wire_drop(&w);
	buf_fini(&b);
}
END_TEST

START_TEST(endings)
{
	struct pcpio io;
	struct wire w;
	struct atom a;
	struct buf b;

	buf_init(&b, 4096);
	put_three(&b);
	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_control);
	ck_assert_int_eq(pcpio_read(&io, &a, clk_deadline(0)), ST_TIMEOUT);

	/* Half an atom, too long ago: more bytes do not help. */
	far_send(&w, b.p, 5);
	ck_assert_int_eq(pcpio_read(&io, &a, clk_deadline(NSEC_PER_MSEC)), ST_TIMEOUT);
	ck_assert_int_ne(pcpio_deadline(&io), NSEC_NEVER);
	io.begun -= PCP_ATOM_TIME;
	far_send(&w, b.p + 5, 1);
	ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_TIMEOUT);
	io.begun += PCP_ATOM_TIME;

	/* Cut off inside it. */
	ck_assert_int_eq(shutdown(w.far, SHUT_WR), 0);
	ck_assert_int_eq(pcpio_read(&io, &a, clk_deadline(SOON)), ST_EOF);
	ck_assert_int_ne(pcpio_deadline(&io), NSEC_NEVER);
	mbox_stop(&w.mb);
	ck_assert_int_eq(pcpio_pump(&io, clk_deadline(SOON)), ST_STOPPED);
	pcpio_fini(&io);
	wire_drop(&w);
	buf_fini(&b);
}
END_TEST

static void post(struct wire *wr, uint8_t v)
{
	struct blob *b = blob_new(&v, 1);

	ck_assert_int_eq(mbox_post(&wr->mb, b), ST_OK);
	blob_unref(&b);
}

static void arrives(const struct wire *wr, uint8_t from, uint8_t n)
{
	uint8_t got[64] = { 0 };
	const ssize_t len = recv(wr->far, got, sizeof(got), MSG_DONTWAIT);

	ck_assert_int_eq(len, n == 0 ? -1 : n);
	for (uint8_t i = 0; i < n; i++)
		ck_assert_uint_eq(got[i], from + i);
}

/* A burst, then five a second, whoever sends them. */
START_TEST(mail)
{
	struct pcpio io;
	struct wire w;

	origin = clk_now();
	stands = true;
	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_control);
	ck_assert_int_eq(pcpio_mail(&io, &w.mb, SOON), ST_OK);
	ck_assert_int_eq(pcpio_mail_due(&io, &w.mb), NSEC_NEVER);
	for (uint8_t i = 0; i < 40; i++)
		post(&w, i);
	ck_assert_int_le(pcpio_mail_due(&io, &w.mb), clk_now());
	ck_assert_int_eq(pcpio_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
	arrives(&w, 0, PCP_PACE_BURST);
	for (uint8_t i = PCP_PACE_BURST; i < 30; i++) {
		const nsec due = pcpio_mail_due(&io, &w.mb);

		ck_assert_int_eq(due, clk_now() + PCP_PACE);
		skew = due - 1 - origin;
		ck_assert_int_eq(pcpio_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
		arrives(&w, 0, 0);
		skew++;
		ck_assert_int_eq(pcpio_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
		arrives(&w, i, 1);
	}
	/* what is written besides counts as well */
	skew += 2 * PCP_PACE;
	pcpio_pace_spend(&io);
	ck_assert_int_eq(pcpio_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
	arrives(&w, 30, 1);
	/* two seconds later all that is left may go */
	skew += 2 * NSEC_PER_SEC;
	ck_assert_int_eq(pcpio_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
	arrives(&w, 31, 9);
	ck_assert_int_eq(pcpio_mail_due(&io, &w.mb), NSEC_NEVER);
	pcpio_fini(&io);
	wire_drop(&w);
	stands = false;
}
END_TEST

/* Before a good-bye, also after a soft stop: as many as older nodes take at once. */
START_TEST(last_mail)
{
	struct pcpio io;
	struct wire w;

	wire_make(&w);
	pcpio_init(&io, &w.s, &atomlimits_control);
	for (uint8_t i = 0; i < 40; i++)
		post(&w, i);
	mbox_stop_soft(&w.mb);
	sock_deafen(&w.s);
	ck_assert_int_eq(pcpio_last_mail(&io, &w.mb, clk_deadline(SOON)), ST_OK);
	arrives(&w, 0, PCP_PACE_BURST);
	pcpio_fini(&io);
	wire_drop(&w);
}
END_TEST

/* After a stop, over unread bytes, and to a peer that does not care. */
START_TEST(quit)
{
	const uint8_t want[] = { 'q', 'u', 'i', 't', 4, 0, 0, 0, 0xf1, 3, 0, 0 };
	char junk[5000] = "";
	uint8_t got[64];
	struct wire w;
	nsec began;

	wire_make(&w);
	far_send(&w, junk, sizeof(junk));
	ck_assert_int_eq(shutdown(w.far, SHUT_WR), 0);
	mbox_stop_soft(&w.mb);
	pcpio_quit(&w.s, PCP_QUIT_SHUTDOWN);
	sock_close(&w.s);
	ck_assert_int_eq(recv(w.far, got, sizeof(got), MSG_DONTWAIT), (int)sizeof(want));
	ck_assert_mem_eq(got, want, sizeof(want));
	ck_assert_int_eq(recv(w.far, got, sizeof(got), MSG_DONTWAIT), 0);
	wire_drop(&w);

	wire_make(&w);
	began = clk_now();
	pcpio_quit(&w.s, PCP_QUIT);
	ck_assert(clk_now() - began < GOODBYE + NSEC_PER_SEC);
	ck_assert_int_eq(recv(w.far, got, sizeof(got), MSG_DONTWAIT), 12);
	wire_drop(&w);
}
END_TEST

/* Only what can be an open port of somebody else's is dialled. */
START_TEST(port_test)
{
	const struct gnuid sid = id_of(7);
	const struct host bad[] = {
		host_v4(127, 0, 0, 1, 7144), host_v4(10, 0, 0, 1, 7144), host_v4(192, 168, 1, 1, 7144),
		host_v4(0, 0, 0, 0, 7144), host_v4(224, 0, 0, 1, 7144), host_v4(203, 0, 113, 9, 1023),
		host_v4(203, 0, 113, 9, 0), { .port = 7144 },
	};
	struct app a;
	struct wire w;

	app_make(&a, NULL);
	wire_make(&w);
	for (size_t i = 0; i < NELEM(bad); i++)
		ck_assert(!porttest_run(&a.node, &bad[i], &sid, &w.mb, clk_deadline(SOON)));
	ck_assert_int_eq(w.s.fd != -1, 1);
	wire_drop(&w);
	app_drop(&a);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/pcpio");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, pieces, 0, 2);
	tcase_add_test(t, many);
	tcase_add_test(t, full);
	tcase_add_loop_test(t, claim, 0, (int)NELEM(claims));
	tcase_add_test(t, great);
	tcase_add_test(t, endings);
	tcase_add_test(t, mail);
	tcase_add_test(t, last_mail);
	tcase_add_test(t, quit);
	tcase_add_test(t, port_test);
	suite_add_tcase(s, t);
	return s;
}

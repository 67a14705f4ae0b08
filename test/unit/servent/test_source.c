/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source without a connection: what it makes of its input, and of what was said before. */
#include "servent/source.h"

#include "pcp/chanatom.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

static struct app app;
static nsec now;

static void up(void)
{
	app_make(&app, (const char *const[]){ "sourceGraceSec", "0", "rootHost", "", NULL });
	now = clk_now();
}

static void down(void)
{
	app_drop(&app);
}

static void begin(struct source *s, enum chan_src kind, const char *name, const char *genre, const char *mount)
{
	const struct host peer = host_v4(127, 0, 0, 1, 1);
	struct chanmeta m = { .bitrate_kbps = 0 };

	(void)text_copy(m.text[CT_NAME], TEXT_MAX, name);
	(void)text_copy(m.text[CT_GENRE], TEXT_MAX, genre);
	(void)chanmeta_set_type(&m, "UNKNOWN");
	ck_assert_int_eq(source_init(s, &app, kind, &m, &peer, false), ST_OK);
	if (mount[0] != '\0')
		source_set_mount(s, mount);
}

static void feed(struct source *s, const struct buf *b)
{
	ck_assert_int_eq(b->err, ST_OK);
	ck_assert_msg(source_feed(s, b->p, b->len, now) == ST_OK, "%s", s->error);
	now += NSEC_PER_SEC;
	ck_assert_int_eq(source_tick(s, now), ST_OK);
}

static void put_tag(struct buf *b, uint8_t kind, uint32_t ms, const char *body, size_t n, size_t fill)
{
	const uint32_t size = (uint32_t)(n + fill);
	const uint8_t head[11] = { kind, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size,
		(uint8_t)(ms >> 16), (uint8_t)(ms >> 8), (uint8_t)ms, (uint8_t)(ms >> 24) };

	buf_put(b, head, sizeof(head));
	buf_put(b, body, n);
	for (size_t i = 0; i < fill; i++)
		buf_u8(b, 'x');
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_u8(b, (uint8_t)((size + 11) >> shift));
}

static void put_head(struct buf *b)
{
	static const char avc[] = "\x17\x00\x00\x00\x00\x01\x42\xc0\x1e\xff\xe1\x00\x0e\x67\x42\xc0\x1e\xd9\x00\xa0"
		"\x3d\xa1\x00\x00\x03\x00\x01\x00\x01\x00\x04\x68\xce\x3c\x80";

	buf_put(b, "FLV\x01\x01\0\0\0\x09\0\0\0\0", 13);
	put_tag(b, 9, 0, avc, sizeof(avc) - 1, 0);
}

static void put_frame(struct buf *b, uint32_t ms, bool key)
{
	put_tag(b, 9, ms, key ? "\x17\x01\0\0\0" : "\x27\x01\0\0\0", 5, 1000);
}

/* Near 2^32 positions begin anew with the same head, at a frame where players may begin. */
START_TEST(renews_positions)
{
	const uint64_t limit = UINT64_C(0xF0000000);
	struct chan_view v, w;
	struct source s;
	struct pkt *head, *again;
	struct buf b;

	begin(&s, CHAN_SRC_HTTPPUSH, "flv", "", "");
	buf_init(&b, 1 << 20);
	put_head(&b);
	put_frame(&b, 0, true);
	put_frame(&b, 400, false);
	feed(&s, &b);
	ck_assert_ptr_nonnull(s.c);
	head = chan_head(s.c);
	chan_view(s.c, &v);
	ck_assert_uint_gt(v.pos, 2000);
	s.pos = limit - 1;
	for (uint32_t i = 0; i < 3; i++) {
		buf_reset(&b);
		put_frame(&b, 800 + 400 * i, i == 0);
		feed(&s, &b);
	}
	chan_view(s.c, &w);
	ck_assert_uint_gt(w.pos, limit + 2000);         /* no key frame yet behind the limit */
	ck_assert_uint_eq(w.stream, v.stream);
	chan_view_fini(&w);
	buf_reset(&b);
	put_frame(&b, 2000, true);
	put_frame(&b, 2400, false);
	feed(&s, &b);
	chan_view(s.c, &w);
	again = chan_head(s.c);
	ck_assert_uint_ne(w.stream, v.stream);
	ck_assert_uint_eq(w.oldest, 0);
	ck_assert_uint_eq(again->pos, 0);
	ck_assert_uint_eq(again->len, head->len);
	ck_assert_mem_eq(pkt_media(again), pkt_media(head), head->len);
	ck_assert_uint_eq(again->renews, v.stream);
	ck_assert_uint_eq(again->lead, 13);
	ck_assert_uint_gt(w.pos, head->len + 2000u);
	ck_assert_uint_lt(w.pos, head->len + 3000u);
	chan_view_fini(&w);
	chan_view_fini(&v);
	pkt_unref(&head);
	pkt_unref(&again);
	buf_fini(&b);
	source_end(&s, ST_EOF);
	source_fini(&s);
	ck_assert_uint_eq(chanmgr_count(app.node.cm), 0);
}
END_TEST

static const struct {
	const char *head;
	size_t n, lead;
} leads[] = {
	{ "FLV\x01\x05\0\0\0\x09\0\0\0\0\x12", 14, 13 },
	{ "FLV\x01\x05\0\0\0\x09\0\0\0\0", 13, 0 },          /* nothing would be left */
	{ "FLV\x01\x05\0\0\0\x0a\0\0\0\0\x12", 14, 0 },      /* a longer one */
	{ "FLV\x02\x05\0\0\0\x09\0\0\0\0\x12", 14, 0 },
	{ "\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0\0\0", 14, 0 },
	{ "", 0, 0 },
};

START_TEST(lead)
{
	ck_assert_uint_eq(media_head_lead(leads[_i].head, leads[_i].n), leads[_i].lead);
}
END_TEST

/* Frames of MP3: 128 kbit/s, 44100 Hz. */
static void put_mp3(struct buf *b, int n)
{
	for (; n > 0; n--) {
		buf_put(b, "\xff\xfb\x90\x00", 4);
		for (int i = 0; i < 413; i++)
			buf_u8(b, 0);
	}
}

/* A stream without head has nothing that would tell a new count. */
START_TEST(goes_on_without_head)
{
	const uint64_t limit = UINT64_C(0xF0000000);
	struct chan_view v;
	struct source s;
	struct buf b;

	begin(&s, CHAN_SRC_SHOUTCAST, "mp3", "", "");
	buf_init(&b, 1 << 20);
	put_mp3(&b, 8);
	feed(&s, &b);
	ck_assert_ptr_nonnull(s.c);
	s.pos = limit + 5;
	feed(&s, &b);
	chan_view(s.c, &v);
	ck_assert_uint_gt(v.pos, limit);
	chan_view_fini(&v);
	buf_fini(&b);
	source_end(&s, ST_EOF);
	source_fini(&s);
}
END_TEST

static const char *text_of(struct source *s, enum chantext t)
{
	static char text[TEXT_MAX];
	struct chaninfo *i = chan_info(s->c);

	(void)text_copy(text, sizeof(text), i->text[t]);
	chaninfo_unref(&i);
	return text;
}

START_TEST(early_title)
{
	struct chanmeta m = { .text = { [CT_TRACK_TITLE] = "T", [CT_TRACK_ARTIST] = "A" } };
	const uint32_t both = 1u << CT_TRACK_TITLE | 1u << CT_TRACK_ARTIST;
	struct source ice, push, shout;
	struct buf b;

	begin(&ice, CHAN_SRC_ICECAST, "ice", "", "/live");
	begin(&push, CHAN_SRC_HTTPPUSH, "push", "", "");
	begin(&shout, CHAN_SRC_SHOUTCAST, "shout", "", "");
	ck_assert(!source_early_title(&app.node, "/other", &m, both));
	ck_assert(source_early_title(&app.node, "/live", &m, both));
	(void)text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, "U");
	ck_assert(source_early_title(&app.node, "/live", &m, 1u << CT_TRACK_TITLE));
	(void)text_copy(m.text[CT_TRACK_TITLE], TEXT_MAX, "all");
	buf_init(&b, 1 << 20);
	put_mp3(&b, 8);
	feed(&ice, &b);
	ck_assert(source_early_title(&app.node, "", &m, 1u << CT_TRACK_TITLE));
	feed(&push, &b);
	feed(&shout, &b);
	ck_assert(!source_early_title(&app.node, "", &m, 1u << CT_TRACK_TITLE));
	ck_assert_str_eq(text_of(&ice, CT_TRACK_TITLE), "U");
	ck_assert_str_eq(text_of(&ice, CT_TRACK_ARTIST), "");
	ck_assert_str_eq(text_of(&push, CT_TRACK_TITLE), "");
	ck_assert_str_eq(text_of(&shout, CT_TRACK_TITLE), "all");
	buf_fini(&b);
	source_fini(&ice);
	source_fini(&push);
	source_fini(&shout);
}
END_TEST

/* A source that leaves the channel to the next one. */
static void leave(struct source *s)
{
	source_fini(s);
}

/* What the next encoder says like the one before has been edited since, and stays. */
START_TEST(texts_of_the_next)
{
	struct chanmeta edit = { .text = { [CT_NAME] = "mine", [CT_GENRE] = "mine" } };
	struct source s;
	struct gnuid id;
	bool only;
	struct buf b;

	buf_init(&b, 1 << 20);
	put_mp3(&b, 8);
	begin(&s, CHAN_SRC_ICECAST, "one", "g", "/live");
	feed(&s, &b);
	id = *chan_id(s.c);
	ck_assert_str_eq(chan_key(s.c), "/live");
	ck_assert(chan_merge_info(s.c, &edit, 1u << CT_NAME | 1u << CT_GENRE, &only));
	leave(&s);
	begin(&s, CHAN_SRC_ICECAST, "one", "g", "/live");
	feed(&s, &b);
	ck_assert(gnuid_equal(&id, chan_id(s.c)));
	ck_assert_str_eq(text_of(&s, CT_NAME), "mine");
	ck_assert_str_eq(text_of(&s, CT_GENRE), "mine");
	leave(&s);
	begin(&s, CHAN_SRC_ICECAST, "two", "g", "/live");
	feed(&s, &b);
	ck_assert(gnuid_equal(&id, chan_id(s.c)));
	ck_assert_str_eq(text_of(&s, CT_NAME), "two");
	ck_assert_str_eq(text_of(&s, CT_GENRE), "mine");
	leave(&s);
	/* the same name at another mount point, and in another manner, is another stream */
	begin(&s, CHAN_SRC_ICECAST, "two", "g", "/b");
	feed(&s, &b);
	ck_assert(!gnuid_equal(&id, chan_id(s.c)));
	leave(&s);
	begin(&s, CHAN_SRC_SHOUTCAST, "two", "g", "");
	feed(&s, &b);
	ck_assert(!gnuid_equal(&id, chan_id(s.c)));
	leave(&s);
	ck_assert_uint_eq(chanmgr_count(app.node.cm), 3);
	buf_fini(&b);
}
END_TEST

/* What a relay is told: the newest title of all that wait for it; "" = nothing. */
static const char *heard(struct servent *relay)
{
	static char title[TEXT_MAX];
	struct chanatom c;
	struct chanmeta m;
	struct atombag bag;
	struct blob *msg;
	struct bcst b;
	struct atom a;

	title[0] = '\0';
	while ((msg = mbox_take(&relay->mbox)) != NULL) {
		ck_assert_int_eq(atom_open(&a, msg->data, msg->len), ST_OK);
		ck_assert_int_eq(bcst_parse(&b, &a), ST_OK);
		ck_assert_uint_eq(b.grp, PCP_BCST_GROUP_RELAYS);
		bcst_payload(&b, &bag);
		ck_assert(atombag_next(&bag, &a));
		ck_assert_int_eq(chanatom_parse(&c, &a), ST_OK);
		ck_assert(chanatom_meta(&c, &m) & 1u << CT_TRACK_TITLE);
		(void)text_copy(title, sizeof(title), m.text[CT_TRACK_TITLE]);
		blob_unref(&msg);
	}
	return title;
}

static void retitle(struct source *s, const char *title)
{
	struct chanmeta edit = { .bitrate_kbps = 0 };
	bool only;

	(void)text_copy(edit.text[CT_TRACK_TITLE], TEXT_MAX, title);
	ck_assert(chan_merge_info(s->c, &edit, 1u << CT_TRACK_TITLE, &only));
	ck_assert_int_eq(source_tick(s, now), ST_OK);
}

/* Relays hear of a new title at once, or ten seconds after the last one; and of the last one always. */
START_TEST(titles_in_time)
{
	const struct host peer = host_v4(203, 0, 113, 9, 1);
	struct servent *relay;
	struct source s;
	struct buf b;
	int fd[2];
	nsec told;

	buf_init(&b, 1 << 20);
	put_mp3(&b, 8);
	begin(&s, CHAN_SRC_HTTPPUSH, "n", "", "");
	feed(&s, &b);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_int_eq(servent_new(app.node.sm, fd[0], &peer, false, &relay), ST_OK);
	ck_assert_int_eq(servmgr_admit(app.node.sm, relay, SV_RELAY, chan_id(s.c), 500, true), ADMIT_OK);

	retitle(&s, "a");
	ck_assert_str_eq(heard(relay), "a");
	told = now;
	for (int i = 0; i < 5; i++) {
		now += NSEC_PER_SEC;
		retitle(&s, i < 4 ? (const char *[]){ "b", "c", "d", "e" }[i] : "f");
	}
	ck_assert_str_eq(heard(relay), "");
	ck_assert(source_deadline(&s) <= told + 10 * NSEC_PER_SEC);
	ck_assert_int_eq(source_tick(&s, told + 10 * NSEC_PER_SEC - 1), ST_OK);
	ck_assert_str_eq(heard(relay), "");
	ck_assert_int_eq(source_tick(&s, told + 10 * NSEC_PER_SEC), ST_OK);
	ck_assert_str_eq(heard(relay), "f");
	/* once */
	ck_assert_int_eq(source_tick(&s, told + 60 * NSEC_PER_SEC), ST_OK);
	ck_assert_str_eq(heard(relay), "");

	servent_end(&relay);
	close(fd[1]);
	leave(&s);
	buf_fini(&b);
}
END_TEST

/* A title that the stream says again is no news; one that it says no longer goes. */
START_TEST(track_of_the_next)
{
	static const char tag[] = "ID3\x03\0\0\0\0\0\x10TIT2\0\0\0\x05\0\0\0Song\0";
	struct chanmeta edit = { .text = { [CT_TRACK_TITLE] = "mine" } };
	struct source s;
	bool only;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_put(&b, tag, 26);
	put_mp3(&b, 8);
	begin(&s, CHAN_SRC_HTTPPUSH, "n", "", "");
	feed(&s, &b);
	ck_assert_str_eq(text_of(&s, CT_TRACK_TITLE), "Song");
	ck_assert(chan_merge_info(s.c, &edit, 1u << CT_TRACK_TITLE, &only));
	leave(&s);
	begin(&s, CHAN_SRC_HTTPPUSH, "n", "", "");
	feed(&s, &b);
	ck_assert_str_eq(text_of(&s, CT_TRACK_TITLE), "mine");
	leave(&s);
	begin(&s, CHAN_SRC_HTTPPUSH, "n", "", "");
	buf_reset(&b);
	put_mp3(&b, 8);
	feed(&s, &b);
	ck_assert_str_eq(text_of(&s, CT_TRACK_TITLE), "");
	leave(&s);
	buf_fini(&b);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/source");
	TCase *t = tcase_create("source");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, lead, 0, (int)NELEM(leads));
	tcase_add_test(t, renews_positions);
	tcase_add_test(t, goes_on_without_head);
	tcase_add_test(t, early_title);
	tcase_add_test(t, texts_of_the_next);
	tcase_add_test(t, track_of_the_next);
	tcase_add_test(t, titles_in_time);
	suite_add_tcase(s, t);
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/chanlist.h"

#include "core/sys/thr.h"
#include "http/chanjson.h"
#include "http/jsonrpc.h"
#include "test/unit/http/httptest.h"
#include "test/unit/unit.h"

static struct node node;

static void up(void)
{
	node_up(&node, NULL);
}

static void down(void)
{
	node_down(&node);
}

/* Every channel written anew. */
static void anew(struct buf *out)
{
	struct chan **all;
	size_t n, i;

	ck_assert_int_eq(chanmgr_all(node.cm, &all, &n), ST_OK);
	buf_u8(out, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_u8(out, ',');
		chanjson_put(out, &node, all[i]);
		chan_unref(&all[i]);
	}
	buf_u8(out, ']');
	free(all);
}

static void check(const char *what)
{
	struct buf got, want;

	buf_init(&got, RPC_ANSWER);
	buf_init(&want, RPC_ANSWER);
	anew(&want);
	ck_assert_int_eq(chanlist_put(&got, &node), ST_OK);
	if (strcmp(buf_cstr(&got), buf_cstr(&want)) != 0) {     /* a second may have begun between the two */
		buf_reset(&want);
		anew(&want);
		buf_reset(&got);
		ck_assert_int_eq(chanlist_put(&got, &node), ST_OK);
	}
	ck_assert_msg(strcmp(buf_cstr(&got), buf_cstr(&want)) == 0, "%s: %s\n%s", what, buf_cstr(&got), buf_cstr(&want));
	buf_fini(&got);
	buf_fini(&want);
}

static struct chan *channel(uint32_t k)
{
	struct chan *c;
	struct gnuid id = { { 0xcd } };

	id.b[15] = (uint8_t)k;
	c = chanmgr_find(node.cm, &id);
	return c;
}

static void add(uint32_t k)
{
	char id[GNUID_STRLEN], name[32];
	struct gnuid g = { { 0xcd } };

	g.b[15] = (uint8_t)k;
	snprintf(name, sizeof(name), "channel \"%u\"", (unsigned int)k);
	chan_up(&node, info_new(gnuid_str(&g, id), name, "FLV"), k % 3 == 0 ? CHAN_RELAY : CHAN_BROADCAST,
		k % 3 == 0 ? CHAN_RECEIVING : CHAN_BROADCASTING);
}

static void change(uint32_t k, uint32_t x)
{
	struct chan *c = channel(k);
	struct chanmeta m;
	struct chaninfo *old;
	struct host from;
	bool only;

	if (c == NULL) {
		add(k);
		return;
	}
	switch (x % 7) {
	case 0:
		chan_close(c);
		chanmgr_remove(node.cm, c);
		break;
	case 1:
		old = chan_info(c);
		chaninfo_to_meta(old, &m);
		chaninfo_unref(&old);
		snprintf(m.text[CT_COMMENT], TEXT_MAX, "said %u", (unsigned int)x);
		(void)chan_set_info(c, &m, &only);
		break;
	case 2:
		chan_set_status(c, x % 2 ? CHAN_SEARCHING : CHAN_WAIT);
		break;
	case 3:
		chan_set_keep(c, x % 2);
		break;
	case 4:
		(void)chan_sample(c, NSEC_PER_SEC, &from);
		break;
	case 5:
		from = host_v4(203, 0, 113, (uint8_t)x, 7144);
		ck_assert_int_eq(chanmgr_tip(node.cm, chan_id(c), &from), ST_OK);
		break;
	default:
		break;
	}
	chan_unref(&c);
}

/* Whatever changed, the answer is the one that is made anew. */
START_TEST(as_made_anew)
{
	uint32_t x = 4711, step;
	char what[32];

	check("none");
	for (step = 0; step < 12; step++) {
		add(step);
		check("one more");
		check("the same");
	}
	for (step = 0; step < 500; step++) {
		x = x * 1664525 + 1013904223;
		change((x >> 8) % 20, x >> 16);
		snprintf(what, sizeof(what), "step %u", (unsigned int)step);
		check(what);
	}
}
END_TEST

/* Who watches counts as well, and the limits. */
START_TEST(viewers_and_limits)
{
	struct limits l;
	struct servent *sv;
	struct chan *c;
	int far;

	add(1);
	add(2);
	check("before");
	servmgr_get_limits(node.sm, &l);
	l.max_direct = 1;
	servmgr_set_limits(node.sm, &l);
	check("a place");
	sv = servent_up(&node, stranger(), &far);
	c = channel(1);
	ck_assert_int_eq(servmgr_admit(node.sm, sv, SV_DIRECT, chan_id(c), 194, true), ADMIT_OK);
	chan_unref(&c);
	check("a viewer");
	servent_end(&sv);
	close(far);
	check("gone");
}
END_TEST

static void asker(void *arg)
{
	struct buf b;
	int i;

	for (i = 0; i < 300; i++) {
		buf_init(&b, RPC_ANSWER);
		ck_assert_int_eq(chanlist_put(&b, &node), ST_OK);
		ck_assert(b.len > 2 && b.p[0] == '[' && b.p[b.len - 1] == ']' && b.p[b.len - 2] == '}');
		buf_fini(&b);
	}
}

START_TEST(asked_by_many)
{
	struct thr t[4];
	uint32_t i;

	for (i = 0; i < 8; i++)
		add(i);
	for (i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_start(&t[i], "asker", asker, NULL), ST_OK);
	for (i = 0; i < 300; i++)
		change(i % 8, 1 + i % 5);
	for (i = 0; i < NELEM(t); i++)
		ck_assert_int_eq(thr_join(&t[i], NSEC_NEVER), ST_OK);
	check("after");
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("http/chanlist");
	TCase *t = tcase_create("chanlist");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, up, down);
	tcase_add_test(t, as_made_anew);
	tcase_add_test(t, viewers_and_limits);
	tcase_add_test(t, asked_by_many);
	suite_add_tcase(s, t);
	return s;
}

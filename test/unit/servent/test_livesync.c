/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two nodes in one process, each with its live sync thread, at addresses of their own on loopback. */
#include "servent/livesync.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "pcp/syncreport.h"
#include "servent/chanlogd.h"
#include "test/unit/servent/servtest.h"
#include "test/unit/unit.h"

#define ENOUGH (30 * NSEC_PER_SEC)

static struct app node[2];
static char port[8];

/* A port that nobody has on loopback just now. */
static void choose_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(port, sizeof(port), "%u", ntohs(sa.sin_port));
	close(fd);
}

static void up(int i)
{
	const char *const keys[] = {
		"isRoot", "Yes", "livesync", "Yes", "livesyncGroup", "", "livesyncPort", port,
		"livesyncBind", i == 0 ? "127.0.0.2" : "127.0.0.3", "livesyncPeers", i == 0 ? "127.0.0.3" : "127.0.0.2",
		"livesyncAllow", "127.0.0.0/8", "livesyncFlush", "0", "livesyncBeacon", "1", "livesyncFirstBeacon", "0",
		"ghostTimeout", "60", NULL,
	};

	app_make(&node[i], keys);
	ck_assert_int_eq(chanlogd_start(&node[i].chanlog, node[i].node.conf), ST_OK);
	ck_assert_int_eq(livesync_start(&node[i].livesync, &node[i]), ST_OK);
}

static void down(int i)
{
	ck_assert(livesync_stop(&node[i].livesync, clk_deadline(ENOUGH)));
	ck_assert_ptr_null(node[i].livesync);
	chanlogd_stop(&node[i].chanlog, clk_deadline(ENOUGH));
	app_drop(&node[i]);
}

static struct sync_report *report(int i)
{
	struct sync_report *r = livesync_report(node[i].livesync, clk_deadline(ENOUGH));

	ck_assert_ptr_nonnull(r);
	return r;
}

static void wait_running(int i)
{
	const nsec deadline = clk_deadline(ENOUGH);
	bool runs = false;

	while (!runs) {
		struct sync_report *r = report(i);

		runs = r->state == SYNC_RUNS;
		ck_assert_msg(runs || clk_now() < deadline, "state %d: %s", r->state, r->why);
		free(r);
	}
}

/* A tracker says that of its channel. */
static void announce_as(int i, uint8_t session, uint8_t chan, const char *name, uint32_t listeners, bool recv)
{
	const struct gnuid id = id_of(chan), sid = id_of(session);
	struct chanmeta meta = { .id = id, .bcid = id_of(5) };
	const struct hit h = { .sid = sid, .via = sid, .chan = id, .rhost = { host_v4(127, 0, 0, 9, (uint16_t)(7000 + session)) },
		.flags = (uint8_t)(HIT_TRACKER | (recv ? HIT_RECV : 0)), .listeners = listeners, .heard = clk_now(),
		.near = true };
	const struct announce a = { .meta = &meta, .present = 1u << CT_NAME | CHANMETA_BCID, .hit = &h, .chan = &id,
		.via = &sid, .root = true, .create = true };
	struct announce_result r;

	text_copy(meta.text[CT_NAME], TEXT_MAX, name);
	ck_assert_int_eq(chanmgr_announce(node[i].node.cm, &a, &r), ST_OK);
	announce_result_fini(&r);
	livesync_news(node[i].livesync, &id, SYNC_STOP);
}

static void announce(int i, uint8_t chan, const char *name, uint32_t listeners, bool recv)
{
	announce_as(i, 0x77, chan, name, listeners, recv);
}

/* Until the page of node i lists that channel so; NULL = not at all. */
static void wait_listed(int i, uint8_t chan, const char *name, uint64_t listeners, bool stale)
{
	const struct gnuid id = id_of(chan);
	const nsec deadline = clk_deadline(ENOUGH);
	bool ok = false;

	while (!ok) {
		struct sync_report *r = report(i);      /* a round of its thread */
		struct listing *list;
		size_t n;

		free(r);
		ck_assert_int_eq(chanmgr_listings(node[i].node.cm, &list, &n), ST_OK);
		ok = name == NULL;
		for (size_t k = 0; k < n; k++) {
			if (gnuid_equal(&list[k].id, &id))
				ok = name != NULL && strcmp(list[k].info->text[CT_NAME], name) == 0 &&
					list[k].listeners == listeners && list[k].stale == stale;
			chaninfo_unref(&list[k].info);
		}
		free(list);
		ck_assert_msg(ok || clk_now() < deadline, "channel %u: not %s", chan, name != NULL ? name : "gone");
	}
}

START_TEST(told_both_ways)
{
	choose_port();
	up(0);
	up(1);
	wait_running(0);
	wait_running(1);
	announce(0, 1, "a", 3, true);
	announce(1, 2, "b", 4, true);
	wait_listed(1, 1, "a", 3, false);
	wait_listed(0, 2, "b", 4, false);
	/* changed, and stopped */
	announce(0, 1, "a", 5, true);
	wait_listed(1, 1, "a", 5, false);
	announce(0, 1, "a", 5, false);
	wait_listed(1, 1, NULL, 0, false);
	/* who leaves says so */
	down(1);
	wait_listed(0, 2, "b", 4, true);
	down(0);
}
END_TEST

/* One of two trackers of a channel leaves: that is told with its news, not with the next account. */
START_TEST(one_of_two_leaves)
{
	struct sync_report *r;

	choose_port();
	up(0);
	up(1);
	wait_running(0);
	wait_running(1);
	announce_as(0, 0x77, 1, "a", 3, true);
	announce_as(0, 0x78, 1, "a", 4, true);
	wait_listed(1, 1, "a", 7, false);
	r = report(0);
	ck_assert_uint_eq(r->st.own_hits, 2);
	free(r);
	announce_as(0, 0x78, 1, "a", 4, false);
	r = report(0);                          /* its thread has seen the news */
	ck_assert_uint_eq(r->st.own_hits, 1);
	ck_assert_uint_eq(r->st.own_chans, 1);
	free(r);
	wait_listed(1, 1, "a", 3, false);
	down(1);
	down(0);
}
END_TEST

/* More than the set of news holds: everything is looked at. */
START_TEST(more_than_fits)
{
	enum { MANY = LIVESYNC_NEWS + 100 };
	struct gnuid id = id_of(0);
	struct sync_report *r;

	choose_port();
	up(0);
	wait_running(0);
	announce(0, 1, "a", 3, true);
	for (uint32_t i = 0; i < MANY; i++) {
		memcpy(id.b, &i, sizeof(i));
		livesync_news(node[0].livesync, &id, SYNC_STOP);
	}
	r = report(0);
	ck_assert_uint_eq(r->st.own_chans, 1);
	free(r);
	down(0);
}
END_TEST

START_TEST(refused)
{
	const char *const open[] = { "isRoot", "Yes", "livesync", "Yes", NULL };
	struct sync_report *r;

	app_make(&node[0], open);
	ck_assert_int_eq(livesync_start(&node[0].livesync, &node[0]), ST_OK);
	r = report(0);
	ck_assert_int_eq(r->state, SYNC_REFUSED);
	ck_assert_ptr_nonnull(strstr(r->why, "livesyncAllow"));
	free(r);
	/* the operator mends it, and takes it back */
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncAllow", "127.0.0.1", NULL), ST_OK);
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncGroup", "", NULL), ST_OK);
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncBind", "127.0.0.4", NULL), ST_OK);
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncPeers", "127.0.0.5", NULL), ST_OK);
	choose_port();
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncPort", port, NULL), ST_OK);
	livesync_settings(node[0].livesync);
	r = report(0);
	ck_assert_msg(r->state == SYNC_RUNS, "%s", r->why);
	ck_assert(!r->sealed && r->plain && r->peers == 1 && !r->group);
	free(r);
	/* what is wrong now stops nothing that runs */
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesyncAllow", "", NULL), ST_OK);
	livesync_settings(node[0].livesync);
	r = report(0);
	ck_assert_int_eq(r->state, SYNC_RUNS);
	free(r);
	ck_assert_int_eq(conf_set(node[0].node.conf, "livesync", "No", NULL), ST_OK);
	livesync_settings(node[0].livesync);
	r = report(0);
	ck_assert_int_eq(r->state, SYNC_OFF);
	free(r);
	ck_assert(livesync_stop(&node[0].livesync, clk_deadline(ENOUGH)));
	app_drop(&node[0]);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/livesync");
	TCase *t = tcase_create("livesync");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, told_both_ways);
	tcase_add_test(t, one_of_two_leaves);
	tcase_add_test(t, more_than_fits);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	return s;
}

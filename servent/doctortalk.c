/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/doctortalk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/node/feed.h"
#include "core/sys/thr.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "servent/feedd.h"
#include "servent/pcpio.h"
#include "servent/transfer.h"

#define KNOCK_TIME  (5 * NSEC_PER_SEC)  /* for one that comes to say what it wants, and to hear it */
#define AFTER_ATOMS 64                  /* behind the oleh: hosts, the root's settings */

/* --- a root ----------------------------------------------------------------------------------- */

/* Behind the oleh: are we taken? *quit = what it says; one that never says a word takes us. */
static void hear_verdict(struct pcpio *io, uint32_t *quit, nsec deadline)
{
	struct atom a;

	for (int i = 0; i < AFTER_ATOMS; i++) {
		if (pcpio_read(io, &a, deadline) != ST_OK || a.id == ATOM_OK)
			return;
		if (a.id == ATOM_QUIT) {
			*quit = quit_parse(&a);
			return;
		}
	}
}

static void shake_hands(
	struct doctor_talk *t, struct pcpio *io, const struct helo *ours, nsec deadline, nsec after)
{
	const bool v6 = !host_is_v4(&io->s->peer);
	struct oleh o;
	uint32_t quit;

	t->heard = outcome_of(pcpio_greet(io, ours, v6 ? PCP_PROTO_V6 : PCP_PROTO_V4, &o, &quit, deadline));
	t->itself = quit == PCP_QUIT_LOOPBACK;
	if (t->heard.st == ST_EOF)
		t->quit = quit;
	if (t->heard.st != ST_OK)
		return;
	(void)text_copy(t->agent, sizeof(t->agent), o.agent);
	t->ver = o.ver;
	t->disabled = o.has_dis && o.dis != 0;
	t->fw = oleh_firewall(&o, ours, v6);
	if (oleh_names_us(&o, v6))
		t->seen = o.rip;
	hear_verdict(io, &t->quit, MIN(deadline, clk_deadline(after)));
	if (t->quit == 0)
		pcpio_quit(io->s, PCP_QUIT);
}

void doctor_talk(
	struct doctor_talk *t, const struct host *to, const struct gnuid *sid, uint16_t ping, nsec whole,
	nsec deadline)
{
	const nsec connected = MIN(deadline, clk_deadline(doctor_share(whole, DOCTOR_CONNECT)));
	struct pcpio io;
	struct helo h;
	struct sock s;

	helo_init(&h, sid);
	helo_set_port(&h, ping, FW_UNKNOWN, false);
	t->tried = true;
	t->pinged = h.has_ping;
	t->reached = outcome_of(sock_connect(&s, to, NULL, connected));
	if (t->reached.st != ST_OK)
		return;
	t->local = sock_local(s.fd);
	pcpio_init(&io, &s, &atomlimits_control);
	shake_hands(t, &io, &h, deadline, doctor_share(whole, DOCTOR_AFTER));
	pcpio_fini(&io);
	sock_close(&s);
}

/* --- a list ----------------------------------------------------------------------------------- */

#ifdef HAVE_CURL

/* RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT" */
static void note_date(struct doctor_feed *l, const char *text)
{
	struct tm tm = { .tm_mday = 1 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	l->dated = end != NULL && *end == '\0';
	if (l->dated)
		l->ahead_s = clk_wall_s() - (int64_t)timegm(&tm);
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	char date[64];

	(void)size;
	if (transfer_take_header(p, n, "Date", date, sizeof(date)))
		note_date(ctx, date);
	return n;
}

static void look_at_list(struct doctor_feed *l, const struct transfer *t)
{
	struct feedlist *list;

	if (feed_parse(t->body.p != NULL ? (const void *)t->body.p : "", t->body.len, &list) != ST_OK) {
		(void)text_copy(l->why, sizeof(l->why), "out of memory");
		return;
	}
	(void)feedlist_fault(list, l->why, sizeof(l->why));
	l->channels = list->n;
	feedlist_unref(&list);
}

static void run(struct doctor_feed *l, struct transfer *t, struct mbox *mb)
{
	const struct curl_api *c = t->curl;
	CURLcode rc = CURLE_OK;
	const char *why;
	long http;

	if (c->easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
	    c->easy_setopt(t->easy, CURLOPT_HEADERDATA, l) != CURLE_OK || transfer_run(t, mb, &rc) != ST_OK) {
		(void)text_copy(l->why, sizeof(l->why), "out of memory");
		return;
	}
	why = transfer_fault(t, rc, &http);
	if (why != NULL)
		(void)text_clean(l->why, sizeof(l->why), why, strlen(why));
	else if (http != 200)
		(void)snprintf(l->why, sizeof(l->why), "the server answers %ld", http);
	else
		look_at_list(l, t);
}

void doctor_fetch(struct doctor_feed *l, struct servmgr *sm, uint16_t port, nsec deadline)
{
	const nsec left = deadline - clk_now();
	char url[FEEDD_URL];
	struct transfer t;
	struct mbox mb;

	if (left <= 0) {
		(void)text_copy(l->why, sizeof(l->why), "not fetched: the others took all the time");
		return;
	}
	feedd_url(url, l->url, port);
	if (mbox_init(&mb) != ST_OK) {
		(void)text_copy(l->why, sizeof(l->why), "out of files");
		return;
	}
	if (transfer_init(&t, sm, url, left, FEED_BODY, FEEDD_REDIRECTS, false) == ST_OK) {
		run(l, &t, &mb);
		transfer_fini(&t);
	} else {
		(void)text_copy(l->why, sizeof(l->why), "out of memory");
	}
	mbox_fini(&mb);
}

#else

void doctor_fetch(struct doctor_feed *l, struct servmgr *sm, uint16_t port, nsec deadline)
{
	(void)sm;
	(void)port;
	(void)deadline;
	(void)text_copy(l->why, sizeof(l->why), curl_missing());
}

#endif

/* --- the door --------------------------------------------------------------------------------- */

struct knock {
	struct thr thr;
	struct mbox mb;
	struct host peer;
	struct gnuid sid;
	int fd;
};

struct doctor_door {
	struct thr thr;
	struct mbox mb;
	int fd;
	struct gnuid sid;
	struct knock knocks[DOCTOR_KNOCKS];
	size_t n;
	unsigned count[2];
};

static void answer(void *arg)
{
	struct knock *k = arg;
	struct pcpio io;
	struct sock s;

	sock_init(&s, k->fd, &k->peer, &k->mb);
	pcpio_init(&io, &s, &atomlimits_control);
	(void)!pcpio_answer_test(&io, &k->sid, clk_deadline(KNOCK_TIME));
	pcpio_fini(&io);
	sock_close(&s);
}

static void let_in(struct doctor_door *d, int fd, const struct host *peer)
{
	struct knock *k = d->n < DOCTOR_KNOCKS ? &d->knocks[d->n] : NULL;

	if (!host_is_loopback(peer))
		d->count[!host_is_v4(peer)]++;
	if (k == NULL || mbox_init(&k->mb) != ST_OK) {
		(void)close(fd);
		return;
	}
	k->fd = fd;
	k->peer = *peer;
	k->sid = d->sid;
	if (thr_start(&k->thr, "knock", answer, k) != ST_OK) {
		mbox_fini(&k->mb);
		(void)close(fd);
		return;
	}
	d->n++;
}

static void keep_door(void *arg)
{
	struct doctor_door *d = arg;
	struct host peer;
	int fd;

	while (sock_accept(d->fd, &d->mb, &fd, &peer, NSEC_NEVER) == ST_OK)
		let_in(d, fd, &peer);
	/* who came before the end counts, even if nobody has looked yet */
	while (sock_accept(d->fd, NULL, &fd, &peer, 0) == ST_OK)
		let_in(d, fd, &peer);
}

enum status doctor_door_open(struct doctor_door **out, int fd, const struct gnuid *sid)
{
	struct doctor_door *d = calloc(1, sizeof(*d));
	enum status st = d != NULL ? mbox_init(&d->mb) : ST_LIMIT;

	*out = NULL;
	if (st == ST_OK) {
		d->fd = fd;
		d->sid = *sid;
		st = thr_start(&d->thr, "door", keep_door, d);
		if (st != ST_OK)
			mbox_fini(&d->mb);
	}
	if (st == ST_OK) {
		*out = d;
		return ST_OK;
	}
	free(d);
	(void)close(fd);
	return st;
}

void doctor_door_close(struct doctor_door **dp, unsigned knocks[2])
{
	struct doctor_door *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	mbox_stop(&d->mb);
	(void)!thr_join(&d->thr, NSEC_NEVER);
	for (size_t i = 0; i < d->n; i++)
		mbox_stop(&d->knocks[i].mb);
	for (size_t i = 0; i < d->n; i++) {
		(void)!thr_join(&d->knocks[i].thr, NSEC_NEVER);
		mbox_fini(&d->knocks[i].mb);
	}
	knocks[0] = d->count[0];
	knocks[1] = d->count[1];
	(void)close(d->fd);
	mbox_fini(&d->mb);
	free(d);
}

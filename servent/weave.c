/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Players who get bytes between those of the stream: titles (ICY), marks of Windows Media (MMSH). The channel
 * cannot send these for a parked reader, so it only wakes them, and each writes for itself.
 *
 * source   http.md 3.5, 3.6; media.md 5.4, 5.5, 5.7.2; MS-WMSP 2.2.3 ($C, $E)
 */
#include "servent/direct.h"

#include "core/media/asf.h"
#include "http/icy.h"
#include "servent/app.h"

#define WEAVE_OUT (256 * 1024)          /* waiting to be sent: there may be a block behind every byte */

struct weave {
	struct servent *sv;
	struct chan *c;
	struct reader *r;
	struct buf out;
	bool ends_at_head;
	/* Put one packet. */
	void (*put)(struct weave *w, struct pkt *p);

	struct icy icy;
	nsec since;
	uint32_t turn_s;
};

/* All of out, however slowly, as long as it moves. */
static enum status send_out(struct weave *w)
{
	struct iovec iov = { .iov_base = w->out.p, .iov_len = w->out.len };
	enum status st = w->out.err;

	while (st == ST_OK && iov.iov_len > 0) {
		const size_t left = iov.iov_len;

		st = sock_writev(&w->sv->sock, &iov, 1, clk_deadline(STALL_TIME));
		if (st == ST_TIMEOUT && iov.iov_len < left)
			st = ST_OK;
	}
	buf_reset(&w->out);
	return st;
}

/* What was read: ST_OK with *end when it is to go no further. */
static enum status send_taken(struct weave *w, bool *end)
{
	enum status st = ST_OK;
	struct pkt *p;

	while (st == ST_OK && !*end && (p = reader_take(w->r)) != NULL) {
		*end = p->type == PKT_HEAD && w->ends_at_head;
		if (!*end)
			w->put(w, p);
		pkt_unref(&p);
		if (w->out.len >= PKT_DATA_SEND)
			st = send_out(w);
	}
	return st == ST_OK ? send_out(w) : st;
}

static enum status run(struct weave *w)
{
	enum status st = ST_OK;
	bool end = false;
	int what;

	buf_init(&w->out, WEAVE_OUT);
	while (st == ST_OK && !end) {
		st = chan_read(w->c, w->r, &what);
		if (st == ST_OK && (what & CHAN_PARKED)) {
			buf_fini(&w->out);      /* most are parked most of the time */
			st = direct_sleep(w->sv, w->r);
		} else if (st == ST_OK) {
			st = send_taken(w, &end);
		}
	}
	buf_fini(&w->out);
	return st;
}

static bool ends_at_head(struct node *n)
{
	const struct settings *set = conf_get(n->conf);
	const bool yes = set->on_header_change == HEADCHANGE_DROP;

	settings_unref(&set);
	return yes;
}

/* --- ICY -------------------------------------------------------------------------------------- */

static void put_icy(struct weave *w, struct pkt *p)
{
	struct chaninfo *i = chan_info(w->c);

	icy_set(&w->icy, icy_title(i, w->since, clk_now(), w->turn_s), i->text[CT_URL]);
	chaninfo_unref(&i);
	icy_weave(&w->icy, &w->out, pkt_media(p), p->len);
}

enum status weave_icy(struct node *n, struct servent *sv, struct chan *c, struct reader *r, uint32_t every)
{
	struct weave w = { .sv = sv, .c = c, .r = r, .put = put_icy, .since = clk_now() };
	const struct settings *set = conf_get(n->conf);

	w.turn_s = set->broadcast_msg_interval;
	settings_unref(&set);
	w.ends_at_head = ends_at_head(n);
	icy_init(&w.icy, every);
	return run(&w);
}

/* --- MMSH ------------------------------------------------------------------------------------- */

/* A chunk of 4 bytes, which say 0. */
static void put_mark(struct buf *out, uint8_t type)
{
	buf_u8(out, '$');
	buf_u8(out, type);
	buf_le16(out, 4);
	buf_le32(out, 0);
}

static void put_mmsh(struct weave *w, struct pkt *p)
{
	if (p->type == PKT_HEAD)
		put_mark(&w->out, ASF_C);
	buf_put(&w->out, pkt_media(p), p->len);
}

enum status weave_mmsh(struct node *n, struct servent *sv, struct chan *c, struct reader *r)
{
	struct weave w = { .sv = sv, .c = c, .r = r, .put = put_mmsh, .ends_at_head = ends_at_head(n) };
	enum status st = run(&w);

	/* a player that is told does not look for the rest */
	if (st == ST_STOPPED && chan_is_closing(c)) {
		struct buf end;

		buf_init(&end, 16);
		put_mark(&end, ASF_E);
		sock_deafen(&sv->sock);
		if (end.err == ST_OK)
			(void)!sock_write(&sv->sock, end.p, end.len, clk_deadline(GOODBYE));
		buf_fini(&end);
	}
	return st;
}

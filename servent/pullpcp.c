/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel of another node, by PCP: what relays get becomes the input of a broadcast of our own.
 *
 * The named node is taken for the channel's tracker. When it is full, those it names are asked.
 * source   media.md 2.6, 2.10; pcp.md 7.4, 9.2 */
#include "servent/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/rng.h"
#include "pcp/quit.h"
#include "servent/ask.h"
#include "servent/upstream.h"

#define CONNECT_TIME (5 * NSEC_PER_SEC)
#define REQUEST_TIME (45 * NSEC_PER_SEC)        /* answer and handshake together */
#define HOSTS_MAX    4                          /* asked for one stream */
#define HEAD_MAX     (64u << 10)                /* of other nodes (media.md 9.1 row 34) */
#define PORT         7144

struct pcp_play {
	struct pull *x;
	struct ask up;
	struct upstream_memory memory;
	char type[MEDIA_TYPE_MAX];      /* what it is said to be */
	uint8_t *head;                  /* the newest; owned; NULL = none */
	uint32_t head_len, head_pos;
	uint32_t next;                  /* position wanted next */
	bool placed;                    /* next says something */
	bool aligned;                   /* what comes follows what was fed */
	nsec fresh;                     /* the newest packet came */
};

bool pull_pcp_url(const char *url, char host[TEXT_MAX], struct gnuid *id)
{
	const char *at, *p = url + strlen("pcp://");
	const size_t n = strcspn(p, "/");
	char hex[GNUID_STRLEN];
	size_t k = 0;

	if (ascii_ncasecmp(url, "pcp://", 6) != 0 || n == 0 || n >= TEXT_MAX)
		return false;
	(void)snprintf(host, TEXT_MAX, "%.*s", (int)n, p);
	at = p + n;
	at += strncmp(at, "/channel/", 9) == 0 ? 9 : *at == '/';
	for (; k < GNUID_STRLEN - 1 && *at != '\0'; at++)       /* some write it with dashes */
		if (*at != '-')
			hex[k++] = *at;
	hex[k] = '\0';
	return k == GNUID_STRLEN - 1 && strcspn(at, "?.") == 0 && gnuid_parse(id, hex);
}

/* --- the stream ------------------------------------------------------------------------------- */

/* The input begins anew: with the head, then the next place to start. */
static enum status begin(struct pcp_play *y, nsec now)
{
	enum status st;

	if (y->x->src.headed)
		source_pause(&y->x->src);       /* what is whole of what was there */
	st = source_restart(&y->x->src, y->type);
	y->aligned = false;
	return st == ST_OK && y->head != NULL ? source_feed(&y->x->src, y->head, y->head_len, now) : st;
}

static enum status on_head(struct pcp_play *y, const struct pktatom *p, nsec now)
{
	uint8_t *copy;

	if (p->len > HEAD_MAX)
		return pull_fail(y->x, ST_LIMIT, "its head is too long");
	/* old nodes say it again now and then */
	if (y->head != NULL && y->head_pos == p->pos && y->head_len == p->len &&
	    memcmp(y->head, p->data, p->len) == 0)
		return ST_OK;
	copy = malloc(MAX(p->len, (uint32_t)1));
	if (copy == NULL)
		return pull_fail(y->x, ST_LIMIT, "out of memory");
	memcpy(copy, p->data, p->len);
	free(y->head);
	y->head = copy;
	y->head_len = p->len;
	y->head_pos = p->pos;
	y->next = p->pos + p->len;
	y->placed = true;
	return begin(y, now);
}

static enum status on_data(struct pcp_play *y, const struct pktatom *p, nsec now)
{
	const bool follows = y->placed && p->pos == y->next;
	enum status st;

	if (y->placed && y->aligned && !pos_before(y->next, p->pos + p->len))
		return ST_OK;                           /* known */
	if (y->aligned && !follows) {
		st = begin(y, now);
		if (st != ST_OK)
			return st;
	}
	y->next = p->pos + p->len;
	y->placed = true;
	y->aligned = y->aligned || p->cont == 0;
	return y->aligned ? source_feed(&y->x->src, p->data, p->len, now) : ST_OK;
}

static enum status on_packet(void *ctx, const struct pktatom *p)
{
	struct pcp_play *y = ctx;
	const nsec now = clk_now();

	y->fresh = now;
	return p->len == 0 ? ST_OK : p->type == ATOM_HEAD ? on_head(y, p, now) : on_data(y, p, now);
}

/* What the channel is called there, where the user said nothing. */
static bool on_info(void *ctx, const struct chanatom *c)
{
	struct pcp_play *y = ctx;
	struct pull *x = y->x;
	struct chanmeta m;
	uint32_t present;

	memset(&m, 0, sizeof(m));
	present = chanatom_meta(c, &m);
	if ((present & 1u << CT_TYPE) && strcmp(x->type, "UNKNOWN") == 0)
		(void)text_copy(y->type, sizeof(y->type), m.text[CT_TYPE]);
	present &= ~(x->given | CHANMETA_BCID | 1u << CT_TYPE | 1u << CT_MIME | 1u << CT_EXT);
	if (m.text[CT_NAME][0] == '\0')
		present &= ~(1u << CT_NAME);
	if (x->src.user_bitrate || m.bitrate_kbps == 0)
		present &= ~(uint32_t)CHANMETA_BITRATE;
	if (present != 0)
		source_tell(&x->src, &m, present);
	return false;                                   /* it is told by the source */
}

static enum status drain(struct pcp_play *y)
{
	char text[QUIT_STRLEN], why[QUIT_STRLEN + 32];
	enum status st;
	struct atom at;

	do
		st = ask_atom(&y->up, &at);
	while (st == ST_OK);
	if (st == ST_EOF) {
		(void)snprintf(why, sizeof(why), "the node says quit %s", quit_str(y->up.quit, text));
		return pull_fail(y->x, st, why);
	}
	return st == ST_TIMEOUT ? ST_OK : st;
}

static enum status receive_stream(struct pcp_play *y)
{
	struct source *s = &y->x->src;
	enum status st = ST_OK;

	y->up.proc.packet = on_packet;
	y->up.proc.info = on_info;
	y->up.proc.ctx = y;
	y->fresh = clk_now();
	while (st == ST_OK) {
		nsec now, wake;
		int got;

		st = drain(y);
		now = clk_now();
		if (st == ST_OK && now - y->fresh >= SOURCE_IDLE)
			st = pull_fail(y->x, ST_TIMEOUT, "the node sends nothing");
		if (st == ST_OK)
			st = source_tick(s, now);
		if (st != ST_OK)
			break;
		pass_tick(&y->up.proc, now);
		wake = MIN(MIN(y->fresh + SOURCE_IDLE, source_deadline(s)), pcpio_deadline(&y->up.io));
		wake = MIN(wake, pass_due(&y->up.proc));
		st = sock_wait(&y->up.sock, SOCK_IN, &got, wake);
		if (st == ST_OK && (got & SOCK_IN) != 0)
			st = pcpio_pump(&y->up.io, clk_deadline(NSEC_PER_SEC));
		if (st == ST_TIMEOUT && clk_now() < pcpio_deadline(&y->up.io))
			st = ST_OK;
	}
	return st;
}

/* --- whom ------------------------------------------------------------------------------------- */

static bool rests(void *ctx, const struct host *h, nsec *until)
{
	struct app *a = ctx;

	*until = NSEC_NEVER;
	return servmgr_is_self(a->node.sm, h);
}

/* Another host that has it, as the one that refused us says. */
static bool choose(struct pcp_play *y, bool v6)
{
	struct app *a = y->x->app;
	struct upstream_env e = {
		.now = clk_now(), .v6 = v6, .self = *servmgr_sid(a->node.sm), .except = y->up.host,
		.memory = &y->memory, .rests = rests, .ctx = a, .rnd = rng_below,
	};
	struct hitlist_view lv;
	struct upstream_pick p;
	struct own own;
	bool ok;

	if (!chanmgr_list_view(a->node.cm, &y->up.id, true, &lv))
		return false;
	servmgr_own(a->node.sm, &own);
	e.global = own.global[v6];
	ok = upstream_choose(&e, lv.hits, lv.n, &p);
	hitlist_view_fini(&lv);
	if (ok) {
		y->up.host = p.host;
		y->up.as = p.tracker ? ASK_TRACKER : ASK_RELAY;
	}
	return ok;
}

/* One host. *full: others may have room. */
static enum status ask(struct pcp_play *y, bool *full)
{
	const nsec deadline = clk_deadline(REQUEST_TIME);
	struct ask *k = &y->up;
	char why[64];
	enum status st = ask_connect(k, &y->x->src.mbox, clk_deadline(CONNECT_TIME));

	*full = false;
	upstream_note(&y->memory, &k->host)->tried = clk_now();
	if (st != ST_OK)
		return st;
	st = ask_request(k, 0, deadline);
	if (st == ST_OK && k->code == 200) {
		st = receive_stream(y);
		if (st == ST_STOPPED)
			pcpio_quit(&k->sock, PCP_QUIT);
	} else if (st == ST_OK) {
		ask_refusal(k, deadline);
		upstream_refused(upstream_note(&y->memory, &k->host), k->as == ASK_TRACKER, k->hosts > 0,
			clk_now(), rng_below);
		*full = true;
		st = pull_fail(y->x, ST_PROTO, "the node is full");
	} else if (k->quit == PCP_QUIT_LOOPBACK) {
		st = pull_fail(y->x, ST_PROTO, "it is this node itself");
	} else if (st == ST_PROTO && k->code != 0 && k->code != 200 && k->code != 503) {
		(void)snprintf(why, sizeof(why), "the node answers %d", k->code);
		st = pull_fail(y->x, st, why);
	}
	ask_close(k);
	return st;
}

static enum status play(struct pcp_play *y, bool far)
{
	const bool v6 = !host_is_v4(&y->up.host);
	enum status st = ST_PROTO;
	bool more = true;

	for (int i = 0; i < HOSTS_MAX && more; i++) {
		if (far && servmgr_is_near(y->x->src.a->node.sm, &y->up.host))
			return pull_fail(y->x, ST_PROTO, "it leads into our own network");
		y->x->src.error[0] = '\0';
		st = ask(y, &more);
		more = more && !mbox_is_stopped(&y->x->src.mbox) && choose(y, v6);
	}
	return mbox_is_stopped(&y->x->src.mbox) ? ST_STOPPED : st;
}

enum status pull_pcp(struct pull *x, const char *url, bool far)
{
	struct pcp_play *y = calloc(1, sizeof(*y));
	enum status st = ST_LIMIT;
	char host[TEXT_MAX];
	struct gnuid id;

	if (y == NULL)
		return st;
	y->x = x;
	(void)text_copy(y->type, sizeof(y->type), x->type);
	if (!pull_pcp_url(url, host, &id)) {
		free(y);
		return pull_fail(x, ST_PROTO, "not pcp://host:port/channel/ and an id");
	}
	ask_init(&y->up, x->app, &id);
	y->up.as = ASK_TRACKER;
	st = source_restart(&x->src, x->type);
	if (st == ST_OK && host_resolve(&y->up.host, host, PORT, clk_deadline(CONNECT_TIME)) != ST_OK)
		st = pull_fail(x, ST_SYS, "the node's name cannot be found");
	if (st == ST_OK)
		st = play(y, far);
	free(y->head);
	free(y);
	return st;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/igd.h"

#include "servent/maplib.h"

#ifdef HAVE_MINIUPNPC

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/media/dechunk.h"
#include "core/sys/log.h"
#include "core/sys/sock.h"
#include "core/sys/text.h"

#define SEARCH_TIME  (2500 * NSEC_PER_MSEC)      /* for an answer to come: they have a second, twice */
#define SEARCH_AGAIN NSEC_PER_SEC               /* packets get lost */
#define SEARCH_MORE  (300 * NSEC_PER_MSEC)      /* once the router has answered, for a better answer of it */
#define SEARCH_MAX   64                         /* answers looked at */
#define DESCRIPTIONS 4                          /* documents fetched of one router */
#define CONNECT_TIME (3 * NSEC_PER_SEC)
#define ANSWER_TIME  (5 * NSEC_PER_SEC)         /* for one request, its connection included */
#define LINE_MAX_LEN 2048                       /* of an answer's head */
#define LINES_MAX    64
#define PADDING      16                         /* zeros behind what the XML parser reads */

/* What UPnP calls its errors. */
enum {
	UPNP_INVALID_ARGS = 402, UPNP_ACTION_FAILED = 501, UPNP_NO_SUCH_ENTRY = 714, UPNP_CONFLICT = 718,
	UPNP_PERMANENT_ONLY = 725
};

/* --- one request -------------------------------------------------------------------------------- */

/* Why it could not be asked: who does not answer is told from who cannot be reached. */
static enum portmap_why why_of(enum status st)
{
	switch (st) {
	case ST_OK:      return PMWHY_OK;
	case ST_TIMEOUT: return PMWHY_SILENT;
	case ST_STOPPED: return PMWHY_STARTED;
	case ST_SYS:     return errno == ECONNREFUSED || errno == EHOSTUNREACH ? PMWHY_SILENT : PMWHY_SYSTEM;
	default:         return PMWHY_BAD_ANSWER;
	}
}

static enum status sink(void *ctx, const void *p, size_t n)
{
	struct buf *b = ctx;

	buf_put(b, p, n);
	return b->err;
}

static enum status read_head(struct sock *s, struct igd_head *h, nsec deadline)
{
	char line[LINE_MAX_LEN];

	for (int i = 0; i < LINES_MAX; i++) {
		const enum status st = sock_read_line(s, line, sizeof(line), deadline);

		if (st != ST_OK)
			return st;
		if (line[0] == '\0' && i > 0)
			return ST_OK;
		if (!igd_head_line(h, line))
			return ST_PROTO;
	}
	return ST_LIMIT;
}

/* Up to its end, whatever says where that is. */
static enum status read_body(struct sock *s, const struct igd_head *h, struct buf *body, nsec deadline)
{
	enum status st = ST_OK;
	uint8_t piece[2048];
	struct dechunk d;

	dechunk_init(&d);
	while (st == ST_OK && (h->chunked || !h->has_length || body->len < h->length)) {
		size_t want = sizeof(piece), got, used;

		if (!h->chunked && h->has_length)
			want = MIN(want, h->length - body->len);
		st = sock_read(s, piece, want, &got, deadline);
		if (st == ST_EOF && !h->chunked && !h->has_length)
			return ST_OK;
		if (st == ST_OK)
			st = h->chunked ? dechunk_feed(&d, piece, got, &used, sink, body)
			                : sink(body, piece, got);
		else if (st == ST_EOF)
			return ST_PROTO;
	}
	return st == ST_EOF ? ST_OK : st;       /* the last chunk */
}

/* Send it and take the whole answer: *status and body, with zeros behind. us: our side of the connection. */
static enum status exchange(const struct igd_url *u, const struct buf *request, uint32_t *status,
	struct buf *body, struct host *us, struct mbox *mb, nsec deadline)
{
	const nsec end = MIN(deadline, clk_deadline(ANSWER_TIME));
	struct igd_head h = { .status = 0 };
	struct sock s;
	enum status st;

	if (request->err != ST_OK)
		return ST_LIMIT;
	st = sock_connect(&s, &u->at, mb, MIN(end, clk_deadline(CONNECT_TIME)));
	if (st != ST_OK)
		return st;
	if (us != NULL)
		*us = sock_local(s.fd);
	st = sock_write(&s, request->p, request->len, end);
	if (st == ST_OK)
		st = read_head(&s, &h, end);
	if (st == ST_OK && h.status / 100 != 3)
		st = read_body(&s, &h, body, end);
	if (st == ST_EOF)
		st = ST_PROTO;
	if (st == ST_OK && buf_reserve(body, PADDING) != NULL)
		memset(body->p + body->len, 0, PADDING);
	else if (st == ST_OK)
		st = ST_LIMIT;
	*status = h.status;
	sock_close(&s);
	return st;
}

/* --- actions ------------------------------------------------------------------------------------ */

struct value {
	const char *name;
	char text[128];
	bool there;
};

/* Who is asked, and until when. */
struct ask {
	const struct igd_way *w;
	struct mbox *mb;
	nsec deadline;
};

/* What an action gave. */
struct reply {
	uint32_t code;          /* UPnP's error; 0 = none */
	char detail[PORTMAP_DETAIL];
	struct host us;         /* our side of the connection */
};

/* Texts from the router are foreign. */
static void take_values(const struct buf *body, struct value *v, size_t n, struct reply *r)
{
	const struct upnp_lib *lib = upnp_lib();
	struct NameValueParserData data;
	const char *code, *text;

	lib->ParseNameValue((const char *)body->p, (int)body->len, &data);
	for (size_t i = 0; i < n; i++) {
		text = lib->GetValueFromNameValueList(&data, v[i].name);
		v[i].there = text != NULL;
		text = text != NULL ? text : "";
		(void)text_clean(v[i].text, sizeof(v[i].text), text, strlen(text));
	}
	code = lib->GetValueFromNameValueList(&data, "errorCode");
	text = lib->GetValueFromNameValueList(&data, "errorDescription");
	if (code != NULL && !num_u32(code, 1, 9999, &r->code))
		r->code = UPNP_ACTION_FAILED;
	if (r->code != 0) {
		char clean[PORTMAP_DETAIL];

		text = text != NULL ? text : "";
		(void)text_clean(clean, sizeof(clean), text, strlen(text));
		(void)snprintf(r->detail, sizeof(r->detail), "%u%s%.40s", r->code,
			clean[0] != '\0' ? " " : "", clean);
		r->detail[text_cut(r->detail, strlen(r->detail))] = '\0';
	}
	lib->ClearNameValueList(&data);
}

/* Have an action done. PMWHY_OK: it answered, r->code says how; else it could not be asked. */
static enum portmap_why act(const struct ask *k, const char *action, const struct igd_arg *args,
	size_t n_args, struct value *v, size_t n, struct reply *r)
{
	enum portmap_why why = PMWHY_BAD_ANSWER;
	struct buf request, body;
	uint32_t status = 0;
	enum status st;

	memset(r, 0, sizeof(*r));
	buf_init(&request, 8192);
	buf_init(&body, IGD_BODY + PADDING);
	igd_call(&request, &k->w->control, k->w->service, action, args, n_args);
	st = exchange(&k->w->control, &request, &status, &body, &r->us, k->mb, k->deadline);
	if (st == ST_OK && status / 100 == 3) {
		why = PMWHY_ELSEWHERE;
	} else if (st != ST_OK) {
		why = why_of(st);
	} else {
		take_values(&body, v, n, r);
		why = PMWHY_OK;
		/* an error of UPnP comes with 500; anything else but 200 is none of its own */
		if (status != 200 && r->code == 0) {
			r->code = status;
			(void)snprintf(r->detail, sizeof(r->detail), "HTTP %u", status);
		}
	}
	log_debug("portmap: %s: %s %s", action, portmap_why_code(why), r->detail);
	buf_fini(&request);
	buf_fini(&body);
	return why;
}

/* --- what the router knows ---------------------------------------------------------------------- */

static enum portmap_why ask_outside(const struct ask *k, struct portmap *m, struct reply *r)
{
	struct value v[] = { { .name = "NewExternalIPAddress" } };
	const enum portmap_why why = act(k, "GetExternalIPAddress", NULL, 0, v, NELEM(v), r);

	m->outside = (struct host){ .port = 0 };
	if (why == PMWHY_OK && r->code == 0 && !host_parse(&m->outside, v[0].text, 0))
		m->outside = (struct host){ .port = 0 };
	if (host_is_set(&m->outside))
		m->outside.port = m->port;
	return why;
}

enum looked { LOOK_SEEN, LOOK_UNSEEN, LOOK_FAILED };

struct entry {
	struct portmap_entry is;
	uint32_t lease_s;       /* 0 = for ever, or not told */
};

#define OUR_NAME "peercast "   /* and the port: what a router shows to people */

/* The router's table at our port. UNSEEN: it does not show it. */
static enum looked ask_entry(const struct ask *k, uint16_t port, struct entry *e, enum portmap_why *why)
{
	char number[8];
	const struct igd_arg args[] = {
		{ "NewRemoteHost", "" }, { "NewExternalPort", number }, { "NewProtocol", "TCP" },
	};
	struct value v[] = {
		{ .name = "NewInternalClient" }, { .name = "NewInternalPort" }, { .name = "NewEnabled" },
		{ .name = "NewLeaseDuration" }, { .name = "NewPortMappingDescription" },
	};
	uint32_t to_port;
	struct reply r;

	memset(e, 0, sizeof(*e));
	(void)snprintf(number, sizeof(number), "%u", port);
	*why = act(k, "GetSpecificPortMappingEntry", args, NELEM(args), v, NELEM(v), &r);
	if (*why != PMWHY_OK)
		return LOOK_FAILED;
	if (r.code == UPNP_NO_SUCH_ENTRY)
		return LOOK_SEEN;
	if (r.code != 0 || !v[0].there || !host_parse(&e->is.to, v[0].text, 0) ||
	    !num_u32(v[1].text, 1, UINT16_MAX, &to_port))
		return LOOK_UNSEEN;
	e->is.there = true;
	e->is.to.port = (uint16_t)to_port;
	e->is.enabled = !v[2].there || strcmp(v[2].text, "0") != 0;
	(void)!num_u32(v[3].text, 0, UINT32_MAX, &e->lease_s);
	e->is.named = strncmp(v[4].text, OUR_NAME, strlen(OUR_NAME)) == 0;
	return LOOK_SEEN;
}

static enum portmap_why add(const struct ask *k, const struct portmap *m, uint32_t lease_s, struct reply *r)
{
	char port[8], ip[HOST_STRLEN], lease[12], name[32];
	const struct igd_arg args[] = {
		{ "NewRemoteHost", "" }, { "NewExternalPort", port }, { "NewProtocol", "TCP" },
		{ "NewInternalPort", port }, { "NewInternalClient", ip }, { "NewEnabled", "1" },
		{ "NewPortMappingDescription", name }, { "NewLeaseDuration", lease },
	};

	(void)snprintf(port, sizeof(port), "%u", m->port);
	(void)snprintf(lease, sizeof(lease), "%u", lease_s);
	(void)snprintf(name, sizeof(name), OUR_NAME "%u", m->port);
	(void)host_ip_str(&m->inside, ip);
	return act(k, "AddPortMapping", args, NELEM(args), NULL, 0, r);
}

/* --- the whole ---------------------------------------------------------------------------------- */

enum portmap_why igd_look(const struct igd_way *w, struct mbox *mb, nsec deadline, struct portmap *m)
{
	const struct ask k = { .w = w, .mb = mb, .deadline = deadline };
	const struct host before = m->outside;
	enum portmap_why why;
	struct entry e;
	struct reply r;

	switch (ask_entry(&k, m->port, &e, &why)) {
	case LOOK_FAILED:
		return why;
	case LOOK_SEEN:
		why = portmap_judge_entry(&e.is, &m->inside);
		if (why == PMWHY_TAKEN)
			m->holder = e.is.to;
		if (why != PMWHY_OK)
			return why;
		break;
	case LOOK_UNSEEN:
		why = PMWHY_UNSEEN;
		break;
	}
	if (ask_outside(&k, m, &r) != PMWHY_OK)
		m->outside = before;
	return why == PMWHY_UNSEEN ? why : portmap_judge_outside(&m->outside);
}

/* What the table says before we ask. PMWHY_STARTED: go on (or we are stopped); else that is the end. */
static enum portmap_why look_first(const struct ask *k, struct portmap *m)
{
	enum portmap_why why;
	struct entry e;

	m->was_there = m->theirs = false;
	m->holder = (struct host){ .port = 0 };
	switch (ask_entry(k, m->port, &e, &why)) {
	case LOOK_FAILED:
		return why;
	case LOOK_UNSEEN:
		return PMWHY_STARTED;
	case LOOK_SEEN:
		break;
	}
	why = portmap_judge_before(&e.is, &m->inside);
	if (why == PMWHY_TAKEN) {
		m->holder = e.is.to;
		return why;
	}
	m->was_there = why == PMWHY_OK;
	m->theirs = m->was_there && !e.is.named;
	m->lease_s = m->theirs ? e.lease_s : 0;
	return m->theirs ? portmap_judge_outside(&m->outside) : PMWHY_STARTED;
}

/* Ask, with a lease or, where older ones want none, for ever: *lease_s says which. */
static enum portmap_why add_somehow(const struct ask *k, struct portmap *m, uint32_t *lease_s,
	struct reply *r)
{
	enum portmap_why why;

	m->asked = true;
	why = add(k, m, *lease_s, r);
	if (why == PMWHY_OK && *lease_s != 0 && (r->code == UPNP_PERMANENT_ONLY ||
	    r->code == UPNP_INVALID_ARGS || r->code == UPNP_ACTION_FAILED)) {
		*lease_s = 0;
		why = add(k, m, 0, r);
	}
	m->for_ever = *lease_s == 0;
	if (why == PMWHY_OK && r->code != 0) {
		(void)text_copy(m->detail, sizeof(m->detail), r->detail);
		why = r->code == UPNP_CONFLICT ? PMWHY_TAKEN : PMWHY_REFUSED;
		m->asked = false;
	}
	return why;
}

enum portmap_why igd_map_again(const struct igd_way *w, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m)
{
	const struct ask k = { .w = w, .mb = mb, .deadline = deadline };
	enum portmap_why why;
	enum looked looked;
	struct entry e;
	struct reply r;

	(void)text_copy(m->detail, sizeof(m->detail), "");
	why = ask_outside(&k, m, &r);
	if (why != PMWHY_OK)
		return why;
	/* the address we ask from is the one it must lead to */
	if (host_is_set(&r.us))
		m->inside = r.us;
	m->inside.port = m->port;
	why = look_first(&k, m);
	if (why != PMWHY_STARTED || (mb != NULL && mbox_is_stopped(mb)))
		return why;
	why = add_somehow(&k, m, &lease_s, &r);
	if (why != PMWHY_OK)
		return why;
	looked = ask_entry(&k, m->port, &e, &why);
	if (looked == LOOK_FAILED)
		return why;
	m->lease_s = portmap_lease(lease_s, e.lease_s);
	if (looked == LOOK_UNSEEN)
		return PMWHY_UNSEEN;
	why = portmap_judge_entry(&e.is, &m->inside);
	if (why == PMWHY_TAKEN)
		m->holder = e.is.to;
	return why == PMWHY_OK ? portmap_judge_outside(&m->outside) : why;
}

enum status igd_drop(const struct igd_way *w, const struct portmap *m, struct mbox *mb, nsec deadline)
{
	char port[8];
	const struct igd_arg args[] = {
		{ "NewRemoteHost", "" }, { "NewExternalPort", port }, { "NewProtocol", "TCP" },
	};
	const struct ask k = { .w = w, .mb = mb, .deadline = deadline };
	enum portmap_why why;
	enum looked looked;
	struct entry e;
	struct reply r;

	(void)snprintf(port, sizeof(port), "%u", m->port);
	looked = ask_entry(&k, m->port, &e, &why);
	if (looked == LOOK_FAILED)
		return ST_PROTO;
	if (looked == LOOK_SEEN && (!e.is.there || !host_same_ip(&e.is.to, &m->inside) ||
	                            (!e.is.named && e.is.to.port != m->port)))
		return ST_OK;           /* gone, or another's by now */
	if (looked == LOOK_UNSEEN && m->state != PORTMAP_OPEN)
		return ST_PROTO;        /* whose it is cannot be told */
	why = act(&k, "DeletePortMapping", args, NELEM(args), NULL, 0, &r);
	return why == PMWHY_OK && (r.code == 0 || r.code == UPNP_NO_SUCH_ENTRY) ? ST_OK : ST_PROTO;
}

/* --- the search --------------------------------------------------------------------------------- */

/* One of the description's services. PMWHY_NO_ANSWER: it cannot map ports. */
static enum portmap_why take_service(struct igd_way *w, const struct IGDdatas *d,
	const struct IGDdatas_service *s, const struct igd_url *doc, const struct host *router)
{
	struct igd_url base = *doc;
	enum portmap_why why = PMWHY_OK;

	if (!igd_is_service(s->servicetype))
		return PMWHY_NO_ANSWER;
	if (d->urlbase[0] != '\0')
		why = igd_url_parse(&base, d->urlbase, doc, router);
	if (why == PMWHY_OK)
		why = igd_url_parse(&w->control, s->controlurl, &base, router);
	(void)text_copy(w->service, sizeof(w->service), s->servicetype);
	return why;
}

/* Read the description at doc. PMWHY_OK: w[0..*n) are its services that can map ports, 1 or 2. */
static enum portmap_why describe(struct igd_way w[2], size_t *n, const struct igd_url *doc,
	const struct host *router, struct mbox *mb, nsec deadline)
{
	enum portmap_why why, no = PMWHY_NO_ANSWER;
	struct IGDdatas *d = calloc(1, sizeof(*d));
	struct buf request, body;
	uint32_t status = 0;
	enum status st = ST_LIMIT;

	*n = 0;
	buf_init(&request, 4096);
	buf_init(&body, IGD_BODY + PADDING);
	igd_get(&request, doc);
	if (d != NULL)
		st = exchange(doc, &request, &status, &body, NULL, mb, deadline);
	if (st != ST_OK) {
		no = d != NULL ? why_of(st) : PMWHY_SYSTEM;
	} else if (status / 100 == 3) {
		no = PMWHY_ELSEWHERE;
	} else if (status != 200 || body.len == 0) {
		no = PMWHY_BAD_ANSWER;
	} else {
		upnp_lib()->parserootdesc((const char *)body.p, (int)body.len, d);
		why = take_service(&w[*n], d, &d->first, doc, router);
		*n += why == PMWHY_OK;
		no = why;
		why = take_service(&w[*n], d, &d->second, doc, router);
		*n += why == PMWHY_OK;
		if (no == PMWHY_NO_ANSWER)
			no = why != PMWHY_NO_ANSWER ? why : PMWHY_BAD_ANSWER;
	}
	buf_fini(&request);
	buf_fini(&body);
	free(d);
	return *n > 0 ? PMWHY_OK : no;
}

/* Of a router with two lines (IP and PPP) the one that is connected. */
static enum portmap_why map_one(struct igd_way *w, const struct igd_way all[2], size_t n, uint32_t lease_s,
	struct mbox *mb, nsec deadline, struct portmap *m)
{
	enum portmap_why why = PMWHY_OK;
	struct reply r;

	*w = all[0];
	if (n > 1) {
		const struct ask one = { .w = &all[0], .mb = mb, .deadline = deadline };
		const struct ask other = { .w = &all[1], .mb = mb, .deadline = deadline };

		why = ask_outside(&one, m, &r);
		if (why == PMWHY_OK && !host_is_set(&m->outside) &&
		    ask_outside(&other, m, &r) == PMWHY_OK && host_is_set(&m->outside))
			*w = all[1];
	}
	return why == PMWHY_STARTED ? why : igd_map_again(w, lease_s, mb, deadline, m);
}

/* A socket that sends from our address at that gateway. */
static int search_socket(const struct gateway *g)
{
	const int ttl = 2;
	struct sockaddr_storage ss;
	const socklen_t len = host_to_sockaddr(&g->local, &ss);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&ss, len) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &((const struct sockaddr_in *)&ss)->sin_addr,
	               sizeof(struct in_addr)) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) == -1) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* To everybody, and to the router alone: a firewall here lets the answer to that in. */
static void send_search(int fd, const struct gateway *g)
{
	static const char *const kinds[] = {
		"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
		"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
	};
	const struct host all = host_v4(239, 255, 255, 250, 1900);
	struct host one = g->router;
	struct sockaddr_storage ss[2];
	socklen_t len[2];
	char text[512];

	one.port = 1900;
	len[0] = host_to_sockaddr(&all, &ss[0]);
	len[1] = host_to_sockaddr(&one, &ss[1]);
	for (size_t i = 0; i < NELEM(kinds); i++) {
		const size_t n = ssdp_search(text, sizeof(text), kinds[i], &all);

		/* what does not go out now may go out the next time */
		for (int k = 0; k < 2; k++)
			(void)!sendto(fd, text, n, MSG_NOSIGNAL, (const struct sockaddr *)&ss[k], len[k]);
	}
}

/* An answer of the router. PMWHY_OK: *doc is where its description is. */
static enum portmap_why take_answer(int fd, const struct gateway *g, struct igd_url *doc)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	char url[IGD_URL], text[HOST_STRLEN];
	uint8_t packet[2048];
	struct host from;
	const ssize_t n = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&ss, &len);

	if (n <= 0 || !ssdp_location(packet, (size_t)n, url))
		return PMWHY_NO_ANSWER;
	from = host_from_sockaddr((const struct sockaddr *)&ss);
	if (!host_same_ip(&from, &g->router)) {
		log_debug("portmap: UPnP answer of %s, which is not the router", host_ip_str(&from, text));
		return PMWHY_NO_ANSWER;
	}
	return igd_url_parse(doc, url, NULL, &g->router);
}

/* The next reason is kept when it tells more. */
static void note(enum portmap_why *no, enum portmap_why why)
{
	if (*no == PMWHY_NO_ANSWER || why == PMWHY_STARTED)
		*no = why;
}

struct search {
	const struct gateway *g;
	struct igd_url seen[DESCRIPTIONS];
	size_t n;
	enum portmap_why no;    /* so far */
};

static bool is_new(struct search *x, const struct igd_url *doc)
{
	for (size_t i = 0; i < x->n; i++)
		if (host_equal(&x->seen[i].at, &doc->at) && strcmp(x->seen[i].path, doc->path) == 0)
			return false;
	if (x->n == NELEM(x->seen))
		return false;
	x->seen[x->n++] = *doc;
	return true;
}

/* Until a description is one that can map ports: w, *n as describe(). */
static bool search(struct search *x, struct igd_way w[2], size_t *n, struct mbox *mb, nsec deadline)
{
	nsec end = MIN(deadline, clk_deadline(SEARCH_TIME));
	struct sock s = { .fd = search_socket(x->g), .mb = mb };
	nsec again = clk_deadline(SEARCH_AGAIN);
	bool found = false;

	if (s.fd == -1) {
		x->no = PMWHY_SYSTEM;
		return false;
	}
	send_search(s.fd, x->g);
	for (int i = 0; i < SEARCH_MAX && !found && x->no != PMWHY_STARTED;) {
		struct igd_url doc;
		enum portmap_why why;
		enum status st;
		int got;

		st = sock_wait(&s, SOCK_IN, &got, MIN(end, again));
		if (st == ST_TIMEOUT && again < end && clk_now() < end) {
			send_search(s.fd, x->g);
			again = NSEC_NEVER;
			continue;
		}
		if (st != ST_OK) {
			note(&x->no, st == ST_STOPPED ? PMWHY_STARTED : x->no);
			break;
		}
		if (!(got & SOCK_IN))
			continue;
		i++;
		why = take_answer(s.fd, x->g, &doc);
		if (why == PMWHY_OK && is_new(x, &doc)) {
			why = describe(w, n, &doc, &x->g->router, mb, deadline);
			found = why == PMWHY_OK;
		}
		if (why != PMWHY_OK)
			note(&x->no, why);
		if (x->no != PMWHY_NO_ANSWER)
			end = MIN(end, clk_deadline(SEARCH_MORE));
	}
	sock_close(&s);
	return found;
}

enum portmap_why igd_map(struct igd_way *w, const struct gateway *g, uint32_t lease_s, struct mbox *mb,
	nsec deadline, struct portmap *m)
{
	struct search x = { .g = g, .no = PMWHY_NO_ANSWER };
	struct igd_way all[2];
	size_t n = 0;

	if (upnp_lib() == NULL)
		return PMWHY_NO_LIBRARY;
	if (!search(&x, all, &n, mb, deadline))
		return x.no;
	return map_one(w, all, n, lease_s, mb, deadline, m);
}

#else

enum portmap_why igd_map(struct igd_way *w, const struct gateway *g, uint32_t lease_s, struct mbox *mb,
	nsec deadline, struct portmap *m)
{
	return PMWHY_NO_LIBRARY;
}

enum portmap_why igd_map_again(const struct igd_way *w, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m)
{
	return PMWHY_NO_LIBRARY;
}

enum portmap_why igd_look(const struct igd_way *w, struct mbox *mb, nsec deadline, struct portmap *m)
{
	return PMWHY_NO_LIBRARY;
}

enum status igd_drop(const struct igd_way *w, const struct portmap *m, struct mbox *mb, nsec deadline)
{
	return ST_PROTO;
}

#endif

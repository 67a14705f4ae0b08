/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pmp.h"

#include "servent/maplib.h"

#define HEAD      8             /* bytes of every answer */
#define ADDRESS   12
#define MAPPING   16

bool pmp_goes_on(const struct pmp_clock *c, uint32_t epoch, nsec now)
{
	const int64_t passed = (now - c->at) / NSEC_PER_SEC;
	const int64_t told = (int64_t)epoch - (int64_t)c->epoch;

	/* clocks differ by an eighth, and by two seconds of rounding and delay */
	return c->at == 0 || told + 2 >= passed * 7 / 8;
}

bool pmp_is_whole(const uint8_t *p, size_t n)
{
	if (n < HEAD || p[0] != 0)
		return false;
	if (p[2] != 0 || p[3] != 0)
		return true;            /* a refusal has no more */
	return n >= (p[1] == 0x80 ? (size_t)ADDRESS : (size_t)MAPPING);
}

#ifdef HAVE_NATPMP

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/sys/log.h"
#include "core/sys/sock.h"
#include "core/sys/text.h"

#define PATIENCE (4 * NSEC_PER_SEC)     /* for one answer: packets are sent four times */
#define ROUNDS   64                     /* packets looked at */

/* One conversation. */
struct talk {
	const struct natpmp_lib *lib;
	natpmp_t np;
	struct sock s;          /* its socket; libnatpmp's to close */
	nsec deadline;
};

static enum portmap_why talk_begin(struct talk *t, const struct portmap *m, struct mbox *mb, nsec deadline)
{
	in_addr_t gateway;

	t->lib = natpmp_lib();
	if (t->lib == NULL)
		return PMWHY_NO_LIBRARY;
	memcpy(&gateway, &m->router.ip[12], sizeof(gateway));
	if (t->lib->initnatpmp(&t->np, 1, gateway) != 0)
		return PMWHY_SYSTEM;
	t->s = (struct sock){ .fd = t->np.s, .mb = mb };
	t->deadline = deadline;
	return PMWHY_OK;
}

/* What the router's numbers mean; *detail its word for it. */
static enum portmap_why refusal(int rc, const char **detail)
{
	switch (rc) {
	case NATPMP_ERR_NOGATEWAYSUPPORT:
		return PMWHY_NO_ANSWER;
	case NATPMP_ERR_UNSUPPORTEDVERSION:
		*detail = "it speaks another version";
		return PMWHY_REFUSED;
	case NATPMP_ERR_UNSUPPORTEDOPCODE:
		*detail = "not supported";
		return PMWHY_REFUSED;
	case NATPMP_ERR_NOTAUTHORIZED:
		*detail = "not authorized";
		return PMWHY_REFUSED;
	case NATPMP_ERR_NETWORKFAILURE:
		*detail = "it is not connected";
		return PMWHY_REFUSED;
	case NATPMP_ERR_OUTOFRESOURCES:
		*detail = "out of resources";
		return PMWHY_REFUSED;
	case NATPMP_ERR_UNDEFINEDERROR:
		return PMWHY_REFUSED;
	default:
		return PMWHY_SYSTEM;
	}
}

enum peeked { PEEK_WHOLE, PEEK_JUNK, PEEK_NONE, PEEK_SHUT };

/* What comes next; what is no whole packet is thrown away. SHUT: nobody listens there. */
static enum peeked peek(int fd)
{
	uint8_t p[MAPPING];
	const ssize_t n = recv(fd, p, sizeof(p), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)              /* which takes the error away */
		return errno == ECONNREFUSED ? PEEK_SHUT : PEEK_NONE;
	if (pmp_is_whole(p, (size_t)n))
		return PEEK_WHOLE;
	(void)!recv(fd, p, sizeof(p), MSG_DONTWAIT);
	return PEEK_JUNK;
}

/* The answer to what was just sent: of that type, and for that port. */
static enum portmap_why answer(struct talk *t, uint16_t type, uint16_t port, natpmpresp_t *r,
	const char **detail)
{
	const nsec end = MIN(t->deadline, clk_deadline(PATIENCE));

	*detail = "";
	for (int i = 0; i < ROUNDS; i++) {
		struct timeval tv = { .tv_sec = 0 };
		enum status st;
		int rc, got = 0;

		if (t->lib->getnatpmprequesttimeout(&t->np, &tv) != 0)
			return PMWHY_SYSTEM;
		st = sock_wait(&t->s, SOCK_IN, &got, MIN(end, clk_deadline((nsec)tv.tv_sec * NSEC_PER_SEC +
			(nsec)tv.tv_usec * 1000)));
		if (st == ST_STOPPED)
			return PMWHY_STARTED;
		if (st == ST_TIMEOUT && clk_now() >= end)
			return PMWHY_NO_ANSWER;
		if (st == ST_OK && (got & SOCK_IN)) {
			const enum peeked next = peek(t->np.s);

			if (next == PEEK_SHUT)
				return PMWHY_NO_ANSWER;
			if (next == PEEK_JUNK)
				continue;
		}
		/* sends again when it is time to */
		rc = t->lib->readnatpmpresponseorretry(&t->np, r);
		if (rc == NATPMP_TRYAGAIN || rc == NATPMP_ERR_WRONGPACKETSOURCE)
			continue;
		if (rc != 0)
			return refusal(rc, detail);
		if (r->type == type && (type == NATPMP_RESPTYPE_PUBLICADDRESS ||
		                        r->pnu.newportmapping.privateport == port))
			return PMWHY_OK;
		t->np.has_pending_request = 1;  /* that was another one's; ours may still come */
	}
	return PMWHY_BAD_ANSWER;
}

static enum portmap_why ask_outside(struct talk *t, struct portmap *m, uint32_t *epoch, const char **detail)
{
	enum portmap_why why;
	natpmpresp_t r;
	const uint8_t *ip = (const uint8_t *)&r.pnu.publicaddress.addr.s_addr;

	memset(&r, 0, sizeof(r));
	m->outside = (struct host){ .port = 0 };
	if (t->lib->sendpublicaddressrequest(&t->np) < 0)
		return PMWHY_SYSTEM;
	why = answer(t, NATPMP_RESPTYPE_PUBLICADDRESS, 0, &r, detail);
	if (why == PMWHY_OK) {
		m->outside = host_v4(ip[0], ip[1], ip[2], ip[3], m->port);
		*epoch = r.epoch;
	}
	if (!host_is_set(&m->outside))
		m->outside.port = 0;
	return why;
}

static enum portmap_why ask_mapping(struct talk *t, uint16_t port, uint16_t outside, uint32_t lease_s,
	natpmpresp_t *r, const char **detail)
{
	memset(r, 0, sizeof(*r));
	if (t->lib->sendnewportmappingrequest(&t->np, NATPMP_PROTOCOL_TCP, port, outside, lease_s) < 0)
		return PMWHY_SYSTEM;
	return answer(t, NATPMP_RESPTYPE_TCPPORTMAPPING, port, r, detail);
}

/* What it gave, against what we need. */
static enum portmap_why judge(struct talk *t, const natpmpresp_t *r, uint32_t lease_s, struct portmap *m)
{
	const uint16_t given = r->pnu.newportmapping.mappedpublicport;
	const char *detail;
	natpmpresp_t gone;

	if (given == 0 || r->pnu.newportmapping.lifetime == 0) {
		m->asked = r->pnu.newportmapping.lifetime != 0;
		return PMWHY_LIE;
	}
	if (given != m->port) {
		(void)snprintf(m->detail, sizeof(m->detail), "%u instead of %u", given, m->port);
		m->asked = ask_mapping(t, m->port, 0, 0, &gone, &detail) != PMWHY_OK;
		return PMWHY_OTHER_PORT;
	}
	m->lease_s = MIN(r->pnu.newportmapping.lifetime, lease_s);
	return portmap_judge_outside(&m->outside);
}

enum portmap_why pmp_map(struct pmp_clock *c, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m)
{
	const char *detail = "";
	enum portmap_why why;
	natpmpresp_t r;
	uint32_t epoch;
	struct talk t;

	m->detail[0] = '\0';
	m->was_there = false;
	m->holder = (struct host){ .port = 0 };
	why = talk_begin(&t, m, mb, deadline);
	if (why != PMWHY_OK)
		return why;
	m->inside = sock_local(t.np.s);
	m->inside.port = m->port;
	why = ask_outside(&t, m, &epoch, &detail);
	if (why == PMWHY_OK) {
		m->asked = true;
		why = ask_mapping(&t, m->port, m->port, lease_s, &r, &detail);
	}
	if (why == PMWHY_OK) {
		*c = (struct pmp_clock){ .epoch = r.epoch, .at = clk_now() };
		why = judge(&t, &r, lease_s, m);
	} else {
		(void)text_copy(m->detail, sizeof(m->detail), detail);
		m->asked = m->asked && why != PMWHY_REFUSED;
	}
	log_debug("portmap: NAT-PMP: %s %s", portmap_why_code(why), m->detail);
	(void)t.lib->closenatpmp(&t.np);
	return why;
}

enum portmap_why pmp_look(struct pmp_clock *c, struct mbox *mb, nsec deadline, struct portmap *m)
{
	const struct host before = m->outside;
	const char *detail = "";
	enum portmap_why why;
	uint32_t epoch;
	struct talk t;

	why = talk_begin(&t, m, mb, deadline);
	if (why != PMWHY_OK)
		return why;
	why = ask_outside(&t, m, &epoch, &detail);
	(void)t.lib->closenatpmp(&t.np);
	if (why != PMWHY_OK) {
		m->outside = before;
		return why;
	}
	if (!pmp_goes_on(c, epoch, clk_now()))
		return PMWHY_LIE;       /* it began anew */
	*c = (struct pmp_clock){ .epoch = epoch, .at = clk_now() };
	return portmap_judge_outside(&m->outside);
}

enum status pmp_drop(const struct portmap *m, struct mbox *mb, nsec deadline)
{
	const char *detail;
	enum portmap_why why;
	natpmpresp_t r;
	struct talk t;

	if (talk_begin(&t, m, mb, deadline) != PMWHY_OK)
		return ST_PROTO;
	why = ask_mapping(&t, m->port, 0, 0, &r, &detail);
	(void)t.lib->closenatpmp(&t.np);
	return why == PMWHY_OK && r.pnu.newportmapping.lifetime == 0 ? ST_OK : ST_PROTO;
}

#else

enum portmap_why pmp_map(struct pmp_clock *c, uint32_t lease_s, struct mbox *mb, nsec deadline,
	struct portmap *m)
{
	return PMWHY_NO_LIBRARY;
}

enum portmap_why pmp_look(struct pmp_clock *c, struct mbox *mb, nsec deadline, struct portmap *m)
{
	return PMWHY_NO_LIBRARY;
}

enum status pmp_drop(const struct portmap *m, struct mbox *mb, nsec deadline)
{
	return ST_PROTO;
}

#endif

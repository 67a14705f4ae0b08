/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/push.h"

#include <stdio.h>
#include <string.h>

enum status push_parse(struct push *p, const struct atom *a)
{
	struct atom in = *a, c;

	memset(p, 0, sizeof(*p));
	if (a->id != ATOM_PUSH || !atom_is_cont(a))
		return ST_PROTO;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_IP:
			atom_ip(&c, &p->host);
			break;
		case ATOM_PORT:
			atom_u16(&c, &p->host.port);
			break;
		case ATOM_CID:
			atom_gnuid(&c, &p->cid);
			break;
		default:
			break;
		}
	}
	return host_is_set(&p->host) && p->host.port != 0 ? ST_OK : ST_PROTO;
}

void push_emit(struct atomwr *w, const struct push *p)
{
	atomwr_begin(w, ATOM_PUSH);
	atomwr_ip(w, ATOM_IP, &p->host);
	atomwr_u16(w, ATOM_PORT, p->host.port);
	atomwr_gnuid(w, ATOM_CID, &p->cid);
	atomwr_end(w);
}

bool push_may_dial(const struct push *p, const struct host *self)
{
	return host_is_global(&p->host) && p->host.port >= PUSH_PORT_MIN &&
	       !(host_is_set(self) && host_same_ip(&p->host, self));
}

/* --- how often -------------------------------------------------------------------------------- */

bool pushlimit_begin(struct pushlimit *l, const struct gnuid *session, const struct host *to, nsec now)
{
	size_t slot = 0, flight = PUSH_FLIGHTS;

	for (size_t i = 0; i < PUSH_SESSIONS; i++) {
		if (l->last[i].at != 0 && gnuid_equal(&l->last[i].session, session)) {
			slot = i;
			break;
		}
		if (l->last[i].at < l->last[slot].at)
			slot = i;
	}
	if (l->last[slot].at != 0 && now - l->last[slot].at < PUSH_PACE)
		return false;
	for (size_t i = 0; i < PUSH_FLIGHTS; i++) {
		if (!host_is_set(&l->flight[i]))
			flight = i;
		else if (host_equal(&l->flight[i], to))
			return false;
	}
	if (flight == PUSH_FLIGHTS)
		return false;
	l->last[slot].session = *session;
	l->last[slot].at = now;
	l->flight[flight] = *to;
	return true;
}

void pushlimit_end(struct pushlimit *l, const struct host *to)
{
	for (size_t i = 0; i < PUSH_FLIGHTS; i++) {
		if (host_equal(&l->flight[i], to))
			l->flight[i] = (struct host){ .port = 0 };
	}
}

/* --- the line --------------------------------------------------------------------------------- */

enum giv giv_parse(const char *line, struct gnuid *id)
{
	memset(id, 0, sizeof(*id));
	if (strncmp(line, "GIV", 3) != 0 || (line[3] != '\0' && line[3] != ' '))
		return GIV_NONE;
	line += 3;
	line += strspn(line, " ");
	if (*line == '/')
		line++;
	if (*line == '\0')
		return GIV_CONTROL;
	if (line[-1] != '/' || !gnuid_parse(id, line) || strcspn(line, " ") != 2 * GNUID_LEN) {
		memset(id, 0, sizeof(*id));
		return GIV_BAD;
	}
	return gnuid_is_set(id) ? GIV_CHANNEL : GIV_CONTROL;
}

const char *giv_emit(char dst[GIV_LINE], const struct gnuid *id)
{
	char hex[GNUID_STRLEN];

	if (gnuid_is_set(id))
		snprintf(dst, GIV_LINE, "GIV /%s\r\n\r\n", gnuid_str(id, hex));
	else
		snprintf(dst, GIV_LINE, "GIV\r\n\r\n");
	return dst;
}

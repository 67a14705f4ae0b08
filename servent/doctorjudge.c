/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/doctorjudge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcp/pcp.h"
#include "pcp/quit.h"

#define NOTES_MAX  ((size_t)64 << 10)
#define URL_SHOWN  200                  /* bytes of an address of a list, NUL included */
#define CLOCK_OFF  60                   /* seconds that are too much: certificates, sealed packets, logs */

const char *doctor_step_str(enum doctor_step s)
{
	static const char *const names[DOCTOR_STEPS] = {
		[DOCTOR_CONFIG] = "config", [DOCTOR_PORT] = "port", [DOCTOR_LIMITS] = "limits",
		[DOCTOR_NAMES] = "names", [DOCTOR_YP] = "yp", [DOCTOR_LISTS] = "lists",
		[DOCTOR_MAPPING] = "mapping", [DOCTOR_OUTSIDE] = "outside", [DOCTOR_PUSH] = "push",
		[DOCTOR_CLOCK] = "clock",
	};

	return names[s];
}

const char *doctor_verdict_str(enum doctor_verdict v)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok", [DOCTOR_SKIPPED] = "skipped", [DOCTOR_FAIL] = "FAIL",
	};

	return names[v];
}

/* --- saying it -------------------------------------------------------------------------------- */

static void ok(struct doctor_finding *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void skip(struct doctor_finding *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fail(struct doctor_finding *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void mend(struct doctor_finding *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct doctor_finding *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(char dst[DOCTOR_TEXT], const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void say(char dst[DOCTOR_TEXT], const char *fmt, va_list ap)
{
	(void)vsnprintf(dst, DOCTOR_TEXT, fmt, ap);
	dst[text_cut(dst, strlen(dst))] = '\0';
}

#define SAY(to) \
	do { \
		va_list ap; \
		va_start(ap, fmt); \
		say(to, fmt, ap); \
		va_end(ap); \
	} while (0)

static void ok(struct doctor_finding *d, const char *fmt, ...)
{
	d->verdict = DOCTOR_OK;
	SAY(d->text);
}

static void skip(struct doctor_finding *d, const char *fmt, ...)
{
	d->verdict = DOCTOR_SKIPPED;
	SAY(d->text);
}

/* The first fault of a step is its text; further ones are notes. */
static void fail(struct doctor_finding *d, const char *fmt, ...)
{
	char line[DOCTOR_TEXT];

	SAY(line);
	if (d->verdict == DOCTOR_FAIL)
		note(d, "%s", line);
	else
		(void)text_copy(d->text, sizeof(d->text), line);
	d->verdict = DOCTOR_FAIL;
}

/* What is said first stays: it belongs to the fault that is the text. */
static void mend(struct doctor_finding *d, const char *fmt, ...)
{
	if (d->mend[0] == '\0')
		SAY(d->mend);
}

static void note(struct doctor_finding *d, const char *fmt, ...)
{
	char line[DOCTOR_TEXT];

	SAY(line);
	buf_puts(&d->notes, line);
	buf_u8(&d->notes, '\n');
}

static const char *outcome_str(const struct outcome *o)
{
	errno = o->err;
	return status_str(o->st);
}

/* --- the steps -------------------------------------------------------------------------------- */

static void judge_config(const struct doctor_facts *f, struct doctor_finding *d)
{
	const char *all = (const char *)f->faults.p;

	if (f->set == NULL) {
		fail(d, "%s: %s", f->ini, outcome_str(&f->read));
		mend(d, "%s", f->read.st == ST_SYS && f->read.err == EACCES ?
			"Run this as the user the node runs as: sudo -u peercast peercast doctor -i ..." :
			f->read.st == ST_SYS && f->read.err == ENOENT ?
			"Name the ini of the node with -i; a node that is started on it makes one with "
			"the defaults." :
			"See whether it is a plain file that can be read.");
		return;
	}
	if (f->n_faults == 0) {
		if (f->missing)
			ok(d, "%s is not there: the defaults count, and a node makes it", f->ini);
		else
			ok(d, "%s", f->ini);
	} else {
		const char *lf = f->faults.len > 0 ? memchr(all, '\n', f->faults.len) : NULL;
		const size_t n = lf != NULL ? (size_t)(lf - all) : 0;

		fail(d, "%s: %u fault%s, first %.*s", f->ini, f->n_faults, f->n_faults == 1 ? "" : "s",
			(int)MIN(n, (size_t)DOCTOR_TEXT / 2), all != NULL ? all : "");
		mend(d, "Correct these lines of %s; man peercast.ini tells what each key wants.", f->ini);
		if (f->n_faults > 1)
			buf_put(&d->notes, f->faults.p, f->faults.len);
		if (f->n_faults > DOCTOR_FAULTS)
			note(d, "and %u more", f->n_faults - DOCTOR_FAULTS);
	}
	buf_put(&d->notes, f->remarks.p, f->remarks.len);
	if (f->set->password[0] == '\0' && f->set->auto_serve)
		note(d, "there is no password: from other machines nobody can log in");
}

/* "port 7144", with its address where it has one. */
static const char *port_str(const struct doctor_port *p, char dst[HOST_STRLEN + 16])
{
	char ip[HOST_STRLEN];

	if (host_is_set(&p->at))
		(void)snprintf(dst, HOST_STRLEN + 16, "port %u of %s", p->at.port, host_ip_str(&p->at, ip));
	else
		(void)snprintf(dst, HOST_STRLEN + 16, "port %u", p->at.port);
	return dst;
}

static void mend_bind(struct doctor_finding *d, const struct doctor_port *p, const char *port_key,
	const char *bind_key)
{
	if (p->bound.err == EADDRINUSE && strncmp(p->who, "systemd ", 8) == 0)
		mend(d, "systemd holds it for the node: start the service (systemctl start peercast).");
	else if (p->bound.err == EADDRINUSE)
		mend(d, "End the other program, or set %s to a port that is free.", port_key);
	else if (p->bound.err == EACCES || p->bound.err == EPERM)
		mend(d, "Ports below 1024 are for root: set %s to one above, or start the node with --user.",
			port_key);
	else if (p->bound.err == EADDRNOTAVAIL)
		mend(d, "This machine has no such address: correct %s, or leave it empty for all.", bind_key);
	else
		mend(d, "Set %s to another port.", port_key);
}

static void judge_bound(const struct doctor_facts *f, const struct doctor_port *p, struct doctor_finding *d,
	const char *port_key, const char *bind_key)
{
	char at[HOST_STRLEN + 16];

	port_str(p, at);
	if (p->unusable) {
		fail(d, "%s: it is not an address", bind_key);
		mend(d, "Correct %s, or leave it empty.", bind_key);
	} else if (f->hidden && p->node && p->bound.st == ST_SYS && p->bound.err == EADDRINUSE) {
		fail(d, "%s: a node runs there (%s), as another user: nothing of it can be looked at", at,
			p->agent);
		mend(d, "Run this as the user the node runs as: sudo peercast doctor -i ... --user peercast");
	} else if (p->bound.st != ST_OK) {
		fail(d, "%s cannot be had: %s%s%s%s%s", at, outcome_str(&p->bound),
			p->who[0] != '\0' ? ": " : "", p->who, p->node ? ", a node: " : "",
			p->node ? p->agent : "");
		mend_bind(d, p, port_key, bind_key);
	}
}

/* Beside a node that runs. */
static void judge_running(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct doctor_port *p = &f->port;
	char at[HOST_STRLEN + 16];

	port_str(p, at);
	if (p->unusable)
		judge_bound(f, p, d, "serverPort", "bindAddress");
	else if (p->bound.st == ST_OK && p->node)
		ok(d, "%s: the node runs and answers (%s)%s", at, p->agent,
			p->near ? "; for this machine alone, as autoServe is off" : "");
	else if (p->bound.st == ST_OK)
		fail(d, "a node runs on this ini, but on its %s answers something else%s%s", at,
			p->who[0] != '\0' ? ": " : "", p->who);
	else
		fail(d, "a node runs on this ini, but on its %s nobody answers: %s", at,
			outcome_str(&p->bound));
	if (d->verdict == DOCTOR_FAIL)
		mend(d, "See the log of the node. Was serverPort changed? Then send it SIGHUP, or start it "
			"anew.");
	if (f->rtmp.wanted && f->rtmp.bound.st != ST_OK && !f->rtmp.unusable) {
		fail(d, "RTMP: on %s nobody answers: %s", port_str(&f->rtmp, at),
			outcome_str(&f->rtmp.bound));
		mend(d,
			"See the log of the node: it says why it does not listen for RTMP. rtmpPort sets "
			"another port, rtmpServer = No switches it off.");
	}
}

static void judge_port(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct doctor_port *p = &f->port, *r = &f->rtmp;
	char at[HOST_STRLEN + 16];

	if (f->runs) {
		judge_running(f, d);
		return;
	}
	ok(d, "%s is free%s%s", port_str(p, at), p->both ? ", IPv4 and IPv6" : "",
		p->near ? "; for this machine alone, as autoServe is off" : "");
	if (r->wanted && r->bound.st == ST_OK)
		note(d, "RTMP: %s is free", port_str(r, at));
	judge_bound(f, p, d, "serverPort", "bindAddress");
	if (r->wanted)
		judge_bound(f, r, d, "rtmpPort", "rtmpBind");
}

/* UINT64_MAX = as many as one likes. */
static const char *limit_str(uint64_t n, char dst[24])
{
	if (n == UINT64_MAX)
		(void)text_copy(dst, 24, "any number of");
	else
		(void)snprintf(dst, 24, "%llu", (unsigned long long)n);
	return dst;
}

static void judge_limits(const struct doctor_facts *f, struct doctor_finding *d)
{
	char files[24], threads[24];

	ok(d, "%s files and %s threads are allowed; by the limits of the ini it is %llu and %llu at most",
		limit_str(f->files_max, files), limit_str(f->threads_max, threads),
		(unsigned long long)f->files, (unsigned long long)f->threads);
	if (f->files > f->files_max) {
		fail(d, "the limits of the ini let %llu files be open at once, the system %llu",
			(unsigned long long)f->files, (unsigned long long)f->files_max);
		mend(d, "Allow more (LimitNOFILE=%llu in the unit, ulimit -n elsewhere), or lower maxServIn, "
			"maxRelays, maxDirect or maxControlConnections.", (unsigned long long)f->files);
	}
	if (f->threads > f->threads_max) {
		fail(d, "the limits of the ini let %llu threads run at once, the system %llu",
			(unsigned long long)f->threads, (unsigned long long)f->threads_max);
		mend(d, "Allow more (LimitNPROC= in the unit, ulimit -u elsewhere), or lower maxServIn, "
			"maxRelays, maxDirect or maxControlConnections.");
	}
}

static void judge_name(struct doctor_finding *d, const char *key, const char *name, const struct outcome *o)
{
	if (o->st == ST_PROTO) {
		fail(d, "%s: there is no %s", key, name);
		mend(d, "Correct the name in %s.", key);
	} else {
		fail(d, "%s: %s: %s", key, name, o->st == ST_TIMEOUT ? "the name server does not answer" :
			outcome_str(o));
		mend(d, "See whether this machine has a name server that works: /etc/resolv.conf");
	}
}

static void judge_names(const struct doctor_facts *f, struct doctor_finding *d)
{
	const bool forced = f->set->force_ip[0] != '\0';
	const size_t n = f->n_roots + forced;

	for (size_t i = 0; i < f->n_roots; i++) {
		const struct doctor_root *r = &f->roots[i];
		char a[HOST_STRLEN], b[HOST_STRLEN];
		const bool v4 = host_is_set(&r->at[0]), v6 = host_is_set(&r->at[1]);

		if (r->found.st != ST_OK)
			continue;
		note(d, "%s is %s%s%s", r->name, v4 ? host_ip_str(&r->at[0], a) : "", v4 && v6 ? ", " : "",
			v6 ? host_ip_str(&r->at[1], b) : "");
	}
	if (n == 0) {
		skip(d, "no name is set: rootHost is empty");
		return;
	}
	ok(d, "%zu name%s found", n, n == 1 ? " is" : "s are");
	for (size_t i = 0; i < f->n_roots; i++)
		if (f->roots[i].found.st != ST_OK)
			judge_name(d, "rootHost", f->roots[i].name, &f->roots[i].found);
	if (forced && f->forced.st != ST_OK)
		judge_name(d, "forceIP", f->set->force_ip, &f->forced);
}

/* --- the yellow page -------------------------------------------------------------------------- */

/* It answered, and would have us. */
static bool is_welcome(const struct doctor_talk *t)
{
	return t->tried && t->reached.st == ST_OK && t->heard.st == ST_OK && !t->disabled &&
		(t->quit == 0 || t->quit == PCP_QUIT_ALREADYCONNECTED);
}

static void judge_refusal(struct doctor_finding *d, const char *name, const struct doctor_talk *t)
{
	char qs[QUIT_STRLEN];

	quit_str(t->quit, qs);
	if (t->disabled) {
		fail(d, "%s has disabled this node: it serves no streams", name);
		mend(d, "Ask who runs %s why.", name);
	} else if (t->quit == PCP_QUIT_BANNED) {
		fail(d, "%s has banned this node: quit %s", name, qs);
		mend(d, "Ask who runs %s why; a node that is banned tries again every ten minutes.", name);
	} else if (t->quit == PCP_QUIT_UNAVAILABLE) {
		fail(d, "%s is full: quit %s", name, qs);
		mend(d, "Try again later, or name another one of its roots in rootHost.");
	} else if (t->quit == PCP_QUIT_BADAGENT) {
		fail(d, "%s does not take this version: quit %s", name, qs);
		mend(d, "Is there a newer peercast? Else ask who runs %s.", name);
	} else {
		fail(d, "%s refuses this node: quit %s", name, qs);
		mend(d, "Is rootHost the yellow page, and not some node? Ask who runs it.");
	}
}

static void judge_talk(struct doctor_finding *d, const char *name, const struct host *to,
	const struct doctor_talk *t)
{
	char at[HOST_STRLEN];

	host_str(to, at);
	if (t->reached.st != ST_OK) {
		fail(d, "%s: %s: %s", name, at, outcome_str(&t->reached));
		mend(d,
			"Are its name and its port right? Then it is down, or a firewall here lets "
			"nobody out to port %u.",
			to->port);
	} else if (t->itself) {
		fail(d, "%s is this node itself", name);
		mend(d, "Leave rootHost empty on a yellow page, or name another one.");
	} else if (t->heard.st == ST_OK || t->quit != 0) {
		judge_refusal(d, name, t);
	} else if (t->heard.st == ST_TIMEOUT) {
		fail(d, "%s: %s takes the call, but does not answer", name, at);
		mend(d, "It hangs, or is no root. Ask who runs it, or try another one.");
	} else {
		fail(d, "%s: %s does not speak PCP: %s", name, at, outcome_str(&t->heard));
		mend(d,
			"rootHost is the host of the root, with its port unless that is %d; not that "
			"of a web page.",
			PCP_PORT);
	}
}

static void judge_root(const struct doctor_root *r, struct doctor_finding *d)
{
	const struct doctor_talk *good = NULL, *bad = NULL;
	char at[HOST_STRLEN];

	for (int i = 0; i < 2; i++) {
		const struct doctor_talk *t = &r->talk[i];

		if (is_welcome(t))
			good = good == NULL ? t : good;
		else if (t->tried)
			bad = bad == NULL ? t : bad;
	}
	if (good == NULL && bad != NULL) {
		judge_talk(d, r->name, &r->at[bad - r->talk], bad);
	} else if (good != NULL) {
		note(d, "%s: %s%s", r->name, good->agent[0] != '\0' ? good->agent : "of an unknown kind",
			good->quit != 0 ? ", has a connection of this node already" : "");
		if (bad != NULL)
			note(d, "%s: %s: %s", r->name, host_str(&r->at[bad - r->talk], at),
				bad->reached.st != ST_OK ? outcome_str(&bad->reached) : "no answer");
	}
}

static bool any_root_is(const struct doctor_facts *f, bool (*is)(const struct doctor_talk *))
{
	for (size_t i = 0; i < f->n_roots; i++)
		if (is(&f->roots[i].talk[0]) || is(&f->roots[i].talk[1]))
			return true;
	return false;
}

static bool is_tried(const struct doctor_talk *t)
{
	return t->tried;
}

static void judge_yp(const struct doctor_facts *f, struct doctor_finding *d)
{
	if (f->n_roots == 0) {
		skip(d, "rootHost is empty: broadcasts are announced nowhere");
		return;
	}
	if (!any_root_is(f, is_tried)) {
		skip(d, "none has an address that this machine can reach");
		return;
	}
	ok(d, "%zu answer%s", f->n_roots, f->n_roots == 1 ? "s" : "");
	for (size_t i = 0; i < f->n_roots; i++)
		judge_root(&f->roots[i], d);
}

/* A long one does not hide what is said of it. */
static const char *url_str(const char *url, char dst[URL_SHOWN])
{
	if (!text_copy(dst, URL_SHOWN - 3, url))
		memcpy(dst + strlen(dst), "...", 4);
	return dst;
}

static void judge_lists(const struct doctor_facts *f, struct doctor_finding *d)
{
	if (f->n_feeds == 0) {
		skip(d, "the ini has no [Feed]");
		return;
	}
	if (f->no_curl != NULL) {
		skip(d, "%s", f->no_curl);
		return;
	}
	ok(d, "%zu list%s fetched", f->n_feeds, f->n_feeds == 1 ? " is" : "s are");
	for (size_t i = 0; i < f->n_feeds; i++) {
		const struct doctor_feed *l = &f->feeds[i];
		char url[URL_SHOWN];

		if (l->why[0] == '\0') {
			note(d, "%s: %zu channels", url_str(l->url, url), l->channels);
			continue;
		}
		fail(d, "%s: %s", url_str(l->url, url), l->why);
		mend(d, "Open the address in a browser: is it right, and a list of channels (index.txt)? "
			"It is the url of a [Feed] in the ini.");
	}
}

static void note_back(const struct doctor_facts *f, struct doctor_finding *d)
{
	const unsigned long lease = f->map.lease_s;

	if (f->back == DOCTOR_BACK)
		note(d, "it was made for this look alone, and is taken away again");
	else if (f->back == DOCTOR_STUCK && lease != 0)
		note(d, "it was made for this look alone, and could not be taken away; it ends by itself "
			"after %lu s", lease);
	else if (f->back == DOCTOR_STUCK)
		note(d, "it was made for this look alone, and could not be taken away: remove it on the "
			"router's page");
	else if (f->back == DOCTOR_UNSURE)
		note(d, "whether it was there before this look the router does not tell: as a node runs, it "
			"stays");
}

static void judge_mapping(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct portmap *m = &f->map;
	char text[PORTMAP_TEXT], router[HOST_STRLEN];
	const unsigned port = f->port.at.port;

	if (!f->set->port_mapping) {
		skip(d, "portMapping is off");
		return;
	}
	if (!f->mapped && !f->have[0] && !f->port.near) {
		skip(d, "this machine has no IPv4 address: it is not needed");
		return;
	}
	if (!f->mapped) {
		skip(d, "%s", f->port.near ? "autoServe is off: the port is for this machine alone" :
			"the port is not ours, see above");
		return;
	}
	portmap_text(m, text);
	if (m->state == PORTMAP_OPEN && m->why != PMWHY_DOUBLE && m->why != PMWHY_NO_WAN)
		ok(d, "%s: %s", portmap_kind_str(m->kind), text);
	else if (m->state == PORTMAP_OFF)
		skip(d, "%s", text);
	else
		fail(d, "%s", text);
	if (host_is_set(&m->router))
		note(d, "the router is %s", host_ip_str(&m->router, router));
	note_back(f, d);
	if (m->why == PMWHY_DOUBLE)
		mend(d, "There is a second router behind the first: have that one pass TCP port %u on to it.",
			port);
	else if (m->why == PMWHY_NO_WAN)
		mend(d, "The router has no way out itself: see to its connection.");
	else if (m->why == PMWHY_NO_LIBRARY)
		mend(d, "Install miniupnpc and libnatpmp, or have the router pass TCP port %u on by hand.",
			port);
	else if (m->why == PMWHY_TAKEN)
		mend(d, "Another machine has this port at the router: set serverPort to another one here.");
	else
		mend(d, "Switch UPnP or NAT-PMP on at the router, or have it pass TCP port %u on by hand and "
			"set portMapping = No.", port);
}

/* --- from outside ----------------------------------------------------------------------------- */

enum reach { REACH_NO_ADDRESS, REACH_NO_ROOT, REACH_NO_ANSWER, REACH_NOT_GLOBAL, REACH_LIE, REACH_CLOSED,
	REACH_OPEN };

/* What is known of one family, by the root that tells most; *by is it. */
static enum reach reach_of(const struct doctor_facts *f, bool v6, const struct doctor_root **by)
{
	enum reach best = f->have[v6] ? REACH_NO_ROOT : REACH_NO_ADDRESS;

	*by = NULL;
	for (size_t i = 0; i < f->n_roots; i++) {
		const struct doctor_talk *t = &f->roots[i].talk[v6];
		enum reach r = REACH_NO_ANSWER;

		if (!t->tried || !t->pinged)
			continue;
		if (t->reached.st == ST_OK && t->heard.st == ST_OK) {
			if (!host_is_global(&t->seen))
				r = REACH_NOT_GLOBAL;
			else if (t->fw == FW_OPEN)
				r = f->listened && f->knocks[v6] == 0 ? REACH_LIE : REACH_OPEN;
			else
				r = REACH_CLOSED;
		}
		if (r > best) {
			best = r;
			*by = &f->roots[i];
		}
	}
	return best;
}

static bool is_behind_nat(const struct doctor_talk *t)
{
	return !host_same_ip(&t->seen, &t->local);
}

/* A phrase about one family. */
static void say_reach(
	const struct doctor_facts *f, bool v6, enum reach r, const struct doctor_root *by, char dst[256])
{
	const struct doctor_talk *t = by != NULL ? &by->talk[v6] : NULL;
	static const char *const plain[] = {
		[REACH_NO_ADDRESS] = "this machine has no address",
		[REACH_NO_ROOT] = "no yellow page has an address",
		[REACH_NO_ANSWER] = "no yellow page has answered",
	};
	static const char *const test[] = {
		[REACH_NOT_GLOBAL] = "not tested", [REACH_CLOSED] = "closed", [REACH_OPEN] = "open",
		[REACH_LIE] = "open, says the root, but nobody came to look",
	};
	char seen[HOST_STRLEN], local[HOST_STRLEN];

	if (t == NULL || r <= REACH_NO_ANSWER) {
		(void)snprintf(dst, 256, "%s", plain[MIN(r, REACH_NO_ANSWER)]);
		return;
	}
	(void)snprintf(dst, 256, "port %u is %s, seen at %s%s%s", f->port.at.port, test[r],
		host_is_set(&t->seen) ? host_ip_str(&t->seen, seen) : "no address",
		is_behind_nat(t) ? ", here it is " : "",
		is_behind_nat(t) ? host_ip_str(&t->local, local) : "");
}

static void mend_outside(
	const struct doctor_facts *f, struct doctor_finding *d, bool v6, const struct doctor_talk *t)
{
	const unsigned port = f->port.at.port;
	char ip[HOST_STRLEN];

	if (port < 1024)
		mend(d, "Roots do not test ports below 1024: set serverPort to one above.");
	else if (!v6 && is_behind_nat(t) && host_is_global(&t->local))
		mend(d,
			"A NAT or a VPN is between this machine and the world: let it pass TCP port %u "
			"on to %s.",
			port, host_ip_str(&t->local, ip));
	else if (!v6 && is_behind_nat(t) && f->set->port_mapping)
		mend(d,
			"Have your router pass TCP port %u on to %s: it was asked to (see mapping), and "
			"that does not do.",
			port, host_ip_str(&t->local, ip));
	else if (!v6 && is_behind_nat(t))
		mend(d,
			"Have your router pass TCP port %u on to %s, or set portMapping = Yes if it "
			"speaks UPnP or NAT-PMP; then run this again.",
			port, host_ip_str(&t->local, ip));
	else
		mend(d,
			"A firewall keeps others out: let TCP port %u in, here (nft list ruleset, ufw "
			"status) and at your router or provider.",
			port);
}

/* Why nobody is asked, or NULL. */
static const char *why_not_asked(const struct doctor_facts *f)
{
	if (f->port.near)
		return "autoServe is off: the port is for this machine alone";
	if (f->n_roots == 0)
		return "rootHost is empty: there is nobody to ask";
	if (f->port.unusable || f->port.bound.st != ST_OK || (f->runs && !f->port.node))
		return "the port is not ours, see above";
	return NULL;
}

/* The family that decides, with what is known of it: most nodes have IPv4 alone, so it does unless nothing
 * can be told of it. */
static enum reach decisive_reach(const struct doctor_facts *f, bool *v6, const struct doctor_root **by)
{
	const struct doctor_root *who[2];
	const enum reach r[2] = { reach_of(f, false, &who[0]), reach_of(f, true, &who[1]) };

	*v6 = r[0] < REACH_LIE && r[1] > r[0];
	*by = who[*v6];
	return r[*v6];
}

static void judge_outside(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct doctor_root *by, *other;
	char text[256], other_text[256];
	enum reach r, or;
	bool v6;

	if (why_not_asked(f) != NULL) {
		skip(d, "%s", why_not_asked(f));
		return;
	}
	r = decisive_reach(f, &v6, &by);
	say_reach(f, v6, r, by, text);
	or = reach_of(f, !v6, &other);
	say_reach(f, !v6, or, other, other_text);
	if (r <= REACH_NO_ANSWER) {
		skip(d, "the port is not tested (IPv%d: %s; IPv%d: %s)", v6 ? 6 : 4, text, v6 ? 4 : 6,
			other_text);
		return;
	}
	if (r == REACH_NOT_GLOBAL)
		skip(d, "IPv%d: %s: %s is in a network of our own and cannot tell how the world sees us",
			v6 ? 6 : 4, text, by->name);
	else if (r == REACH_OPEN)
		ok(d, "IPv%d: %s", v6 ? 6 : 4, text);
	else
		fail(d, "IPv%d: %s", v6 ? 6 : 4, text);
	note(d, "IPv%d: %s", v6 ? 4 : 6, other_text);
	if (r == REACH_LIE)
		mend(d, "%s does not test ports, so its word counts for nothing: ask another yellow page.",
			by->name);
	else if (r == REACH_CLOSED)
		mend_outside(f, d, v6, &by->talk[v6]);
	if (r == REACH_CLOSED && f->knocks[v6] > 0)
		note(d, "something did come in to the port: the answer may be kept back, or it was "
			"somebody else");
	if (f->set->force_normal && r != REACH_OPEN)
		note(d, "forceNormal tells others that the port is open: they try it, and lose time");
	if (f->set->force_firewalled && r == REACH_OPEN)
		note(d, "forceFirewalled tells others that the port is closed");
}

static void judge_push(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct doctor_root *by;
	enum reach r;
	bool v6;

	if (why_not_asked(f) != NULL) {
		skip(d, "%s", why_not_asked(f));
		return;
	}
	r = decisive_reach(f, &v6, &by);
	if (r == REACH_OPEN) {
		skip(d, "it is not needed: others can come in");
	} else if (r != REACH_CLOSED && r != REACH_LIE) {
		skip(d, "whether it is needed is not known");
	} else if (any_root_is(f, is_welcome)) {
		ok(d, "the port is closed: others ask by the yellow page, and this node calls them (GIV)");
		note(d, "watching works, and so does broadcasting to nodes whose own port is open");
		note(d, "nodes whose port is closed too get nothing from here; to relay, open the port");
	} else {
		fail(d, "the port is closed, and no yellow page takes this node: nobody can have it call "
			"them");
		mend(d, "Open the port, or see that a yellow page takes this node (above).");
	}
}

static void judge_clock(const struct doctor_facts *f, struct doctor_finding *d)
{
	const struct doctor_feed *best = NULL;

	for (size_t i = 0; i < f->n_feeds; i++) {
		const struct doctor_feed *l = &f->feeds[i];

		if (l->dated && (best == NULL || llabs(l->ahead_s) < llabs(best->ahead_s)))
			best = l;
	}
	if (best == NULL) {
		skip(d, "no list has told the time");
		return;
	}
	ok(d, "it agrees with that of a list's server");
	if (llabs(best->ahead_s) <= CLOCK_OFF)
		return;
	fail(d, "it is %lld seconds %s that of %s", llabs(best->ahead_s),
		best->ahead_s > 0 ? "ahead of" : "behind", best->url);
	mend(d, "Have it set by the network: timedatectl set-ntp true.");
}

/* --- all of it -------------------------------------------------------------------------------- */

void doctor_judge(const struct doctor_facts *f, struct doctor_finding found[DOCTOR_STEPS])
{
	static void (*const judges[DOCTOR_STEPS])(const struct doctor_facts *, struct doctor_finding *) = {
		[DOCTOR_CONFIG] = judge_config, [DOCTOR_PORT] = judge_port, [DOCTOR_LIMITS] = judge_limits,
		[DOCTOR_NAMES] = judge_names, [DOCTOR_YP] = judge_yp, [DOCTOR_LISTS] = judge_lists,
		[DOCTOR_MAPPING] = judge_mapping, [DOCTOR_OUTSIDE] = judge_outside,
		[DOCTOR_PUSH] = judge_push, [DOCTOR_CLOCK] = judge_clock,
	};

	for (int i = 0; i < DOCTOR_STEPS; i++) {
		struct doctor_finding *d = &found[i];

		memset(d, 0, sizeof(*d));
		buf_init(&d->notes, NOTES_MAX);
		if (i == DOCTOR_CONFIG || f->set != NULL)
			judges[i](f, d);
		else
			skip(d, "without settings");
		if (d->verdict != DOCTOR_FAIL)
			d->mend[0] = '\0';
	}
}

void doctor_judged_fini(struct doctor_finding found[DOCTOR_STEPS])
{
	for (int i = 0; i < DOCTOR_STEPS; i++)
		buf_fini(&found[i].notes);
}

enum doctor_step doctor_first_fault(const struct doctor_finding found[DOCTOR_STEPS])
{
	enum doctor_step s = DOCTOR_CONFIG;

	while (s < DOCTOR_STEPS && found[s].verdict != DOCTOR_FAIL)
		s++;
	return s;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/portcheck.h"

#include <stdlib.h>

#include "core/sys/log.h"
#include "http/viewer.h"
#include "http/yp.h"
#include "servent/pcpio.h"

/* One check; owned by its thread. */
struct check {
	struct app *app;
	struct servent *sv;             /* the connection to the reader's node; dialled by the thread */
	struct servent *asker;          /* a reference: woken at the end */
	struct host who;
};

/* A helo with nothing in it: every node answers that it is one, whatever else it thinks of it. */
static bool knock(struct servent *sv, const struct host *who)
{
	const nsec deadline = clk_deadline(PORTCHECK_TIME);
	struct pcpio io;
	struct atomwr w;
	struct atom a;
	struct buf b;
	bool open;

	servent_set_status(sv, SV_CONNECTING);
	if (sock_connect(&sv->sock, who, &sv->mbox, deadline) != ST_OK)
		return false;
	pcpio_init(&io, &sv->sock, &atomlimits_control);
	buf_init(&b, HELO_KNOCK_LEN);
	atomwr_init(&w, &b);
	helo_knock_emit(&w);
	open = pcpio_write(&sv->sock, &b, deadline) == ST_OK &&
		pcpio_read(&io, &a, deadline) == ST_OK && a.id == ATOM_OLEH;
	buf_fini(&b);
	pcpio_fini(&io);
	return open;
}

static void run(void *arg)
{
	struct check c = *(struct check *)arg;
	char hs[HOST_STRLEN];
	bool open;

	free(arg);
	open = knock(c.sv, &c.who);
	log_debug("port check of %s: %s", host_str(&c.who, hs), open ? "open" : "closed");
	viewers_port_done(yp_viewers(c.app->node.yp), &c.who, open, clk_now());
	mbox_wake(&c.asker->mbox);
	servent_unref(&c.asker);
	servent_end(&c.sv);
}

bool portcheck_start(struct node *n, struct servent *asker, const struct host *who)
{
	struct check *c = malloc(sizeof(*c));
	enum status st;

	if (c == NULL)
		return false;
	*c = (struct check){ .app = app_of(n), .who = *who };
	st = servent_new(n->sm, -1, who, true, &c->sv);
	if (st == ST_OK) {
		c->asker = servent_ref(asker);
		st = thr_start(NULL, "portcheck", run, c);
		if (st == ST_OK)
			return true;
		servent_unref(&c->asker);
		servent_end(&c->sv);
	}
	free(c);
	log_peer(LOG_WARN, who, "port check: %s", status_str(st));
	return false;
}

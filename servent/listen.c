/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "servent/acceptor.h"

bool listen_wanted(const struct settings *set, struct host *at)
{
	*at = (struct host){ .port = 0 };
	if (set->bind_address[0] != '\0' && !host_parse(at, set->bind_address, 0))
		return false;
	if (!set->auto_serve)
		*at = host_v4(127, 0, 0, 1, 0);
	at->port = (uint16_t)set->server_port;
	return true;
}

/* The service manager's socket once more: it stays open for when the port comes back to it. */
static enum status passed(struct app *a, int *fd)
{
	*fd = fcntl(a->passed_fd, F_DUPFD_CLOEXEC, 3);
	return *fd != -1 ? ST_OK : ST_SYS;
}

static enum status open_at(struct app *a, const struct host *at, int *fd)
{
	if (a->passed_fd != -1 && sock_local_port(a->passed_fd) == at->port)
		return passed(a, fd);
	return sock_listen(fd, at);
}

enum status listen_open(struct app *a, const struct settings *set)
{
	struct host at;
	enum status st;

	if (!listen_wanted(set, &at))
		return ST_PROTO;
	if (a->passed_fd != -1 && sock_local_port(a->passed_fd) != at.port)
		log_warn("listening on the port %u of the service manager; serverPort is %u",
			sock_local_port(a->passed_fd), at.port);
	st = a->passed_fd != -1 ? passed(a, &a->listen_fd) : sock_listen(&a->listen_fd, &at);
	if (st != ST_OK)
		return st;
	a->listen_at = at;
	(void)servmgr_set_port(a->node.sm, sock_local_port(a->listen_fd));
	return ST_OK;
}

/* fd is the listener now, -1 = there is none; the one before has nobody waiting at it any more. */
static void wait_at(struct app *a, int fd)
{
	a->listen_fd = a->listen_poll = fd;
	if (fd != -1)
		sock_await_words(fd);
	if (a->acceptors == NULL)
		return;
	if (acceptors_move(a->acceptors, fd) == ST_OK)
		a->listen_poll = acceptors_rest(a->acceptors);
	else
		log_warn("server: it accepts alone: %s", status_str(ST_SYS));
}

void listen_begin(struct app *a)
{
	wait_at(a, a->listen_fd);
}

void listen_close(struct app *a)
{
	const int old = a->listen_fd;

	wait_at(a, -1);
	if (old != -1)
		close(old);
	if (a->acceptors != NULL)
		acceptors_stop(a->acceptors);
}

/* Open `at` in the place of what there is. Of one port two sockets cannot be had, so there the old one goes
 * first, and is opened again when the new one fails. */
static enum status move_to(struct app *a, const struct host *at)
{
	const bool same_port = a->listen_fd != -1 && at->port == a->listen_at.port;
	const int old = a->listen_fd;
	enum status st;
	int fd, err;

	if (same_port) {
		wait_at(a, -1);
		close(old);
	}
	st = open_at(a, at, &fd);
	err = errno;
	if (st != ST_OK && same_port && open_at(a, &a->listen_at, &fd) == ST_OK)
		wait_at(a, fd);
	if (st != ST_OK) {
		if (a->listen_fd == -1)
			a->listen_at = (struct host){ .port = 0 };
		errno = err;
		return st;
	}
	wait_at(a, fd);
	if (!same_port && old != -1)
		close(old);
	a->listen_at = *at;
	return ST_OK;
}

static void follow(struct app *a)
{
	const struct settings *set = conf_get(a->node.conf);
	char hs[HOST_STRLEN];
	struct host at;
	enum status st;

	if (!listen_wanted(set, &at)) {
		log_error("settings: bindAddress: %s is not an address", set->bind_address);
	} else if (!host_equal(&at, &a->listen_at)) {
		st = move_to(a, &at);
		if (st == ST_OK)
			log_info("listening on port %u%s", at.port,
				set->auto_serve ? "" : " for this machine alone: autoServe is off");
		else if (a->listen_fd == -1)
			log_error("settings: cannot listen on %s: %s", host_str(&at, hs), status_str(st));
		else
			log_error("settings: cannot listen on %s: %s; still listening on port %u",
				host_str(&at, hs), status_str(st), a->listen_at.port);
	}
	settings_unref(&set);
	if (a->listen_fd != -1 && servmgr_set_port(a->node.sm, sock_local_port(a->listen_fd)))
		app_own_changed(a);
}

void listen_follow(struct app *a)
{
	uint32_t asked;
	bool news;

	app_lock(a);
	asked = a->listen_asked;
	news = asked != a->listen_done || a->listen_fd == -1;
	app_unlock(a);
	if (!news)
		return;
	follow(a);
	app_lock(a);
	a->listen_done = asked;
	cond_broadcast(&a->idle);
	app_unlock(a);
}

void listen_changed(struct app *a)
{
	const nsec deadline = clk_deadline(LISTEN_TIME);
	enum status st = ST_OK;
	uint32_t ours;

	app_lock(a);
	ours = ++a->listen_asked;
	app_unlock(a);
	mbox_wake(&a->server_mb);
	app_lock(a);
	/* counted round the clock: a difference, not a comparison */
	while ((int32_t)(a->listen_done - ours) < 0 && !a->stopping && st == ST_OK)
		st = cond_wait(&a->idle, &a->mtx, deadline);
	app_unlock(a);
	if (st != ST_OK)
		log_error("settings: the listener has not followed yet");
}

bool listen_serves(struct app *a, const struct servent *sv)
{
	const struct settings *set = conf_get(a->node.conf);
	const bool yes = set->auto_serve || sv->local || sv->outgoing;

	settings_unref(&set);
	return yes;
}

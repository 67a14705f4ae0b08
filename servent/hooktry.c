/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/hooktry.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/words.h"
#include "servent/curl.h"

#define LAST_READS 16                   /* of what a command has said when it ended */
#define ANSWER     (64 * 1024)          /* bytes of an answer, which nobody reads */
#define OWN_VAR    "PEERCAST_"

/* why: any text; NULL = none */
static void end(struct hooktry *t, enum hook_verdict v, const char *why)
{
	t->is = TRY_ENDED;
	t->verdict = v;
	(void)text_clean(t->why, sizeof(t->why), why != NULL ? why : "", why != NULL ? strlen(why) : 0);
}

/* --- commands --------------------------------------------------------------------------------- */

/* Our environment, without what looks like a message's, and the message's. NULL = no memory; to be freed. */
static char **environment(const struct hookmsg *m, char *number)
{
	const char *var = m->vars;
	size_t n = 0, at = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + m->n_vars + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], OWN_VAR, sizeof(OWN_VAR) - 1) != 0)
			env[at++] = environ[i];
	for (size_t i = 0; i < m->n_vars; i++) {
		env[at++] = (char *)var;        /* nobody writes to it: exec wants it so */
		var += strlen(var) + 1;
	}
	env[at] = number;
	return env;
}

static void begin_command(struct hooktries *all, struct hooktry *t, const struct settings_hook *set,
	const char *shown, uint32_t number)
{
	char line[SETTINGS_LONG], *argv[SETTINGS_HOOK_WORDS + 1], attempt[40];
	char **env;
	size_t n;

	(void)snprintf(attempt, sizeof(attempt), OWN_VAR "ATTEMPT=%u", number);
	env = environment(t->msg, attempt);
	(void)text_copy(line, sizeof(line), set->command);
	if (words_split(line, argv, SETTINGS_HOOK_WORDS, &n) != ST_OK || n == 0) {
		end(t, HOOK_NEVER, "no command");
	} else if (env == NULL) {
		end(t, HOOK_AGAIN, "out of memory");
	} else if (child_start_fed(&t->child, argv, env) != ST_OK) {
		end(t, hook_judge_start(errno), strerror(errno));
	} else {
		t->is = TRY_COMMAND;
		t->out = (struct childsay){ .who = shown, .level = LOG_INFO };
		t->err = (struct childsay){ .who = shown, .level = LOG_WARN };
		all->running++;
	}
	free(env);
}

/* It takes the JSON, or does not want it. */
static void feed(struct hooktry *t)
{
	const ssize_t n = write(t->child.in, t->msg->body + t->fed, t->msg->len - t->fed);

	if (n > 0)
		t->fed += (size_t)n;
	if (t->fed == t->msg->len || (n == -1 && errno != EAGAIN && errno != EINTR))
		child_shut_in(&t->child);
}

/* What it says on one of its outputs, at most so many readings; the descriptor is closed when that ends. */
static void listen_to(struct childsay *s, int *fd, int readings)
{
	bool empty = false;

	while (*fd != -1 && readings-- > 0 && !empty) {
		if (childsay_read(s, *fd, &empty))
			continue;
		(void)close(*fd);
		*fd = -1;
	}
}

static void ended_command(struct hooktries *all, struct hooktry *t)
{
	char how[CHILD_HOW], why[HOOKTRY_WHY];

	listen_to(&t->out, &t->child.out, LAST_READS);
	listen_to(&t->err, &t->child.err, LAST_READS);
	child_end(&t->child, 0, how);
	childsay_end(&t->out);
	childsay_end(&t->err);
	all->running--;
	if (t->signalled != 0 && t->hurried)
		(void)snprintf(why, sizeof(why), "the node ends (%s)", how);
	else if (t->signalled != 0)
		(void)snprintf(why, sizeof(why), "it has not ended after %u s (%s)", t->timeout_s, how);
	else
		(void)snprintf(why, sizeof(why), "it has ended with %s", how);
	if (t->signalled == 0 && t->child.status == 0)
		end(t, HOOK_DONE, NULL);
	else
		end(t, HOOK_AGAIN, why);
}

void hooktry_go_on(struct hooktries *all, struct hooktry *t)
{
	if (t->is != TRY_COMMAND)
		return;
	if (t->child.in != -1)
		feed(t);
	listen_to(&t->out, &t->child.out, 1);
	listen_to(&t->err, &t->child.err, 1);
	if (child_has_ended(&t->child)) {
		ended_command(all, t);
	} else if (clk_now() >= t->deadline) {
		/* one that is not gone after SIGKILL is waited for no longer */
		if (t->signalled == SIGKILL) {
			ended_command(all, t);
			return;
		}
		t->signalled = t->signalled == 0 ? SIGTERM : SIGKILL;
		child_signal(&t->child, t->signalled);
		t->deadline = clk_deadline(HOOKTRY_TERM);
	}
}

size_t hooktry_fds(const struct hooktry *t, struct pollfd fd[HOOKTRY_FDS])
{
	const int in[] = { t->child.pidfd, t->child.out, t->child.err };
	size_t n = 0;

	if (t->is != TRY_COMMAND)
		return 0;
	for (size_t i = 0; i < NELEM(in); i++)
		if (in[i] != -1)
			fd[n++] = (struct pollfd){ .fd = in[i], .events = POLLIN };
	if (t->child.in != -1)
		fd[n++] = (struct pollfd){ .fd = t->child.in, .events = POLLOUT };
	return n;
}

/* --- requests --------------------------------------------------------------------------------- */

#ifdef HAVE_CURL

static bool set_up(struct hooktry *t)
{
	const struct curl_api *c = t->t.curl;
	CURL *h = t->t.easy;

	return c->easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)t->msg->len) == CURLE_OK &&
	       c->easy_setopt(h, CURLOPT_POSTFIELDS, t->msg->body) == CURLE_OK &&
	       c->easy_setopt(h, CURLOPT_PRIVATE, t) == CURLE_OK;
}

static void add_headers(struct hooktry *t, const struct settings_hook *set, uint32_t number)
{
	char text[HOOK_SIGNATURE];

	transfer_header(&t->t, "Content-Type", "application/json");
	transfer_header(&t->t, "Expect", "");
	transfer_header(&t->t, "PeerCast-Event", hook_name(t->msg->what));
	transfer_header(&t->t, "PeerCast-Event-Id", t->msg->id);
	(void)snprintf(text, sizeof(text), "%u", number);
	transfer_header(&t->t, "PeerCast-Attempt", text);
	if (set->secret[0] == '\0')
		return;
	hook_sign(text, set->secret, clk_wall_s(), t->msg->body, t->msg->len);
	transfer_header(&t->t, "PeerCast-Signature", text);
}

static void begin_request(struct hooktries *all, struct hooktry *t, const struct settings_hook *set,
	uint32_t number)
{
	const struct curl_api *curl = curl_api();

	if (curl == NULL) {
		end(t, HOOK_NEVER, curl_missing());
		return;
	}
	if (all->multi == NULL)
		all->multi = curl->multi_init();
	/* the operator's own address: it may be one of this machine or its network */
	if (all->multi == NULL || transfer_init(&t->t, all->sm, set->url, (nsec)set->timeout_s * NSEC_PER_SEC,
	    ANSWER, 0, false) != ST_OK) {
		end(t, HOOK_AGAIN, "out of memory");
		return;
	}
	add_headers(t, set, number);
	if (!set_up(t) || curl->multi_add_handle(all->multi, t->t.easy) != CURLM_OK) {
		transfer_fini(&t->t);
		end(t, HOOK_AGAIN, "out of memory");
		return;
	}
	t->is = TRY_REQUEST;
	all->sending++;
}

static void leave(struct hooktries *all, struct hooktry *t)
{
	(void)t->t.curl->multi_remove_handle(all->multi, t->t.easy);
	transfer_fini(&t->t);
	all->sending--;
}

static void ended_request(struct hooktries *all, struct hooktry *t, CURLcode rc)
{
	char why[HOOKTRY_WHY];
	curl_off_t pause = 0;
	long http;
	const char *fault = transfer_fault(&t->t, rc, &http);
	/* however long the answer is: it is not read */
	const bool answered = http >= 100 && (fault == NULL || rc == CURLE_FILESIZE_EXCEEDED ||
		t->t.body.err != ST_OK);

	if (answered)
		(void)snprintf(why, sizeof(why), "the server answers %ld", http);
	else
		(void)snprintf(why, sizeof(why), "%s", fault != NULL ? fault : "no answer");
	if (answered && t->t.curl->easy_getinfo(t->t.easy, CURLINFO_RETRY_AFTER, &pause) == CURLE_OK)
		t->asked = MIN((nsec)MAX(pause, 0), HOOK_ASKED_MAX / NSEC_PER_SEC) * NSEC_PER_SEC;
	leave(all, t);
	end(t, answered ? hook_judge_http(http) : HOOK_AGAIN, why);
}

void hooktries_go_on(struct hooktries *all)
{
	const struct curl_api *curl = all->sending > 0 ? curl_api() : NULL;
	int running, left;
	CURLMsg *m;

	if (curl == NULL)
		return;
	(void)curl->multi_perform(all->multi, &running);
	while ((m = curl->multi_info_read(all->multi, &left)) != NULL) {
		const CURLcode rc = m->data.result;
		struct hooktry *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		ended_request(all, t, rc);
	}
}

/* As poll(2), and for the requests too. */
static void wait_for_requests(struct hooktries *all, const struct pollfd *fd, size_t n, nsec deadline)
{
	struct curl_waitfd w[1 + HOOKTRY_COMMANDS * HOOKTRY_FDS];
	const int left = clk_left_ms(deadline);

	for (size_t i = 0; i < n; i++)
		w[i] = (struct curl_waitfd){ .fd = fd[i].fd, .events = (fd[i].events & POLLOUT) != 0 ?
			CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN };
	/* libcurl's own timers end it sooner */
	(void)curl_api()->multi_poll(all->multi, w, (unsigned)n, left == -1 ? 60 * 1000 : left, NULL);
}

static void cancel_request(struct hooktries *all, struct hooktry *t)
{
	leave(all, t);
}

void hooktries_fini(struct hooktries *all)
{
	if (all->multi != NULL)
		(void)curl_api()->multi_cleanup(all->multi);
	all->multi = NULL;
}

#else

static void begin_request(struct hooktries *all, struct hooktry *t, const struct settings_hook *set,
	uint32_t number)
{
	(void)all;
	(void)set;
	(void)number;
	end(t, HOOK_NEVER, curl_missing());
}

void hooktries_go_on(struct hooktries *all)
{
	(void)all;
}

static void wait_for_requests(struct hooktries *all, const struct pollfd *fd, size_t n, nsec deadline)
{
	(void)all;
	(void)fd;
	(void)n;
	(void)deadline;
}

static void cancel_request(struct hooktries *all, struct hooktry *t)
{
	(void)all;
	(void)t;
}

void hooktries_fini(struct hooktries *all)
{
	(void)all;
}

#endif

/* --- both ------------------------------------------------------------------------------------- */

void hooktry_begin(struct hooktries *all, struct hooktry *t, const struct settings_hook *set,
	const char *shown, const struct hookmsg *m, uint32_t number)
{
	memset(t, 0, sizeof(*t));
	t->msg = m;
	t->timeout_s = set->timeout_s;
	t->deadline = clk_deadline((nsec)set->timeout_s * NSEC_PER_SEC);
	if (set->url[0] != '\0')
		begin_request(all, t, set, number);
	else
		begin_command(all, t, set, shown, number);
}

void hooktry_hurry(struct hooktry *t, nsec deadline)
{
	if (t->is != TRY_COMMAND || t->signalled != 0 || t->deadline <= deadline)
		return;
	t->deadline = deadline;
	t->hurried = true;
}

static void cancel(struct hooktries *all, struct hooktry *t)
{
	char how[CHILD_HOW];

	if (t->is == TRY_REQUEST)
		cancel_request(all, t);
	if (t->is == TRY_COMMAND) {
		child_end(&t->child, 0, how);
		all->running--;
	}
	t->is = TRY_NONE;
}

static void signal_all(struct hooktry *const t[], size_t n, int sig)
{
	for (size_t i = 0; i < n; i++)
		if (t[i]->is == TRY_COMMAND)
			child_signal(&t[i]->child, sig);
}

void hooktries_cancel(struct hooktries *all, struct hooktry *const t[], size_t n)
{
	const nsec deadline = clk_deadline(HOOKTRY_TERM);

	signal_all(t, n, SIGTERM);
	for (size_t i = 0; i < n; i++)
		if (t[i]->is == TRY_COMMAND)
			(void)child_ends_by(&t[i]->child, deadline);
	signal_all(t, n, SIGKILL);
	for (size_t i = 0; i < n; i++)
		cancel(all, t[i]);
}

void hooktries_wait(struct hooktries *all, struct pollfd *fd, size_t n, nsec deadline)
{
	if (all->sending > 0)
		wait_for_requests(all, fd, n, deadline);
	else
		(void)poll(fd, n, clk_left_ms(deadline));
}

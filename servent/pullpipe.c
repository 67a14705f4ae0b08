/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The output of a command. */
#include "servent/pull.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/words.h"
#include "servent/child.h"
#include "servent/childsay.h"
#include "servent/intake.h"

#define WORDS     64
#define READ      (64 * 1024)
#define LAST_READS 16
#define LAST_TIME (500 * NSEC_PER_MSEC)         /* between the end of its output and its own */

struct piped {
	struct pull *x;
	struct child child;
	struct intake_drip drip;
	nsec last_byte;
	char who[TEXT_MAX + 8];
	struct childsay says;           /* on its standard error */
	uint8_t buf[READ];
};

/* --- the stream ------------------------------------------------------------------------------- */

static enum status take(struct piped *p)
{
	const ssize_t got = read(p->child.out, p->buf, sizeof(p->buf));
	const nsec now = clk_now();
	enum status st;

	if (got == 0)
		return ST_EOF;
	if (got == -1)
		return errno == EAGAIN || errno == EINTR ? ST_OK : pull_fail(p->x, ST_SYS, strerror(errno));
	p->last_byte = now;
	st = source_feed(&p->x->src, p->buf, (size_t)got, now);
	return st == ST_OK && intake_drips(&p->drip, &p->x->src, (size_t)got, now) ? ST_TIMEOUT : st;
}

static enum status play(struct piped *p)
{
	struct source *s = &p->x->src;
	enum status st = ST_OK;

	while (st == ST_OK && !mbox_is_stopped(&s->mbox)) {
		struct pollfd fd[] = {
			{ .fd = s->mbox.efd, .events = POLLIN }, { .fd = p->child.out, .events = POLLIN },
			{ .fd = p->child.err, .events = POLLIN },
		};
		bool empty;
		const nsec wake = MIN(p->last_byte + SOURCE_IDLE, source_deadline(s));

		if (poll(fd, NELEM(fd), clk_left_ms(wake)) == -1 && errno != EINTR)
			return ST_SYS;
		if (fd[0].revents != 0)
			mbox_drain(&s->mbox);
		if (fd[2].revents != 0 && !childsay_read(&p->says, p->child.err, &empty)) {
			(void)close(p->child.err);
			p->child.err = -1;
		}
		if (fd[1].revents != 0)
			st = take(p);
		if (st == ST_OK && clk_now() - p->last_byte >= SOURCE_IDLE)
			st = pull_fail(p->x, ST_TIMEOUT, "the command sends nothing");
		if (st == ST_OK)
			st = source_tick(s, clk_now());
	}
	return mbox_is_stopped(&s->mbox) ? ST_STOPPED : st;
}

static enum status run(struct piped *p, char *const argv[])
{
	char how[CHILD_HOW], why[CHILD_HOW + 32];
	enum status st;
	bool empty;

	if (child_start(&p->child, argv) != ST_OK)
		return pull_fail(p->x, ST_SYS, strerror(errno));
	p->last_byte = clk_now();
	st = play(p);
	/* its last words; who never stops talking is not waited for */
	for (int i = 0; i < LAST_READS && p->child.err != -1; i++) {
		if (!childsay_read(&p->says, p->child.err, &empty) || empty)
			break;
	}
	child_end(&p->child, st == ST_EOF ? LAST_TIME : 0, how);
	childsay_end(&p->says);
	if (st == ST_EOF) {
		(void)snprintf(why, sizeof(why), "the command has ended (%s)", how);
		return pull_fail(p->x, st, why);
	}
	return st;
}

enum status pull_pipe(struct pull *x, const char *url)
{
	char *argv[WORDS + 1], line[CHAN_URL];
	enum status st = ST_LIMIT;
	struct piped *p;
	size_t n;

	(void)text_copy(line, sizeof(line), url + 5);   /* "pipe:" */
	st = words_split(line, argv, WORDS, &n);
	if (st != ST_OK)
		return pull_fail(x, st, st == ST_LIMIT ? "too many words" : "a quote is not closed");
	if (n == 0 || argv[0][0] == '\0')
		return pull_fail(x, ST_PROTO, "no command");
	p = calloc(1, sizeof(*p));
	st = ST_LIMIT;
	if (p != NULL && source_restart(&x->src, x->type) == ST_OK) {
		p->x = x;
		(void)snprintf(p->who, sizeof(p->who), "pull %s", x->shown);
		p->says = (struct childsay){ .who = p->who, .level = LOG_WARN };
		st = run(p, argv);
	}
	free(p);
	return st;
}

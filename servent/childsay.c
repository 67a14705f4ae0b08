/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/childsay.h"

#include <errno.h>
#include <unistd.h>

#define READ 4096

static const struct budget lines = { 6 * NSEC_PER_SEC, 10 };    /* in the log */

static void tell_unsaid(struct childsay *s)
{
	if (s->unsaid > 0)
		log_at(s->level, "%s: %u lines are left out here", s->who, s->unsaid);
	s->unsaid = 0;
}

static void say(struct childsay *s)
{
	if (s->len > 0 && bucket_take(&s->said, &lines, 1, clk_now())) {
		tell_unsaid(s);
		log_at(s->level, "%s: says: %.*s", s->who, (int)s->len, s->line);
	} else if (s->len > 0) {
		s->unsaid++;
	}
	s->len = 0;
}

void childsay_hear(struct childsay *s, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b[i] == '\n' || b[i] == '\r' || b[i] == '\0') {
			say(s);
			continue;
		}
		s->line[s->len++] = (char)b[i];
		if (s->len == sizeof(s->line))
			say(s);
	}
}

bool childsay_read(struct childsay *s, int fd, bool *empty)
{
	uint8_t b[READ];
	const ssize_t got = read(fd, b, sizeof(b));

	*empty = got == -1 && errno == EAGAIN;
	if (got > 0)
		childsay_hear(s, b, (size_t)got);
	return got > 0 || (got == -1 && (errno == EAGAIN || errno == EINTR));
}

void childsay_end(struct childsay *s)
{
	say(s);
	tell_unsaid(s);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/chanlog.h"

#include <stdlib.h>
#include <string.h>

#include "xml/chanxml.h"
#include "xml/xmlout.h"

struct chanlog_writer {
	struct xmlout *x;
};

struct chanlog_writer *chanlog_writer_new(void)
{
	struct chanlog_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->x = xmlout_new(CHANLOG_RECORD_MAX);
	if (w->x == NULL)
		chanlog_writer_free(&w);
	return w;
}

void chanlog_writer_free(struct chanlog_writer **wp)
{
	struct chanlog_writer *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	xmlout_free(&w->x);
	free(w);
}

static uint64_t unix_time(int64_t t)
{
	return t > 0 ? (uint64_t)t : 0;
}

static enum status hand_over(struct xmlout *x, struct buf *out)
{
	const uint8_t *p;
	size_t n;
	enum status st = xmlout_bytes(x, &p, &n);

	if (st != ST_OK)
		return st;
	buf_put(out, p, n);
	return out->err;
}

enum status chanlog_update(
	struct chanlog_writer *w, const struct chanlog_update *u, struct buf *out)
{
	struct chanxml_facts f = {
		.age_s = chanxml_age(u->created, u->now),
		.bcflags = u->info != NULL ? u->info->bcid.b[0] : 0,
	};
	struct chanxml_hits h;
	struct xmlout *x = w->x;

	chanxml_hits_of(&u->stats, u->now, u->compat ? unix_time(u->time_s) : 0, &h);
	if (u->stats.hosts == 0 && !u->compat)
		h.closest = 0;
	xmlout_reset(x);
	xmlout_start(x, "update");
	xmlout_u64(x, "time", unix_time(u->time_s));
	chanxml_channel(x, u->id, u->info, &f);
	chanxml_hits(x, &h);
	xmlout_end(x);
	chanxml_track(x, u->info);
	xmlout_end(x);
	xmlout_end(x);
	return hand_over(x, out);
}

enum status chanlog_end(struct chanlog_writer *w, int64_t time_s, const struct gnuid *id,
	enum chanlog_reason why, struct buf *out)
{
	static const char *const reasons[] = {
		[CHANLOG_STOP] = "stop",
		[CHANLOG_TIMEOUT] = "timeout",
		[CHANLOG_SHUTDOWN] = "shutdown",
	};
	char hex[GNUID_STRLEN];
	struct xmlout *x = w->x;

	xmlout_reset(x);
	xmlout_start(x, "end");
	xmlout_u64(x, "time", unix_time(time_s));
	xmlout_text(x, "id", gnuid_str(id, hex));
	xmlout_text(x, "reason", reasons[why]);
	xmlout_end(x);
	return hand_over(x, out);
}

/* --- reading back ------------------------------------------------------------------------------ */

static bool begins(const uint8_t *p, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

/* A line, its LF included, that ends a record. */
static bool is_last_line(const uint8_t *p, size_t n)
{
	return (n == 10 && begins(p, n, "</update>\n")) ||
		(begins(p, n, "<end ") && memcmp(p + n - 3, "/>\n", 3) == 0);
}

/* The beginning of a record, however little of it. */
static bool is_opening(const uint8_t *p, size_t n)
{
	static const char *const tags[] = { "<update time=\"", "<end time=\"" };

	for (size_t i = 0; i < NELEM(tags); i++)
		if (memcmp(p, tags[i], MIN(n, strlen(tags[i]))) == 0)
			return true;
	return false;
}

size_t chanlog_torn(const uint8_t *p, size_t n)
{
	size_t line = n, end = n;       /* of the line looked at */

	/* Back, line by line, to one that ends a record: what is behind it is not one. */
	for (; line > 0; end = line) {
		for (line = end - 1; line > 0 && p[line - 1] != '\n';)
			line--;
		if (is_last_line(p + line, end - line))
			break;
	}
	n -= end;
	return n > 0 && n <= CHANLOG_RECORD_MAX && is_opening(p + end, n) ? n : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file below mediaDir, as fast as it plays. */
#include "servent/pull.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/media/pace.h"
#include "core/sys/file.h"

#define PIECE 2048              /* bytes between two looks at the time */
#define READ  (32 * PIECE)

struct reading {
	struct pull *x;
	struct pace pace;
	uint64_t bytes;                 /* fed so far */
	uint32_t kbps;                  /* the pace of a stream without times; 0 = not known */
	uint8_t buf[READ];
};

/* The path in a file: address; others are paths as they are. false: it is too long, or of another machine. */
static bool path_of(char path[PATH_MAX], const char *url)
{
	const char *p = url;
	size_t n;

	if (ascii_ncasecmp(p, "file:", 5) != 0)
		return text_copy(path, PATH_MAX, p);
	p += 5;
	if (ascii_ncasecmp(p, "//localhost/", 12) == 0)
		p += 11;
	else if (p[0] == '/' && p[1] == '/')
		p += 2;
	n = pct_decode(path, PATH_MAX, p, strlen(p), false);
	return n < PATH_MAX - 1 && strlen(path) == n;
}

/* Sleep until the time has come, and do meanwhile what the source has to do. */
static enum status sleep_until(struct source *s, nsec until)
{
	enum status st = ST_OK;
	nsec now = clk_now();

	while (st == ST_OK && now < until) {
		st = mbox_wait(&s->mbox, MIN(until, source_deadline(s)));
		if (st == ST_TIMEOUT)
			st = ST_OK;
		now = clk_now();
		if (st == ST_OK)
			st = source_tick(s, now);
	}
	return st == ST_OK && mbox_is_stopped(&s->mbox) ? ST_STOPPED : st;
}

/* Wait until what was fed is due. */
static enum status keep_pace(struct reading *r)
{
	int64_t ms = 0;

	switch (media_clock(r->x->src.media, &ms)) {
	case MEDIA_CLOCK_LATER:
		return mbox_is_stopped(&r->x->src.mbox) ? ST_STOPPED : ST_OK;
	case MEDIA_CLOCK_NONE:
		if (r->kbps == 0)
			return pull_fail(r->x, ST_PROTO,
				"a stream of this type has no times: give its bitrate");
		ms = (int64_t)(r->bytes * 8 / r->kbps);
		break;
	case MEDIA_CLOCK_RUNS:
		break;
	}
	return sleep_until(&r->x->src, pace_due(&r->pace, ms, clk_now()));
}

static enum status play(struct reading *r, int fd)
{
	for (;;) {
		const ssize_t got = read(fd, r->buf, sizeof(r->buf));

		if (got == 0)
			return ST_EOF;
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return pull_fail(r->x, ST_SYS, strerror(errno));
		for (size_t at = 0; at < (size_t)got; at += PIECE) {
			const size_t n = MIN((size_t)got - at, (size_t)PIECE);
			enum status st = source_feed(&r->x->src, r->buf + at, n, clk_now());

			r->bytes += n;
			if (st == ST_OK)
				st = keep_pace(r);
			if (st != ST_OK)
				return st;
		}
	}
}

static enum status read_list(struct pull *x, int fd, struct pull_list *list, const char *path)
{
	uint8_t piece[4096];
	ssize_t got;

	if (!text_copy(list->url, sizeof(list->url), path))
		return pull_fail(x, ST_LIMIT, "the playlist's path is too long");
	while ((got = read(fd, piece, sizeof(piece))) > 0 && list->text.err == ST_OK)
		buf_put(&list->text, piece, (size_t)got);
	if (got == -1)
		return pull_fail(x, ST_SYS, strerror(errno));
	return list->text.err == ST_OK ? ST_OK : pull_fail(x, ST_LIMIT, "the playlist is too long");
}

static enum status play_open(struct pull *x, int fd)
{
	struct reading *r = calloc(1, sizeof(*r));
	enum status st = ST_LIMIT;

	if (r != NULL && source_restart(&x->src, x->type) == ST_OK) {
		struct chaninfo *i = chan_info(x->src.c);

		r->x = x;
		r->kbps = x->src.user_bitrate ? i->bitrate_kbps : 0;
		chaninfo_unref(&i);
		st = play(r, fd);
		x->whole = st == ST_EOF;
	}
	free(r);
	return st;
}

static enum status open_below(struct pull *x, const char *path, int *fd)
{
	const struct settings *set = conf_get(x->app->node.conf);
	enum status st;

	if (set->media_dir[0] == '\0') {
		settings_unref(&set);
		return pull_fail(x, ST_PROTO, "mediaDir is not set");
	}
	st = file_open_below(fd, set->media_dir, path);
	settings_unref(&set);
	if (st == ST_PROTO)
		return pull_fail(x, st, "it does not lie below mediaDir");
	if (st == ST_SYS)
		return pull_fail(x, st, errno == EINVAL ? "not a regular file" : strerror(errno));
	return st;
}

bool pull_beside(char dst[CHAN_URL], const char *list, const char *entry)
{
	const char *slash = strrchr(list, '/');
	const int n = slash != NULL ? (int)(slash - list) + 1 : 0;

	if (entry[0] == '/' || pull_has_scheme(entry))
		return text_copy(dst, CHAN_URL, entry);
	return snprintf(dst, CHAN_URL, "%.*s%s", n, list, entry) < CHAN_URL;
}

enum status pull_file(struct pull *x, const char *url, struct pull_list *list)
{
	char path[PATH_MAX];
	enum status st;
	int fd = -1;

	list->kind = URLLIST_NONE;
	buf_reset(&list->text);
	if (!path_of(path, url))
		return pull_fail(x, ST_PROTO, "no path of a file");
	st = open_below(x, path, &fd);
	if (st != ST_OK)
		return st;
	list->kind = urllist_kind(NULL, path);
	st = list->kind == URLLIST_NONE ? play_open(x, fd) : read_list(x, fd, list, path);
	(void)close(fd);
	return st;
}

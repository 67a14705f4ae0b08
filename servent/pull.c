/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "servent/rtmpplay.h"

#define LOCAL (FETCHALLOW_FILE | FETCHALLOW_PIPE)       /* what this machine has, nobody else */

enum status pull_fail(struct pull *x, enum status st, const char *why)
{
	if (x->src.error[0] == '\0')
		(void)text_copy(x->src.error, sizeof(x->src.error), why);
	return st;
}

/* --- addresses -------------------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	unsigned allow;
} schemes[] = {
	{ "http://", FETCHALLOW_HTTP }, { "https://", FETCHALLOW_HTTP },
	{ "mms://", FETCHALLOW_MMS }, { "mmsh://", FETCHALLOW_MMS },
	{ "pcp://", FETCHALLOW_HTTP }, { "rtmp://", FETCHALLOW_RTMP }, { "file:///", FETCHALLOW_FILE },
	{ "file://localhost/", FETCHALLOW_FILE }, { "pipe:", FETCHALLOW_PIPE },
};

/* Has it no scheme, and so is the path of a file? */
static bool is_path(const char *url)
{
	return url[0] != '\0' && (url[0] == '/' || url[strcspn(url, ":/")] != ':');
}

unsigned pull_scheme(const char *url)
{
	if (is_path(url))
		return FETCHALLOW_FILE;
	if (ascii_ncasecmp(url, "file:", 5) == 0 && url[5] != '\0' && strncmp(url + 5, "//", 2) != 0)
		return FETCHALLOW_FILE;         /* file:path */
	for (size_t i = 0; i < NELEM(schemes); i++) {
		const size_t n = strlen(schemes[i].prefix);

		if (ascii_ncasecmp(url, schemes[i].prefix, n) == 0 && url[n] != '\0' &&
		    (url[n] != '/' || schemes[i].allow == FETCHALLOW_PIPE))
			return schemes[i].allow;
	}
	return 0;
}

bool pull_has_scheme(const char *url)
{
	return pull_scheme(url) != 0 && !is_path(url);
}

static const char *allow_word(unsigned allow)
{
	switch (allow) {
	case FETCHALLOW_HTTP:
		return "http";
	case FETCHALLOW_MMS:
		return "mms";
	case FETCHALLOW_RTMP:
		return "rtmp";
	case FETCHALLOW_FILE:
		return "file";
	default:
		return "pipe";
	}
}

void pull_shown(char dst[TEXT_MAX], const char *url)
{
	const char *rest = strstr(url, "://"), *at;
	char whole[CHAN_URL];
	size_t n;

	if (pull_scheme(url) == FETCHALLOW_FILE) {
		(void)text_copy(dst, TEXT_MAX, url);
		return;
	}
	if (pull_scheme(url) == FETCHALLOW_PIPE) {      /* its arguments are nobody's business */
		n = strspn(url + 5, " ");
		(void)snprintf(whole, sizeof(whole), "pipe:%.*s", (int)strcspn(url + 5 + n, " "),
			url + 5 + n);
		(void)text_copy(dst, TEXT_MAX, whole);
		return;
	}
	n = rest != NULL ? (size_t)(rest + 3 - url) : 0;
	at = url + n;
	for (const char *p = at; *p != '\0' && strchr("/?#", *p) == NULL; p++)
		if (*p == '@')
			at = p + 1;
	(void)snprintf(whole, sizeof(whole), "%.*s%s", (int)n, url, at);
	(void)text_copy(dst, TEXT_MAX, whole);
}

/* May it be pulled, as the settings are now? NULL, or why not: at most cap bytes at why. */
static const char *forbidden(struct node *n, const char *url, char *why, size_t cap)
{
	const unsigned allow = pull_scheme(url);
	const struct settings *set = conf_get(n->conf);
	const bool ok = (set->fetch_allow & allow) != 0;

	settings_unref(&set);
	if (ok)
		return NULL;
	if (allow == 0)
		(void)snprintf(why, cap,
			"not an http://, https://, mms://, rtmp://, pcp:// or file:/// address, "
			"nor pipe:command");
	else if (is_path(url))
		(void)snprintf(why, cap,
			"without http:// or the like it is a file, and file is not in fetchAllow");
	else
		(void)snprintf(why, cap, "%s is not in fetchAllow", allow_word(allow));
	return why;
}

/* --- one stream ------------------------------------------------------------------------------- */

/* far: addresses of our own network are refused. own: which of file and pipe may be used (FETCHALLOW_*). */
static enum status follow(struct pull *x, const char *url, bool far, unsigned own, unsigned depth);

/* From where the last one stopped on, until one is a stream: an entry that was heard to its end makes room
 * for the next. */
static enum status follow_list(struct pull *x, const struct pull_list *l, bool far, unsigned own,
	unsigned depth)
{
	char entry[CHAN_URL], url[CHAN_URL];
	enum status st = ST_PROTO;
	struct urllist it;
	uint32_t count = 0, first;

	if (depth == PULL_LISTS)
		return pull_fail(x, ST_LIMIT, "playlists in playlists");
	if (urllist_is_hls((const char *)l->text.p, l->text.len))
		return pull_fail(x, ST_PROTO, "it is an HLS playlist, whose pieces are no stream");
	urllist_init(&it, l->kind, (const char *)l->text.p, l->text.len);
	while (urllist_next(&it, entry, sizeof(entry)))
		count++;
	if (count == 0)
		return pull_fail(x, ST_PROTO, "the playlist is empty");
	first = depth == 0 ? x->entry % count : 0;
	for (uint32_t i = 0; i < count && x->tries > 0 && !mbox_is_stopped(&x->src.mbox); i++) {
		const uint32_t want = (first + i) % count;

		urllist_init(&it, l->kind, (const char *)l->text.p, l->text.len);
		for (uint32_t at = 0; at <= want; at++)
			if (!urllist_next(&it, entry, sizeof(entry)))
				return ST_PROTO;
		x->src.error[0] = '\0';
		if (!(own != 0 ? pull_beside(url, l->url, entry) : pull_resolve(url, l->url, entry))) {
			st = pull_fail(x, ST_PROTO, "an entry of the playlist is no address");
			continue;
		}
		x->tries--;
		st = follow(x, url, far, own, depth + 1);
		if (x->src.headed) {
			if (depth == 0)
				x->entry = want + 1;
			return st;
		}
	}
	return mbox_is_stopped(&x->src.mbox) ? ST_STOPPED : st;
}

static enum status follow(struct pull *x, const char *url, bool far, unsigned own, unsigned depth)
{
	const unsigned scheme = pull_scheme(url);
	struct pull_list list = { .kind = URLLIST_NONE };
	char why[NODE_WHY];
	enum status st;

	if ((scheme & LOCAL & ~own) != 0)
		return pull_fail(x, ST_PROTO, "the playlist leads to a file or a command of this machine");
	if (forbidden(&x->app->node, url, why, sizeof(why)) != NULL)
		return pull_fail(x, ST_PROTO, why);
	if (scheme == FETCHALLOW_PIPE)
		return pull_pipe(x, url);
	if (ascii_ncasecmp(url, "pcp:", 4) == 0)
		return pull_pcp(x, url, far);
	if (scheme == FETCHALLOW_RTMP) {
		st = source_restart(&x->src, "FLV");
		return st == ST_OK ? rtmp_play(&x->src, url, far) : st;
	}
	buf_init(&list.text, URLLIST_BODY);
	st = scheme == FETCHALLOW_FILE ? pull_file(x, url, &list) : pull_http(x, url, &far, &list);
	if (st == ST_OK)        /* a playlist: files only from a file, commands never */
		st = follow_list(x, &list, far, scheme == FETCHALLOW_FILE ? FETCHALLOW_FILE : 0, depth);
	buf_fini(&list.text);
	return st;
}

/* --- again and again -------------------------------------------------------------------------- */

nsec pull_pause(unsigned n)
{
	static const nsec seconds[] = { 1, 2, 4, 8, 15, 30 };

	return seconds[MIN(n, NELEM(seconds) - 1)] * NSEC_PER_SEC;
}

static void report(struct pull *x, enum status st)
{
	const char *why = x->src.error[0] != '\0' ? x->src.error : status_str(st);
	const bool again = strcmp(why, x->said) == 0;

	log_at(again ? LOG_DEBUG : LOG_WARN, "pull %s: %s", x->shown, why);
	(void)text_copy(x->said, sizeof(x->said), why);
}

/* Has it been silent for so long that the channel does not count as playing? */
static void judge_silence(struct pull *x, nsec now)
{
	const struct settings *set = conf_get(x->app->node.conf);
	const nsec grace = (nsec)set->source_grace_sec * NSEC_PER_SEC;

	settings_unref(&set);
	if (!chan_is_playing(x->src.c) || now - x->quiet_since >= grace)
		source_set_status(&x->src, CHAN_ERROR);
}

/* The pause before the next try. ST_STOPPED: there is none. */
static enum status pause_for(struct pull *x, nsec began)
{
	if (x->whole)           /* a file to its end: at once, as long as that is not too often */
		return source_wait(&x->src, MAX(began + PULL_LOOP, clk_now()));

	const nsec least = pull_pause(x->pauses++);
	const nsec until = clk_now() + least + (nsec)rng_below((uint32_t)(least / NSEC_PER_MSEC / 4)) *
		NSEC_PER_MSEC;

	return source_wait(&x->src, until);
}

static void pull_run(struct pull *x)
{
	enum status st;
	nsec began, now;

	x->quiet_since = clk_now();
	do {
		began = clk_now();

		if (!chan_is_playing(x->src.c))
			source_set_status(&x->src, CHAN_CONNECTING);
		x->src.headed = false;
		x->src.error[0] = '\0';
		x->tries = PULL_TRIES;
		x->whole = false;
		st = follow(x, x->url, !x->near, LOCAL, 0);
		now = clk_now();
		if (st == ST_STOPPED || mbox_is_stopped(&x->src.mbox))
			break;
		if (x->src.headed) {
			source_pause(&x->src);
			x->quiet_since = now;
			x->said[0] = '\0';
			if (now - began >= PULL_GOOD)
				x->pauses = 0;
		}
		x->whole = x->whole && x->src.headed;
		if (!x->whole) {
			report(x, st);
			judge_silence(x, now);
		}
	} while (pause_for(x, began) == ST_OK);
}

static enum status forget(struct settings *draft, void *ctx)
{
	const struct gnuid *id = ctx;

	(void)settings_relay_del(draft, id->b);
	return ST_OK;
}

static void pull_task(struct app *a, void *arg)
{
	struct pull *x = arg;
	struct gnuid id = *chan_id(x->src.c);

	a->node.ops.kept_changed(&a->node);     /* it is in the ini now */
	pull_run(x);
	if (chan_is_closing(x->src.c) && !servmgr_is_stopping(a->node.sm) &&
	    conf_update(a->node.conf, forget, &id) != ST_OK)
		log_error("settings: %s is still there at the next start", x->shown);
	source_end(&x->src, ST_STOPPED);
	source_fini(&x->src);
	free(x);
}

/* --- start ------------------------------------------------------------------------------------ */

static enum status refuse(char why[NODE_WHY], enum status st, const char *text)
{
	(void)text_copy(why, NODE_WHY, text);
	return st;
}

/* A channel without a name is known by its address, until the server says a name. */
static struct pull *make(struct app *a, const char *url, struct chanmeta *m)
{
	static const enum chantext texts[] = { CT_NAME, CT_GENRE, CT_URL, CT_DESC };
	struct pull *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->app = a;
	(void)text_copy(x->url, sizeof(x->url), url);
	pull_shown(x->shown, url);
	for (size_t i = 0; i < NELEM(texts); i++)
		if (m->text[texts[i]][0] != '\0')
			x->given |= 1u << texts[i];
	if (m->text[CT_NAME][0] == '\0')
		(void)text_copy(m->text[CT_NAME], TEXT_MAX, x->shown);
	if (!chanmeta_set_type(m, m->text[CT_TYPE]))
		(void)chanmeta_set_type(m, "UNKNOWN");
	(void)text_copy(x->type, sizeof(x->type), m->text[CT_TYPE]);
	return x;
}

static enum status start(struct app *a, const char *url, struct chanmeta *m, bool near, bool v6,
	char why[NODE_WHY])
{
	const struct host nobody = { 0 };
	enum status st = ST_LIMIT;
	struct pull *x;

	if (strlen(url) >= CHAN_URL)
		return refuse(why, ST_PROTO, "the address is too long");
	if (!text_is_clean(url, strlen(url)) || (strchr(url, ' ') != NULL && (pull_scheme(url) & LOCAL) == 0))
		return refuse(why, ST_PROTO, "the address has blanks or control bytes in it");
	if (forbidden(&a->node, url, why, NODE_WHY) != NULL)
		return ST_PROTO;
	x = make(a, url, m);
	if (x == NULL)
		return refuse(why, ST_LIMIT, "out of memory");
	x->near = near;
	st = source_init(&x->src, a, CHAN_SRC_URL, m, &nobody, v6);
	if (st != ST_OK) {
		free(x);
		return refuse(why, st, status_str(st));
	}
	x->src.knows_password = true;   /* who may start it may take it over */
	x->src.url = x->url;
	x->src.shown = x->shown;
	st = source_open(&x->src);
	if (st == ST_OK) {
		m->id = *chan_id(x->src.c);
		chan_set_keep(x->src.c, true);
		st = app_task(a, "pull", pull_task, x);
		if (st == ST_OK)
			return ST_OK;
		chan_close(x->src.c);
		source_end(&x->src, ST_STOPPED);
	}
	(void)refuse(why, st, x->src.error[0] != '\0' ? x->src.error : status_str(st));
	source_fini(&x->src);
	free(x);
	return st;
}

enum status pull_start(struct node *n, const struct host *peer, const char *url, struct chanmeta *m, bool v6,
	char why[NODE_WHY])
{
	if ((pull_scheme(url) & LOCAL) != 0 && !node_is_trusted(n, peer))
		return refuse(why, ST_PROTO, "files and commands are for those on this machine alone");
	return start(app_of(n), url, m, node_is_private(n, peer), v6, why);
}

enum status pull_restore(struct node *n, const char *url, struct chanmeta *m, bool v6, char why[NODE_WHY])
{
	return start(app_of(n), url, m, true, v6, why);
}

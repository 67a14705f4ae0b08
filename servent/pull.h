/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels whose stream this node pulls by itself: from an HTTP, Icecast or Windows Media server, an RTMP
 * one, another node, a file or a command of this machine, straight or through a playlist.
 *
 * Each has a thread, which connects, feeds the source until the stream ends, and begins again after a pause
 * that grows from PULL_PAUSE_MIN to PULL_PAUSE_MAX while it does not last. The channel stays until it is
 * stopped, and is saved in the ini. Which schemes may be used `fetchAllow` says.
 *
 * What a server sends cannot lead us into this machine or its network: only an address that a trusted caller
 * gave may lie there. Files and commands only somebody on this machine may name, or a playlist that is a file
 * itself (files alone).
 *
 * source   media.md 2.6, 2.7, 2.9, 2.11; node.md 2.8; settings.md
 */
#ifndef SERVENT_PULL_H
#define SERVENT_PULL_H

#include "core/media/media.h"
#include "core/media/urllist.h"
#include "servent/app.h"
#include "servent/source.h"

#define PULL_PAUSE_MIN (1 * NSEC_PER_SEC)
#define PULL_PAUSE_MAX (30 * NSEC_PER_SEC)
#define PULL_LOOP      (5 * NSEC_PER_SEC)       /* a file that ends begins again, not more often than this */
#define PULL_GOOD      (60 * NSEC_PER_SEC)      /* a stream that lasted: the least pause again */
#define PULL_LISTS     3                        /* playlists in one another */
#define PULL_TRIES     16                       /* entries of playlists for one stream */

/* As node_ops.pull_start. */
enum status pull_start(struct node *n, const struct host *peer, const char *url, struct chanmeta *m, bool v6,
	char why[NODE_WHY]) EXCLUDES(lk_app) NODISCARD;
/* One that is saved in the ini, under the id of m. */
enum status pull_restore(struct node *n, const char *url, struct chanmeta *m, bool v6, char why[NODE_WHY])
	EXCLUDES(lk_app) NODISCARD;

/* FETCHALLOW_* of an address by its scheme, in any case; 0 = none that can be pulled. */
unsigned pull_scheme(const char *url);
/* The address without user and password, for people. */
void pull_shown(char dst[TEXT_MAX], const char *url);
/* How long to wait before try number n (0 = the first after one that lasted), jitter aside. */
nsec pull_pause(unsigned n);

/* --- one stream ------------------------------------------------------------------------------- */

struct pull {
	struct source src;
	struct app *app;
	char url[CHAN_URL];
	char shown[TEXT_MAX];
	char type[MEDIA_TYPE_MAX];      /* what it is said to be; "UNKNOWN" */
	uint32_t given;                 /* texts the user gave, 1 << CT_*: the server's do not count */
	bool whole;                     /* a file was played to its end */
	bool near;                      /* it may lie in our own network */
	uint32_t entry;                 /* of a playlist: where to begin */
	unsigned tries;                 /* left for this stream */
	unsigned pauses;                /* since one lasted */
	nsec quiet_since;               /* nothing has come */
	char said[160];                 /* the last failure that was logged */
};

/* Set src->error unless it is set; returns st. */
enum status pull_fail(struct pull *x, enum status st, const char *why);

/* An answer that is a playlist. */
struct pull_list {
	enum urllist_kind kind;         /* URLLIST_NONE: it was a stream */
	struct buf text;                /* the caller's to finish */
	char url[CHAN_URL];             /* where it came from, after all redirects */
};

/* GET an http(s):// or mms(h):// address, and feed the source with what comes. *far: addresses of our network
 * are refused; set when this one was outside.
 * returns  ST_OK with *list filled in; else how the stream ended: ST_EOF, ST_STOPPED, ST_TIMEOUT, ST_PROTO,
 *          ST_LIMIT, ST_SYS; src->error says more where there is more to say */
enum status pull_http(struct pull *x, const char *url, bool *far, struct pull_list *list) NODISCARD;
/* Read a file below mediaDir, and feed the source with it at the pace of its times. As pull_http(); ST_EOF
 * with x->whole set: to its end. The url of a playlist is a path. */
enum status pull_file(struct pull *x, const char *url, struct pull_list *list) NODISCARD;
/* Run a pipe: command, and feed the source with its output. Returns as pull_http(), but never a playlist. */
enum status pull_pipe(struct pull *x, const char *url) NODISCARD;
/* Fetch the channel of a pcp:// address as a relay does, and feed the source with its stream. As pull_pipe();
 * far: an address of our own network is refused. */
enum status pull_pcp(struct pull *x, const char *url, bool far) NODISCARD;
/* The parts of one: pcp://host[:port]/channel/<id>, or without channel/. */
bool pull_pcp_url(const char *url, char host[TEXT_MAX], struct gnuid *id);
/* Resolve an entry of a playlist that is a file. false: it is too long. */
bool pull_beside(char dst[CHAN_URL], const char *list, const char *entry);
/* Does it name a scheme of ours? */
bool pull_has_scheme(const char *url);
/* Resolve an entry of a playlist. false: it is no address, or too long. */
bool pull_resolve(char dst[CHAN_URL], const char *base, const char *entry);

#endif

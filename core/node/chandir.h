/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel directory: what the yellow pages of the user list, merged.
 *
 * Who fetches the lists (servent/feedd.h) puts a new picture in place; everybody else looks at a counted
 * snapshot. The first entry of an id counts, in the picture's order: by listeners, most of them first.
 *
 * lock     lk_conf, held for a few instructions.
 * source   node.md 9.3, 9.4
 */
#ifndef CORE_NODE_CHANDIR_H
#define CORE_NODE_CHANDIR_H

#include "core/conf/settings.h"
#include "core/node/feed.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"

#define CHANDIR_LOG  (4 * 1024)         /* bytes of a feed's own log */
#define CHANDIR_TAG  128                /* of an entity tag or a date, NUL included */

enum feedstatus { FEEDSTATUS_UNKNOWN, FEEDSTATUS_OK, FEEDSTATUS_ERROR };
const char *feedstatus_str(enum feedstatus s);  /* "UNKNOWN" "OK" "ERROR" */

/* One yellow page's list, and how it was come by. */
struct dirfeed {
	char url[SETTINGS_LONG];
	char root_host[SETTINGS_TEXT];  /* of the YP behind it; "" = unknown */
	enum feedstatus status;         /* of the last try */
	struct feedlist *list;          /* a reference; NULL = never had one */
	int64_t updated_s, tried_s;     /* Unix seconds; 0 = never */
	bool near;                      /* it came from this machine or its network */
	char log[CHANDIR_LOG];          /* lines with their ends, oldest first */
	/* for the next request */
	char etag[CHANDIR_TAG], modified[CHANDIR_TAG];
};

struct direntry {
	uint32_t feed;                  /* index into feeds */
	const struct feedchan *chan;
};

struct dirview {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	struct dirfeed *feeds;
	struct direntry *entries;       /* sorted */
	size_t n_feeds, n_entries;
};

struct chandir {
	struct mtx mtx;                                 /* lk_conf */
	struct dirview *now     GUARDED_BY(lk_conf);    /* NULL = nothing was ever put */
};

void chandir_init(struct chandir *d);
void chandir_fini(struct chandir *d);

/* A picture of these feeds (copied; their lists gain references) takes the place of the one before.
 * returns  ST_OK, ST_LIMIT (memory: the old one stays) */
enum status chandir_put(struct chandir *d, const struct dirfeed *feeds, size_t n) EXCLUDES(lk_conf)
	NODISCARD;
/* The present one, a reference; NULL = there is none yet. */
struct dirview *chandir_get(struct chandir *d) EXCLUDES(lk_conf);
void dirview_unref(struct dirview **v);

/* The entry of a channel; NULL. Borrowed from the view. */
const struct direntry *dirview_find(const struct dirview *v, const struct gnuid *id);

/* Is it listed? */
bool chandir_has(struct chandir *d, const struct gnuid *id) EXCLUDES(lk_conf);
/* Where a listed channel can be had: its tracker's address, if it is a number that one may dial on the list's
 * word. A list from outside does not lead into this machine or its network. */
bool chandir_tip(struct chandir *d, const struct gnuid *id, struct host *h) EXCLUDES(lk_conf);
/* Is that the address of a listed channel's tracker, whatever the port? */
bool chandir_lists(struct chandir *d, const struct host *h) EXCLUDES(lk_conf);
/* The root of the YP that lists a channel, into dst[SETTINGS_TEXT]; false: not listed, or unknown. */
bool chandir_root(struct chandir *d, const struct gnuid *id, char *dst) EXCLUDES(lk_conf);

/* The root host that goes with a feed's address as the user entered it, for well-known YPs; "" = unknown. */
const char *chandir_known_root(const char *url);
/* A name for people: of well-known YPs; else the host in the address. dst[SETTINGS_TEXT] */
const char *chandir_feed_name(const char *url, char *dst);

#endif

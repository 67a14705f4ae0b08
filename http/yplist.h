/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channels of a yellow page at one moment, in the order of its lists, and the rules of who sees
 * which of them, and what of it.
 *
 * A struct yplist is taken by one thread and then only read. Everything else here is pure.
 *
 * source   yp.md 3.2, 3.3, 2.3; settings.md decision 15
 */
#ifndef HTTP_YPLIST_H
#define HTTP_YPLIST_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/node/node.h"
#include "core/sys/bytes.h"
#include "http/ypgenre.h"

#define YPCHAN_FIXED 4

/* Channels as far as the page lists them: without those whose genre lacks the prefix. */
struct ypchan {
	struct gnuid id;
	struct chaninfo *info;          /* a reference */
	struct ypgenre genre;           /* points into info */
	uint32_t age_s;
	int64_t started_s;              /* Unix time, the same in each list of this run */
	int64_t listeners, relays;      /* -1 = hidden */
	struct host tip;                /* port 0 = firewalled */
	bool direct;                    /* the tracker takes players */
	bool stale;                     /* its line broke a moment ago */
	/* Where its line of index.txt is (http/ypindex.h): the part that a restricted viewer does not get,
	 * and behind it the rest. */
	size_t at;
	uint32_t head_len, tail_len;
	/* The pieces of it that follow from the info and the settings alone, counted from `at`. */
	struct {
		uint16_t at, len;
	} fixed[YPCHAN_FIXED];
};

struct yplist {
	const struct settings *settings; /* a reference */
	struct own own;                 /* of this node */
	uint32_t uptime_s;
	struct ypchan *chans;           /* youngest first, then by listeners; owned */
	size_t n;
	uint32_t *over;                 /* bitrates of the YP_OVER ones, rising; owned */
	size_t n_over;
	bool restricted, fast;          /* is there a channel that is not free; one that is YP_FAST? */
	struct buf text;                /* of index.txt, or empty */
};

/* Take it from a root: what was announced, and its own broadcasts.
 * started  what to add to clk_now() for Unix nanoseconds
 * returns  ST_OK, ST_LIMIT (memory) */
enum status yplist_take(struct node *n, nsec started, struct yplist *l) NODISCARD;
void yplist_fini(struct yplist *l);

/* --- who asks --------------------------------------------------------------------------------- */

struct ypviewer {
	bool port_open;                 /* passed the port check */
	uint32_t speed_kbps;            /* measured upload; 0 = none */
};

/* May this viewer have the channel's address? */
bool yp_may(const struct ypchan *c, const struct ypviewer *v);

/* --- what is asked for ------------------------------------------------------------------------ */

#define YPQUERY_NS    6
#define YPQUERY_WORDS 4
#define YPQUERY_TYPES 3

struct ypquery {
	uint32_t n_ns, n_words, n_types;
	char ns[YPQUERY_NS][YPGENRE_NS];        /* listed beside those without one */
	struct {
		bool not;
		char text[33];
	} words[YPQUERY_WORDS];
	char types[YPQUERY_TYPES][8];
};

/* ns=, find= and type= of a query string; what cannot be used is left out. */
void ypquery_parse(struct ypquery *q, const char *query);
bool ypquery_matches(const struct ypquery *q, const struct ypchan *c);

/* A key under which everybody gets the same document of a list: which query it answers, and what
 * the viewer may see. Whoever has it may see the document an earlier list had under it, too. Returns
 * dst. */
#define YPKEY 512
const char *yp_key(char dst[YPKEY], const struct yplist *l, const struct ypquery *q,
	const struct ypviewer *v);

/* --- the page itself -------------------------------------------------------------------------- */

/* Is it an address of the web, as a contact URL should be? */
bool yp_is_web(const char *url);

/* Its name in the lists; never empty. */
const char *yp_name(const struct settings *set);

/* "http://<this node>:<port>/yp/", as far as it is known: by forceIP, else by the best address. What a
 * client calls us is never echoed. Returns dst. */
#define YPURL (SETTINGS_TEXT + 24)
const char *yp_url(char dst[YPURL], const struct settings *set, const struct own *own);

#endif

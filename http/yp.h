/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The yellow page of a root over HTTP: its lists, and what it knows of their readers.
 *
 * A list is taken and its documents are made when something changed and somebody asks, not for each
 * request: whoever asks gets a reference to bytes that all share. The first to find a list out of
 * date makes the next one, the others get the old one meanwhile. Making takes at most a tenth of
 * the time, so a list may be ten times as old as it took to make. What a viewer may see, and what
 * he asks for, makes different documents of one list; YP_DOCS of them are kept, the least used goes.
 *
 * lock     lk_leaf, inside, for a moment; nothing is made under it.
 * source   yp.md 3; settings.md decision 6
 */
#ifndef HTTP_YP_H
#define HTTP_YP_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define YP_AGE   (5 * NSEC_PER_SEC)     /* of a list nothing happened to: times go on */
#define YP_DOCS  32
#define YP_BYTES ((size_t)64 << 20)     /* of all documents that are kept */
#define YP_MAKE  4                      /* documents in the making that are not kept */
#define YP_WAIT  (1 * NSEC_PER_SEC)     /* of a reader for his first port check */

struct viewers;
struct yp;

struct yp *yp_new(void) NODISCARD;      /* NULL when out of memory */
void yp_free(struct yp **yp);           /* no other thread uses it any more */
struct viewers *yp_viewers(struct yp *yp);

enum ypformat { YP_INDEX, YP_RSS, YP_JSON };

/* Answer GET or HEAD of a list; 404 on a node that is not a root. A viewer whose port check decides
 * about something is tested (node_ops.check_viewer), and waited for the first time.
 * returns  ST_OK with rs filled in, ST_LIMIT (memory), ST_STOPPED */
enum status yp_serve(struct node *n, struct servent *sv, const struct request *rq,
	enum ypformat format, struct response *rs) NODISCARD;

/* Answer yp4g.xml. */
enum status yp_serve_client(struct node *n, struct servent *sv, struct response *rs) NODISCARD;

/* Answer chat.php?cn=NAME: to the channel's contact page, for readers that know YP4G's pages. */
enum status yp_serve_chat(struct node *n, const struct request *rq, struct response *rs) NODISCARD;

#endif

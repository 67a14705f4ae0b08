/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What name servers say of the names in the filters, and of the names of visitors: a cache that is only ever
 * looked at on the way of a request. Somebody else asks the servers, in his own time: names_take() gives him
 * the next question, names_done() takes the answer.
 *
 * Answers count for NAMES_TTL, that there is none for NAMES_TTL_NONE; then it is asked again. While a server
 * does not answer, what was known stays. Visitors (NAMES_VISITORS of them) are asked about only while they
 * come.
 *
 * lock     lk_leaf, inside; nothing blocks.
 * source   node.md 5.6
 */
#ifndef CORE_NODE_NAMES_H
#define CORE_NODE_NAMES_H

#include "core/sys/host.h"
#include "core/sys/lock.h"
#include "core/sys/status.h"

#define NAMES_TTL      (300 * NSEC_PER_SEC)
#define NAMES_TTL_NONE (60 * NSEC_PER_SEC)
#define NAMES_VISITORS 1024

struct names;

struct names *names_new(void) NODISCARD;        /* NULL when out of memory */
void names_free(struct names **ns);             /* no other thread uses it any more */

/* These are wanted from now on, and no others; what is known of them stays.
 * returns  ST_OK, ST_LIMIT (memory: some are missing) */
enum status names_want(struct names *ns, const char *const *name, size_t n) EXCLUDES(lk_leaf) NODISCARD;
/* The addresses of a wanted name, IPv4 and IPv6, unset when not known; false = neither is. */
bool names_find(struct names *ns, const char *name, struct host pair[2]) EXCLUDES(lk_leaf);
/* The name of a visitor; "" = none, or not known yet.
 * ask      set when there is a new question: wake who asks */
void names_of(struct names *ns, const struct host *who, char name[HOST_NAME], bool *ask) EXCLUDES(lk_leaf);

struct names_job {
	char name[HOST_NAME];           /* "": the name of `who` is asked for */
	struct host who;
};

/* The next question that is due; it is the caller's until names_done(). */
bool names_take(struct names *ns, nsec now, struct names_job *j) EXCLUDES(lk_leaf) NODISCARD;
/* Its answer: st as of host_resolve_pair() and host_reverse(). True = another one than before. */
bool names_done(struct names *ns, const struct names_job *j, enum status st, const struct host pair[2],
	const char *name, nsec now) EXCLUDES(lk_leaf);
/* When the next question is due; NSEC_NEVER = none. */
nsec names_due(struct names *ns) EXCLUDES(lk_leaf);

#endif

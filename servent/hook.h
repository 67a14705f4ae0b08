/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks: what an operator's ini wants run, or told by HTTP, when something happens in the node ([Hook]).
 *
 * This is what they have in common and what depends on nothing but its arguments: names, signature, waits and
 * verdicts. servent/hookwatch.h makes messages of the node's events, servent/hookd.h delivers them.
 */
#ifndef SERVENT_HOOK_H
#define SERVENT_HOOK_H

#include "core/conf/settings.h"
#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define HOOK_SHOWN      160             /* bytes of how a hook is named in the log, NUL included */
#define HOOK_SIGNATURE  96              /* of a signature */

#define HOOK_WAIT       NSEC_PER_SEC    /* before the second try; then twice as long each time, */
#define HOOK_WAIT_MAX   (60 * NSEC_PER_SEC)
#define HOOK_ASKED_MAX  (300 * NSEC_PER_SEC)    /* that a server may ask for */

/* "channelStart" ...: as in the ini. */
const char *hook_name(enum hookwhat what);

/* "hook 2 (https://example.com)", "hook 1 (notify.sh)": without what may be secret. i counts from 0. */
void hook_shown(char dst[HOOK_SHOWN], size_t i, const struct settings_hook *h);

/* "t=<Unix seconds>,v1=<64 hex digits>": HMAC-SHA256, under the secret, of the seconds in decimal, a full
 * stop and the body. */
void hook_sign(char dst[HOOK_SIGNATURE], const char *secret, int64_t wall_s, const void *body, size_t n);

/* How long to wait when `tried` tries (1 ...) have failed: between half and all of a span that doubles, so
 * that not everybody comes back at once. asked: what the server wants, 0 = nothing. below: rng_below() */
nsec hook_wait(uint32_t tried, nsec asked, uint32_t (*below)(uint32_t n));

enum hook_verdict {
	HOOK_DONE,
	HOOK_AGAIN,             /* it may go better the next time */
	HOOK_NEVER,             /* it will not */
};
enum hook_verdict hook_judge_http(long status);
/* Of an error at the start of a command. */
enum hook_verdict hook_judge_start(int e);

#endif

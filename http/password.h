/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The password of the settings: plain as PeerCast-YT has it, or hashed.
 *
 * Hashed: $pbkdf2-sha256$<rounds>$<salt, 32 hex digits>$<hash, 64 hex digits>. Made by
 * `peercast --hash-password`. Hashing is slow on purpose, so the last right answer is remembered, as
 * a MAC under a key of this process: scrapers that send Basic with every request cost it once. And two at
 * most are worked out at a time; who guesses gets no more of the machine than that.
 *
 * lock     lk_leaf, inside; released while a hash is worked out.
 * source   http.md 10; node.md 11
 */
#ifndef HTTP_PASSWORD_H
#define HTTP_PASSWORD_H

#include "core/sys/cc.h"
#include "core/sys/lock.h"

#define PASSWORD_HASH   136             /* bytes of a hashed one, NUL included */
#define PASSWORD_ROUNDS 100000          /* of new ones */

/* Is this text of the settings a hashed password? */
bool password_is_hash(const char *stored);

/* Hash a password with a new salt. */
void password_hash(char dst[PASSWORD_HASH], const char *plain);

/* Is `given` the password of the settings? An empty one in the settings is nobody's. In constant time
 * but for the lengths. May take some ten milliseconds. */
bool password_matches(const char *stored, const char *given) EXCLUDES(lk_leaf);

#endif

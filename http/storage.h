/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What front ends keep in the node: items (filters and favourites of channel lists), values of users, and
 * what was broadcast before. In storage.json beside the ini; a change is on the disk before its caller goes
 * on.
 *
 * What PeerCast-YT kept, channelFilters.json in its folder, is read as long as there is no such item of ours;
 * nothing is ever written there.
 *
 * A file of ours that cannot be understood is put aside as storage.json.bad, and one begins anew.
 *
 * lock     lk_save, held while the file is written.
 * source   http.md 8.5, 8.6; settings.md decision 10
 */
#ifndef HTTP_STORAGE_H
#define HTTP_STORAGE_H

#include <jansson.h>

#include "core/sys/lock.h"
#include "core/sys/status.h"

#define STORAGE_ITEM    ((size_t)256 << 10)     /* bytes of an item */
#define STORAGE_USERS   ((size_t)64 << 10)      /* bytes of all values of users, as JSON */
#define STORAGE_NAME    64                      /* bytes of a user's name, or of a key */
#define STORAGE_HISTORY 100                     /* broadcasts remembered */
#define STORAGE_FILE    ((size_t)2 << 20)       /* bytes of the file */

struct storage;

/* Read the file beside that ini, if there is one; NULL = no file (tests). yt: the folder of PeerCast-YT, or
 * NULL. Faults of files are logged.
 * returns  the storage, NULL when out of memory */
struct storage *storage_open(const char *ini, const char *yt) NODISCARD;
void storage_free(struct storage **s);

/* May there be an item of that name? */
bool storage_is_item(const char *name);
/* A new reference; JSON null when it was never set. NULL = out of memory. */
json_t *storage_item(struct storage *s, const char *name) EXCLUDES(lk_save);
/* ST_OK, ST_LIMIT (too long, or no memory), ST_SYS (not on the disk: nothing has changed) */
enum status storage_set_item(struct storage *s, const char *name, const char *value, size_t n)
	EXCLUDES(lk_save) NODISCARD;

/* The value of a user under a key; as above. A value is an object. */
json_t *storage_user(struct storage *s, const char *user, const char *key) EXCLUDES(lk_save);
enum status storage_set_user(struct storage *s, const char *user, const char *key, json_t *value)
	EXCLUDES(lk_save) NODISCARD;

/* All of them: favourites first, then the newest first. */
json_t *storage_history(struct storage *s) EXCLUDES(lk_save);
/* An entry with the same values but for `favorite` takes the place of the old one. The oldest that is no
 * favourite gives way. */
enum status storage_add_history(struct storage *s, json_t *entry) EXCLUDES(lk_save) NODISCARD;

#endif

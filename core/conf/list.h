/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists inside struct settings, for settings.c alone: entries of [Filter], [Feed], [Uptest],
 * [Hook], [Host] and [RelayChannel] handled by their row in sect_info. The rest of the node uses
 * settings.h.
 *
 * Every entry begins with its `kept` texts: of the header, of each key in the order of the table,
 * and last of [End].
 */
#ifndef CORE_CONF_LIST_H
#define CORE_CONF_LIST_H

#include "core/conf/key.h"
#include "core/conf/settings.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"

/* All of these do nothing for a section that is no list. */
void list_fini(struct settings *st, enum sect s);
/* Drop the pointers without freeing: after a plain copy of the struct. */
void list_forget(struct settings *st, enum sect s);
/* Deep copy into an empty list; false when out of memory (what is there is complete). */
bool list_copy(struct settings *to, const struct settings *from, enum sect s) NODISCARD;
/* The kept texts of the first entry; NULL when there is none. */
char **list_kept_first(struct settings *st, enum sect s);
void list_emit(const struct settings *st, enum sect s, struct buf *out);

/* One entry on its own: defaults, in heap memory; NULL when out of memory. */
void *list_entry_new(enum sect s) NODISCARD;
void list_entry_free(enum sect s, void **entry);
char **list_entry_kept(void *entry);
void list_entry_emit(enum sect s, const void *entry, struct buf *out);

/* Move an entry to the end of its list.
 * entry    taken (and nulled) with ST_OK, else still the caller's
 * returns  ST_OK, ST_PROTO (not usable), ST_LIMIT (full; or no memory, then why is empty) */
enum status list_take(struct settings *st, enum sect s, void **entry, char *why) NODISCARD;

/* A header after what is kept in front of it, and after a blank line in any case. */
void list_emit_header(const char *name, const char *kept, struct buf *out);
void list_emit_key(const struct key *k, const void *base, struct buf *out);

/* A line of a [RelayChannel] into its entry.
 * value    NULL as ""
 * why      a remark, or what is wrong, or empty
 * returns  ST_OK, ST_PROTO (line not taken), ST_LIMIT (no memory) */
enum status relay_read(struct settings_relay *r, const char *name, const char *value, char *why)
	NODISCARD;
enum status relay_read_comment(struct settings_relay *r, const char *text, char *why) NODISCARD;
/* A name of node.md 2.1. */
bool relay_name_is_known(const char *name);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of all keys of peercast.ini, and how one value is read, checked and written.
 *
 * One row for each key: section, name, type, default, range, place in its struct, explanation.
 * Sections and rows stand in the order in which the file is written. Rows of a list section give
 * places in an entry of that list, all others in struct settings.
 *
 * source   node.md 2.1, 2.4, 2.6, 2.7; settings.md "New keys"
 */
#ifndef CORE_CONF_KEY_H
#define CORE_CONF_KEY_H

#include <stdint.h>

#include "core/conf/form.h"
#include "core/conf/settings.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"

enum sect {
	SECT_SERVER, SECT_BROADCAST, SECT_CLIENT, SECT_RECORD, SECT_PRIVACY, SECT_ROOT, SECT_LIVESYNC,
	SECT_FILTER, SECT_FEED, SECT_UPTEST, SECT_HOOK, SECT_NOTIFY, SECT_SERVER1, SECT_DEBUG,
	SECT_RELAYCHANNEL, SECT_HOST, SECT_FLAGS,
	SECT_N
};

enum sect_kind {
	SECT_FLAT,              /* decoration: its keys share one name space and stand anywhere */
	SECT_BLOCK,             /* its own names, up to [End] */
	SECT_LIST,              /* a block that makes one entry each time */
	SECT_PAIRS,             /* the same, with free names */
};

struct sect_info {
	const char *name;
	enum sect_kind kind;
	size_t list;            /* LIST, PAIRS: place of its settings_list in struct settings */
	size_t entry;           /* bytes of an entry */
	size_t max;             /* entries */
	const char *doc;
};

extern const struct sect_info sect_info[SECT_N];

/* The section of this name (any case), SECT_N when there is none. */
enum sect sect_find(const char *name);

enum key_type {
	KEY_BOOL,               /* bool */
	KEY_U32,                /* uint32_t, decimal, min..max */
	KEY_U64,                /* uint64_t */
	KEY_OCTAL,              /* uint32_t */
	KEY_TEXT,               /* char[cap] */
	KEY_ID,                 /* uint8_t[SETTINGS_ID], 32 hex digits */
	KEY_WORD,               /* an enum: the place of the word in words */
	KEY_WORDS,              /* uint32_t, a bit for each word; written with commas */
};

enum key_flag {
	KEY_RAISE = 1,          /* a number below min becomes min */
	KEY_WHOLE = 2,          /* a text too long is refused, not cut */
	KEY_READONLY = 4,       /* read from old files, never written */
	KEY_OPTIONAL = 8,       /* written only when it is not the default */
	KEY_SECRET = 16,        /* never quoted in a message */
	KEY_NONZERO = 32,       /* a zero id is made anew; strict refuses it */
	KEY_HERE = 64,          /* names files, programs, or who may: for who sits at this machine */
};

struct key {
	enum sect sect;
	enum key_type type;
	unsigned flags;         /* enum key_flag */
	const char *name;
	const char *dflt;       /* as in the file */
	size_t off, cap;
	uint64_t min, max;
	const char *words;      /* separated by one space; of a text: what strict takes, NULL = anything */
	enum key_form form;     /* of a text: what strict takes */
	const char *doc;        /* one line, for the file's readers */
};

extern const struct key key_table[];
extern const size_t key_n;

/* The rows of a section: first and count. */
const struct key *key_of_sect(enum sect s, size_t *n);

/* The key of this name (any case), or of its older name: in the name space of the flat sections for
 * a SECT_FLAT section, else in that section alone. NULL when there is none. */
const struct key *key_find(enum sect s, const char *name);
/* In the flat name space, then in the SECT_BLOCK sections. */
const struct key *key_find_any(const char *name);

enum key_result {
	KEY_TAKEN,
	KEY_NOTED,              /* taken as far as possible; why says what is odd */
	KEY_REFUSED,            /* untouched; why says what is wrong */
};

/* Read a value into its place in base.
 *
 * value    NULL = the line had no '='
 * strict   refuse whatever would be noted
 * why      SETTINGS_WHY bytes */
enum key_result key_read(const struct key *k, void *base, const char *value, bool strict,
	char *why);

/* Kept for other versions, without effect? */
bool key_is_unused(const struct key *k);

/* yes, y, 1, true or on, in any case. */
bool key_text_is_yes(const char *s);

/* Set the default. */
void key_reset(const struct key *k, void *base);
bool key_is_default(const struct key *k, const void *base);

/* Append the value as the file has it. */
void key_write(const struct key *k, const void *base, struct buf *out);

#endif

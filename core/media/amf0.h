/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMF0: the values of script tags and RTMP commands, read without building a tree.
 *
 * The reader walks a value and reports the leaves that stand directly in the outermost object or
 * ECMA array by name; deeper ones are checked and passed over.
 * source   media.md 3.2.8
 */
#ifndef CORE_MEDIA_AMF0_H
#define CORE_MEDIA_AMF0_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define AMF0_DEPTH_MAX   16     /* objects within objects */
#define AMF0_PROPS_MAX   1024   /* named properties in one value, at all depths */
#define AMF0_ITEMS_MAX   65536  /* elements of strict arrays in it: a seek index has many */
#define AMF0_STRING_MAX  65536  /* bytes of a string */

enum amf0_type {
	AMF0_NUMBER = 0, AMF0_BOOL = 1, AMF0_STRING = 2, AMF0_OBJECT = 3, AMF0_NULL = 5,
	AMF0_UNDEFINED = 6, AMF0_ECMA_ARRAY = 8, AMF0_OBJECT_END = 9, AMF0_STRICT_ARRAY = 10,
	AMF0_DATE = 11, AMF0_LONG_STRING = 12,
};

struct amf0_val {
	enum amf0_type type;
	double num;             /* AMF0_NUMBER, AMF0_DATE; 0 or 1 for AMF0_BOOL */
	const uint8_t *str;     /* AMF0_STRING, AMF0_LONG_STRING: borrowed, not terminated */
	size_t len;
};

/* Called for each leaf of the outermost object: name borrowed, not terminated. */
typedef void amf0_leaf(void *ctx, const uint8_t *name, size_t nlen, const struct amf0_val *v);

/* Read one value; of a compound one *v has the type only.
 * leaf     may be NULL
 * returns  ST_OK, ST_PROTO (broken, or a type not in enum amf0_type), ST_LIMIT */
enum status amf0_read(struct rd *r, struct amf0_val *v, amf0_leaf *leaf, void *ctx) NODISCARD;

bool amf0_is(const uint8_t *name, size_t nlen, const char *want);

/* Writing, into a buffer whose own error tells of lack of room. Names and strings: at most 65535
 * bytes. */
void amf0_put_number(struct buf *b, double v);
void amf0_put_bool(struct buf *b, bool v);
void amf0_put_string(struct buf *b, const void *p, size_t n);
/* The name of a property; its value follows. An empty name and amf0_put_end() end an object. */
void amf0_put_name(struct buf *b, const char *name);
void amf0_put_end(struct buf *b);

#endif

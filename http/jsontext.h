/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON written straight into a buf, for answers that are made often and are long: values of jansson cost
 * ten times as much to make, sort, write and free. Compact; in an object, keys are to come sorted, as
 * everything else that is answered has them.
 */
#ifndef HTTP_JSONTEXT_H
#define HTTP_JSONTEXT_H

#include <stdbool.h>

#include "core/sys/bytes.h"

/* "key": and before it the comma, where the object has a member already. key is ours: nothing in it is
 * escaped. */
void jsontext_key(struct buf *out, const char *key);
/* s is valid UTF-8. A number is buf_int(). */
void jsontext_string(struct buf *out, const char *s);
void jsontext_bool(struct buf *out, bool on);

#endif

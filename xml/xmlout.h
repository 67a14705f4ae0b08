/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XML out, by libxml2's writer, in the layout PeerCast nodes have always used: one LF behind every
 * tag, no indentation, empty elements as <name .../>, the five characters & < > " ' escaped.
 *
 * One struct xmlout makes one document or any number of records, one after another; it belongs to
 * one thread. Nothing here blocks, opens a file or reaches the network.
 *
 * Texts are made well-formed here, whatever they are: bytes that are no UTF-8 become U+FFFD,
 * control characters and code points that XML 1.0 forbids become a space, and a text is cut, on a
 * character border, to XMLOUT_TEXT bytes before it is escaped.
 *
 * source   yp.md 1.2, 1.4; http.md 7.4; settings.md decision 14
 */
#ifndef XML_XMLOUT_H
#define XML_XMLOUT_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/status.h"

#define XMLOUT_TEXT 255         /* bytes of one attribute's text, before escaping */

struct xmlout;

/* libxml2's own start: once, by main(), with no other thread running. It has no end: a detached thread that
 * has done its work may still be giving back what libxml2 keeps for each. */
void xml_init(void);

/* A writer whose output may grow to max bytes; NULL when out of memory. */
struct xmlout *xmlout_new(size_t max) NODISCARD;
/* *x may be NULL. */
void xmlout_free(struct xmlout **x);

/* Forget what was written and every fault; memory is kept. */
void xmlout_reset(struct xmlout *x);

/* <?xml version="1.0" encoding="utf-8" ?> and a LF. Before any element. */
void xmlout_decl(struct xmlout *x);

/* Start and end an element; names are ours. An element that got no child ends in "/>". */
void xmlout_start(struct xmlout *x, const char *name);
void xmlout_end(struct xmlout *x);

/* An attribute of the element just started. */
void xmlout_text(struct xmlout *x, const char *name, const char *value);
void xmlout_u64(struct xmlout *x, const char *name, uint64_t value);

/* The text of the element just started, however long; no child may follow. */
void xmlout_body(struct xmlout *x, const char *text);

/* Append text, as an attribute has it, to a document that is made without a writer. */
void xmlout_escape(struct buf *out, const char *text);

/* Everything written so far, borrowed until the next call on x.
 * returns  ST_OK, ST_LIMIT (maximum, or memory; then there is nothing to use) */
enum status xmlout_bytes(struct xmlout *x, const uint8_t **p, size_t *n) NODISCARD;

/* The same, moved into out: an empty buf, which takes over the memory and the maximum.
 * returns  as xmlout_bytes() */
enum status xmlout_move(struct xmlout *x, struct buf *out) NODISCARD;

#endif

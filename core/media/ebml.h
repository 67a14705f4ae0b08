/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EBML elements: id and size. Private to core/media.
 * source   media.md 3.3; RFC 8794 4-6
 */
#ifndef CORE_MEDIA_EBML_H
#define CORE_MEDIA_EBML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"

#define EBML_HEAD_MAX  12       /* id 4, size 8 */
#define EBML_DOC_MAX   4096     /* payload of an EBML header; real ones have 30 bytes */

enum ebml { EBML_OK, EBML_MORE, EBML_BAD };

struct ebml_el {
	uint32_t id;            /* marker kept */
	uint32_t hlen;          /* bytes of id and size */
	uint64_t size;          /* payload; 0 when unknown */
	bool unknown;           /* size is all ones */
};

/* An element's id and size from its first n bytes; EBML_BAD for ids over 4 and sizes over 8
 * bytes. */
enum ebml ebml_head(const uint8_t *p, size_t n, struct ebml_el *e);

/* The next child of r with its payload in *body. false at the end and when it is broken: unknown
 * size, larger than what is left (then r->err is set). */
bool ebml_child(struct rd *r, struct ebml_el *e, struct rd *body);

/* An unsigned integer element; 0 when empty, false when longer than 8 bytes. */
bool ebml_uint(const struct rd *body, uint64_t *v);

/* Is DocType "webm"? p is the payload of the EBML header. */
bool ebml_doc_is_webm(const uint8_t *p, size_t n);

/* Write an element's id and size, the size in `width` bytes (1..8; 0 = the least that fit). Returns
 * the bytes written, at most EBML_HEAD_MAX. */
size_t ebml_put_head(uint8_t out[EBML_HEAD_MAX], uint32_t id, uint64_t size, unsigned width);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows Media as a file: the stream of a channel is in chunks ("$H", "$D"), a file is header and packets of
 * one size. */
#ifndef CORE_MEDIA_ASFFILE_H
#define CORE_MEDIA_ASFFILE_H

#include "core/media/asf.h"

struct asffile {
	bool raw;                       /* no chunks: it goes through as it is */
	size_t packet;                  /* bytes of a packet; 0 = they differ */
	uint8_t head[ASF_CHUNK];        /* of the chunk that has begun */
	size_t n_head;                  /* bytes of it that are here */
	size_t left, pad;               /* bytes of its payload still to come, and of what fills it up */
	bool data;                      /* the payload goes into the file */
	bool lost;                      /* something that is no chunk came: until the next begin() */
};

/* A file begins, with this head of a stream. */
void asffile_begin(struct asffile *f, const uint8_t *p, size_t n, struct buf *out);
/* More of the stream. starts: a unit begins with it. */
void asffile_put(struct asffile *f, const uint8_t *p, size_t n, bool starts, struct buf *out);

#endif

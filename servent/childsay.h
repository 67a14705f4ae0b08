/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program says, line by line, in our log: as text like any other's, and not too much of it. */
#ifndef SERVENT_CHILDSAY_H
#define SERVENT_CHILDSAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bucket.h"
#include "core/sys/log.h"

#define CHILDSAY_LINE  256              /* bytes of what it says that are logged as one line */

/* All zero but for who and level at the start. */
struct childsay {
	const char *who;                /* "pull http://..."; stays as long as this does */
	enum log_level level;
	char line[CHILDSAY_LINE];       /* not whole yet */
	size_t len;
	struct bucket said;
	uint32_t unsaid;
};

/* Lines end as on a terminal: progress is written over itself. */
void childsay_hear(struct childsay *s, const uint8_t *b, size_t n);
/* One reading of that descriptor; false = it has ended. *empty: there is nothing now. */
bool childsay_read(struct childsay *s, int fd, bool *empty);
/* That was all: the last line needs no end. */
void childsay_end(struct childsay *s);

#endif

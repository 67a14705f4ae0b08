/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams we do not look into: blocks of MEDIA_RAW_BLOCK bytes, every one a place to start, no
 * head. */
#include "core/media/parser.h"

#include <string.h>

static void raw_open(struct media *m)
{
	m->cutting = (struct cutting){ .soft = MEDIA_RAW_BLOCK };
}

static enum status raw_run(struct media *m)
{
	enum status st = ST_OK;

	while (st == ST_OK && in_avail(&m->in) > 0) {
		const size_t k = MIN(MEDIA_RAW_BLOCK - m->nstage, in_avail(&m->in));
		const uint8_t *p;

		st = media_peek(m, k, &p);
		if (st == ST_OK && !m->headed)
			st = media_head(m, "", 0);
		if (st != ST_OK)
			break;
		/* no timestamps in here: the clock is all there is to measure by */
		m->unit_ms = m->now / NSEC_PER_MSEC;
		if (k == MEDIA_RAW_BLOCK) {
			st = media_emit(m, p, k, 0);
		} else {
			if (m->nstage == 0) {
				m->stage_cont = 0;
				m->stage_since = m->now;
			}
			memcpy(m->stage + m->nstage, p, k);
			m->nstage += k;
			if (m->nstage == MEDIA_RAW_BLOCK)
				st = media_flush(m);
		}
		in_drop(&m->in, k);
	}
	return st;
}

const struct parser parser_raw = { .open = raw_open, .run = raw_run };

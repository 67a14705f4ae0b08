/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/pkt.h"

#include <stdlib.h>

#include "core/sys/assert.h"

struct pkt *pkt_new(enum pkt_type type, uint64_t pos, uint8_t cont, size_t frame_len, size_t len)
{
	struct pkt *p;

	ASSERT(frame_len <= PKT_FRAME_MAX && len <= PKT_HEAD_MAX);
	p = malloc(sizeof(*p) + frame_len + len);
	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	p->len = (uint32_t)len;
	p->frame_len = (uint16_t)frame_len;
	p->lead = 0;
	p->type = (uint8_t)type;
	p->cont = cont;
	p->stream = 0;
	p->renews = 0;
	p->pos = pos;
	p->at = 0;
	return p;
}

struct pkt *pkt_ref(struct pkt *p)
{
	/* relaxed: the caller already holds a reference, or the lock of the ring that does */
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void pkt_unref(struct pkt **pp)
{
	struct pkt *p = *pp;

	*pp = NULL;
	if (p != NULL && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
		free(p);
}

uint64_t pos_extend(uint64_t ref, uint32_t wire)
{
	int64_t d = (int32_t)(wire - (uint32_t)ref);

	if (d < 0 && ref < (uint64_t)-d)
		return wire;
	return ref + (uint64_t)d;
}

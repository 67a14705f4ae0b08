/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/packet.h"

#include <string.h>

#include "core/media/media.h"
#include "pcp/chanatom.h"

struct pkt *packet_new(const struct gnuid *chan, enum pkt_type type, uint64_t pos, uint8_t cont,
	const void *p, size_t n)
{
	uint8_t frame[PCP_PKT_FRAME_CONT];
	size_t len = pcp_pkt_frame(frame, chan, type == PKT_HEAD ? ATOM_HEAD : ATOM_DATA, (uint32_t)pos,
	                           cont, (uint32_t)n);
	struct pkt *k = pkt_new(type, pos, cont, len, n);

	if (k == NULL)
		return NULL;
	memcpy(k->bytes, frame, len);
	if (n > 0)
		memcpy(pkt_media(k), p, n);
	if (type == PKT_HEAD)
		k->lead = (uint16_t)media_head_lead(p, n);
	return k;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a packet of a channel: media bytes with their PCP frame in front, once for all listeners. */
#ifndef SERVENT_PACKET_H
#define SERVENT_PACKET_H

#include "core/chan/gnuid.h"
#include "core/chan/pkt.h"

/* A copy of n bytes (0..PKT_HEAD_MAX), framed for the channel; NULL when out of memory. */
struct pkt *packet_new(const struct gnuid *chan, enum pkt_type type, uint64_t pos, uint8_t cont,
	const void *p, size_t n) NODISCARD;

#endif

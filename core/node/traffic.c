/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/traffic.h"

#include <string.h>

#include "core/sys/cc.h"

#define RING (TRAFFIC_SLOTS + 1)        /* the one that is being filled, too */

/* Make it the one that is being filled; those in between are empty. */
static void turn_to(struct traffic *t, int64_t slot)
{
	if (slot - t->newest > RING)
		t->newest = slot - RING;
	while (t->newest < slot)
		memset(&t->slot[++t->newest % RING], 0, sizeof(t->slot[0]));
}

void traffic_add(struct traffic *t, nsec now, const uint64_t bytes[2][2])
{
	uint64_t left[2][2];
	nsec at = t->to;

	if (at == 0) {
		t->newest = now / TRAFFIC_STEP;
		t->to = now;
		return;
	}
	if (now <= at)
		return;
	memcpy(left, bytes, sizeof(left));
	while (at < now) {
		const int64_t slot = at / TRAFFIC_STEP;
		const nsec end = MIN((slot + 1) * TRAFFIC_STEP, now);
		struct traffic_slot *s;

		turn_to(t, slot);
		s = &t->slot[slot % RING];
		for (int k = 0; k < 2; k++) {
			for (int i = 0; i < 2; i++) {
				const double part = (double)(end - at) / (double)(now - at);
				const uint64_t n = end == now ? left[k][i] :
					(uint64_t)((double)left[k][i] * part);

				s->bytes[k][i] += n;
				left[k][i] -= n;
			}
		}
		at = end;
	}
	t->to = now;
}

nsec traffic_get(const struct traffic *t, nsec now, struct traffic_slot out[TRAFFIC_SLOTS])
{
	/* up to where we were told, or nothing came since */
	const int64_t current = t->to / TRAFFIC_STEP;

	memset(out, 0, TRAFFIC_SLOTS * sizeof(*out));
	for (int64_t i = 0; t->to != 0 && i < TRAFFIC_SLOTS; i++) {
		const int64_t slot = current - TRAFFIC_SLOTS + i;

		if (slot >= 0 && slot <= t->newest && slot > t->newest - RING)
			out[i] = t->slot[slot % RING];
	}
	return t->to != 0 ? now - current * TRAFFIC_STEP : 0;
}

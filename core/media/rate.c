/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/rate.h"

#include <string.h>

#define RATE_BUCKETS (RATE_SECONDS + 1)

/* Bits per millisecond over the whole seconds of the window. */
static uint32_t rate_kbps(const struct rate *r)
{
	const int64_t n = r->sec < RATE_SECONDS ? r->sec : RATE_SECONDS;
	uint64_t sum = 0;

	for (int64_t s = r->sec - n; s < r->sec; s++)
		sum += r->bytes[s % RATE_BUCKETS];

	const uint64_t ms = (uint64_t)n * 1000;
	const uint64_t kbps = (sum * 8 + ms / 2) / ms;

	if (kbps > UINT32_MAX)
		return UINT32_MAX;
	return kbps > 0 ? (uint32_t)kbps : 1;
}

static bool rate_publish(struct rate *r)
{
	if (r->sec < RATE_FIRST_S || (r->kbps > 0 && r->age_s - r->told_age_s < RATE_PUBLISH_S))
		return false;

	const uint32_t now = rate_kbps(r);
	const uint64_t diff = now > r->kbps ? now - r->kbps : r->kbps - now;

	if (diff * 100 <= (uint64_t)r->kbps * RATE_CHANGE_PCT)
		return false;
	r->kbps = now;
	r->told_age_s = r->age_s;
	return true;
}

bool rate_add(struct rate *r, int64_t ms, size_t n)
{
	const int64_t jump = RATE_SECONDS * 1000;
	const int64_t at = r->base_ms + r->sec * 1000;
	bool told = false;

	if (!r->running || ms < at - jump || ms > at + 1000 + jump) {
		memset(r->bytes, 0, sizeof(r->bytes));
		r->running = true;
		r->base_ms = ms;
		r->sec = 0;
	}
	/* Slightly late bytes (audio behind video) count for the current second. */
	while (ms - r->base_ms >= (r->sec + 1) * 1000) {
		r->sec++;
		r->age_s++;
		r->bytes[r->sec % RATE_BUCKETS] = 0;
	}
	if (r->sec > 0)
		told = rate_publish(r);
	r->bytes[r->sec % RATE_BUCKETS] += n;
	return told;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "core/sys/assert.h"

void rng_bytes(void *p, size_t n)
{
	uint8_t *to = p;

	while (n > 0) {
		const ssize_t got = getrandom(to, n, 0);

		ASSERT(got > 0 || (got == -1 && errno == EINTR));
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
}

uint32_t rng_below(uint32_t n)
{
	ASSERT(n > 0);
	/* Reject the lowest 2^32 mod n values, so that every rest is equally frequent. */
	const uint32_t reject = (0u - n) % n;
	uint32_t v;

	do {
		rng_bytes(&v, sizeof(v));
	} while (v < reject);
	return v % n;
}

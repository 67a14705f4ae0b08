/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fuzz targets share. A target is one file that defines LLVMFuzzerTestOneInput(); what must
 * always hold is an ASSERT(), which stands in every build.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* FNV-1a, to compare what came out of two runs. */
static inline uint64_t fuzz_hash(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n-- > 0)
		h = (h ^ *b++) * 0x100000001b3ULL;
	return h;
}

#define FUZZ_HASH 0xcbf29ce484222325ULL

#endif

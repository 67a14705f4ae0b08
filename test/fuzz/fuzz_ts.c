/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: odd = checksums of tables are made right, so that changed ones are looked at; the rest: the
 * stream. */
#include "core/media/ts.h"

#include "test/fuzz/media.h"

/* Sections that lie in one packet, where its pointer says. */
static void mend(uint8_t *p, size_t n)
{
	for (; n >= TS_PACKET; p += TS_PACKET, n -= TS_PACKET) {
		size_t at = 4 + ((p[3] & 0x20) != 0 ? 1 + (size_t)p[4] : 0), total;
		uint32_t crc;

		if (p[0] != TS_SYNC || (p[1] & 0x40) == 0 || at >= TS_PACKET)
			continue;
		at += 1 + (size_t)p[at];
		if (at + 3 > TS_PACKET)
			continue;
		total = 3 + ((size_t)(p[at + 1] & 15) << 8 | p[at + 2]);
		if (total < 12 || at + total > TS_PACKET)
			continue;
		crc = ts_crc(p + at, total - 4);
		for (int i = 0; i < 4; i++)
			p[at + total - 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *copy;

	if (n < 2)
		return 0;
	copy = malloc(n - 1);
	ASSERT(copy != NULL);
	memcpy(copy, p + 1, n - 1);
	if ((p[0] & 1) != 0)
		mend(copy, n - 1);
	fuzz_media("TS", copy, n - 1, true);
	free(copy);
	return 0;
}

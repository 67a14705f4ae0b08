/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: odd = checksums are made right, so that changed pages are looked at; the rest: the stream. */
#include "core/media/ogg.h"

#include "test/fuzz/media.h"

static void mend(uint8_t *p, size_t n)
{
	static struct ogg_crc crc;

	if (crc.t[0][1] == 0)
		ogg_crc_init(&crc);
	for (size_t at = 0; at < n;) {
		const size_t size = ogg_page_size(p + at, n - at);

		if (size > 0 && size <= n - at)
			ogg_crc_put(&crc, p + at, size);
		at += size > 0 && size <= n - at ? size : 1;
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
	fuzz_media("OGG", copy, n - 1, true);
	free(copy);
	return 0;
}

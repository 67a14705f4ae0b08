/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: odd = AAC, even = MP3; the rest: the stream. */
#include "test/fuzz/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 1)
		fuzz_media((p[0] & 1) != 0 ? "AAC" : "MP3", p + 1, n - 1, false);
	return 0;
}

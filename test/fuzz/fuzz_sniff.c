/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: the declared type; the rest: the stream. */
#include "core/media/sniff.h"

#include "test/fuzz/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[] = { NULL, "FLV", "MKV", "WEBM", "MP3", "RAW", "WMA", "OGM" };
	enum sniff was = SNIFF_MORE;
	const char *type, *decided = NULL;

	if (n < 1)
		return 0;
	fuzz_media(types[p[0] % NELEM(types)], p + 1, n - 1, false);
	for (size_t k = 0; k < n && k < 600; k++) {
		const enum sniff is = sniff_type(p + 1, k, false, &type);

		ASSERT(was == SNIFF_MORE || (is == was && (type == decided || strcmp(type, decided) == 0)));
		ASSERT((is == SNIFF_MORE || is == SNIFF_NONE) || type != NULL);
		was = is;
		decided = type;
	}
	return 0;
}

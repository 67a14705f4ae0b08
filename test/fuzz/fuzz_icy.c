/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Titles among a stream: the interval, then turns of texts and bytes. What comes out is taken apart again. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/sys/text.h"
#include "http/icy.h"

static size_t text_of(char dst[TEXT_MAX], const uint8_t *p, size_t n)
{
	const size_t k = n > 0 ? MIN((size_t)p[0] + 1, n) : 0;

	(void)text_clean(dst, TEXT_MAX, k > 0 ? p + 1 : p, k > 0 ? k - 1 : 0);
	return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t every = size > 1 ? 1u + data[0] + 256u * (data[1] & 15) : 1;
	uint64_t in = FUZZ_HASH, back = FUZZ_HASH;
	size_t at = MIN(size, (size_t)2), pos = 0, k;
	char title[TEXT_MAX], url[TEXT_MAX];
	struct icy y;
	struct buf out;

	icy_init(&y, every);
	buf_init(&out, 1 << 22);
	while (at < size) {
		at += text_of(title, data + at, size - at);
		at += text_of(url, data + at, size - at);
		icy_set(&y, title, url);
		k = at < size ? MIN((size_t)data[at] * 8, size - at) : 0;
		icy_weave(&y, &out, data + at, k);
		in = fuzz_hash(in, data + at, k);
		at += k;
	}
	ASSERT(out.err == ST_OK);
	while (pos < out.len) {
		k = MIN((size_t)every, out.len - pos);
		back = fuzz_hash(back, out.p + pos, k);
		pos += k;
		if (k < every)
			break;
		ASSERT(pos < out.len && pos + 16u * out.p[pos] < out.len);
		if (out.p[pos] > 0)
			ASSERT(memcmp(out.p + pos + 1, "StreamTitle='", 13) == 0);
		pos += 1 + 16u * out.p[pos];
	}
	ASSERT(in == back);
	buf_fini(&out);
	return 0;
}

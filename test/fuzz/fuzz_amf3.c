/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message with AMF3 in it: what comes out is AMF0 that can be read. */
#include "test/fuzz/fuzz.h"

#include "core/media/amf0.h"
#include "core/media/amf3.h"

#define OUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amf0_val v;
	struct buf out, again;

	buf_init(&out, OUT_MAX);
	if (amf3_to_amf0(data, size, &out) == ST_OK) {
		struct rd r = rd_of(out.p, out.len);
		enum status st = ST_OK;

		while (r.left > 0 && st == ST_OK)
			st = amf0_read(&r, &v, NULL, NULL);
		/* its own limits are narrower in places */
		ASSERT(st == ST_OK || st == ST_LIMIT);
		/* AMF0 passes as it is */
		buf_init(&again, OUT_MAX);
		if (out.p != NULL && amf3_to_amf0(out.p, out.len, &again) == ST_OK)
			ASSERT(again.p != NULL && again.len == out.len &&
			       fuzz_hash(0, again.p, again.len) == fuzz_hash(0, out.p, out.len));
		buf_fini(&again);
	}
	ASSERT(out.len <= OUT_MAX);
	buf_fini(&out);
	return 0;
}

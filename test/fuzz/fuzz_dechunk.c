/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunked transfer coding, whole and byte by byte. */
#include "test/fuzz/fuzz.h"

#include "core/media/dechunk.h"

struct out {
	uint64_t hash;
	size_t n;
};

static enum status sink(void *ctx, const void *p, size_t n)
{
	struct out *o = ctx;

	ASSERT(n > 0);
	o->hash = fuzz_hash(o->hash, p, n);
	o->n += n;
	return ST_OK;
}

static enum status run(const uint8_t *p, size_t n, size_t step, struct out *o, size_t *taken)
{
	enum status st = ST_OK;
	struct dechunk d;
	size_t used;

	*o = (struct out){ .hash = FUZZ_HASH };
	dechunk_init(&d);
	for (*taken = 0; *taken < n && st == ST_OK; *taken += used) {
		size_t k = MIN(step, n - *taken);

		st = dechunk_feed(&d, p + *taken, k, &used, sink, o);
		ASSERT(used <= k && (st != ST_OK || used == k));
	}
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct out whole, bytes;
	size_t n, n1;
	enum status st = run(data, size, size, &whole, &n);

	ASSERT(run(data, size, 1, &bytes, &n1) == st);
	ASSERT(whole.hash == bytes.hash && whole.n == bytes.n && whole.n <= size);
	ASSERT(st != ST_EOF || n == n1);
	return 0;
}

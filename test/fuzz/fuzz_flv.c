/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/fuzz/media.h"

/* --- behind another stream, whose head is what the input begins with ----------------------------- */

static const uint8_t *was;
static size_t was_n;

static enum status before(void *ctx, struct media_before *b)
{
	struct fuzz_out *o = ctx;

	ASSERT(o->infos > 0 && o->heads == 0);
	*b = (struct media_before){ was, was_n, 0xfffffff0 };
	return ST_OK;
}

static enum status resume(void *ctx)
{
	struct fuzz_out *o = ctx;

	ASSERT(o->heads == 0);
	o->heads++;
	fuzz_mix(o, 'R', "", 0);
	return ST_OK;
}

static const struct media_ops following = {
	.head = fuzz_head, .before = before, .resume = resume, .data = fuzz_data, .info = fuzz_info,
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fuzz_out whole, split;

	fuzz_media("FLV", p, n, true);
	was = p;
	was_n = MIN(n, (size_t)MEDIA_HEAD_MAX);
	fuzz_run_by(&whole, &following, "FLV", p, n, 0);
	fuzz_run_by(&split, &following, "FLV", p, n, 1);
	ASSERT(split.sum == whole.sum && split.st == whole.st);
	buf_fini(&split.first);
	buf_fini(&whole.first);
	return 0;
}

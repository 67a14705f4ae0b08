/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/fuzz/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	fuzz_media("NSV", p, n, true);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast.ini: what was read and written must read the same again. */
#include "test/fuzz/fuzz.h"

#include "core/conf/settings.h"

static void warned(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	(void)line;
	ASSERT(text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *one = NULL, *two = NULL;
	struct buf out;

	buf_init(&out, (size_t)16 * 1024 * 1024);
	if (settings_parse(data, size, warned, NULL, &one) == ST_OK) {
		settings_emit(one, &out);
		ASSERT(out.err == ST_OK);
		if (settings_parse(out.p, out.len, warned, NULL, &two) == ST_OK)
			ASSERT(settings_same(one, two));
	}
	settings_free(&one);
	settings_free(&two);
	buf_fini(&out);
	return 0;
}

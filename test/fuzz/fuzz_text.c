/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Foreign text into the node, and out again: repair, escapes, percent-coding, addresses; command lines. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "core/sys/words.h"

/* Words are as many as said, and together not longer than the line. */
static void words(const char *text)
{
	char line[TEXT_MAX], *word[9];
	size_t n, sum = 0, len = strlen(text);

	(void)text_copy(line, sizeof(line), text);
	if (words_split(line, word, 8, &n) != ST_OK)
		return;
	ASSERT(n <= 8 && word[n] == NULL);
	for (size_t i = 0; i < n; i++)
		sum += strlen(word[i]) + (i > 0);
	ASSERT(sum <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char clean[TEXT_MAX], again[TEXT_MAX], esc[TEXT_MAX];
	size_t n = text_clean(clean, sizeof(clean), data, size), k;
	struct buf out;
	char *back;

	ASSERT(n < sizeof(clean) && clean[n] == '\0' && strlen(clean) == n);
	ASSERT(text_is_clean(clean, n));
	/* Clean text stays as it is. */
	ASSERT(text_clean(again, sizeof(again), clean, n) == n && memcmp(clean, again, n) == 0);
	ASSERT(strlen(text_escape(esc, sizeof(esc), data, size)) < sizeof(esc));
	ASSERT(text_cut((const char *)data, size) <= size);

	words(clean);
	/* What was percent-encoded decodes to itself. */
	buf_init(&out, (size_t)3 * TEXT_MAX + 1);
	pct_encode(&out, clean);
	back = malloc(out.len + 1);
	if (back != NULL) {
		k = pct_decode(back, out.len + 1, buf_cstr(&out), out.len, false);
		ASSERT(k == n && memcmp(back, clean, n) == 0);
	}
	free(back);
	buf_fini(&out);
	return 0;
}

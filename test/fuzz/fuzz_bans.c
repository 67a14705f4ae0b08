/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ban list and whom it bans. Input: the list, a NUL, then a channel's name, a NUL, and an address. Each line is a
 * ban, a fault, or nothing; names match what a slow and simple matcher says. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/node/bans.h"
#include "core/sys/text.h"

#define LIST  8192
#define SLOW  64                /* patterns looked at again */

static uint32_t faults, last;

static void count_fault(void *ctx, uint32_t line, const char *why)
{
	ASSERT(line > last && why != NULL);
	last = line;
	faults++;
}

/* Bytes of the next character of clean text. */
static size_t step(const char *s)
{
	size_t n = 1;

	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* reach[i]: the pattern so far fits the first i bytes of the text. */
static bool fits_slowly(const char *pattern, const char *text)
{
	const size_t n = strlen(text);
	bool reach[TEXT_MAX + 1] = { true }, next[TEXT_MAX + 1];

	for (const char *p = pattern; *p != '\0'; p++) {
		memset(next, 0, sizeof(next));
		for (size_t i = 0; i <= n; i++) {
			if (!reach[i])
				continue;
			if (*p == '*')
				next[i] = true;
			if (*p == '*')
				for (size_t k = i; k < n; )
					next[k += step(text + k)] = true;
			else if (*p == '?' && i < n)
				next[i + step(text + i)] = true;
			else if (*p != '?' && i < n && ascii_lower((unsigned char)*p) == ascii_lower((unsigned char)text[i]))
				next[i + 1] = true;
		}
		memcpy(reach, next, sizeof(reach));
	}
	return reach[n];
}

/* What follows the word "name" in a line, ends cut off; false: it is another line. */
static bool pattern_of(char dst[TEXT_MAX], const char *line, size_t n)
{
	char text[TEXT_MAX], *at = text, *end;

	if (n >= sizeof(text))
		return false;
	(void)text_clean(text, sizeof(text), line, n);
	end = text + strlen(text);
	while (end > text && ascii_isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (ascii_isspace((unsigned char)*at))
		at++;
	if (ascii_ncasecmp(at, "name", 4) != 0 || !ascii_isspace((unsigned char)at[4]))
		return false;
	for (at += 4; ascii_isspace((unsigned char)*at); at++)
		;
	return text_copy(dst, TEXT_MAX, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *list = (const char *)p;
	const size_t len = n > 0 && memchr(p, 0, n) != NULL ? strlen(list) : n;
	char name[TEXT_MAX] = "", pattern[TEXT_MAX], address[64] = "";
	uint32_t lines = 0, names = 0;
	struct host h = { 0 };
	struct bans *b;
	bool want = false;

	if (len > LIST)
		return 0;
	if (len < n) {
		const char *rest = list + len + 1;
		const size_t k = strnlen(rest, n - len - 1);

		(void)text_clean(name, sizeof(name), rest, k);
		if (len + 1 + k < n)
			(void)text_clean(address, sizeof(address), rest + k + 1, n - len - k - 2);
		(void)!host_parse(&h, address, 0);
	}
	faults = last = 0;
	ASSERT(bans_parse(&b, list, len, count_fault, NULL) == ST_OK);
	for (size_t at = 0; at < len; ) {
		const char *lf = memchr(list + at, '\n', len - at);
		const size_t m = lf != NULL ? (size_t)(lf - list) - at : len - at;

		lines++;
		if (names < SLOW && pattern_of(pattern, list + at, m)) {
			names++;
			want = want || fits_slowly(pattern, name);
		}
		at += m + 1;
	}
	ASSERT(bans_count(b) + faults <= lines && last <= lines);
	if (names < SLOW)
		ASSERT(bans_name(b, name) == want);
	(void)bans_address(b, &h);
	bans_unref(&b);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters of the ini and who they match. Input: patterns in lines, a NUL, then a visitor's name, a NUL, and his address.
 * A set matches what its patterns match one by one, and networks match what their bits say. */
#include "test/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/filter.h"
#include "core/sys/cc.h"

#define PATTERN 300

/* What a.b.c.d/n says of h, when the pattern is exactly that; -1 = it is something else. */
static int says(const char *pattern, const struct host *h)
{
	unsigned a, b, c, d, bits;
	char canon[64];
	uint32_t net, mask, ip;

	if (sscanf(pattern, "%3u.%3u.%3u.%3u/%2u", &a, &b, &c, &d, &bits) != 5 || a > 254 || b > 254 || c > 254 ||
	    d > 254 || bits == 0 || bits > 32 || (a | b | c | d) == 0)
		return -1;
	snprintf(canon, sizeof(canon), "%u.%u.%u.%u/%u", a, b, c, d, bits);
	if (strcmp(canon, pattern) != 0)
		return -1;
	if (!host_is_set(h) || !host_is_v4(h))
		return 0;
	net = a << 24 | b << 16 | c << 8 | d;
	mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
	ip = (uint32_t)h->ip[12] << 24 | (uint32_t)h->ip[13] << 16 | (uint32_t)h->ip[14] << 8 | h->ip[15];
	return (net & mask) == (ip & mask);
}

static int one_by_one(const char *pattern, const struct host *h, int flags)
{
	struct filterset *f = filterset_new();
	int got, want = says(pattern, h);

	ASSERT(f != NULL && filterset_add(f, pattern, flags, NULL) == ST_OK);
	got = filterset_flags(f, h);
	ASSERT(got == 0 || got == flags);
	ASSERT(want == -1 || got == (want ? flags : 0));
	filterset_unref(&f);
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filterset *f = filterset_new();
	struct host h = { .port = 0 };
	char *text = malloc(size + 3), *name, *at, *next;
	int flags = 1, want = 0;
	size_t n = 0;

	ASSERT(f != NULL && text != NULL);
	memcpy(text, data, size);
	memset(text + size, 0, 3);
	name = text + strlen(text) + 1;
	if (name < text + size + 1)
		(void)!host_parse(&h, name + strlen(name) + (name + strlen(name) < text + size), 0);
	for (at = text; at != NULL && n < FILTERS_MAX; at = next) {
		enum status st;
		bool is_name;

		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		st = filterset_add(f, at, flags, &is_name);
		ASSERT(st == ST_OK || st == ST_PROTO);
		ASSERT(strlen(at) >= PATTERN || filter_check(at) == st);
		if (st == ST_OK && n++ < 50)
			want |= one_by_one(at, &h, flags);
		else if (st == ST_OK)
			break;
		flags = flags == 8 ? 1 : flags * 2;
	}
	if (n <= 50)
		ASSERT(filterset_flags(f, &h) == want);
	if (name < text + size)
		ASSERT(filterset_name_flags(f, name) == 0 || filterset_has_suffix(f));
	(void)filterset_is_unsafe(f);
	filterset_unref(&f);
	free(text);
	return 0;
}

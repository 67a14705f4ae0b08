/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The GIV line, and who is dialled how often: never more at once, nor one session more often, than the
 * limits say. Input: a line up to its NUL, then three bytes for each push: session, target, time. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/sys/cc.h"
#include "pcp/push.h"

static void check_line(const char *line)
{
	char again[GIV_LINE];
	struct gnuid id, back;
	enum giv what = giv_parse(line, &id);

	ASSERT(gnuid_is_set(&id) == (what == GIV_CHANNEL));
	if (what != GIV_CHANNEL && what != GIV_CONTROL)
		return;
	ASSERT(strncmp(line, "GIV", 3) == 0);
	giv_emit(again, &id);
	again[strcspn(again, "\r")] = '\0';
	ASSERT(giv_parse(again, &back) == what && gnuid_equal(&id, &back));
}

static void check_limit(const uint8_t *p, size_t size)
{
	struct pushlimit l = { .last[0].at = 0 };
	nsec last[256] = { 0 }, now = 1000 * NSEC_PER_SEC;
	bool flying[256] = { false };
	unsigned n = 0;

	for (; size >= 3; p += 3, size -= 3) {
		const struct gnuid session = { .b = { p[0], 1 } };
		const struct host to = host_v4(198, 51, 100, p[1], 7144);

		now += (nsec)(p[2] >> 1) * 100 * NSEC_PER_MSEC;
		if ((p[2] & 1) && flying[p[1]]) {
			pushlimit_end(&l, &to);
			flying[p[1]] = false;
			n--;
		}
		if (!pushlimit_begin(&l, &session, &to, now))
			continue;
		ASSERT(last[p[0]] == 0 || now - last[p[0]] >= PUSH_PACE);
		ASSERT(!flying[p[1]] && n < PUSH_FLIGHTS);
		last[p[0]] = now;
		flying[p[1]] = true;
		n++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[256];
	size_t n = MIN(strnlen((const char *)data, size), sizeof(line) - 1);

	if (size == 0)
		return 0;
	memcpy(line, data, n);
	line[n] = '\0';
	check_line(line);
	check_limit(data + n, size - n);
	return 0;
}

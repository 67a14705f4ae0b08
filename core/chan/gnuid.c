/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/gnuid.h"

#include <string.h>

#include "core/sys/rng.h"
#include "core/sys/text.h"

struct gnuid gnuid_random(uint8_t flags)
{
	struct gnuid id;

	rng_bytes(id.b, sizeof(id.b));
	id.b[0] = flags;
	return id;
}

bool gnuid_is_set(const struct gnuid *id)
{
	static const struct gnuid zero;

	return memcmp(id, &zero, sizeof(zero)) != 0;
}

bool gnuid_equal(const struct gnuid *a, const struct gnuid *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool gnuid_parse(struct gnuid *id, const char *s)
{
	struct gnuid v;

	if (strnlen(s, 2 * GNUID_LEN) < 2 * GNUID_LEN || !hex_parse(v.b, GNUID_LEN, s))
		return false;
	*id = v;
	return true;
}

const char *gnuid_str(const struct gnuid *id, char *dst)
{
	hex_emit(dst, GNUID_STRLEN, id->b, GNUID_LEN);
	return dst;
}

/* The next byte of a salt; at its end one step yields nothing and the cursor starts over. */
static uint8_t salt_next(const char *salt, size_t *at)
{
	uint8_t c = (uint8_t)salt[*at];

	if (c == 0)
		*at = 0;
	else
		(*at)++;
	return c;
}

struct gnuid gnuid_of_chan(const struct gnuid *bcid, const char *name, const char *genre,
	uint32_t bitrate_kbps)
{
	struct gnuid id = *bcid;
	size_t len_a = strlen(name), len_b = strlen(genre);
	size_t n = (MAX(len_a, len_b) / GNUID_LEN + 1) * GNUID_LEN;
	size_t a = 0, b = 0, i;

	for (i = 0; i < GNUID_LEN; i++)
		id.b[i] = (uint8_t)(id.b[i] ^ (bitrate_kbps & 0xff));
	for (i = 0; i < n; i++) {
		uint8_t x = salt_next(name, &a);
		uint8_t y = salt_next(genre, &b);

		id.b[i % GNUID_LEN] = (uint8_t)(id.b[i % GNUID_LEN] ^ x ^ y);
	}
	return id;
}

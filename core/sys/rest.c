/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/rest.h"

#include <string.h>

static bool is_key(const struct rests *b, uint32_t i, const uint8_t key[REST_KEY])
{
	return memcmp(b->e[i].key, key, REST_KEY) == 0;
}

void rests_set(struct rests *b, const uint8_t key[REST_KEY], nsec now, nsec until)
{
	uint32_t at = b->n;

	for (uint32_t i = 0; i < b->n; i++) {
		if (is_key(b, i, key)) {
			at = i;
			break;
		}
		if (b->e[i].until <= now)
			at = i;
	}
	if (at == RESTS_MAX) {
		at = b->next;
		b->next = (b->next + 1) % RESTS_MAX;
	}
	memcpy(b->e[at].key, key, REST_KEY);
	b->e[at].until = until;
	b->n = MAX(b->n, at + 1);
}

void rests_lift(struct rests *b, const uint8_t key[REST_KEY])
{
	for (uint32_t i = 0; i < b->n; i++)
		if (is_key(b, i, key))
			b->e[i].until = 0;
}

bool rests_has(const struct rests *b, const uint8_t key[REST_KEY], nsec now)
{
	return rests_until(b, key, now) != 0;
}

nsec rests_until(const struct rests *b, const uint8_t key[REST_KEY], nsec now)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->e[i].until > now && is_key(b, i, key))
			return b->e[i].until;
	return 0;
}

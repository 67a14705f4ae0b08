/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/ban.h"

#include <string.h>

static bool is_key(const struct bans *b, uint32_t i, const uint8_t key[BAN_KEY])
{
	return memcmp(b->e[i].key, key, BAN_KEY) == 0;
}

void bans_set(struct bans *b, const uint8_t key[BAN_KEY], nsec now, nsec until)
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
	if (at == BANS_MAX) {
		at = b->next;
		b->next = (b->next + 1) % BANS_MAX;
	}
	memcpy(b->e[at].key, key, BAN_KEY);
	b->e[at].until = until;
	b->n = MAX(b->n, at + 1);
}

void bans_lift(struct bans *b, const uint8_t key[BAN_KEY])
{
	for (uint32_t i = 0; i < b->n; i++)
		if (is_key(b, i, key))
			b->e[i].until = 0;
}

bool bans_has(const struct bans *b, const uint8_t key[BAN_KEY], nsec now)
{
	return bans_until(b, key, now) != 0;
}

nsec bans_until(const struct bans *b, const uint8_t key[BAN_KEY], nsec now)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->e[i].until > now && is_key(b, i, key))
			return b->e[i].until;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/reccut.h"

#include "core/media/media.h"

void reccut_begin(struct reccut *c, size_t head, nsec now)
{
	*c = (struct reccut){ .bytes = head, .whole = head, .began = now };
}

bool reccut_is_due(struct reccut *c, const struct reccut_limits *l, uint8_t cont, nsec now)
{
	const bool over = (l->bytes > 0 && c->bytes >= l->bytes) || (l->age > 0 && now - c->began >= l->age);

	if (!over) {
		c->due = 0;
		return false;
	}
	if (c->due == 0)
		c->due = now;
	return cont == 0 || now - c->due >= RECCUT_PATIENCE;
}

void reccut_put(struct reccut *c, uint8_t cont, size_t n)
{
	if ((cont & MEDIA_FRAGMENT) == 0)
		c->whole = c->bytes;
	c->tells = c->tells || (cont & (MEDIA_INTER | MEDIA_AUDIO)) != 0;
	c->cont = cont;
	c->bytes += n;
}

static bool knows_whole(const struct reccut *c)
{
	/* older nodes say of a packet that it is no place to start, and no more: its end may be whole */
	return (c->tells || c->cont == 0) && c->bytes - c->whole <= MEDIA_UNIT_MAX;
}

bool reccut_mend(struct reccut *c)
{
	if (knows_whole(c))
		c->bytes = c->whole;
	return c->bytes == c->whole;
}

uint64_t reccut_whole(const struct reccut *c)
{
	return knows_whole(c) ? c->whole : c->bytes;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/ebml.h"

#include <string.h>

#define ID_DOCTYPE 0x4282u

enum ebml ebml_head(const uint8_t *p, size_t n, struct ebml_el *e)
{
	unsigned idlen = 1, szlen = 1;
	uint64_t v;

	if (n < 1)
		return EBML_MORE;
	if (p[0] < 0x10)
		return EBML_BAD;
	while ((p[0] & 0x80u >> (idlen - 1)) == 0)
		idlen++;
	if (n < idlen + 1)
		return EBML_MORE;
	if (p[idlen] == 0)
		return EBML_BAD;
	while ((p[idlen] & 0x80u >> (szlen - 1)) == 0)
		szlen++;
	if (n < idlen + szlen)
		return EBML_MORE;
	e->id = 0;
	for (unsigned i = 0; i < idlen; i++)
		e->id = e->id << 8 | p[i];
	v = p[idlen] & (0xffu >> szlen);
	for (unsigned i = 1; i < szlen; i++)
		v = v << 8 | p[idlen + i];
	e->hlen = idlen + szlen;
	e->unknown = v == (UINT64_C(1) << (7 * szlen)) - 1;
	e->size = e->unknown ? 0 : v;
	return EBML_OK;
}

bool ebml_child(struct rd *r, struct ebml_el *e, struct rd *body)
{
	if (r->err != ST_OK || r->left == 0)
		return false;
	if (ebml_head(r->p, r->left, e) != EBML_OK || e->unknown || e->size > r->left - e->hlen) {
		r->err = ST_PROTO;
		return false;
	}
	(void)rd_take(r, e->hlen);
	*body = rd_sub(r, (size_t)e->size);
	return true;
}

bool ebml_uint(const struct rd *body, uint64_t *v)
{
	if (body->left > 8)
		return false;
	*v = 0;
	for (size_t i = 0; i < body->left; i++)
		*v = *v << 8 | body->p[i];
	return true;
}

bool ebml_doc_is_webm(const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n), body;
	struct ebml_el e;

	while (ebml_child(&r, &e, &body)) {
		if (e.id == ID_DOCTYPE)
			/* EBML strings may be padded with zeros */
			return body.left >= 4 && memcmp(body.p, "webm", 4) == 0 &&
			       (body.left == 4 || body.p[4] == 0);
	}
	return false;
}

size_t ebml_put_head(uint8_t out[EBML_HEAD_MAX], uint32_t id, uint64_t size, unsigned width)
{
	const unsigned idlen = id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1;
	unsigned i;

	if (width == 0)
		for (width = 1; width < 8 && size >= (UINT64_C(1) << (7 * width)) - 1; width++)
			;
	for (i = 0; i < idlen; i++)
		out[i] = (uint8_t)(id >> (8 * (idlen - 1 - i)));
	for (i = 0; i < width; i++)
		out[idlen + i] = (uint8_t)(size >> (8 * (width - 1 - i)));
	out[idlen] |= (uint8_t)(0x80u >> (width - 1));
	return idlen + width;
}

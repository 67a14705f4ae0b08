/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Framing and walking of atoms: in pieces and whole must agree, a walk must agree with both. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/sys/text.h"
#include "pcp/atom.h"

static unsigned walk(struct atom a, unsigned level)
{
	const uint8_t *at = a.whole + ATOM_HDR, *end = a.whole + a.size;
	char text[TEXT_MAX], name[ATOM_IDSTR];
	unsigned n = 1;
	struct gnuid id;
	struct host h;
	struct atom c;
	char ex[2];

	ASSERT(level <= ATOM_DEPTH_MAX);
	atom_id_str(a.id, name);
	(void)atom_gnuid(&a, &id);
	(void)atom_ip(&a, &h);
	(void)atom_prefix(&a, ex);
	if (atom_str(&a, text, sizeof(text)))
		ASSERT(text_is_clean(text, strlen(text)));
	while (atom_next(&a, &c)) {
		ASSERT(c.whole == at && c.size <= (size_t)(end - at));
		at += c.size;
		n += walk(c, level + 1);
	}
	ASSERT(!a.cont || at == end);
	return n;
}

static void one(const uint8_t *data, size_t size, const struct atomlimits *lim)
{
	struct atomscan s, pieces;
	size_t used, at = 0, step = size > 0 ? data[0] % 11 + 1u : 1;
	enum status st;
	struct atombag bag;
	struct atom a, c;

	atomscan_init(&s, lim);
	st = atomscan_feed(&s, data, size, &used);
	ASSERT(used <= size && used == s.len);
	atomscan_init(&pieces, lim);
	while (at < size && pieces.err == ST_OK && !atomscan_done(&pieces)) {
		size_t k = MIN(step, size - at), got;

		ASSERT(atomscan_feed(&pieces, data + at, k, &got) == pieces.err && got <= k);
		at += got;
	}
	ASSERT(pieces.err == st && at == used && pieces.need == s.need);
	if (!atomscan_done(&s)) {
		ASSERT(st != ST_OK || used == size);
		return;
	}
	ASSERT(atom_open(&a, data, size) == ST_OK && a.size == used && a.id == s.id);
	ASSERT(walk(a, 1) == s.natoms);
	ASSERT(atom_open(&c, data, used - 1) == ST_PROTO);
	atombag_init(&bag, &a);
	while (atombag_next(&bag, &c))
		ASSERT(c.whole > data && c.whole + c.size <= data + used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct atomlimits small = {
		.bytes = 256, .leaf = 32, .children = 8, .atoms = 16, .depth = 3,
	};
	struct atom a;

	one(data, size, &atomlimits_control);
	one(data, size, &atomlimits_fetch);
	one(data, size, &small);
	/* Bytes that no scan has seen are as safe to open; only their depth is not bounded. */
	if (atom_open(&a, data, size) == ST_OK)
		ASSERT(a.size <= size);
	return 0;
}

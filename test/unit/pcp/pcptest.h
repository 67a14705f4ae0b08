/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of pcp share: bytes from hex, atoms written by hand, captures from test/data. */
#ifndef TEST_UNIT_PCP_PCPTEST_H
#define TEST_UNIT_PCP_PCPTEST_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "pcp/atom.h"

#define CONT 0x80000000u

/* Append hex digits (spaces and line ends between bytes) to b. */
static UNUSED void put_hex(struct buf *b, const char *hex)
{
	for (; *hex != '\0'; hex++) {
		uint8_t v;

		if (*hex == ' ' || *hex == '\n')
			continue;
		ck_assert(hex_parse(&v, 1, hex));
		buf_u8(b, v);
		hex++;
	}
}

/* A header as it stands on the wire. */
static UNUSED void put_hdr(struct buf *b, uint32_t id, uint32_t word)
{
	buf_le32(b, id);
	buf_le32(b, word);
}

static UNUSED void put_leaf(struct buf *b, uint32_t id, const void *p, size_t n)
{
	put_hdr(b, id, (uint32_t)n);
	buf_put(b, p, n);
}

static UNUSED void put_fill(struct buf *b, uint32_t id, size_t n)
{
	put_hdr(b, id, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		buf_u8(b, (uint8_t)i);
}

static UNUSED struct gnuid id_of(uint8_t v)
{
	struct gnuid id;

	memset(&id, v, sizeof(id));
	return id;
}

static UNUSED struct atom open_all(const struct buf *b)
{
	struct atom a;

	ck_assert_int_eq(b->err, ST_OK);
	ck_assert_int_eq(atom_open(&a, b->p, b->len), ST_OK);
	ck_assert_uint_eq(a.size, b->len);
	return a;
}

static UNUSED void assert_bytes(const struct buf *got, const struct buf *want, const char *what)
{
	ck_assert_int_eq(got->err, ST_OK);
	if (got->len == want->len && memcmp(got->p, want->p, got->len) == 0)
		return;
	for (size_t i = 0; i < got->len && i < want->len; i++)
		ck_assert_msg(got->p[i] == want->p[i], "%s: byte %zu is %02x, should be %02x",
			what, i, got->p[i], want->p[i]);
	ck_assert_msg(got->len == want->len, "%s: %zu bytes, should be %zu", what, got->len,
		want->len);
}

/* A file of test/data/pcp; the tests run at the root of the tree. */
static UNUSED void load(struct buf *b, const char *name)
{
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "test/data/pcp/%s.bin", name);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s is missing", path);
	buf_init(b, 1024 * 1024);
	do {
		uint8_t *p = buf_reserve(b, 4096);

		ck_assert_ptr_nonnull(p);
		n = fread(p, 1, 4096, f);
		b->len += n;
	} while (n > 0);
	fclose(f);
	ck_assert_uint_gt(b->len, 0);
}

#endif

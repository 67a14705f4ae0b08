/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SEALED envelope and the key file. The sealed vector was made with Python's hmac. */
#include "pcp/syncseal.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "pcp/syncwire.h"
#include "test/unit/unit.h"

static const char keyfile[] = "7:000102030405060708090a0b0c0d0e0f\n"
	"8:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n";
static const char vector[] = "5a17c0de504301ff000000070000018f3a2b4c5d00000001"
	"00000000000000256e8b901950abdb63a031c8e4b03ae5a1";
static const uint8_t beacon[] = { 0x5a, 0x17, 0xc0, 0xde, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x25 };
#define VECTOR_MS 0x18f3a2b4c5du

static struct sync_keys keys_of(const char *text)
{
	struct sync_keys k;

	ck_assert_int_eq(sync_keys_parse(&k, text, strlen(text), NULL), ST_OK);
	return k;
}

static size_t load(uint8_t *b)
{
	size_t n = strlen(vector) / 2;

	ck_assert(hex_parse(b, n, vector));
	return n;
}

START_TEST(sealed_vector)
{
	struct sync_keys k = keys_of(keyfile);
	uint8_t want[64], got[64];
	const size_t n = load(want);

	ck_assert_uint_eq(n, sizeof(beacon) + SYNC_SEAL_COST);
	ck_assert_uint_eq(sync_seal(&k, beacon, sizeof(beacon), VECTOR_MS, got), n);
	ck_assert_mem_eq(got, want, n);
}
END_TEST

START_TEST(opened)
{
	struct sync_keys k = keys_of(keyfile);
	uint8_t b[64], *plain;
	uint64_t ms;
	size_t n = load(b);

	ck_assert_int_eq(sync_unseal(&k, b, n, &ms, &plain, &n), ST_OK);
	ck_assert_uint_eq(ms, VECTOR_MS);
	ck_assert_uint_eq(n, sizeof(beacon));
	ck_assert_mem_eq(plain, beacon, n);
}
END_TEST

/* Change any byte, or cut anywhere: it does not open. */
START_TEST(tampered)
{
	struct sync_keys k = keys_of(keyfile);
	uint8_t b[64], *plain;
	uint64_t ms;
	size_t n, out;

	n = load(b);
	for (size_t i = 0; i < n; i++) {
		(void)load(b);
		b[i] ^= 1;
		/* The type says that it is sealed; the caller has looked at it. */
		ck_assert_msg(sync_unseal(&k, b, n, &ms, &plain, &out) == ST_PROTO, "byte %zu", i);
	}
	for (size_t cut = 0; cut < n; cut++) {
		(void)load(b);
		ck_assert_msg(sync_unseal(&k, b, cut, &ms, &plain, &out) == ST_PROTO, "cut to %zu", cut);
	}
}
END_TEST

/* From one key to the next: both are accepted, the first seals, the old one goes. */
START_TEST(rotation)
{
	struct sync_keys old = keys_of("1:00000000000000000000000000000001");
	struct sync_keys both = keys_of("2:00000000000000000000000000000002\n1:00000000000000000000000000000001\n");
	struct sync_keys fresh = keys_of("2:00000000000000000000000000000002");
	uint8_t by_old[64], by_both[64], *plain;
	uint64_t ms;
	size_t n;

	(void)sync_seal(&old, beacon, sizeof(beacon), 5, by_old);
	(void)sync_seal(&both, beacon, sizeof(beacon), 6, by_both);
	ck_assert_int_eq(sync_unseal(&old, by_both, 48, &ms, &plain, &n), ST_PROTO);
	ck_assert_int_eq(sync_unseal(&fresh, by_old, 48, &ms, &plain, &n), ST_PROTO);
	ck_assert_int_eq(sync_unseal(&both, by_old, 48, &ms, &plain, &n), ST_OK);
	ck_assert_uint_eq(ms, 5);
	ck_assert_int_eq(sync_unseal(&fresh, by_both, 48, &ms, &plain, &n), ST_OK);
	ck_assert_uint_eq(ms, 6);
}
END_TEST

#define K16 "00112233445566778899aabbccddeeff"

static const struct {
	const char *name, *text;
	enum status st;
	size_t n;
	uint32_t line;
} files[] = {
	{ "one", "1:" K16, ST_OK, 1, 0 },
	{ "line ends", "1:" K16 "\r\n\r\n2:" K16 "\n", ST_OK, 2, 0 },
	{ "comment, blanks", "# keys\n\n  3:" K16 "  \n", ST_OK, 1, 0 },
	{ "longest", "4294967295:" K16 K16 K16 K16, ST_OK, 1, 0 },
	{ "empty", "", ST_PROTO, 0, 0 },
	{ "comments alone", "# a\n#b\n", ST_PROTO, 0, 0 },
	{ "15 bytes", "1:00112233445566778899aabbccddee", ST_PROTO, 0, 1 },
	{ "65 bytes", "1:" K16 K16 K16 K16 "00", ST_PROTO, 0, 1 },
	{ "half a byte", "1:" K16 "0", ST_PROTO, 0, 1 },
	{ "no hex", "1:0g112233445566778899aabbccddeeff", ST_PROTO, 0, 1 },
	{ "no id", ":" K16, ST_PROTO, 0, 1 },
	{ "no colon", K16, ST_PROTO, 0, 1 },
	{ "hex id", "a:" K16, ST_PROTO, 0, 1 },
	{ "id too big", "4294967296:" K16, ST_PROTO, 0, 1 },
	{ "id twice", "1:" K16 "\n#\n1:" K16, ST_PROTO, 0, 3 },
	{ "nine keys", "1:" K16 "\n2:" K16 "\n3:" K16 "\n4:" K16 "\n5:" K16 "\n6:" K16 "\n7:" K16 "\n8:" K16 "\n9:" K16,
	  ST_LIMIT, 0, 9 },
};

START_TEST(files_table)
{
	struct sync_keys k = { .n = 99 };
	uint32_t line = 77;

	ck_assert_msg(sync_keys_parse(&k, files[_i].text, strlen(files[_i].text), &line) == files[_i].st, "%s",
		files[_i].name);
	ck_assert_msg(k.n == (files[_i].st == ST_OK ? files[_i].n : 99), "%s", files[_i].name);
	ck_assert_msg(line == (files[_i].st == ST_OK ? 77 : files[_i].line), "%s", files[_i].name);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("pcp/syncseal");
	TCase *t = tcase_create("all");

	tcase_add_test(t, sealed_vector);
	tcase_add_test(t, opened);
	tcase_add_test(t, tampered);
	tcase_add_test(t, rotation);
	tcase_add_loop_test(t, files_table, 0, NELEM(files));
	suite_add_tcase(s, t);
	return s;
}

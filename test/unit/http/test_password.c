/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords, plain and hashed. */
#include "http/password.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/cc.h"
#include "core/sys/thr.h"
#include "test/unit/unit.h"

/* PBKDF2-HMAC-SHA-256 as Python's hashlib computes it; salt 00 01 .. 0f. */
#define SALT  "000102030405060708090A0B0C0D0E0F"
#define H1    "DC86B4A7F64F2610CAED951C6C87EF617DD028A0712DD254ADB3AE78103E3658"
#define HN    "138AE0A27AE4E76794B422C366FC90A3522A133962B75A441429EE34AC716F55"
#define ONE   "$pbkdf2-sha256$1$" SALT "$" H1
#define MANY  "$pbkdf2-sha256$1000$" SALT "$" HN

static const struct {
	const char *name, *stored, *given;
	bool want;
} matches[] = {
	{ "plain", "pw", "pw", true },
	{ "plain, wrong", "pw", "px", false },
	{ "plain, longer", "pw", "pww", false },
	{ "plain, nothing", "pw", "", false },
	{ "none set", "", "", false },
	{ "none set, something given", "", "pw", false },
	{ "one round", ONE, "p w&", true },
	{ "one round, wrong", ONE, "p w", false },
	{ "one round, nothing", ONE, "", false },
	{ "many rounds", MANY, "p w&", true },
	{ "many rounds, again", MANY, "p w&", true },
	{ "the hash is not the password", MANY, MANY, false },
	{ "after a right one, a wrong one", MANY, "p w&&", false },
	{ "what is no hash is plain", "$pbkdf2-sha256$1$00$00", "$pbkdf2-sha256$1$00$00", true },
};

START_TEST(match)
{
	ck_assert_msg(password_matches(matches[_i].stored, matches[_i].given) == matches[_i].want,
		"%s", matches[_i].name);
}
END_TEST

static const struct {
	const char *stored;
	bool want;
} hashes[] = {
	{ ONE, true }, { MANY, true }, { "", false }, { "$", false }, { "pw", false },
	{ "$pbkdf2-sha256$", false }, { "$pbkdf2-sha256$1$", false }, { ONE "0", false },
	{ "$pbkdf2-sha256$0$" SALT "$" H1, false }, { "$pbkdf2-sha256$$" SALT "$" H1, false },
	{ "$pbkdf2-sha256$10000001$" SALT "$" H1, false },
	{ "$pbkdf2-sha256$99999999999$" SALT "$" H1, false },
	{ "$pbkdf2-sha256$-1$" SALT "$" H1, false }, { "$pbkdf2-sha256$1$" SALT "0" H1, false },
	{ "$pbkdf2-sha512$1$" SALT "$" H1, false },
	{ "$pbkdf2-sha256$1$" "000102030405060708090A0B0C0D0E0G" "$" H1, false },
};

START_TEST(is_hash)
{
	ck_assert_msg(password_is_hash(hashes[_i].stored) == hashes[_i].want, "%s", hashes[_i].stored);
}
END_TEST

START_TEST(made)
{
	char a[PASSWORD_HASH], b[PASSWORD_HASH];

	password_hash(a, "pass word");
	password_hash(b, "pass word");
	ck_assert_str_ne(a, b);                 /* a salt each */
	ck_assert(password_is_hash(a) && password_is_hash(b));
	ck_assert(password_matches(a, "pass word") && password_matches(b, "pass word"));
	ck_assert(!password_matches(a, "pass-word"));
	ck_assert(!password_matches(b, "pass-word"));
}
END_TEST

/* More guess at once than are worked out at a time: each has its answer. */
#define GUESSERS 12

static void guess(void *arg)
{
	const int i = *(const int *)arg;
	char text[16];

	snprintf(text, sizeof(text), "no %d", i);
	ck_assert(!password_matches(MANY, text));
	ck_assert(password_matches(MANY, "p w&"));
}

START_TEST(many_at_once)
{
	struct thr t[GUESSERS];
	int n[GUESSERS];

	for (int i = 0; i < GUESSERS; i++) {
		n[i] = i;
		ck_assert_int_eq(thr_start(&t[i], "guess", guess, &n[i]), ST_OK);
	}
	for (int i = 0; i < GUESSERS; i++)
		ck_assert_int_eq(thr_join(&t[i], clk_deadline(60 * NSEC_PER_SEC)), ST_OK);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("password");
	TCase *t = tcase_create("password");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, match, 0, (int)NELEM(matches));
	tcase_add_loop_test(t, is_hash, 0, (int)NELEM(hashes));
	tcase_add_test(t, made);
	tcase_add_test(t, many_at_once);
	suite_add_tcase(s, t);
	return s;
}

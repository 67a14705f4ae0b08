/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/logline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sys/clk.h"
#include "test/unit/unit.h"

/* 2026-11-20 00:44:44.470 UTC */
#define AT (1795135484 * NSEC_PER_SEC + 470 * NSEC_PER_MSEC)

static const struct {
	const char *zone;
	enum log_form form;
	bool journal;
	enum log_level level;
	const char *peer, *text, *want;
} rows[] = {
	{ "JST-9", LOG_TEXT, false, LOG_INFO, NULL, "a \"b\"", "2026/11/20 09:44:44.470 [INFO] a \"b\"\n" },
	{ "UTC0", LOG_TEXT, false, LOG_ERROR, "x", "a", "2026/11/20 00:44:44.470 [EROR] a\n" },
	{ "JST-9", LOG_TEXT, true, LOG_INFO, NULL, "a", "<6>a\n" },
	{ "JST-9", LOG_TEXT, true, LOG_TRACE, NULL, "a", "<7>a\n" },
	{ "JST-9", LOG_TEXT, true, LOG_FATAL, NULL, "a", "<2>a\n" },
	{ "JST-9", LOG_JSON, false, LOG_WARN, NULL, "a \"b\" \\",
	  "{\"time\":\"2026-11-20T09:44:44.470+09:00\",\"level\":\"warning\",\"thread\":\"t\\\"\","
	  "\"msg\":\"a \\\"b\\\" \\\\\"}\n" },
	{ "XYZ3:30", LOG_JSON, true, LOG_DEBUG, "192.0.2.1:7144", "",
	  "<7>{\"time\":\"2026-11-19T21:14:44.470-03:30\",\"level\":\"debug\",\"thread\":\"t\\\"\","
	  "\"peer\":\"192.0.2.1:7144\",\"msg\":\"\"}\n" },
};

START_TEST(forms)
{
	char line[LOGLINE_MAX];
	const struct logline l = { .level = rows[_i].level, .wall_ns = AT, .thread = "t\"", .peer = rows[_i].peer,
		.text = rows[_i].text };

	setenv("TZ", rows[_i].zone, 1);
	tzset();
	const size_t n = logline_emit(line, rows[_i].form, rows[_i].journal, &l);

	ck_assert_uint_eq(n, strlen(rows[_i].want));
	ck_assert_msg(memcmp(line, rows[_i].want, n) == 0, "%.*s", (int)n, line);
}
END_TEST

/* The longest there can be. */
START_TEST(room)
{
	char line[LOGLINE_MAX], text[LOG_LINE], peer[64], thread[16];
	const struct logline l = { .level = LOG_WARN, .wall_ns = AT, .thread = thread, .peer = peer, .text = text };

	memset(text, '"', sizeof(text));
	memset(peer, '"', sizeof(peer));
	memset(thread, '"', sizeof(thread));
	text[sizeof(text) - 1] = peer[sizeof(peer) - 1] = thread[sizeof(thread) - 1] = '\0';
	ck_assert_uint_le(logline_emit(line, LOG_JSON, true, &l), LOGLINE_MAX);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("logline");
	TCase *t = tcase_create("forms");

	tcase_add_loop_test(t, forms, 0, (int)NELEM(rows));
	tcase_add_test(t, room);
	suite_add_tcase(s, t);
	return s;
}

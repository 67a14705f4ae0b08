/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/logline.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/sys/clk.h"

static void local_time(const struct logline *l, struct tm *tm)
{
	const time_t t = (time_t)(l->wall_ns / NSEC_PER_SEC);

	if (localtime_r(&t, tm) == NULL)
		*tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
}

static int millis(const struct logline *l)
{
	return (int)(l->wall_ns % NSEC_PER_SEC / NSEC_PER_MSEC);
}

/* Of syslog(3). */
static int priority(enum log_level l)
{
	static const int of[] = {
		[LOG_TRACE] = 7, [LOG_DEBUG] = 7, [LOG_INFO] = 6, [LOG_WARN] = 4, [LOG_ERROR] = 3,
		[LOG_FATAL] = 2,
	};

	return of[l];
}

static size_t put(char *dst, size_t at, const char *s)
{
	const size_t n = strlen(s);

	memcpy(dst + at, s, n);
	return at + n;
}

static size_t put_text(char *dst, size_t at, bool journal, const struct logline *l)
{
	struct tm tm;
	int n = 0;

	if (!journal) {
		local_time(l, &tm);
		n = snprintf(dst + at, 64, "%04d/%02d/%02d %02d:%02d:%02d.%03d [%s] ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, millis(l),
			log_level_str(l->level));
	}
	return put(dst, at + (size_t)MIN(MAX(n, 0), 63), l->text);
}

/* As the inside of a JSON string: there are no control characters. */
static size_t put_quoted(char *dst, size_t at, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			dst[at++] = '\\';
		dst[at++] = *s;
	}
	return at;
}

static size_t put_json(char *dst, size_t at, const struct logline *l)
{
	static const char *const level[] = {
		[LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warning",
		[LOG_ERROR] = "error", [LOG_FATAL] = "fatal",
	};
	struct tm tm;
	char zone[8] = "";
	int n;

	local_time(l, &tm);
	if (strftime(zone, sizeof(zone), "%z", &tm) != 5)
		memcpy(zone, "+0000", 6);
	n = snprintf(dst + at, 128,
		"{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03d%.3s:%.2s\",\"level\":\"%s\",\"thread\":\"",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, millis(l),
		zone, zone + 3, level[l->level]);
	at = put_quoted(dst, at + (size_t)MIN(MAX(n, 0), 127), l->thread);
	if (l->peer != NULL) {
		at = put(dst, at, "\",\"peer\":\"");
		at = put_quoted(dst, at, l->peer);
	}
	at = put(dst, at, "\",\"msg\":\"");
	at = put_quoted(dst, at, l->text);
	return put(dst, at, "\"}");
}

size_t logline_emit(char dst[LOGLINE_MAX], enum log_form form, bool journal, const struct logline *l)
{
	size_t at = 0;

	if (journal)
		at = (size_t)snprintf(dst, 8, "<%d>", priority(l->level));
	at = form == LOG_JSON ? put_json(dst, at, l) : put_text(dst, at, journal, l);
	return put(dst, at, "\n");
}

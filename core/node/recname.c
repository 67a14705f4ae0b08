/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/recname.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/node/record.h"
#include "core/sys/text.h"

/* --- files ------------------------------------------------------------------------------------ */

/* Not seen, and so good only to deceive: zero width, byte order and Arabic letter marks. */
static bool is_invisible(const char *s, size_t k)
{
	static const char *const marks[] = {
		"\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d", "\xef\xbb\xbf", "\xd8\x9c", "\xe2\x81\xa0",
	};

	for (size_t i = 0; i < NELEM(marks); i++)
		if (strlen(marks[i]) == k && memcmp(s, marks[i], k) == 0)
			return true;
	return false;
}

/* What stays of a channel's name. */
static void clean_name(char dst[RECNAME_CHANNEL + 1], const char *s)
{
	size_t left = strlen(s), n = 0;

	while (left > 0) {
		bool harmful;
		const size_t k = text_next(s, left, &harmful);
		const bool banned = harmful || strchr("/\\:*?\"<>|", *s) != NULL;
		const bool first = n == 0 && (*s == '.' || *s == '-' || *s == '~');

		if (n + k > RECNAME_CHANNEL)
			break;
		if (banned || first) {
			dst[n++] = '_';
		} else if (!is_invisible(s, k) && !(n == 0 && *s == ' ')) {
			memcpy(dst + n, s, k);
			n += k;
		}
		s += k;
		left -= k;
	}
	while (n > 0 && (dst[n - 1] == ' ' || dst[n - 1] == '.'))
		n--;
	dst[n] = '\0';
}

void recname_base(char dst[RECNAME_BASE], const char *channel, int64_t wall_s)
{
	const time_t at = (time_t)wall_s;
	char name[RECNAME_CHANNEL + 1];
	struct tm tm;

	clean_name(name, channel);
	if (localtime_r(&at, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	(void)snprintf(dst, RECNAME_BASE, "%s_%04d%02d%02d-%02d%02d%02d", name[0] != '\0' ? name : "channel",
		(tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void recname_file(char dst[RECNAME], const char *base, uint32_t again, uint32_t part, const char *ext)
{
	char more[16] = "";

	if (again > 0)
		(void)snprintf(more, sizeof(more), "~%u", again);
	(void)snprintf(dst, RECNAME, "%.*s%s_%03u%.8s", RECNAME_BASE - 1, base, more, part, ext);
}

static const struct {
	const char *type, *ext;
	bool asf;
} types[] = {
	{ "FLV", ".flv", false }, { "MKV", ".mkv", false }, { "WEBM", ".webm", false },
	{ "MP4", ".mp4", false }, { "OGG", ".ogg", false }, { "OGM", ".ogg", false },
	{ "MP3", ".mp3", false }, { "AAC", ".aac", false }, { "TS", ".ts", false },
	{ "NSV", ".nsv", false }, { "MOV", ".mov", false }, { "MPG", ".mpg", false },
	{ "WMV", ".wmv", true }, { "WMA", ".wma", true }, { "ASF", ".asf", true }, { "ASX", ".asf", true },
};

const char *recname_ext(const char *type)
{
	for (size_t i = 0; i < NELEM(types); i++)
		if (ascii_casecmp(types[i].type, type) == 0)
			return types[i].ext;
	return ".bin";
}

bool recname_is_asf(const char *type)
{
	for (size_t i = 0; i < NELEM(types); i++)
		if (ascii_casecmp(types[i].type, type) == 0)
			return types[i].asf;
	return false;
}

bool recname_is_file(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n < RECNAME && name[0] != '.' && strchr(name, '/') == NULL && text_is_clean(name, n);
}

bool recname_line(const char *line, size_t n, uint64_t *ino, char name[RECNAME])
{
	const char *blank = memchr(line, ' ', n);
	const size_t digits = blank != NULL ? (size_t)(blank - line) : 0;
	const size_t len = blank != NULL ? n - digits - 1 : 0;
	char number[24];

	if (digits == 0 || digits >= sizeof(number) || len == 0 || len >= RECNAME ||
	    memchr(line, '\0', n) != NULL)
		return false;
	memcpy(number, line, digits);
	number[digits] = '\0';
	memcpy(name, blank + 1, len);
	name[len] = '\0';
	return num_u64(number, 1, UINT64_MAX, ino) && recname_is_file(name);
}

const char *record_state_str(enum record_state s)
{
	static const char *const name[] = {
		[RECORD_WAITING] = "waiting", [RECORD_RUNNING] = "recording", [RECORD_TRYING] = "trying",
		[RECORD_FAILED] = "failed", [RECORD_ENDED] = "ended",
	};

	return (size_t)s < NELEM(name) ? name[s] : "none";
}

/* --- channels --------------------------------------------------------------------------------- */

/* p[0..n) with * for anything, letters of ASCII in any case. */
static bool matches(const char *p, size_t n, const char *s)
{
	size_t i = 0, star = SIZE_MAX;
	const char *back = s;

	while (*s != '\0') {
		if (i < n && p[i] == '*') {
			star = i++;
			back = s;
		} else if (i < n && ascii_lower((uint8_t)p[i]) == ascii_lower((uint8_t)*s)) {
			i++;
			s++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	while (i < n && p[i] == '*')
		i++;
	return i == n;
}

bool recname_is_wanted(const char *setting, const char *channel, bool own)
{
	if (setting[0] == '\0' || ascii_casecmp(setting, "none") == 0)
		return false;
	if (ascii_casecmp(setting, "all") == 0)
		return true;
	if (ascii_casecmp(setting, "own") == 0)
		return own;
	while (*setting != '\0') {
		size_t n = strcspn(setting, ","), all = n + (setting[n] == ',');
		const char *p = setting;

		for (; n > 0 && *p == ' '; n--)
			p++;
		while (n > 0 && p[n - 1] == ' ')
			n--;
		if (n > 0 && matches(p, n, channel))
			return true;
		setting += all;
	}
	return false;
}

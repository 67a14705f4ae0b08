/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/encoder.h"

#include <string.h>

#include "core/sys/text.h"

/* --- SOURCE ----------------------------------------------------------------------------------- */

bool encoder_mount(char dst[TEXT_MAX], const char *path, size_t n)
{
	char raw[TEXT_MAX + 1];
	size_t len;

	dst[0] = '\0';
	if (n < 2 || path[0] != '/')
		return false;
	len = pct_decode(raw, sizeof(raw), path, n, false);
	if (len >= TEXT_MAX || memchr(raw, '\0', len) != NULL || raw[0] != '/' || raw[1] == '\0')
		return false;
	return text_clean(dst, TEXT_MAX, raw, len) > 1;
}

bool source_line_parse(struct source_line *l, const char *line)
{
	static const char verb[] = "SOURCE ";
	const char *rest = line + sizeof(verb) - 1, *mount = rest, *at;
	size_t n;

	*l = (struct source_line){ .http = false };
	if (strncmp(line, verb, sizeof(verb) - 1) != 0)
		return false;
	if (rest[0] != '/') {
		/* a password may have blanks in it: the last " /" begins the mount point */
		for (mount = NULL, at = rest; (at = strstr(at, " /")) != NULL; at++)
			mount = at + 1;
		if (mount == NULL)
			return false;
		n = (size_t)(mount - 1 - rest);
		if (n >= sizeof(l->password))
			return false;
		memcpy(l->password, rest, n);
		l->has_password = true;
	}
	n = strcspn(mount, " ");
	at = mount + n + (mount[n] == ' ');
	l->http = strncmp(at, "HTTP/", 5) == 0;
	return encoder_mount(l->mount, mount, strcspn(mount, " ?"));
}

/* --- headers ---------------------------------------------------------------------------------- */

/* Names of one thing, the one that counts most first. */
static const char *any_header(const struct request *rq, const char *const *names)
{
	const char *value = NULL;

	for (; value == NULL && *names != NULL; names++)
		value = request_header(rq, *names);
	return value;
}

/* The number a text begins with, 0 = none that can be a bitrate. */
static uint32_t leading_kbps(const char *s)
{
	char digits[8] = "";
	uint32_t kbps = 0;
	size_t n;

	s += strspn(s, " \t");
	n = strspn(s, "0123456789");
	if (n == 0 || n >= sizeof(digits))
		return 0;
	memcpy(digits, s, n);
	return num_u32(digits, 0, BITRATE_MAX_KBPS, &kbps) ? kbps : 0;
}

/* ice-audio-info: "ice-samplerate=44100;ice-bitrate=128;ice-channels=2", or without "ice-". */
static uint32_t audio_info_kbps(const char *s)
{
	while (*s != '\0') {
		s += strspn(s, "; \t");
		if (ascii_ncasecmp(s, "ice-", 4) == 0)
			s += 4;
		if (ascii_ncasecmp(s, "bitrate=", 8) == 0)
			return leading_kbps(s + 8);
		s += strcspn(s, ";");
	}
	return 0;
}

void encoder_headers(const struct request *rq, struct chanmeta *m)
{
	static const struct {
		enum chantext text;
		const char *names[4];
	} texts[] = {
		{ CT_NAME, { "ice-name", "icy-name", "x-audiocast-name", NULL } },
		{ CT_GENRE, { "ice-genre", "icy-genre", "x-audiocast-genre", NULL } },
		{ CT_URL, { "ice-url", "icy-url", "x-audiocast-url", NULL } },
		{ CT_DESC, { "ice-description", "icy-description", "x-audiocast-description", NULL } },
	};
	static const char *const bitrates[] = { "ice-bitrate", "icy-br", "icy-bitrate",
		"x-audiocast-bitrate", NULL };
	const char *value, *type;
	uint32_t kbps = 0;

	for (size_t i = 0; i < NELEM(texts); i++) {
		value = any_header(rq, texts[i].names);
		if (value != NULL)
			(void)text_clean(m->text[texts[i].text], TEXT_MAX, value, strlen(value));
	}
	value = any_header(rq, bitrates);
	if (value != NULL)
		kbps = leading_kbps(value);
	value = request_header(rq, "ice-audio-info");
	if (kbps == 0 && value != NULL)
		kbps = audio_info_kbps(value);
	if (kbps != 0)
		m->bitrate_kbps = kbps;
	value = request_header(rq, "Content-Type");
	type = value != NULL ? chantype_of_mime(value) : NULL;
	if (type != NULL)
		(void)chanmeta_set_type(m, type);
}

bool encoder_is_named(const struct chanmeta *m)
{
	return m->text[CT_NAME][strspn(m->text[CT_NAME], " ")] != '\0';
}

/* --- Windows Media ---------------------------------------------------------------------------- */

void encoder_wm_path(const char *target, struct chanmeta *m)
{
	static const enum chantext order[] = { CT_NAME, CT_GENRE, CT_DESC, CT_URL };
	char plain[HTTP_VALUE_MAX];
	const bool whole = strchr(target, ';') == NULL;
	const char *at = target + 1;
	size_t n;

	/* one that encodes everything has encoded the separators too */
	if (whole) {
		n = pct_decode(plain, sizeof(plain), at, strlen(at), false);
		plain[n] = '\0';
		at = plain;
	}
	for (size_t i = 0; i < NELEM(order); i++) {
		char value[HTTP_VALUE_MAX];

		n = i + 1 < NELEM(order) ? strcspn(at, ";") : strlen(at);
		if (whole)
			(void)text_clean(m->text[order[i]], TEXT_MAX, at, n);
		else
			(void)text_clean(m->text[order[i]], TEXT_MAX, value,
				pct_decode(value, sizeof(value), at, n, false));
		at += n + (at[n] == ';');
	}
}

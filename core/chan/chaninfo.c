/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/chan/chaninfo.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_MAX 16             /* characters of a type in lists */

/* media.md 1.1; TS and AAC by settings.md decision 28. */
static const struct {
	const char *type, *mime, *ext;
} types[] = {
	{ "FLV",  "video/x-flv",      ".flv" },
	{ "MKV",  "video/x-matroska", ".mkv" },
	{ "WEBM", "video/webm",       ".webm" },
	{ "MP4",  "video/mp4",        ".mp4" },
	{ "OGG",  "application/x-ogg", ".ogg" },
	{ "OGM",  "application/x-ogg", ".ogg" },
	{ "MP3",  "audio/mpeg",       ".mp3" },
	{ "AAC",  "audio/aac",        ".aac" },
	{ "WMV",  "video/x-ms-wmv",   ".wmv" },
	{ "WMA",  "audio/x-ms-wma",   ".wma" },
	{ "ASX",  "video/x-ms-asf",   "" },
	{ "NSV",  "video/nsv",        ".nsv" },
	{ "TS",   "video/mp2t",       ".ts" },
	{ "RAW",  "application/octet-stream", "" },
	{ "PLS",  "application/octet-stream", "" },
	{ "MOV",  "video/quicktime",  ".mov" },
	{ "MPG",  "video/mpeg",       "" },
	{ "UNKNOWN", "application/octet-stream", "" },
};

static const struct {
	const char *mime, *type;
} mime_alias[] = {
	{ "application/ogg", "OGG" }, { "audio/ogg", "OGG" }, { "video/ogg", "OGG" },
	{ "audio/x-mpeg", "MP3" },    { "audio/mp3", "MP3" },
	{ "audio/aacp", "AAC" },      { "audio/x-matroska", "MKV" },
	{ "video/matroska", "MKV" },  { "audio/webm", "WEBM" },
	{ "video/flv", "FLV" },       { "audio/mp4", "MP4" },
	{ "audio/opus", "OGG" },      { "audio/x-aac", "AAC" },
	{ "application/x-mms-framed", "WMV" },
	{ "application/vnd.ms.wms-hdr.asfv1", "WMV" },
};

struct chaninfo *chaninfo_new(const struct chanmeta *m)
{
	size_t len[CT_COUNT], n = 0;
	struct chaninfo *i;
	char *at;

	for (int t = 0; t < CT_COUNT; t++) {
		len[t] = strnlen(m->text[t], TEXT_MAX - 1);
		n += len[t] + 1;
	}
	i = malloc(sizeof(*i) + n);
	if (i == NULL)
		return NULL;
	atomic_init(&i->refs, 1);
	i->bitrate_kbps = MIN(m->bitrate_kbps, BITRATE_MAX_KBPS);
	i->id = m->id;
	i->bcid = m->bcid;
	at = (char *)(i + 1);
	for (int t = 0; t < CT_COUNT; t++) {
		memcpy(at, m->text[t], len[t]);
		at[len[t]] = '\0';
		i->text[t] = at;
		at += len[t] + 1;
	}
	return i;
}

struct chaninfo *chaninfo_ref(const struct chaninfo *i)
{
	struct chaninfo *w = (struct chaninfo *)(uintptr_t)i;

	/* relaxed: the caller already holds a reference */
	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return w;
}

void chaninfo_unref(struct chaninfo **i)
{
	struct chaninfo *w = *i;

	*i = NULL;
	if (w != NULL && atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) == 1)
		free(w);
}

void chaninfo_to_meta(const struct chaninfo *i, struct chanmeta *m)
{
	m->id = i->id;
	m->bcid = i->bcid;
	m->bitrate_kbps = i->bitrate_kbps;
	m->silent = false;
	for (int t = 0; t < CT_COUNT; t++)
		(void)text_copy(m->text[t], TEXT_MAX, i->text[t]);
}

void chanmeta_merge(struct chanmeta *m, const struct chanmeta *from, uint32_t present)
{
	for (int t = 0; t < CT_COUNT; t++)
		if (present & (1u << t))
			memcpy(m->text[t], from->text[t], TEXT_MAX);
	if (present & CHANMETA_BITRATE)
		m->bitrate_kbps = MIN(from->bitrate_kbps, BITRATE_MAX_KBPS);
	if (present & CHANMETA_BCID)
		m->bcid = from->bcid;
}

bool chaninfo_same(const struct chaninfo *i, const struct chanmeta *m)
{
	if (i->bitrate_kbps != MIN(m->bitrate_kbps, BITRATE_MAX_KBPS) ||
	    !gnuid_equal(&i->id, &m->id) || !gnuid_equal(&i->bcid, &m->bcid))
		return false;
	for (int t = 0; t < CT_COUNT; t++)
		if (strcmp(i->text[t], m->text[t]) != 0)
			return false;
	return true;
}

const char *chaninfo_type(const struct chaninfo *i)
{
	const char *type = i->text[CT_TYPE];
	size_t n = 0;

	while ((type[n] >= 'A' && type[n] <= 'Z') || ascii_isdigit((uint8_t)type[n]))
		n++;

	return n >= 1 && n <= TYPE_MAX && type[n] == '\0' ? type : "UNKNOWN";
}

const char *chaninfo_mime(const struct chaninfo *i)
{
	if (i->text[CT_MIME][0] != '\0')
		return i->text[CT_MIME];
	for (size_t t = 0; t < NELEM(types); t++)
		if (ascii_casecmp(types[t].type, i->text[CT_TYPE]) == 0)
			return types[t].mime;
	return "application/octet-stream";
}

const char *chaninfo_ext(const struct chaninfo *i)
{
	if (i->text[CT_EXT][0] != '\0')
		return i->text[CT_EXT];
	for (size_t t = 0; t < NELEM(types); t++)
		if (ascii_casecmp(types[t].type, i->text[CT_TYPE]) == 0)
			return types[t].ext;
	return "";
}

bool chanmeta_set_type(struct chanmeta *m, const char *type)
{
	size_t unknown = NELEM(types) - 1, found = unknown;

	if (ascii_casecmp(type, "M3U") == 0)
		type = "PLS";
	for (size_t t = 0; t < NELEM(types); t++)
		if (ascii_casecmp(types[t].type, type) == 0)
			found = t;
	(void)text_copy(m->text[CT_TYPE], TEXT_MAX, types[found].type);
	(void)text_copy(m->text[CT_MIME], TEXT_MAX, types[found].mime);
	(void)text_copy(m->text[CT_EXT], TEXT_MAX, types[found].ext);
	return found != unknown;
}

const char *chantype_of_mime(const char *mime)
{
	size_t n = strcspn(mime, ";, \t");

	/* octet-stream says nothing */
	for (size_t t = 0; t < NELEM(types); t++)
		if (strlen(types[t].mime) == n && ascii_ncasecmp(types[t].mime, mime, n) == 0 &&
		    strcmp(types[t].mime, "application/octet-stream") != 0)
			return types[t].type;
	for (size_t t = 0; t < NELEM(mime_alias); t++)
		if (strlen(mime_alias[t].mime) == n && ascii_ncasecmp(mime_alias[t].mime, mime, n) == 0)
			return mime_alias[t].type;
	return NULL;
}

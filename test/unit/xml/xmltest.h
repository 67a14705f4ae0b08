/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of this room share: reading documents back, building channels from them. */
#ifndef TEST_XMLTEST_H
#define TEST_XMLTEST_H

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "core/chan/chaninfo.h"
#include "core/sys/bytes.h"
#include "core/sys/file.h"
#include "core/sys/text.h"

/* A file of test/data (tests run in the source tree), or the test fails. */
static inline void data_read(struct buf *b, const char *path)
{
	buf_init(b, 1 << 20);
	ck_assert_msg(file_read(path, b) == ST_OK, "%s", path);
	buf_cstr(b);
}

/* Parse strictly: NULL when it is not well-formed. */
static inline xmlDocPtr xml_strict(const void *p, size_t n)
{
	return xmlReadMemory(p, (int)n, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

/* The first child element of that name; NULL = none. */
static inline xmlNodePtr child(xmlNodePtr at, const char *name)
{
	xmlNodePtr c;

	for (c = at != NULL ? at->children : NULL; c != NULL; c = c->next)
		if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0)
			return c;
	return NULL;
}

static inline xmlNodePtr next(xmlNodePtr at)
{
	for (at = at->next; at != NULL && at->type != XML_ELEMENT_NODE; at = at->next)
		;
	return at;
}

static inline void attr(char *dst, size_t cap, xmlNodePtr at, const char *name)
{
	xmlChar *v = xmlGetProp(at, (const xmlChar *)name);

	ck_assert_msg(v != NULL, "no %s", name);
	ck_assert_msg(text_copy(dst, cap, (const char *)v), "%s too long", name);
	xmlFree(v);
}

/* An attribute that must be a plain decimal number. */
static inline uint64_t num(xmlNodePtr at, const char *name)
{
	char s[64];
	uint64_t v = 0;

	attr(s, sizeof(s), at, name);
	ck_assert_msg(num_u64(s, 0, UINT64_MAX, &v), "%s=\"%s\" is no number", name, s);
	return v;
}

/* The info that <channel> and its <track> describe. */
static inline struct chaninfo *info_of(xmlNodePtr chan)
{
	struct chanmeta m;
	struct chaninfo *i;
	char id[64];
	xmlNodePtr t = child(chan, "track");

	memset(&m, 0, sizeof(m));
	attr(m.text[CT_NAME], TEXT_MAX, chan, "name");
	attr(m.text[CT_GENRE], TEXT_MAX, chan, "genre");
	attr(m.text[CT_DESC], TEXT_MAX, chan, "desc");
	attr(m.text[CT_URL], TEXT_MAX, chan, "url");
	attr(m.text[CT_COMMENT], TEXT_MAX, chan, "comment");
	attr(m.text[CT_TYPE], TEXT_MAX, chan, "type");
	attr(m.text[CT_TRACK_TITLE], TEXT_MAX, t, "title");
	attr(m.text[CT_TRACK_ARTIST], TEXT_MAX, t, "artist");
	attr(m.text[CT_TRACK_ALBUM], TEXT_MAX, t, "album");
	attr(m.text[CT_TRACK_GENRE], TEXT_MAX, t, "genre");
	attr(m.text[CT_TRACK_URL], TEXT_MAX, t, "contact");
	attr(id, sizeof(id), chan, "id");
	ck_assert(strlen(id) == 32 && gnuid_parse(&m.id, id));
	m.bcid.b[0] = (uint8_t)num(chan, "bcflags");
	m.bitrate_kbps = (uint32_t)num(chan, "bitrate");
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	return i;
}

#endif

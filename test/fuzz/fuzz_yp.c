/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel of any texts in the lists of a yellow page, asked for with any query: lines keep their
 * fields, JSON and RSS are what they claim, and nobody gets an address that is not for him.
 *
 * The input is cut at LF: query, prefix, then the texts of the channel in their order.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libxml/parser.h>

#include "core/sys/text.h"
#include "http/ypfeed.h"
#include "http/ypindex.h"
#include "xml/xmlout.h"

static const char tip[] = "203.0.113.77:7144", field[] = "<>203.0.113.77:7144<>";

/* A broadcaster may write the address into his own texts. */
static bool in_texts(const struct chaninfo *i)
{
	for (int t = 0; t < CT_COUNT; t++)
		if (strstr(i->text[t], tip) != NULL)
			return true;
	return false;
}

static void check_lines(const struct buf *b)
{
	size_t fields = 1, i;

	ASSERT(b->len == 0 || b->p[b->len - 1] == '\n');
	for (i = 0; i < b->len; i++) {
		if (b->p[i] == '\n') {
			ASSERT(fields == YPINDEX_FIELDS);
			fields = 1;
			continue;
		}
		ASSERT(b->p[i] >= 0x20 && b->p[i] != 0x7f);
		/* Nothing but separators holds one of these. */
		ASSERT(b->p[i] != '>');
		if (b->p[i] == '<') {
			ASSERT(b->p[i + 1] == '>');
			fields++;
			i++;
		}
	}
}

static void check_json(const struct buf *b, bool may)
{
	json_t *doc = json_loadb((const char *)b->p, b->len, JSON_REJECT_DUPLICATES, NULL), *c;

	ASSERT(doc != NULL);
	c = json_array_get(json_object_get(doc, "channels"), 0);
	if (c != NULL) {
		ASSERT(json_is_true(json_object_get(c, "playable")) == may);
		ASSERT(json_is_null(json_object_get(c, "id")) == !may);
	}
	json_decref(doc);
}

static void check_rss(const struct yplist *l, const struct ypquery *q)
{
	struct buf b;
	xmlDocPtr d;

	buf_init(&b, 1);
	ASSERT(ypfeed_rss(l, q, &b) == ST_OK);
	d = xmlReadMemory((const char *)b.p, (int)b.len, NULL, NULL, XML_PARSE_NONET);
	ASSERT(d != NULL);
	ASSERT(in_texts(l->chans[0].info) || memmem(b.p, b.len, tip, sizeof(tip) - 1) == NULL);
	xmlFreeDoc(d);
	buf_fini(&b);
}

static void show(const struct yplist *l, const struct ypquery *q, const struct ypviewer *v)
{
	const bool may = yp_may(&l->chans[0], v), asked = ypquery_matches(q, &l->chans[0]);
	char key[YPKEY];
	struct buf b;
	bool told;

	ASSERT(strlen(yp_key(key, l, q, v)) < sizeof(key));
	buf_init(&b, YPFEED_MAX);
	ypindex_emit(l, q, v, &b);
	ASSERT(b.err == ST_OK);
	check_lines(&b);
	/* Between two separators stands only what we put there, whatever a broadcaster wrote. */
	told = b.len > 0 && memmem(b.p, b.len, field, sizeof(field) - 1) != NULL;
	if (!in_texts(l->chans[0].info))
		ASSERT(told == (asked && may));
	buf_reset(&b);
	ypfeed_json(l, q, v, &b);
	ASSERT(b.err == ST_OK);
	check_json(&b, may);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ypviewer viewers[] = { { false, 0 }, { true, 0 }, { true, 300 }, { true, 5000 } };
	static struct settings *set;
	struct chanmeta m = { .bitrate_kbps = 299, .id = { { 0xab } } };
	struct ypchan c = { .id = m.id, .tip = host_v4(203, 0, 113, 77, 7144) };
	struct yplist l = { .chans = &c, .n = 1 };
	char part[2][1024] = { "", "" };
	struct ypquery q;
	size_t at = 0, i;

	if (set == NULL) {
		xml_init();
		set = settings_new(false);
	}
	ASSERT(set != NULL);
	for (i = 0; at <= size && i < CT_COUNT + 2; i++) {
		const uint8_t *end = at < size ? memchr(data + at, '\n', size - at) : NULL;
		const size_t n = end != NULL ? (size_t)(end - data) - at : size - at;

		if (i < 2)
			(void)text_clean(part[i], sizeof(part[i]), data + at, n);
		else
			(void)text_clean(m.text[i - 2], TEXT_MAX, data + at, n);
		at += n + 1;
	}
	c.info = chaninfo_new(&m);
	ASSERT(c.info != NULL);
	ypquery_parse(&q, part[0]);
	ypgenre_parse(&c.genre, part[1], c.info->text[CT_GENRE]);
	ASSERT(c.genre.genre >= c.info->text[CT_GENRE] &&
		c.genre.genre <= c.info->text[CT_GENRE] + strlen(c.info->text[CT_GENRE]));
	ASSERT(c.genre.listed || (c.genre.limit == YP_FREE && c.genre.ns[0] == '\0'));
	set->yp_info_line = size % 2 == 0;
	l.settings = set;
	l.restricted = c.genre.limit != YP_FREE;
	l.fast = c.genre.limit == YP_FAST;
	l.over = &m.bitrate_kbps;
	l.n_over = c.genre.limit == YP_OVER;
	ASSERT(ypindex_lines(&l, NULL) == ST_OK);
	(void)buf_cstr(&l.text);
	for (i = 0; i < NELEM(viewers); i++)
		show(&l, &q, &viewers[i]);
	check_rss(&l, &q);
	buf_fini(&l.text);
	chaninfo_unref(&c.info);
	return 0;
}

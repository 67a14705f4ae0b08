/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the text of an attribute: a strict parser reads one element with one text in it. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "core/sys/text.h"
#include "xml/xmlout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xmlout *x;
	char *text = malloc(size + 1);
	const uint8_t *p;
	xmlChar *back;
	xmlDocPtr d;
	size_t n;

	if (x == NULL) {
		xml_init();
		x = xmlout_new(65536);
	}
	if (text == NULL || x == NULL) {
		free(text);
		return 0;
	}
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	xmlout_reset(x);
	xmlout_start(x, "e");
	xmlout_text(x, "t", text);
	xmlout_end(x);
	ASSERT(xmlout_bytes(x, &p, &n) == ST_OK);
	ASSERT(n > 1 && p[n - 1] == '\n' && memchr(p, '\n', n) == p + n - 1);

	d = xmlReadMemory((const char *)p, (int)n, NULL, NULL, XML_PARSE_NONET);
	ASSERT(d != NULL);
	back = xmlGetProp(xmlDocGetRootElement(d), (const xmlChar *)"t");
	ASSERT(back != NULL && strlen((const char *)back) <= XMLOUT_TEXT);
	ASSERT(xmlDocGetRootElement(d)->properties->next == NULL);
	/* Clean text that fits comes back as it was. */
	if (strlen(text) <= XMLOUT_TEXT && text_is_clean(text, strlen(text)))
		ASSERT(strcmp(text, (const char *)back) == 0);
	xmlFree(back);
	xmlFreeDoc(d);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/yp4gin.h"

#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "core/sys/host.h"

/* The first child element of that name. */
static xmlNodePtr child(xmlNodePtr of, const char *name)
{
	xmlNodePtr e = of != NULL ? of->children : NULL;

	while (e != NULL && (e->type != XML_ELEMENT_NODE || strcmp((const char *)e->name, name) != 0))
		e = e->next;
	return e;
}

static bool text(xmlNodePtr e, const char *name, char dst[TEXT_MAX])
{
	xmlChar *v = e != NULL ? xmlGetNoNsProp(e, (const xmlChar *)name) : NULL;

	dst[0] = '\0';
	if (v == NULL)
		return false;
	(void)text_clean(dst, TEXT_MAX, v, strlen((const char *)v));
	xmlFree(v);
	return true;
}

static bool number(xmlNodePtr e, const char *name, uint32_t max, uint32_t *v)
{
	char s[TEXT_MAX];

	return text(e, name, s) && num_u32(s, 0, max, v);
}

static bool yes(xmlNodePtr e, const char *name, bool *v)
{
	uint32_t n = 0;
	const bool ok = number(e, name, UINT32_MAX, &n);

	*v = n != 0;
	return ok;
}

static bool is_addr(const char *s)
{
	struct host h;
	const char *p = s;

	if (host_parse(&h, s, 1))
		return host_is_set(&h) && h.port == 1;  /* no port of its own */
	while (ascii_isalnum((uint8_t)*p) || *p == '.' || *p == '-')
		p++;
	return p > s && *p == '\0';
}

static bool is_object(const char *s)
{
	if (s[0] != '/')
		return false;
	while (*s > ' ' && *s < 0x7f)
		s++;
	return *s == '\0';
}

static bool take(xmlNodePtr root, struct yp4gin *y)
{
	xmlNodePtr host = child(root, "host"), test = child(root, "uptest"), srv = child(root, "uptest_srv");
	uint32_t port = 0;
	bool ok = root != NULL && text(child(root, "yp"), "name", y->name);

	ok = text(host, "ip", y->ip) && ok;
	ok = yes(host, "port_open", &y->port_open) && ok;
	ok = number(host, "speed", INT32_MAX, &y->speed_kbps) && ok;
	ok = yes(host, "over", &y->over) && ok;
	ok = yes(test, "checkable", &y->checkable) && ok;
	ok = number(test, "remain", INT32_MAX, &y->remain_s) && ok;
	ok = text(srv, "addr", y->addr) && is_addr(y->addr) && ok;
	ok = number(srv, "port", UINT16_MAX, &port) && port != 0 && ok;
	ok = text(srv, "object", y->object) && is_object(y->object) && ok;
	ok = number(srv, "post_size", INT32_MAX, &y->post_size) && ok;
	ok = number(srv, "limit", INT32_MAX, &y->limit_kbps) && ok;
	ok = number(srv, "interval", INT32_MAX, &y->interval_s) && ok;
	ok = yes(srv, "enabled", &y->enabled) && ok;
	y->port = (uint16_t)port;
	return ok;
}

enum status yp4g_parse(const void *p, size_t n, struct yp4gin *y)
{
	xmlParserCtxtPtr ctxt;
	enum status st = ST_PROTO;
	xmlDocPtr doc;

	memset(y, 0, sizeof(*y));
	if (n > YP4G_MAX)
		return ST_LIMIT;
	ctxt = xmlNewParserCtxt();
	if (ctxt == NULL)
		return ST_LIMIT;
	doc = xmlCtxtReadMemory(ctxt, p, (int)n, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	/* a document type is where entities come from: none has a place here */
	if (doc != NULL && ctxt->wellFormed && doc->intSubset == NULL && take(xmlDocGetRootElement(doc), y))
		st = ST_OK;
	xmlFreeDoc(doc);
	xmlFreeParserCtxt(ctxt);
	return st;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a router says before miniupnpc sees it: answers to a search, addresses, heads; and the kernel's routes.
 * The first byte says which. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/sys/text.h"
#include "servent/gateway.h"
#include "servent/igdtext.h"
#include "servent/pmp.h"

/* Wherever it leads, it is the router, and nothing in it ends a line. */
static void check_url(const struct igd_url *u, const struct host *router)
{
	const struct igd_arg arg = { "NewProtocol", "TCP" };
	struct buf b;

	ASSERT(host_same_ip(&u->at, router) && u->at.port != 0);
	ASSERT(u->path[0] == '/' && strpbrk(u->path, " \r\n\t#") == NULL);
	buf_init(&b, 8192);
	igd_get(&b, u);
	igd_call(&b, u, "urn:schemas-upnp-org:service:WANIPConnection:1", "AddPortMapping", &arg, 1);
	ASSERT(b.err == ST_OK);
	buf_fini(&b);
}

static void urls(const char *text)
{
	const struct host router = host_v4(192, 168, 1, 1, 0);
	const char *second = strchr(text, '\n');
	struct igd_url doc, control;
	char first[IGD_URL];

	(void)text_copy(first, sizeof(first), text);
	first[strcspn(first, "\n")] = '\0';
	if (igd_url_parse(&doc, first, NULL, &router) != PMWHY_OK)
		(void)igd_url_parse(&doc, "http://192.168.1.1:5000/d/root.xml", NULL, &router);
	check_url(&doc, &router);
	if (second != NULL && igd_url_parse(&control, second + 1, &doc, &router) == PMWHY_OK)
		check_url(&control, &router);
	(void)igd_is_service(first);
}

static void head(char *text)
{
	struct igd_head h = { .status = 0 };

	for (char *line = text; line != NULL;) {
		char *lf = strchr(line, '\n');

		if (lf != NULL)
			*lf++ = '\0';
		if (!igd_head_line(&h, line))
			return;
		ASSERT(h.status >= 100 && h.status <= 599 && h.length <= INT32_MAX);
		line = lf;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gateway g[GATEWAYS_MAX];
	char text[1024], url[IGD_URL];

	if (size == 0)
		return 0;
	size--;
	memcpy(text, data + 1, MIN(size, sizeof(text) - 1));
	text[MIN(size, sizeof(text) - 1)] = '\0';
	switch (data[0]) {
	case 's':
		if (ssdp_location(data + 1, size, url))
			ASSERT(url[0] != '\0' && strlen(url) < IGD_URL);
		break;
	case 'u':
		urls(text);
		break;
	case 'h':
		head(text);
		break;
	case 'p':
		ASSERT(!pmp_is_whole(data + 1, size) || size >= 8);
		break;
	default:
		for (size_t i = gateway_parse((const char *)data + 1, size, g); i > 0; i--)
			ASSERT(host_is_set(&g[i - 1].router) && host_is_v4(&g[i - 1].router));
		break;
	}
	return 0;
}

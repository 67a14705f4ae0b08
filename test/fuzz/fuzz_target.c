/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets, hosts and credentials as anybody may send them. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/auth.h"
#include "http/request.h"
#include "http/target.h"

static void target(const char *text)
{
	struct stream_target t;

	if (!http_target_parse(text, &t)) {
		ASSERT(t.kind == TARGET_NONE);
		return;
	}
	ASSERT(!t.has_id || (gnuid_is_set(&t.id) && t.name[0] == '\0'));
	ASSERT(text_is_clean(t.name, strlen(t.name)));
	ASSERT(t.kind != TARGET_CHANNEL || (t.tip[0] == '\0' && t.auth[0] == '\0'));
	ASSERT(strlen(t.ext) < sizeof(t.ext) && strchr(t.ext, '/') == NULL);
}

/* Text as the value of each header that is looked at. */
static void headers(const char *text)
{
	static const char *const names[] = { "Host", "Origin", "Referer", "Sec-Fetch-Site" };
	struct request rq;
	struct buf head;
	char path[256];
	size_t i;

	buf_init(&head, HTTP_HEAD_MAX);
	buf_puts(&head, "Host: a.example:7144\n");
	for (i = 0; i < NELEM(names); i++)
		buf_printf(&head, "%s: %s\n", names[i], text);
	request_init(&rq);
	if (head.err == ST_OK && request_line(&rq, "POST /api/1 HTTP/1.0") == ST_OK &&
	    request_headers(&rq, head.p, head.len) == ST_OK) {
		(void)auth_cross_site(&rq, AUTH_SITE | AUTH_CHANGES | AUTH_API);
		if (auth_referer_path(&rq, path, sizeof(path)) != NULL)
			ASSERT(path[0] == '/' && path[1] != '/' && path[1] != '\\');
	}
	request_fini(&rq);
	buf_fini(&head);
	/* What is echoed cannot leave a URL, a quoted attribute or a line. */
	if (auth_host_is_valid(text))
		ASSERT(strpbrk(text, "\"'<>&/\\\r\n@?#%") == NULL);
	(void)auth_host_is_ours(text, "b.example, c.example");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), value[64];

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	target(text);
	headers(text);
	if (query_get(text, "tip", value, sizeof(value)))
		ASSERT(strlen(value) < sizeof(value));
	free(text);
	return 0;
}

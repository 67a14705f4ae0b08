/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of POST /admin, and after a '?' command lines of /cmd, against a node with one channel. Whatever
 * comes: the settings stay such that the file gives them back, and no value starts a header of its own. */
#include "test/fuzz/standin.h"

#include "http/admin.h"
#include "http/console.h"
#include "http/jsonrpc.h"

static void check_headers(const struct response *rs)
{
	struct buf head;
	char *line, *next;

	buf_init(&head, 1 << 20);
	response_head(rs, &head);
	line = (char *)buf_cstr(&head);
	line = strstr(line, "\r\n") + 2;
	for (; strncmp(line, "\r\n", 2) != 0; line = next + 2) {
		next = strstr(line, "\r\n");
		ASSERT(next != NULL);
		*next = '\0';
		ASSERT(strchr(line, ':') != NULL && strpbrk(line, "\r\n") == NULL);
	}
	ASSERT(line[2] == '\0');
	buf_fini(&head);
}

static void check_settings(void)
{
	const struct settings *st = conf_get(node.conf);
	struct settings *again;
	struct buf out;

	buf_init(&out, SETTINGS_FILE_MAX);
	settings_emit(st, &out);
	ASSERT(out.err == ST_OK && settings_parse(out.p, out.len, NULL, NULL, &again) == ST_OK);
	ASSERT(settings_same(st, again));
	settings_free(&again);
	buf_fini(&out);
	settings_unref(&st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool console = size > 0 && data[0] == '?';
	static struct request rq;
	struct response rs;
	bool answered = false;
	struct buf text;

	standin_up(CHAN_BROADCAST, CHAN_SRC_HTTPPUSH);
	buf_init(&text, HTTP_BODY_MAX + 2);
	buf_put(&text, data + console, size - console);
	buf_u8(&text, 0);
	if (text.err != ST_OK || strstr((const char *)text.p, "log") != NULL)
		goto out;               /* too long; and what would follow the log */
	response_init(&rs, RPC_ANSWER);
	request_init(&rq);
	rq.target = rq.path = "/admin";
	rq.query = console ? (const char *)text.p : "";
	rq.method = console ? HTTP_GET : HTTP_POST;
	if (console)
		ASSERT(console_serve(&node, &sv, &rq, &rs, &answered) == ST_OK);
	else
		ASSERT(admin_serve(&node, &sv, &rq, (const char *)text.p, &rs) == ST_OK);
	ASSERT(!answered);
	check_headers(&rs);
	check_settings();
	request_fini(&rq);
	response_fini(&rs);
out:
	buf_fini(&text);
	return 0;
}

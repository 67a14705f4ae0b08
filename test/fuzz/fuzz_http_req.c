/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An HTTP request head: the first line, the headers, and what the target names. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "http/request.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t n = end != NULL ? (size_t)(end - data) : size;
	struct stream_target t;
	char value[HTTP_VALUE_MAX];
	struct request rq;
	char *line;

	line = calloc(1, n + 1);
	if (line == NULL)
		return 0;
	if (n > 0)
		memcpy(line, data, n);
	/* As sock_read_line() gives it: no CR at the end, no NUL inside. */
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	request_init(&rq);
	if (request_line(&rq, line) == ST_OK) {
		ASSERT(rq.target[0] == '/' && rq.path != NULL && rq.query != NULL);
		if (end == NULL || request_headers(&rq, end + 1, size - n - 1) == ST_OK) {
			ASSERT(rq.n_headers <= HTTP_HEADERS_MAX);
			ASSERT(!(rq.has_length && rq.chunked));
			(void)request_header(&rq, "host");
		} else {
			ASSERT(rq.fault >= 400 && rq.why != NULL);
		}
		if (query_get(rq.query, "name", value, sizeof(value)))
			ASSERT(strlen(value) < sizeof(value));
		if (http_target_parse(rq.target, &t))
			ASSERT(t.kind != TARGET_NONE && text_is_clean(t.name, strlen(t.name)));
	} else {
		ASSERT(rq.fault >= 400);
	}
	request_fini(&rq);
	free(line);
	return 0;
}

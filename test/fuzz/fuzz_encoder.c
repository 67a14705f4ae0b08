/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an encoder says first: a line of SOURCE, or a request of Windows Media's, and headers. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "http/encoder.h"

static void check(const struct chanmeta *m)
{
	for (int t = 0; t < CT_COUNT; t++)
		ASSERT(strlen(m->text[t]) < TEXT_MAX && text_is_clean(m->text[t], strlen(m->text[t])));
	ASSERT(m->bitrate_kbps <= BITRATE_MAX_KBPS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	const size_t n = end != NULL ? (size_t)(end - data) : size;
	struct source_line l;
	struct chanmeta m;
	struct request rq;
	char *line = calloc(1, n + 1);

	if (line == NULL)
		return 0;
	if (n > 0)
		memcpy(line, data, n);
	if (source_line_parse(&l, line)) {
		ASSERT(l.mount[0] == '/' && strlen(l.mount) > 1 && strlen(l.mount) < TEXT_MAX);
		ASSERT(text_is_clean(l.mount, strlen(l.mount)));
		ASSERT(l.has_password || l.password[0] == '\0');
	}
	request_init(&rq);
	if (request_line(&rq, line) == ST_OK) {
		memset(&m, 0, sizeof(m));
		encoder_wm_path(rq.target, &m);
		check(&m);
	}
	if (end != NULL && request_headers(&rq, end + 1, size - n - 1) == ST_OK) {
		memset(&m, 0, sizeof(m));
		(void)chanmeta_set_type(&m, "UNKNOWN");
		encoder_headers(&rq, &m);
		(void)request_pragma(&rq, "stream-switch-count=");
		check(&m);
		ASSERT(!encoder_is_named(&m) || m.text[CT_NAME][0] != '\0');
	}
	request_fini(&rq);
	free(line);
	return 0;
}

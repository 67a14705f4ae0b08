/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board sends, as either kind: what comes out is clean, and names are names. And any text as a contact
 * URL, and as a post. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/board.h"

static void clean(struct buf *b)
{
	ASSERT(b->err != ST_OK || b->len == 0 || text_is_clean((const char *)b->p, b->len));
}

static void threads(struct boardconv *c, enum board_kind kind, const uint8_t *data, size_t size)
{
	struct rd list = board_list(kind, data, size);
	struct board_thread t;

	buf_init(&t.title, BOARD_ANSWER);
	while (board_next_thread(c, &list, &t)) {
		ASSERT(board_is_part(t.id) && t.posts <= BOARD_NUMBER);
		clean(&t.title);
	}
	buf_fini(&t.title);
}

static void posts(struct boardconv *c, const uint8_t *data, size_t size, uint32_t first)
{
	struct board_reading at = { .rd = rd_of(data, size) };
	struct board_post p;

	board_post_init(&p);
	while (board_next_post(c, &at, first, &p)) {
		ASSERT(p.no >= first && p.no <= at.last && at.last <= BOARD_NUMBER);
		for (size_t i = 0; i < POST_FIELDS; i++)
			clean(&p.field[i]);
	}
	board_post_fini(&p);
}

/* A form's value has no byte that could end it. */
static void written(struct boardconv *c, const char *text)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	boardconv_write(c, &out, text);
	for (size_t i = 0; i < out.len; i++)
		ASSERT(ascii_isalnum(out.p[i]) || strchr("%+-_.*", out.p[i]) != NULL);
	buf_fini(&out);
}

static void address(const char *text)
{
	char path[BOARD_PATH];
	struct board b;

	if (!board_of_url(&b, text))
		return;
	ASSERT(board_is_part(b.category) && (b.kind == BOARD_2CH || board_is_part(b.num)));
	ASSERT(strpbrk(b.host, "/@?# \"'<>[]") == NULL && (b.thread[0] == '\0' || board_is_part(b.thread)));
	for (int i = BOARD_PATH_THREADS; i <= BOARD_PATH_READ; i++) {
		board_path(path, &b, (enum board_path)i, UINT32_MAX);
		ASSERT(path[0] == '/' && strlen(path) < BOARD_PATH);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct buf out;

	ASSERT(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	address(text);
	for (int i = BOARD_SHITARABA; i <= BOARD_2CH; i++) {
		struct boardconv *c = boardconv_open((enum board_kind)i);

		ASSERT(c != NULL);
		threads(c, (enum board_kind)i, data, size);
		posts(c, data, size, 1);
		posts(c, data, size, 3);
		written(c, text);
		buf_init(&out, BOARD_ANSWER);
		board_title(c, &out, data, size);
		clean(&out);
		buf_reset(&out);
		board_refusal(c, &out, data, size);
		clean(&out);
		buf_fini(&out);
		boardconv_close(&c);
	}
	free(text);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a yellow page: whatever is in it, texts come out clean and addresses are addresses, and what
 * we make of it again is read as the same. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "core/node/chandir.h"
#include "core/sys/text.h"
#include "http/ypindex.h"

static void check_list(const struct feedlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct feedchan *c = &l->chans[i];

		for (size_t k = 0; k < FEED_TEXTS; k++) {
			ASSERT(strlen(c->text[k]) < (k == FEED_ENCODED ? 3 : 1) * TEXT_MAX);
			ASSERT(text_is_clean(c->text[k], strlen(c->text[k])));
		}
		ASSERT(c->text[FEED_URL][0] == '\0' || ascii_ncasecmp(c->text[FEED_URL], "http", 4) == 0);
		ASSERT(strpbrk(c->text[FEED_TIP], " <>/\"'") == NULL);
	}
	ASSERT((l->bad > 0) == (l->first_bad > 0));
}

/* By whatever order of listeners; so the count alone, and each id. */
static void check_again(struct feedlist *l)
{
	struct dirfeed feed = { .url = "http://yp.example/", .list = l };
	struct node n = { .conf = NULL };
	struct feedlist *again;
	struct buf out;

	chandir_init(&n.chandir);
	ASSERT(chandir_put(&n.chandir, &feed, 1) == ST_OK);
	buf_init(&out, 64 << 20);
	ASSERT(ypindex_merged(&n, &out) == ST_OK);
	ASSERT(feed_parse(out.p, out.len, &again) == ST_OK);
	/* a line that grew by its escapes may be too long now */
	ASSERT(again->n + again->bad == l->n);
	check_list(again);
	feedlist_unref(&again);
	buf_fini(&out);
	chandir_fini(&n.chandir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feedlist *l;

	ASSERT(feed_parse(data, size, &l) == ST_OK);
	check_list(l);
	check_again(l);
	feedlist_unref(&l);
	return 0;
}

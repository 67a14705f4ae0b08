/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the lists of yellow pages (http.md 6.2; node.md 9). */
#include "http/admin_cmd.h"

#define FETCH_PACE (30 * NSEC_PER_SEC)
#define FETCH_TIME (15 * NSEC_PER_SEC)

/* Waits for them, so that the page behind has what is new. */
enum status admin_fetch_feeds(struct admin *a)
{
	/* whatever came of it is told there */
	const enum status st UNUSED =
		a->node->ops.fetch_feeds(a->node, FETCH_PACE, clk_deadline(FETCH_TIME));

	return admin_go(a, "channels.html");
}

enum status admin_feedlog(struct admin *a)
{
	struct dirview *v = chandir_get(&a->node->chandir);
	char text[16];
	uint32_t i;

	admin_value(a, "index", text, sizeof(text));
	if (v != NULL && num_u32(text, 0, SETTINGS_FEEDS, &i) && i < v->n_feeds) {
		a->rs->type = "text/plain; charset=utf-8";
		response_header(a->rs, "Cache-Control", "no-store");
		buf_puts(&a->rs->body, v->feeds[i].log);
	} else {
		response_error(a->rs, 404, "no such feed");
	}
	dirview_unref(&v);
	return ST_OK;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/banlist.h"

#include <stdlib.h>

#include "core/sys/file.h"
#include "core/sys/log.h"
#include "servent/livesync.h"

#define FAULTS 20       /* of one file that get a line of their own */

struct reading {
	const char *path;
	uint32_t faults;
};

static void fault(void *ctx, uint32_t line, const char *why)
{
	struct reading *r = ctx;

	if (r->faults++ < FAULTS)
		log_warn("%s:%u: %s; the line is ignored", r->path, line, why);
}

/* *out stays NULL when there is no list. */
static enum status read_file(const char *path, struct bans **out)
{
	struct reading r = { .path = path };
	enum status st;
	struct buf b;

	*out = NULL;
	if (path[0] == '\0')
		return ST_OK;
	buf_init(&b, BANS_FILE);
	st = file_read(path, &b);
	if (st == ST_OK)
		st = bans_parse(out, (const char *)b.p, b.len, fault, &r);
	buf_fini(&b);
	if (st != ST_OK)
		log_error("bans %s: %s; the old ones stay", path, status_str(st));
	else if (r.faults > FAULTS)
		log_warn("%s: %u more lines are ignored", path, r.faults - FAULTS);
	return st;
}

/* Channels that were taken before they were banned. */
static void silence(struct app *a, const struct bans *b)
{
	struct hitlist_view *list;
	size_t n;

	if (chanmgr_lists(a->node.cm, false, &list, &n) != ST_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (bans_channel(b, &list[i].id) ||
		    (list[i].info != NULL && bans_name(b, list[i].info->text[CT_NAME]))) {
			chanmgr_silence(a->node.cm, &list[i].id);
			livesync_news(a->livesync, &list[i].id, SYNC_BANNED);
		}
		hitlist_view_fini(&list[i]);
	}
	free(list);
}

void banlist_load(struct app *a)
{
	const struct servent_query q = { .types = 1u << SV_CIN };
	const struct settings *set = conf_get(a->node.conf);
	struct bans *bans = NULL;

	if (read_file(set->ban_list, &bans) != ST_OK)
		goto out;
	if (bans != NULL)
		log_info("bans %s: %zu", set->ban_list, bans_count(bans));
	node_set_bans(&a->node, bans != NULL ? bans_ref(bans) : NULL);
	if (!set->is_root || bans_count(bans) == 0)
		goto out;
	silence(a, bans);
	servmgr_wake(a->node.sm, &q);   /* each connection looks itself whether it may stay */
out:
	bans_unref(&bans);
	settings_unref(&set);
}

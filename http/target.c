/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/target.h"

#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "http/auth.h"
#include "http/request.h"

#define TIP_PORT 7144

static const struct {
	const char *prefix;
	enum target_kind kind;
} kinds[] = {
	{ "/stream/", TARGET_STREAM }, { "/channel/", TARGET_CHANNEL }, { "/pls/", TARGET_PLS },
};

/* 32 hex digits, then nothing or .ext. */
static bool designates_id(struct stream_target *t, const char *s, size_t n)
{
	size_t i;

	if (n < 32 || (n > 32 && s[32] != '.') || !gnuid_parse(&t->id, s))
		return false;
	for (i = 33; i < n && i - 33 < sizeof(t->ext) - 1; i++)
		t->ext[i - 33] = (char)ascii_lower((uint8_t)s[i]);
	t->ext[n > 33 ? i - 33 : 0] = '\0';
	t->has_id = gnuid_is_set(&t->id);
	return true;
}

static void designates_name(struct stream_target *t, const char *s, size_t n)
{
	char raw[TEXT_MAX];
	size_t len;

	/* Three characters for each byte, and no name is longer. */
	if (n > 3 * (TEXT_MAX - 1))
		return;
	len = pct_decode(raw, sizeof(raw), s, n, false);
	text_clean(t->name, sizeof(t->name), raw, len);
}

bool http_target_parse(const char *target, struct stream_target *t)
{
	const char *at = NULL, *query;
	size_t i, n;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < NELEM(kinds) && at == NULL; i++)
		if (strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
			at = target + strlen(kinds[i].prefix);
			t->kind = kinds[i].kind;
		}
	if (at == NULL)
		return false;
	n = strcspn(at, "?");
	query = at[n] == '?' ? at + n + 1 : "";
	/* A path of more parts names nothing. */
	if (memchr(at, '/', n) == NULL && !designates_id(t, at, n))
		designates_name(t, at, n);

	/* A relay request's query is not looked at: a stranger must not plant hits (pcp.md 7.3). */
	if (t->kind == TARGET_CHANNEL)
		return true;
	if (!query_get(query, "ip", t->tip, sizeof(t->tip)) || t->tip[0] == '\0')
		(void)query_get(query, "tip", t->tip, sizeof(t->tip));
	(void)query_get(query, "auth", t->auth, sizeof(t->auth));
	(void)query_get(query, "pls", t->pls, sizeof(t->pls));
	(void)query_get(query, "scheme", t->scheme, sizeof(t->scheme));
	return true;
}

static struct chan *find_by_name(struct node *n, const char *name)
{
	struct chan **all = NULL, *exact = NULL, *part = NULL;
	size_t count = 0, i;

	if (chanmgr_all(n->cm, &all, &count) != ST_OK)
		return NULL;
	for (i = 0; i < count; i++) {
		struct chaninfo *info = chan_info(all[i]);

		if (exact == NULL && strcmp(info->text[CT_NAME], name) == 0)
			exact = chan_ref(all[i]);
		else if (part == NULL && strstr(info->text[CT_NAME], name) != NULL)
			part = chan_ref(all[i]);
		chaninfo_unref(&info);
		chan_unref(&all[i]);
	}
	free(all);
	if (exact == NULL)
		return part;
	if (part != NULL)
		chan_unref(&part);
	return exact;
}

struct chan *http_target_find(struct node *n, const struct stream_target *t, bool by_name)
{
	if (t->has_id)
		return chanmgr_find(n->cm, &t->id);
	return by_name && t->name[0] != '\0' ? find_by_name(n, t->name) : NULL;
}

bool http_is_home(struct node *n, const struct servent *sv)
{
	return sv->local && node_is_private(n, &sv->peer);
}

bool http_target_tip(struct node *n, const struct servent *sv, const struct stream_target *t,
	struct host *tip, nsec deadline)
{
	const char *why = NULL;
	enum status st;

	if (t->tip[0] == '\0')
		return false;
	st = host_resolve(tip, t->tip, TIP_PORT, deadline);
	if (st != ST_OK)
		why = status_str(st);
	else if (!host_is_set(tip) || tip->port == 0)
		why = "no address";
	else if (host_is_multicast(tip))
		why = "multicast";
	else if (servmgr_is_self(n->sm, tip))
		why = "ourselves";
	else if (!http_is_home(n, sv) && (host_is_loopback(tip) || host_is_linklocal(tip) ||
	    servmgr_is_local(n->sm, tip)))
		why = "an address of this machine, from elsewhere";
	else if ((sv->local || host_is_global(&sv->peer)) && !host_is_global(tip) &&
	    !node_is_private(n, &sv->peer))
		why = "an address in our own network, from outside";
	if (why != NULL) {
		log_peer(LOG_INFO, &sv->peer, "http: tip %s ignored: %s", t->tip, why);
		memset(tip, 0, sizeof(*tip));
	}
	return why == NULL;
}

bool http_target_may_start(struct node *n, const struct servent *sv, const struct stream_target *t)
{
	struct own own;

	if (!t->has_id)
		return false;
	if (node_is_private(n, &sv->peer))
		return true;
	if (t->auth[0] == '\0')
		return false;
	servmgr_own(n->sm, &own);
	return auth_token_ok(t->auth, &own.bcid, &t->id);
}

bool http_allowed(struct node *n, const struct servent *sv, int allow)
{
	const struct settings *st = conf_get(n->conf);
	int on = (st->allow_html ? ALLOW_HTML : 0) | (st->allow_broadcast ? ALLOW_BROADCAST : 0) |
		(st->allow_network ? ALLOW_NETWORK : 0) | (st->allow_direct ? ALLOW_DIRECT : 0);
	int flags = node_filter(n, &sv->peer);

	settings_unref(&st);
	if ((allow & (ALLOW_NETWORK | ALLOW_DIRECT)) && !(allow & ALLOW_STRICT) &&
	    node_is_trusted(n, &sv->peer))
		return true;
	allow &= ALLOW_ALL;
	if ((on & allow) != allow || (flags & FILTER_BAN))
		return false;
	if ((allow & ALLOW_NETWORK) && !(flags & FILTER_NETWORK))
		return false;
	if ((allow & ALLOW_DIRECT) && !(flags & FILTER_DIRECT))
		return false;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nettle/hmac.h>

#include "core/sys/text.h"
#include "core/sys/words.h"

#define DOUBLINGS 6             /* to HOOK_WAIT_MAX and beyond */

const char *hook_name(enum hookwhat what)
{
	switch (what) {
	case HOOK_CHANNEL_START:
		return "channelStart";
	case HOOK_CHANNEL_STOP:
		return "channelStop";
	case HOOK_LISTED:
		return "listed";
	case HOOK_UNLISTED:
		return "unlisted";
	case HOOK_PORT_CHANGE:
		return "portChange";
	case HOOK_CHILD_JOIN:
		return "childJoin";
	case HOOK_CHILD_LEAVE:
		return "childLeave";
	case HOOK_VIEWER_JOIN:
		return "viewerJoin";
	case HOOK_VIEWER_LEAVE:
		return "viewerLeave";
	}
	return "";
}

/* Scheme, host and port of a URL: no user, no path. With an '@' in the path all up to there may be a user's
 * password that holds a '/': no host then, if a user or a port is named. */
static void show_url(char *dst, size_t cap, const char *url)
{
	const char *host = strstr(url, "://");
	size_t scheme, n, at;

	host = host != NULL ? host + 3 : url;
	scheme = (size_t)(host - url);
	n = strcspn(host, "/?#\\");
	for (at = n; at > 0 && host[at - 1] != '@'; at--)
		;
	if (strchr(host + n, '@') != NULL && strcspn(host, ":@") < n)
		(void)snprintf(dst, cap, "%.*s...", (int)scheme, url);
	else
		(void)snprintf(dst, cap, "%.*s%.*s", (int)scheme, url, (int)(n - at), host + at);
}

/* The program's own name: its arguments are its operator's. */
static void show_command(char *dst, size_t cap, const char *command)
{
	char line[SETTINGS_LONG], *words[SETTINGS_HOOK_WORDS + 1];
	const char *slash;
	size_t n;

	(void)text_copy(line, sizeof(line), command);
	if (words_split(line, words, SETTINGS_HOOK_WORDS, &n) != ST_OK || n == 0) {
		(void)text_copy(dst, cap, "?");
		return;
	}
	slash = strrchr(words[0], '/');
	(void)text_copy(dst, cap, slash != NULL ? slash + 1 : words[0]);
}

void hook_shown(char dst[HOOK_SHOWN], size_t i, const struct settings_hook *h)
{
	char what[HOOK_SHOWN - 32];

	if (h->url[0] != '\0')
		show_url(what, sizeof(what), h->url);
	else
		show_command(what, sizeof(what), h->command);
	(void)snprintf(dst, HOOK_SHOWN, "hook %zu (%s)", i + 1, what);
}

void hook_sign(char dst[HOOK_SIGNATURE], const char *secret, int64_t wall_s, const void *body, size_t n)
{
	uint8_t mac[SHA256_DIGEST_SIZE];
	char hex[2 * SHA256_DIGEST_SIZE + 1], time[24];
	struct hmac_sha256_ctx ctx;

	(void)snprintf(time, sizeof(time), "%lld", (long long)wall_s);
	hmac_sha256_set_key(&ctx, strlen(secret), (const uint8_t *)secret);
	hmac_sha256_update(&ctx, strlen(time), (const uint8_t *)time);
	hmac_sha256_update(&ctx, 1, (const uint8_t *)".");
	hmac_sha256_update(&ctx, n, body);
	hmac_sha256_digest(&ctx, sizeof(mac), mac);
	hex_emit(hex, sizeof(hex), mac, sizeof(mac));
	for (char *p = hex; *p != '\0'; p++)
		*p = (char)ascii_lower((uint8_t)*p);
	(void)snprintf(dst, HOOK_SIGNATURE, "t=%s,v1=%s", time, hex);
	explicit_bzero(&ctx, sizeof(ctx));
}

nsec hook_wait(uint32_t tried, nsec asked, uint32_t (*below)(uint32_t n))
{
	const uint32_t doubled = MIN(MAX(tried, 1u) - 1, (uint32_t)DOUBLINGS);
	const nsec span = MIN(HOOK_WAIT << doubled, HOOK_WAIT_MAX);
	const nsec half = span / 2;
	const nsec wait = half + (nsec)below((uint32_t)(half / NSEC_PER_MSEC) + 1) * NSEC_PER_MSEC;

	return MAX(wait, MIN(asked, HOOK_ASKED_MAX));
}

enum hook_verdict hook_judge_http(long status)
{
	if (status >= 200 && status < 300)
		return HOOK_DONE;
	if (status == 408 || status == 429 || status >= 500 || status < 100)
		return HOOK_AGAIN;
	return HOOK_NEVER;
}

enum hook_verdict hook_judge_start(int e)
{
	return e == EAGAIN || e == ENOMEM || e == EMFILE || e == ENFILE || e == EINTR ? HOOK_AGAIN :
		HOOK_NEVER;
}

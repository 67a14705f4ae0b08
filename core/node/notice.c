/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/sys/event.h"
#include "core/sys/log.h"
#include "core/sys/text.h"

LOCK_DEFINE(nt, struct notices, mtx, lk_log)

const char *notice_type_str(enum notice_type t)
{
	switch (t) {
	case NOTICE_UPGRADE:
		return "Upgrade Alert";
	case NOTICE_PEERCAST:
		return "Peercast";
	case NOTICE_BROADCASTERS:
		return "Broadcasters";
	case NOTICE_TRACK:
		return "Track Info";
	}
	return "Unknown";
}

void notices_init(struct notices *n)
{
	memset(n, 0, sizeof(*n));
	mtx_init(&n->mtx, &lk_log);
}

void notices_fini(struct notices *n)
{
	mtx_fini(&n->mtx);
}

/* Has that been told just now? Else it has from here on. */
static bool is_calm_locked(struct notices *n, const struct gnuid *chan, const char *class) REQUIRES(lk_log)
{
	const nsec now = clk_now();
	uint8_t key[REST_KEY] = { 0 };

	if (chan != NULL)
		memcpy(key, chan->b, GNUID_LEN);
	memcpy(key + GNUID_LEN, class, MIN(strlen(class), (size_t)REST_KEY - GNUID_LEN));
	if (rests_has(&n->calm, key, now))
		return false;
	rests_set(&n->calm, key, now, now + NOTICE_CALM);
	return true;
}

void notice_add(struct notices *n, enum notice_type t, const char *class, const char *level,
	const struct gnuid *chan, const char *fmt, ...)
{
	struct notice *at;
	char raw[NOTICE_TEXT], text[NOTICE_TEXT];
	uint64_t number = 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	/* cut in mid-character at most: cleaned, as everything that is shown */
	(void)text_clean(text, sizeof(text), raw, text_cut(raw, strlen(raw)));
	nt_lock(n);
	if (is_calm_locked(n, chan, class)) {
		number = ++n->newest;
		at = &n->ring[number % NOTICES];
		*at = (struct notice){ .number = number, .wall_s = clk_wall_s(), .type = t, .class = class,
			.level = level };
		if (chan != NULL)
			at->chan = *chan;
		memcpy(at->text, text, sizeof(at->text));
	}
	nt_unlock(n);
	if (number == 0)
		return;
	log_info("notification: %s", text);
	event_tell(EVENT_NOTIFICATION, class, level, chan != NULL ? chan->b : NULL, (uint32_t)t, NULL, text);
}

static size_t copy_locked(struct notices *n, uint64_t after, struct notice out[NOTICES]) REQUIRES(lk_log)
{
	size_t count = 0;

	if (n->newest > NOTICES)
		after = MAX(after, n->newest - NOTICES);
	for (uint64_t k = after + 1; k <= n->newest; k++)
		out[count++] = n->ring[k % NOTICES];
	return count;
}

size_t notices_since(struct notices *n, uint64_t after, struct notice out[NOTICES])
{
	size_t count;

	nt_lock(n);
	count = copy_locked(n, after, out);
	nt_unlock(n);
	return count;
}

size_t notices_unread(struct notices *n, const uint8_t who[16], struct notice out[NOTICES])
{
	size_t count, at = 0;

	nt_lock(n);
	for (size_t i = 0; i < NOTICE_READERS; i++) {
		if (n->readers[i].at != 0 && memcmp(n->readers[i].who, who, 16) == 0) {
			at = i;
			break;
		}
		if (n->readers[i].at < n->readers[at].at)
			at = i;
	}
	if (n->readers[at].at == 0 || memcmp(n->readers[at].who, who, 16) != 0) {
		memcpy(n->readers[at].who, who, 16);
		n->readers[at].seen = 0;
	}
	n->readers[at].at = clk_now();
	count = copy_locked(n, n->readers[at].seen, out);
	n->readers[at].seen = n->newest;
	nt_unlock(n);
	return count;
}

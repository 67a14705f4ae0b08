/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/yptalk.h"

#include "core/node/own.h"

/* --- a root, over all connections to it ------------------------------------------------------- */

/* Half as long again with every failure beyond the first. */
static nsec spacing(uint32_t fails)
{
	nsec wait = YP_SPACING;

	for (uint32_t i = 1; i < fails && wait < YPTURN_SPACING_MAX; i++)
		wait += wait / 2;
	return MIN(wait, YPTURN_SPACING_MAX);
}

void ypturn_over(struct ypturn *t, enum ypturn_end end, nsec now, uint32_t (*rnd)(uint32_t n))
{
	switch (end) {
	case YPTURN_LEFT:
		t->fails = 0;
		t->next = t->turned + YP_SPACING;
		return;
	case YPTURN_LOST:
		t->fails = 1;
		break;
	case YPTURN_FAILED:
		t->fails++;
		break;
	case YPTURN_IS_TWIN:
		t->fails++;
		t->next = now + YPTURN_TWIN;
		return;
	case YPTURN_IS_BANNED:
		t->fails++;
		t->next = now + YPTURN_BANNED;
		return;
	}
	/* one that restarts loses all of its trackers at the same moment */
	t->next = MAX(t->turned + spacing(t->fails), now) + (nsec)rnd(YPTURN_JITTER_MS) * NSEC_PER_MSEC;
}

/* --- one connection --------------------------------------------------------------------------- */

void yptalk_begin(struct yptalk *t, nsec now)
{
	*t = (struct yptalk){
		.interval_s = YPTALK_INTERVAL, .first_at = now + YPTALK_AFTER_OLEH, .silent_at = NSEC_NEVER,
	};
}

void yptalk_accepted(struct yptalk *t, nsec now)
{
	t->first_at = MIN(t->first_at, now + YPTALK_AFTER_OK);
}

bool yptalk_root(struct yptalk *t, const struct root *r, nsec now)
{
	if (r->has & ROOT_UINT)
		t->interval_s = MIN(r->uint_s, (uint32_t)YPTALK_INTERVAL);
	if (r->has & ROOT_NEXT)
		t->silent_at = r->next_s == 0 ? NSEC_NEVER :
			now + (nsec)r->next_s * NSEC_PER_SEC + YPTALK_GRACE;
	if (!(r->has & ROOT_UPD) || (t->asked_at != 0 && now - t->asked_at < YPTALK_ASK_PACE))
		return false;
	t->asked_at = t->first_at = now;
	return true;
}

nsec yptalk_due(const struct yptalk *t, const struct ypshow *s)
{
	nsec at;

	if (s->gone)
		return s->told ? -1 : NSEC_NEVER;
	if (!s->told)
		return t->first_at;
	if (s->asked)
		return 0;
	at = s->sent + (nsec)t->interval_s * NSEC_PER_SEC;
	return s->news ? MIN(at, s->sent + YPTALK_PACE) : at;
}

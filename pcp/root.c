/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcp/root.h"

#include <string.h>

#include "pcp/pcp.h"

static uint32_t clamp_s(uint32_t v)
{
	return MIN(MAX(v, (uint32_t)PCP_ROOT_INTERVAL_MIN), (uint32_t)PCP_ROOT_INTERVAL_MAX);
}

void root_init(struct root *r, uint32_t interval_s, const char *message, bool upd)
{
	memset(r, 0, sizeof(*r));
	r->has = ROOT_UINT | ROOT_URL | ROOT_CHKV | ROOT_NEXT | ROOT_ASCI | (upd ? ROOT_UPD : 0u);
	r->uint_s = interval_s;
	r->next_s = interval_s;
	r->chkv = PCP_ROOT_VERSION;
	text_copy(r->url, sizeof(r->url), PCP_ROOT_URL);
	text_copy(r->asci, sizeof(r->asci), message);
}

enum status root_parse(struct root *r, const struct atom *a)
{
	struct atom in = *a, c;

	memset(r, 0, sizeof(*r));
	if (a->id != ATOM_ROOT || !atom_is_cont(a))
		return ST_PROTO;
	while (atom_next(&in, &c)) {
		switch (c.id) {
		case ATOM_UINT:
			if (!atom_u32(&c, &r->uint_s))
				break;
			r->uint_s = clamp_s(r->uint_s);
			r->has |= ROOT_UINT;
			break;
		case ATOM_URL:
			r->has |= atom_str(&c, r->url, sizeof(r->url)) ? ROOT_URL : 0;
			break;
		case ATOM_CHKV:
			r->has |= atom_u32(&c, &r->chkv) ? ROOT_CHKV : 0;
			break;
		case ATOM_NEXT:
			if (!atom_u32(&c, &r->next_s))
				break;
			r->next_s = r->next_s == 0 ? 0 : clamp_s(r->next_s);
			r->has |= ROOT_NEXT;
			break;
		case ATOM_ASCI:
		case ATOM_MESG:
			r->has |= atom_str(&c, r->asci, sizeof(r->asci)) ? ROOT_ASCI : 0;
			break;
		case ATOM_UPD:
			r->has |= atom_is_empty(&c) ? ROOT_UPD : 0;
			break;
		default:
			break;
		}
	}
	return ST_OK;
}

void root_emit(struct atomwr *w, const struct root *r)
{
	atomwr_begin(w, ATOM_ROOT);
	if (r->has & ROOT_UINT)
		atomwr_u32(w, ATOM_UINT, r->uint_s);
	if (r->has & ROOT_URL)
		atomwr_str(w, ATOM_URL, r->url);
	if (r->has & ROOT_CHKV)
		atomwr_u32(w, ATOM_CHKV, r->chkv);
	if (r->has & ROOT_NEXT)
		atomwr_u32(w, ATOM_NEXT, r->next_s);
	if (r->has & ROOT_ASCI)
		atomwr_str(w, ATOM_ASCI, r->asci);
	if (r->has & ROOT_UPD) {
		atomwr_begin(w, ATOM_UPD);
		atomwr_end(w);
	}
	atomwr_end(w);
}

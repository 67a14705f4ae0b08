/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake: whatever is read must read the same after it was written. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "pcp/agent.h"
#include "pcp/helo.h"
#include "pcp/pcp.h"

static void reopen(struct atom *a, const struct buf *b)
{
	size_t len;

	ASSERT(b->err == ST_OK && b->len <= PCP_ATOM_SEND_MAX);
	ASSERT(atomscan_whole(b->p, b->len, &atomlimits_control, &len) == ST_OK && len == b->len);
	ASSERT(atom_open(a, b->p, b->len) == ST_OK);
}

/* Agents are cut shorter on their way out. */
static void same_agent(const char *in, const char *out)
{
	ASSERT(strlen(out) < PCP_AGENT_MAX && strncmp(in, out, strlen(out)) == 0);
	ASSERT(strlen(in) >= PCP_AGENT_MAX || strlen(in) == strlen(out));
}

static void helo(const struct atom *a, struct buf *b)
{
	struct helo h, back;
	struct atomwr w;
	struct atom again;

	if (helo_parse(&h, a) != ST_OK)
		return;
	(void)helo_is_test(&h);
	(void)agent_check(h.agent);
	atomwr_init(&w, b);
	helo_emit(&w, &h);
	reopen(&again, b);
	ASSERT(helo_parse(&back, &again) == ST_OK);
	ASSERT(gnuid_equal(&h.sid, &back.sid) && gnuid_equal(&h.bcid, &back.bcid));
	ASSERT(h.has_ver == back.has_ver && h.ver == back.ver);
	ASSERT(h.has_port == back.has_port && h.port == back.port);
	ASSERT(h.has_port || (h.has_ping == back.has_ping && h.ping == back.ping));
	same_agent(h.agent, back.agent);
}

static void oleh(const struct atom *a, struct buf *b)
{
	struct oleh o, back;
	struct atomwr w;
	struct atom again;

	if (oleh_parse(&o, a) != ST_OK)
		return;
	atomwr_init(&w, b);
	oleh_emit(&w, &o);
	reopen(&again, b);
	ASSERT(oleh_parse(&back, &again) == ST_OK);
	ASSERT(gnuid_equal(&o.sid, &back.sid));
	ASSERT(o.has_ver == back.has_ver && o.ver == back.ver);
	ASSERT(o.has_port == back.has_port && o.rip.port == back.rip.port);
	ASSERT(o.has_dis == back.has_dis && o.dis == back.dis);
	if (!host_is_linklocal(&o.rip))
		ASSERT(o.has_rip == back.has_rip && host_same_ip(&o.rip, &back.rip));
	same_agent(o.agent, back.agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t version = 0;
	struct atom a;
	struct buf b;

	buf_init(&b, 64 * 1024);
	for (size_t at = 0; at < size; at += a.size) {
		size_t len;

		if (atomscan_whole(data + at, size - at, &atomlimits_control, &len) != ST_OK)
			break;
		ASSERT(atom_open(&a, data + at, size - at) == ST_OK && a.size == len);
		if (helo_opener_parse(&a, &version) == ST_OK)
			ASSERT(a.id == ATOM_PCP && (a.size == 8 || a.size == 12));
		buf_reset(&b);
		helo(&a, &b);
		buf_reset(&b);
		oleh(&a, &b);
	}
	buf_fini(&b);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the remuxing process says, which the node must not believe: the first 32 bytes as a message's
 * header, all of it as an initialisation segment and as fragments. */
#include <string.h>

#include "core/media/fmp4.h"
#include "core/media/remuxmsg.h"
#include "test/fuzz/fuzz.h"

static void header(const uint8_t *p)
{
	uint8_t again[REMUXMSG_HEAD];
	struct remuxmsg m;

	if (remuxmsg_parse(p, &m) != ST_OK)
		return;
	ASSERT(m.len > 0 && m.len <= REMUXMSG_FRAG_MAX);
	remuxmsg_emit(&m, again);
	ASSERT(memcmp(p, again, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t prft[FMP4_PRFT];
	struct fmp4_init init;
	char mime[FMP4_MIME];
	size_t at;

	if (n >= REMUXMSG_HEAD)
		header(p);
	if (fmp4_split(p, n, &at))
		ASSERT(at <= n);
	if (!fmp4_parse_init(p, n, &init))
		return 0;
	ASSERT(init.n > 0 && init.n <= FMP4_TRACKS);
	for (uint32_t i = 0; i < init.n; i++)
		ASSERT(init.track[i].timescale > 0 && init.track[i].codec[0] != '\0');
	fmp4_mime(&init, mime);
	/* it is a header's value */
	for (const char *c = mime; *c != '\0'; c++)
		ASSERT(*c >= 0x20 && *c < 0x7f);
	ASSERT(mime[strlen(mime) - 1] == '"');
	fmp4_prft(&init, init.track[0].id, 1u << 20, 1, prft);
	return 0;
}

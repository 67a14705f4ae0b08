/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of POST /api/1 against a node with one channel. What comes out is JSON, or nothing at all. */
#include "test/fuzz/standin.h"

#include "http/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_error_t why;
	struct buf out;
	json_t *v;
	int http;

	standin_up(CHAN_RELAY, CHAN_SRC_PEERCAST);
	buf_init(&out, RPC_ANSWER);
	ASSERT(jsonrpc_handle(&node, &sv, sv.peer.ip, data, size, &out, &http) == ST_OK);
	ASSERT(http == (out.len > 0 ? 200 : 204));
	if (out.len > 0) {
		v = json_loadb((const char *)out.p, out.len, JSON_DECODE_INT_AS_REAL, &why);
		/* An id is echoed as it was: it may be a number no double holds, or a lone surrogate. */
		ASSERT(v != NULL || json_error_code(&why) == json_error_numeric_overflow ||
			strstr(why.text, "invalid Unicode") != NULL);
		json_decref(v);
	}
	buf_fini(&out);
	return 0;
}

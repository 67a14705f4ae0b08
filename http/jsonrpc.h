/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON-RPC 2.0 at POST /api/1: the envelope, and the one table of methods.
 *
 * The table (name, parameters with types, handler, a line of documentation) drives dispatch and
 * argument checks; handlers only see arguments of the right type. Parameters come by position or by
 * name. An id is echoed as its source text.
 *
 * Limits: HTTP_BODY_MAX bytes, RPC_DEPTH levels, RPC_BATCH requests.
 *
 * source   http.md 8, 13; the captures of /api/1
 */
#ifndef HTTP_JSONRPC_H
#define HTTP_JSONRPC_H

#include <jansson.h>

#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/bytes.h"
#include "core/sys/status.h"

#define RPC_DEPTH   32
#define RPC_BATCH   64
#define RPC_PARAMS  8           /* of one method */
#define RPC_ANSWER  ((size_t)32 << 20)  /* bytes of an answer */

/* RPC_ID: a string of 32 hex digits, parsed into rpc_call.id. */
enum rpc_type { RPC_STRING, RPC_INTEGER, RPC_BOOL, RPC_OBJECT, RPC_ARRAY, RPC_ID };

enum rpc_result { RPC_IS_NULL = 1, RPC_IS_BOOL = 2, RPC_IS_OBJECT = 4, RPC_IS_ARRAY = 8,
	RPC_IS_STRING = 16 };

struct rpc_param {
	const char *name;
	enum rpc_type type;
	bool optional;                  /* may be missing or null */
};

/* One call, while its handler runs. */
struct rpc_call {
	struct node *node;
	struct servent *sv;             /* who asks */
	const uint8_t *reader;          /* and which of its programs: SESSION_READER bytes */
	json_t *args[RPC_PARAMS];       /* in the table's order; borrowed; NULL = not given */
	uint32_t nulls;                 /* bit i: args[i] was given as null */
	struct gnuid id;                /* of the (one) RPC_ID parameter */
	int code;                       /* set by rpc_fail() */
	char message[64];
	char data[128];                 /* "" = none */
	struct buf text;                /* a result that is JSON text already (jsontext.h) */
};

/* Returns the result (a new reference), or NULL: it is in text, rpc_fail() was called, or memory is out. */
typedef json_t *rpc_handler(struct rpc_call *c);

struct rpc_method {
	const char *name;
	struct rpc_param params[RPC_PARAMS];    /* up to the first without a name */
	rpc_handler *handler;
	unsigned result;                        /* enum rpc_result, what may come back */
	const char *doc;
};

/* Codes of ours beside those of the standard. */
enum {
	RPC_PARSE = -32700, RPC_INVALID = -32600, RPC_NO_METHOD = -32601, RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603, RPC_NO_CHANNEL = -1, RPC_UNKNOWN = 0
};

extern const char rpc_invalid_params[]; /* the message that goes with RPC_BAD_PARAMS */

/* Set the error of a call; data may be NULL. Returns NULL, for `return rpc_fail(...)`. */
json_t *rpc_fail(struct rpc_call *c, int code, const char *message, const char *data);

/* All methods, sorted by name (methods.c). */
extern const struct rpc_method rpc_methods[];
extern const size_t rpc_methods_n;

/* Answer a body of n bytes into out (initialised by the caller).
 * reader   session_reader() of the request
 * http     200, or 204 when there is nothing to answer (notifications)
 * returns  ST_OK, ST_LIMIT (memory, or out's maximum) */
enum status jsonrpc_handle(struct node *n, struct servent *sv, const uint8_t *reader, const void *body,
	size_t len, struct buf *out, int *http) NODISCARD;

/* What GET /api/1 says: the result of getVersionInfo. */
enum status jsonrpc_version(struct buf *out) NODISCARD;
/* What GET /api/1/openrpc.json says: the result of rpc.discover (openrpc.c). */
enum status jsonrpc_describe(struct buf *out) NODISCARD;

#endif

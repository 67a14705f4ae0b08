/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of JSON-RPC without HTTP, and answers of real nodes to compare with. */
#ifndef TEST_RPCTEST_H
#define TEST_RPCTEST_H

#include <jansson.h>

#include "http/jsonrpc.h"
#include "test/unit/http/httptest.h"

/* Returns the HTTP status; out is the caller's to free. */
static inline int rpc_ask(struct node *n, struct servent *sv, const char *body, size_t len, struct buf *out)
{
	/* a copy of exact size, so that a sanitizer sees one byte too far */
	char *exact = malloc(len > 0 ? len : 1);
	int http = 0;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, body, len);
	buf_init(out, 4 << 20);
	ck_assert_int_eq(jsonrpc_handle(n, sv, sv->peer.ip, exact, len, out, &http), ST_OK);
	buf_cstr(out);
	free(exact);
	return http;
}

static inline unsigned rpc_kind(const json_t *v)
{
	return json_is_null(v) ? RPC_IS_NULL : json_is_boolean(v) ? RPC_IS_BOOL :
		json_is_object(v) ? RPC_IS_OBJECT : json_is_array(v) ? RPC_IS_ARRAY :
		json_is_string(v) ? RPC_IS_STRING : 0;
}

/* A call with positional parameters: the whole answer, a reference. A result is of a kind that the table
 * names. */
static inline json_t *rpc_call(struct node *n, struct servent *sv, const char *method, const char *params)
{
	struct buf body, out;
	json_t *v, *result;
	size_t i;

	buf_init(&body, 1 << 20);
	buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":[%s],\"id\":1}", method, params);
	rpc_ask(n, sv, (const char *)body.p, body.len, &out);
	v = json_loadb((const char *)out.p, out.len, 0, NULL);
	ck_assert_msg(v != NULL, "%s", (const char *)out.p);
	result = json_object_get(v, "result");
	for (i = 0; i < rpc_methods_n && result != NULL; i++)
		if (strcmp(rpc_methods[i].name, method) == 0)
			ck_assert_msg((rpc_methods[i].result & rpc_kind(result)) != 0, "%s: kind", method);
	buf_fini(&body);
	buf_fini(&out);
	return v;
}

/* Its result, or {code, message, data} of the error, is this text. */
static inline void rpc_expect(struct node *n, struct servent *sv, const char *method, const char *params, const char *want)
{
	json_t *v = rpc_call(n, sv, method, params), *r = json_object_get(v, "result");
	char *text = json_dumps(r != NULL ? r : json_object_get(v, "error"),
		JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strcmp(text, want) == 0, "%s(%.200s)\n gives %s\n wants %s", method, params, text, want);
	free(text);
	json_decref(v);
}

#define RPC_BAD(why) "{\"code\":-32602,\"data\":\"" why "\",\"message\":\"Invalid params\"}"

/* The body behind a marker line and an HTTP head of a captured exchange. */
static inline json_t *rpc_captured(const char *path)
{
	struct buf b;
	const char *p;
	json_t *v;

	data_read(&b, path);
	p = strstr((const char *)b.p, "<<< response");
	ck_assert_ptr_nonnull(p);
	p = strstr(p, "{");
	ck_assert_ptr_nonnull(p);
	v = json_loads(p, JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_ptr_nonnull(v);
	buf_fini(&b);
	return v;
}

#endif

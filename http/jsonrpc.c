/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/methods.h"

/* --- looking at the source text --------------------------------------------------------------- *
 *
 * The parser keeps values, not their spelling, has no depth limit of ours, and refuses lone
 * surrogates and integers it cannot hold. So one pass over the text comes first. It finds the id of
 * each request, checks the depth, and makes the copy the parser gets, where a lone surrogate has
 * become U+FFFD and a number that is an id has become 0. It judges nothing else: what is not JSON
 * it leaves to the parser.
 */

struct span {
	const char *p;          /* NULL = no id */
	size_t n;
};

struct scan {
	char *p, *end;          /* the copy, being read (and changed in place) */
	const char *source;     /* the original; offsets are the same in both */
	char *copy;
	int depth;
	bool too_deep;
	bool batch;
	struct span ids[RPC_BATCH + 1];
	size_t n;               /* requests seen; not counted beyond RPC_BATCH + 1 */
};

static void skip_blank(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

/* The code of \uXXXX at p, or -1. */
static int escape_code(const struct scan *s, const char *p)
{
	uint8_t b[2];

	if (s->end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex_parse(b, 2, p + 2))
		return -1;
	return b[0] << 8 | b[1];
}

/* Over a string, the opening quote included. */
static void skip_string(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
		int code;

		if (*s->p != '\\')
			continue;
		code = escape_code(s, s->p);
		if (code >= 0xd800 && code < 0xdc00) {
			int low = escape_code(s, s->p + 6);

			if (low >= 0xdc00 && low < 0xe000) {
				s->p += 11;
				continue;
			}
		}
		if (code >= 0xd800 && code < 0xe000)
			memcpy(s->p + 2, "fffd", 4);
		if (s->p + 1 < s->end)
			s->p++;
	}
	if (s->p < s->end)
		s->p++;
}

/* Does the string at p[0..n), quotes included, mean "id"? Escapes count: "\u0069d" does. */
static bool means_id(const char *p, size_t n)
{
	char got[3];
	size_t at = 1, len = 0;

	while (at + 1 < n && len < sizeof(got)) {
		uint8_t b[2];

		if (p[at] != '\\') {
			got[len++] = p[at++];
		} else if (n - at > 6 && p[at + 1] == 'u' && hex_parse(b, 2, p + at + 2) &&
			   b[0] == 0) {
			got[len++] = (char)b[1];
			at += 6;
		} else {
			return false;
		}
	}
	return len == 2 && got[0] == 'i' && got[1] == 'd' && at + 1 == n;
}

/* A number as JSON spells it. */
static bool is_number(const char *p, size_t n)
{
	const char *end = p + n;

	if (p < end && *p == '-')
		p++;
	if (p == end || !ascii_isdigit(*p))
		return false;
	if (*p == '0')
		p++;
	else
		while (p < end && ascii_isdigit(*p))
			p++;
	if (p < end && *p == '.') {
		if (++p == end || !ascii_isdigit(*p))
			return false;
		while (p < end && ascii_isdigit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (p == end || !ascii_isdigit(*p))
			return false;
		while (p < end && ascii_isdigit(*p))
			p++;
	}
	return p == end;
}

static void skip_value(struct scan *s);

/* Over an object; a request's id is noted. */
static void skip_object(struct scan *s, struct span *id)
{
	s->p++;
	while (s->p < s->end && !s->too_deep) {
		bool is_id;
		char *key, *value;

		skip_blank(s);
		if (s->p == s->end || *s->p == '}')
			break;
		if (*s->p != '"') {
			s->p++;         /* a comma, or no JSON */
			continue;
		}
		key = s->p;
		skip_string(s);
		is_id = id != NULL && means_id(key, (size_t)(s->p - key));
		skip_blank(s);
		if (s->p == s->end || *s->p != ':')
			continue;
		s->p++;
		skip_blank(s);
		value = s->p;
		skip_value(s);
		if (!is_id)
			continue;
		id->p = s->source + (value - s->copy);
		id->n = (size_t)(s->p - value);
		if (is_number(value, id->n)) {
			memset(value, ' ', id->n);
			value[0] = '0';
		}
	}
	if (s->p < s->end)
		s->p++;
}

/* Over an array. */
static void skip_array(struct scan *s)
{
	s->p++;
	while (s->p < s->end && !s->too_deep) {
		skip_blank(s);
		if (s->p == s->end || *s->p == ']')
			break;
		if (*s->p == ',')
			s->p++;
		else
			skip_value(s);
	}
	if (s->p < s->end)
		s->p++;
}

static void skip_value(struct scan *s)
{
	const char *start = s->p;

	if (s->p == s->end)
		return;
	if (*s->p == '{' || *s->p == '[') {
		if (s->depth == RPC_DEPTH) {
			s->too_deep = true;
			return;
		}
		s->depth++;
		if (*s->p == '{')
			skip_object(s, NULL);
		else
			skip_array(s);
		s->depth--;
		return;
	}
	if (*s->p == '"') {
		skip_string(s);
		return;
	}
	while (s->p < s->end && strchr(",:]}[{\" \t\r\n", *s->p) == NULL)
		s->p++;
	if (s->p == start)
		s->p++;                 /* no JSON: the parser will say so */
}

static void scan_request(struct scan *s)
{
	struct span *id = &s->ids[s->n];

	*id = (struct span){ NULL, 0 };
	if (s->p < s->end && *s->p == '{') {
		s->depth++;
		skip_object(s, id);
		s->depth--;
	} else {
		skip_value(s);
	}
	s->n++;
}

static void scan_body(struct scan *s)
{
	skip_blank(s);
	s->batch = s->p < s->end && *s->p == '[';
	if (!s->batch) {
		scan_request(s);
		return;
	}
	s->depth = 1;
	s->p++;
	while (s->p < s->end && !s->too_deep) {
		skip_blank(s);
		if (s->p == s->end || *s->p == ']')
			break;
		if (*s->p == ',')
			s->p++;
		else if (s->n <= RPC_BATCH)
			scan_request(s);
		else
			skip_value(s);
	}
}

/* --- the envelope ----------------------------------------------------------------------------- */

static int put_json(const char *p, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_put(out, p, n);
	return out->err == ST_OK ? 0 : -1;
}

#define DUMP (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)

/* jansson reports its own lack of memory; the buf remembers its. */
static void dump(struct buf *out, const json_t *v)
{
	if (json_dump_callback(v, put_json, out, DUMP) != 0)
		out->err = ST_LIMIT;
}

static void put_string(struct buf *out, const char *s)
{
	json_t *v = json_string(s);

	if (v == NULL)
		out->err = ST_LIMIT;
	else
		dump(out, v);
	json_decref(v);
}

static void put_id(struct buf *out, const struct span *id)
{
	if (id == NULL || id->p == NULL)
		buf_puts(out, "null");
	else
		buf_put(out, id->p, id->n);
}

static void put_error(struct buf *out, const struct span *id, int code, const char *message,
	const char *data)
{
	buf_printf(out, "{\"error\":{\"code\":%d", code);
	if (data != NULL && data[0] != '\0') {
		buf_puts(out, ",\"data\":");
		put_string(out, data);
	}
	buf_puts(out, ",\"message\":");
	put_string(out, message);
	buf_puts(out, "},\"id\":");
	put_id(out, id);
	buf_puts(out, ",\"jsonrpc\":\"2.0\"}");
}

#define RPC_ENVELOPE 256        /* bytes around an ordinary result */

/* result is a value, or NULL and text has it. */
static void put_result(struct buf *out, const struct span *id, const json_t *result, const struct buf *text)
{
	(void)buf_reserve(out, text->len + RPC_ENVELOPE);
	buf_puts(out, "{\"id\":");
	put_id(out, id);
	buf_puts(out, ",\"jsonrpc\":\"2.0\",\"result\":");
	if (result != NULL)
		dump(out, result);
	else
		buf_put(out, text->p, text->len);
	buf_u8(out, '}');
}

json_t *rpc_fail(struct rpc_call *c, int code, const char *message, const char *data)
{
	c->code = code;
	text_copy(c->message, sizeof(c->message), message);
	text_copy(c->data, sizeof(c->data), data != NULL ? data : "");
	return NULL;
}

const char rpc_invalid_params[] = "Invalid params";

static bool bad_params(struct rpc_call *c, const char *fmt, const char *name, const char *what)
{
	char text[sizeof(c->data)];

	/* Both formats below are ours; an over-long text is cut. */
	if (name != NULL)
		snprintf(text, sizeof(text), "%s %s%s", name, fmt, what);
	else
		snprintf(text, sizeof(text), "%s", fmt);
	rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, text);
	return false;
}

/* --- arguments -------------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[RPC_STRING] = "a string", [RPC_INTEGER] = "an integer", [RPC_BOOL] = "a boolean",
	[RPC_OBJECT] = "an object", [RPC_ARRAY] = "an array",
	[RPC_ID] = "an id of 32 hexadecimal digits",
};

static bool type_fits(struct rpc_call *c, enum rpc_type type, json_t *v)
{
	switch (type) {
	case RPC_STRING:
		return json_is_string(v);
	case RPC_INTEGER:
		return json_is_integer(v);
	case RPC_BOOL:
		return json_is_boolean(v);
	case RPC_OBJECT:
		return json_is_object(v);
	case RPC_ARRAY:
		return json_is_array(v);
	case RPC_ID:
		return json_is_string(v) && json_string_length(v) == GNUID_STRLEN - 1 &&
			gnuid_parse(&c->id, json_string_value(v)) && gnuid_is_set(&c->id);
	}
	return false;
}

static size_t param_count(const struct rpc_method *m)
{
	size_t n = 0;

	while (n < RPC_PARAMS && m->params[n].name != NULL)
		n++;
	return n;
}

static bool take_args(struct rpc_call *c, const struct rpc_method *m, json_t *params)
{
	size_t n = param_count(m), i;

	if (json_is_null(params))
		params = NULL;
	if (params != NULL && !json_is_array(params) && !json_is_object(params))
		return bad_params(c, "params must be either object or array", NULL, NULL);
	if (n == 0)
		return true;
	if (json_is_array(params) && json_array_size(params) > n)
		return bad_params(c, "Wrong number of arguments", NULL, NULL);
	for (i = 0; i < n; i++) {
		const struct rpc_param *p = &m->params[i];
		json_t *v = json_is_array(params) ? json_array_get(params, i) :
			json_object_get(params, p->name);

		if (v == NULL && !p->optional && !json_is_object(params))
			return bad_params(c, "Wrong number of arguments", NULL, NULL);
		if (v == NULL && !p->optional)
			return bad_params(c, "is missing", p->name, "");
		if (json_is_null(v))
			c->nulls |= 1u << i;
		if (v == NULL || (p->optional && json_is_null(v)))
			continue;
		if (!type_fits(c, p->type, v))
			return bad_params(c, "must be ", p->name, type_names[p->type]);
		c->args[i] = v;
	}
	return true;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static int by_name(const void *key, const void *entry)
{
	const struct rpc_method *m = entry;

	return strcmp(key, m->name);
}

static bool id_is_echoable(json_t *id)
{
	return id == NULL || json_is_null(id) || json_is_string(id) || json_is_number(id);
}

/* One request: appends its answer, or nothing for a notification. from: a call with nothing in it but who
 * asks. */
static void handle_one(const struct rpc_call *from, json_t *rq, const struct span *id, struct buf *out)
{
	struct rpc_call call = *from;
	const struct rpc_method *m;
	const char *version = json_string_value(json_object_get(rq, "jsonrpc"));
	json_t *method = json_object_get(rq, "method"), *result;

	if (version == NULL || strcmp(version, "2.0") != 0 ||
		!id_is_echoable(json_object_get(rq, "id"))) {
		put_error(out, NULL, RPC_INVALID, "Invalid Request", NULL);
		return;
	}
	if (!json_is_string(method)) {
		put_error(out, id, RPC_INVALID, "Invalid Request", NULL);
		return;
	}
	m = bsearch(json_string_value(method), rpc_methods, rpc_methods_n, sizeof(*m), by_name);
	if (m == NULL) {
		if (id->p != NULL)
			put_error(out, id, RPC_NO_METHOD, "Method not found",
				json_string_value(method));
		return;
	}
	buf_init(&call.text, RPC_ANSWER);
	result = take_args(&call, m, json_object_get(rq, "params")) ? m->handler(&call) : NULL;
	if (id->p == NULL)
		;               /* a notification is carried out, not answered */
	else if (result != NULL || (call.text.len > 0 && call.text.err == ST_OK))
		put_result(out, id, result, &call.text);
	else if (call.message[0] != '\0')
		put_error(out, id, call.code, call.message, call.data);
	else
		put_error(out, id, RPC_INTERNAL, "Internal error", "out of memory");
	json_decref(result);
	buf_fini(&call.text);
}

static void handle_batch(const struct rpc_call *from, json_t *all, const struct scan *s, struct buf *out)
{
	size_t count = json_array_size(all), i;

	if (count == 0 || count > RPC_BATCH) {
		put_error(out, NULL, RPC_INVALID, "Invalid Request",
			count == 0 ? NULL : "too many requests");
		return;
	}
	for (i = 0; i < count; i++) {
		size_t before = out->len;

		buf_u8(out, before == 0 ? '[' : ',');
		handle_one(from, json_array_get(all, i), &s->ids[i], out);
		if (out->len == before + 1)
			out->len = before;
	}
	if (out->len > 0)
		buf_u8(out, ']');
}

enum status jsonrpc_handle(struct node *n, struct servent *sv, const uint8_t *reader, const void *body,
	size_t len, struct buf *out, int *http)
{
	const struct rpc_call from = { .node = n, .sv = sv, .reader = reader };
	struct scan *s = calloc(1, sizeof(*s));
	char *copy = malloc(len + 1);
	json_t *rq = NULL;

	*http = 200;
	if (s == NULL || copy == NULL) {
		free(s);
		free(copy);
		return ST_LIMIT;
	}
	memcpy(copy, body, len);
	copy[len] = '\0';
	s->copy = s->p = copy;
	s->end = copy + len;
	s->source = body;
	scan_body(s);
	if (!s->too_deep)
		rq = json_loadb(copy, len, JSON_DECODE_ANY, NULL);
	/* The scan and the parser agree about every text that is JSON; the id spans rely on it. */
	if (rq == NULL || (json_is_array(rq) && s->n < MIN(json_array_size(rq), RPC_BATCH)))
		put_error(out, NULL, RPC_PARSE, "Parse error", NULL);
	else if (json_is_array(rq))
		handle_batch(&from, rq, s, out);
	else
		handle_one(&from, rq, &s->ids[0], out);
	if (out->len == 0)
		*http = 204;
	json_decref(rq);
	free(copy);
	free(s);
	return out->err;
}

/* v is taken over; NULL = no memory. */
static enum status say(struct buf *out, json_t *v)
{
	if (v == NULL)
		return ST_LIMIT;
	dump(out, v);
	json_decref(v);
	return out->err;
}

enum status jsonrpc_version(struct buf *out)
{
	return say(out, json_pack("{ssssss}", "agentName", NODE_AGENT, "apiVersion", "1.0.0",
		"jsonrpc", "2.0"));
}

enum status jsonrpc_describe(struct buf *out)
{
	return say(out, method_discover(NULL));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rpc.discover: the table of methods as an OpenRPC document, so that it never says anything else than
 * what is dispatched (http.md 8.6). */
#include "http/methods.h"

static json_t *schema(enum rpc_type type)
{
	switch (type) {
	case RPC_STRING:
		return json_pack("{ss}", "type", "string");
	case RPC_INTEGER:
		return json_pack("{ss}", "type", "integer");
	case RPC_BOOL:
		return json_pack("{ss}", "type", "boolean");
	case RPC_OBJECT:
		return json_pack("{ss}", "type", "object");
	case RPC_ARRAY:
		return json_pack("{ss}", "type", "array");
	case RPC_ID:
		return json_pack("{ssss}", "type", "string", "pattern", "^[0-9A-Fa-f]{32}$");
	}
	return NULL;
}

static json_t *params_json(const struct rpc_method *m)
{
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = 0; i < RPC_PARAMS && m->params[i].name != NULL; i++)
		add(a, json_pack("{sssbso}", "name", m->params[i].name, "required", !m->params[i].optional,
			"schema", schema(m->params[i].type)), &ok);
	return or_drop(a, ok);
}

static json_t *result_json(const struct rpc_method *m)
{
	static const struct {
		enum rpc_result bit;
		const char *name;
	} kinds[] = {
		{ RPC_IS_ARRAY, "array" }, { RPC_IS_BOOL, "boolean" }, { RPC_IS_NULL, "null" },
		{ RPC_IS_OBJECT, "object" }, { RPC_IS_STRING, "string" },
	};
	json_t *a = json_array();
	bool ok = a != NULL;

	for (size_t i = 0; i < NELEM(kinds); i++)
		if ((m->result & kinds[i].bit) != 0)
			add(a, json_string(kinds[i].name), &ok);
	a = or_drop(a, ok);
	return json_pack("{sss{so}}", "name", "result", "schema", "type", a);
}

json_t *method_discover(struct rpc_call *c)
{
	json_t *a = json_array();
	bool ok = a != NULL;

	(void)c;
	for (size_t i = 0; i < rpc_methods_n; i++)
		add(a, json_pack("{sssssoso}", "name", rpc_methods[i].name, "summary", rpc_methods[i].doc,
			"params", params_json(&rpc_methods[i]), "result", result_json(&rpc_methods[i])), &ok);
	a = or_drop(a, ok);
	return json_pack("{sss{ssss}so}", "openrpc", "1.2.4", "info", "title", NODE_AGENT, "version",
		NODE_VERSION, "methods", a);
}

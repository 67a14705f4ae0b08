/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods for the page of one channel: what is received and kept of it, how far its readers are behind, and
 * who could not be served. */
#include "http/methods.h"

#include <stdlib.h>
#include <string.h>

#include "http/command.h"

#define READERS_MAX 256         /* of an answer */

static json_t *host_or_null(const struct host *h)
{
	char hs[HOST_STRLEN];

	return host_is_set(h) ? json_string(host_str(h, hs)) : json_null();
}

static json_t *ms(nsec t)
{
	return json_integer((json_int_t)(t / (NSEC_PER_SEC / 1000)));
}

static json_t *buffer_json(const struct chan_view *v, bool *ok)
{
	json_t *o = json_object();

	put(o, "bytes", json_integer((json_int_t)(v->ring_bytes & INT64_MAX)), ok);
	put(o, "span", ms(v->ring_span), ok);
	put(o, "oldest", json_integer((json_int_t)(v->oldest & INT64_MAX)), ok);
	put(o, "newest", json_integer((json_int_t)(v->newest & INT64_MAX)), ok);
	return o;
}

static json_t *readers_json(struct chan *c, bool *ok)
{
	struct reader_lag *v = calloc(READERS_MAX, sizeof(*v));
	json_t *a = json_array();
	const size_t n = v != NULL ? chan_lags(c, v, READERS_MAX) : 0;

	*ok = *ok && v != NULL;
	for (size_t i = 0; i < n && *ok; i++)
		add(a, json_pack("{sI sI so sI}", "connectionId", (json_int_t)(v[i].owner & INT32_MAX),
			"bytes", (json_int_t)(v[i].bytes & INT64_MAX), "lag", ms(v[i].time), "skips",
			(json_int_t)v[i].skips), ok);
	free(v);
	return a;
}

static json_t *refusals_json(struct chan *c, bool *ok)
{
	json_t *a = json_array();
	struct refusals r;

	chan_refusals(c, &r);
	for (size_t i = 0; i < r.n; i++) {
		const struct refusal_note *m = &r.note[i];

		add(a, json_pack("{so ss ss sI sI}", "host", host_or_null(&m->host), "by",
			m->ours ? "us" : "them", "reason", m->why, "time", (json_int_t)m->wall_s, "times",
			(json_int_t)m->times), ok);
	}
	return a;
}

/* Who has it, as far as is known; the tree says who feeds whom. */
static json_t *hosts_json(struct node *n, const struct gnuid *id, bool *ok)
{
	struct hitlist_view list;
	json_t *a = json_array();

	if (!chanmgr_list_view(n->cm, id, true, &list))
		return a;
	for (size_t i = 0; i < list.n && *ok; i++) {
		const struct hit *h = &list.hits[i];
		const struct host *at = host_is_set(&h->rhost[0]) ? &h->rhost[0] : &h->rhost[1];
		char sid[GNUID_STRLEN];

		add(a, json_pack("{ss so so sI sI sI sI sI sb sb sb sb sI sb}", "sessionId",
			gnuid_str(&h->sid, sid), "address", host_or_null(at), "upstream",
			host_or_null(&h->uphost), "listeners", (json_int_t)h->listeners, "relays",
			(json_int_t)h->relays, "hops", (json_int_t)h->hops, "position",
			(json_int_t)h->newpos, "uptime", (json_int_t)h->uptime_s, "isTracker",
			(int)((h->flags & HIT_TRACKER) != 0), "isFirewalled",
			(int)((h->flags & HIT_PUSH) != 0), "isReceiving", (int)((h->flags & HIT_RECV) != 0),
			"isRelayFull", (int)((h->flags & HIT_RELAY) == 0), "heard",
			(json_int_t)clk_age_s(h->heard), "isDead", (int)h->dead), ok);
	}
	hitlist_view_fini(&list);
	return a;
}

json_t *method_get_channel_detail(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	json_t *o = json_object();
	bool ok = o != NULL;
	struct chan_view v;

	if (ch == NULL) {
		json_decref(o);
		return method_no_channel(c);
	}
	chan_view(ch, &v);
	put(o, "isKept", json_boolean(v.keep), &ok);
	put(o, "isDry", json_boolean(v.dry), &ok);
	put(o, "recvRate", json_integer((json_int_t)(v.in_bps & INT64_MAX)), &ok);
	put(o, "received", json_integer((json_int_t)(v.bytes_in & INT64_MAX)), &ok);
	put(o, "position", json_integer((json_int_t)(v.pos & INT64_MAX)), &ok);
	put(o, "headLength", json_integer((json_int_t)v.head_len), &ok);
	put(o, "gaps", json_integer((json_int_t)v.skips), &ok);
	put(o, "age", json_integer((json_int_t)v.age_s), &ok);
	put(o, "upstream", host_or_null(&v.source), &ok);
	put(o, "buffer", buffer_json(&v, &ok), &ok);
	put(o, "readers", readers_json(ch, &ok), &ok);
	put(o, "refusals", refusals_json(ch, &ok), &ok);
	put(o, "hosts", hosts_json(c->node, &c->id, &ok), &ok);
	chan_view_fini(&v);
	chan_unref(&ch);
	return or_drop(o, ok);
}

/* The first bytes a new reader gets, as text for people: at most this many. */
#define HEAD_SHOWN 8192

json_t *method_get_channel_head(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	struct pkt *head;
	struct buf hex;
	json_t *o;

	if (ch == NULL)
		return method_no_channel(c);
	head = chan_head(ch);
	buf_init(&hex, 2 * HEAD_SHOWN + 1);
	for (uint32_t i = 0; head != NULL && i < MIN(head->len, (uint32_t)HEAD_SHOWN); i++)
		buf_printf(&hex, "%02x", pkt_media(head)[i]);
	o = hex.err == ST_OK ? json_pack("{sI sI ss}", "position", (json_int_t)(head != NULL ?
		head->pos & INT64_MAX : 0), "length", (json_int_t)(head != NULL ? head->len : 0), "hex",
		buf_cstr(&hex)) : NULL;
	buf_fini(&hex);
	pkt_unref(&head);
	chan_unref(&ch);
	return o;
}

json_t *method_bump_channel(struct rpc_call *c)
{
	const char *text = json_string_value(c->args[1]);
	struct host to;

	if (text != NULL && !(host_parse(&to, text, 0) && host_is_set(&to) && to.port != 0))
		return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, "host must be address:port");
	return command_bump(c->node, c->sv, &c->id, text != NULL ? &to : NULL) ? json_null() :
		method_no_channel(c);
}

json_t *method_keep_channel(struct rpc_call *c)
{
	return command_keep_as(c->node, c->sv, &c->id, json_is_true(c->args[1])) ? json_null() :
		method_no_channel(c);
}

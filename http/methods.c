/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of JSON-RPC, and the shapes of what they return (http.md 8.4, 8.5). */
#include "http/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "http/chanjson.h"
#include "http/chanlist.h"
#include "http/command.h"
#include "http/relaytree.h"
#include "http/rootstatus.h"

/* --- values ----------------------------------------------------------------------------------- */

static json_t *host_text(const struct host *h)
{
	char text[HOST_STRLEN];

	return host_is_set(h) ? json_string(host_str(h, text)) : json_string("0.0.0.0:0");
}

static json_t *id_text(const struct gnuid *id)
{
	char hex[GNUID_STRLEN];

	return json_string(gnuid_str(id, hex));
}

static json_int_t age_of(nsec then)
{
	return (json_int_t)clk_age_s(then);
}

/* --- the node --------------------------------------------------------------------------------- */

static json_t *get_version_info(struct rpc_call *c)
{
	return json_pack(
		"{ssssss}", "agentName", NODE_AGENT, "apiVersion", "1.0.0", "jsonrpc", "2.0");
}

static json_t *get_none(struct rpc_call *c)
{
	(void)c;
	return json_array();
}

/* [address, port]: IPv6 only where there is no IPv4 but the loopback address. A machine with a
 * global IPv4 address and no private one is 127.0.0.1 to itself. */
static json_t *end_point(const struct own *own, const struct host pair[2])
{
	const bool v6 = host_is_loopback(&own->global[0]) && host_is_loopback(&pair[0]) &&
		!host_is_loopback(&pair[1]);
	const struct host *h = &pair[v6];
	char ip[HOST_STRLEN];

	return json_pack("[si]", host_ip_str(h, ip), (int)own->port);
}

/* Can our port be reached over that family, why do we think so, and for how many seconds. */
static json_t *firewall_json(const struct own *own, bool v6)
{
	return json_pack("{sssssssI}", "state", firewall_str(own->fw[v6]), "reason",
		fwwhy_str(own->fw[v6], own->fw_why[v6]), "code", fwwhy_code(own->fw_why[v6]), "age",
		age_of(own->fw_since[v6]));
}

static json_t *get_status(struct rpc_call *c)
{
	struct own own;
	json_t *o = json_object();
	bool ok = o != NULL;

	servmgr_own(c->node->sm, &own);
	put(o, "globalDirectEndPoint", end_point(&own, own.global), &ok);
	put(o, "globalRelayEndPoint", end_point(&own, own.global), &ok);
	put(o, "isFirewalled",
		own.fw[0] == FW_UNKNOWN ? json_null() : json_boolean(own.fw[0] == FW_CLOSED), &ok);
	put(o, "firewall",
		json_pack("{soso}", "ipv4", firewall_json(&own, false), "ipv6", firewall_json(&own, true)),
		&ok);
	put(o, "localDirectEndPoint", end_point(&own, own.local), &ok);
	put(o, "localRelayEndPoint", end_point(&own, own.local), &ok);
	put(o, "uptime", json_integer(age_of(own.started)), &ok);
	return or_drop(o, ok);
}

/* The ports that can be reached; null when that cannot be told. Waits for the YP. */
static json_t *check_ports(struct rpc_call *c)
{
	struct own own;
	json_t *ports;
	bool ok;

	c->node->ops.check_firewall(c->node, true, false);
	servmgr_own(c->node->sm, &own);
	if (own.fw[0] == FW_UNKNOWN)
		return json_null();
	ports = json_array();
	ok = ports != NULL;
	if (own.fw[0] == FW_OPEN)
		add(ports, json_integer(own.port), &ok);
	return or_drop(ports, ok);
}

static bool is_root(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const bool root = st->is_root;

	settings_unref(&st);
	if (!root)
		(void)rpc_fail(c, RPC_UNKNOWN, "This node is not a root", NULL);
	return root;
}

static json_t *get_root_status(struct rpc_call *c)
{
	return is_root(c) ? rootstatus_json(c->node) : NULL;
}

static json_t *broadcast_root_settings(struct rpc_call *c)
{
	if (!is_root(c))
		return NULL;
	c->node->ops.root_broadcast(c->node, json_is_true(c->args[0]));
	return json_null();
}

/* --- a channel -------------------------------------------------------------------------------- */

static json_t *get_channels(struct rpc_call *c)
{
	if (chanlist_put(&c->text, c->node) != ST_OK)
		c->text.err = ST_LIMIT;
	return NULL;
}

static json_t *get_channel_info(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);

	if (ch == NULL)
		return method_no_channel(c);
	chanjson_put_info(&c->text, ch);
	chan_unref(&ch);
	return NULL;
}

static json_t *get_channel_status(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);

	if (ch == NULL)
		return method_no_channel(c);
	chanjson_put_status(&c->text, c->node, ch);
	chan_unref(&ch);
	return NULL;
}

/* --- its connections -------------------------------------------------------------------------- */

/* What every connection has, with the values of one that tells nothing. */
static json_t *connection(
	int32_t id, const char *type, const char *protocol, const char *status, bool *ok)
{
	json_t *o = json_object();

	*ok = o != NULL && *ok;
	put(o, "agentName", json_null(), ok);
	put(o, "connectionId", json_integer(id), ok);
	put(o, "contentPosition", json_null(), ok);
	put(o, "localDirects", json_null(), ok);
	put(o, "localRelays", json_null(), ok);
	put(o, "protocolName", json_string(protocol), ok);
	put(o, "remoteHostStatus", json_array(), ok);
	put(o, "remoteSessionId", json_null(), ok);
	put(o, "status", json_string(status), ok);
	put(o, "type", json_string(type), ok);
	return o;
}

static const char *source_state(const struct chan_view *v)
{
	if (v->playing)
		return "Connected";
	if (v->status == CHAN_CONNECTING || v->status == CHAN_SEARCHING)
		return "Connecting";
	return v->status == CHAN_ERROR ? "Error" : "Idle";
}

static const char *servent_state(enum servent_status s)
{
	switch (s) {
	case SV_CONNECTED:
		return "Connected";
	case SV_CONNECTING:
	case SV_PROTOCOL:
	case SV_HANDSHAKE:
		return "Connecting";
	case SV_TIMEOUT:
	case SV_ERROR:
		return "Error";
	case SV_NONE:
	case SV_CLOSING:
	case SV_LISTENING:
	case SV_WAIT:
		break;
	}
	return "Idle";
}

static bool is_that(const struct hit *h, const struct host *at, const struct gnuid *sid)
{
	return (gnuid_is_set(sid) && gnuid_equal(&h->sid, sid)) ||
		(host_is_set(at) && (host_equal(&h->rhost[0], at) || host_equal(&h->rhost[1], at)));
}

/* What the node at the other end told of itself, or others of it. */
static void put_hit(json_t *o, const struct hitlist_view *l, const struct host *at, const struct gnuid *sid,
	bool *ok)
{
	static const struct {
		uint8_t bit;
		bool when;
		const char *word;
	} words[] = {
		{ HIT_PUSH, true, "firewalled" }, { HIT_RELAY, false, "relayFull" },
		{ HIT_RECV, true, "receiving" }, { HIT_TRACKER, true, "tracker" },
	};
	json_t *status = json_array();
	size_t i = 0;

	if (host_is_private(at) || host_is_loopback(at))
		add(status, json_string("local"), ok);
	while (i < l->n && !is_that(&l->hits[i], at, sid))
		i++;
	if (i < l->n) {
		const struct hit *h = &l->hits[i];

		for (size_t k = 0; k < NELEM(words); k++)
			if (((h->flags & words[k].bit) != 0) == words[k].when)
				add(status, json_string(words[k].word), ok);
		put(o, "localDirects", json_integer((json_int_t)h->listeners), ok);
		put(o, "localRelays", json_integer((json_int_t)h->relays), ok);
	}
	put(o, "remoteHostStatus", status, ok);
}

static json_t *source_connection(const struct chan_view *v, const struct hitlist_view *l, bool *ok)
{
	json_t *o = connection(
		-1, "source", v->src == CHAN_SRC_PEERCAST ? "PCP" : v->src == CHAN_SRC_RTMP ? "RTMP" : "HTTP",
		source_state(v), ok);
	static const struct host none;

	put(o, "contentPosition", json_integer((json_int_t)(v->pos & UINT32_MAX)), ok);
	put(o, "recvRate", json_integer((json_int_t)(v->in_bps & INT64_MAX)), ok);
	put(o, "sendRate", json_real(0.0), ok);
	put(o, "remoteEndPoint", host_is_set(&v->source) ? host_text(&v->source) : json_null(), ok);
	put(o, "remoteName", v->source_url[0] != '\0' ? json_string(v->source_url) :
		host_text(v->type == CHAN_RELAY ? &v->source : &none), ok);
	if (gnuid_is_set(&v->source_sid))
		put(o, "remoteSessionId", id_text(&v->source_sid), ok);
	if (v->src == CHAN_SRC_PEERCAST)
		put_hit(o, l, &v->source, &v->source_sid, ok);
	return o;
}

static json_t *servent_connection(
	const struct servent_view *sv, const struct hitlist_view *l, bool *ok)
{
	char type[32];
	json_t *o;
	size_t i;

	text_copy(type, sizeof(type), servent_type_str(sv->type));
	for (i = 0; type[i] != '\0'; i++)
		type[i] = (char)ascii_lower((uint8_t)type[i]);
	o = connection((int32_t)(sv->id & INT32_MAX), type, sv->framed ? "PCP" : "HTTP",
		servent_state(sv->status), ok);
	if (sv->agent[0] != '\0')
		put(o, "agentName", json_string(sv->agent), ok);
	put(o, "recvRate", json_integer((json_int_t)sv->rate_in), ok);
	put(o, "sendRate", json_integer((json_int_t)sv->rate_out), ok);
	put(o, "remoteEndPoint", host_text(&sv->peer), ok);
	put(o, "remoteName", host_text(&sv->peer), ok);
	if (gnuid_is_set(&sv->remote))
		put(o, "remoteSessionId", id_text(&sv->remote), ok);
	if (sv->type == SV_RELAY)
		put_hit(o, l, &sv->peer, &sv->remote, ok);
	return o;
}

static json_t *get_channel_connections(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	struct servent_view *views = NULL;
	struct hitlist_view list;
	struct chan_view v;
	size_t n = 0, i;
	json_t *a;
	bool ok;

	if (ch == NULL)
		return method_no_channel(c);
	chan_view(ch, &v);
	chan_unref(&ch);
	if (!chanmgr_list_view(c->node->cm, &c->id, true, &list))
		memset(&list, 0, sizeof(list));
	a = json_array();
	ok = a != NULL;
	add(a, source_connection(&v, &list, &ok), &ok);
	chan_view_fini(&v);
	if (servmgr_views(c->node->sm, &c->id, &views, &n) != ST_OK)
		ok = false;
	for (i = 0; i < n && ok; i++)
		add(a, servent_connection(&views[i], &list, &ok), &ok);
	free(views);
	hitlist_view_fini(&list);
	return or_drop(a, ok);
}

/* --- the relay tree --------------------------------------------------------------------------- */

/* One node, with the children it gets later. */
static json_t *tree_node(const struct hit *h, bool *ok)
{
	const struct host *at = host_is_set(&h->rhost[0]) ? &h->rhost[0] : &h->rhost[1];
	const bool has_ex = h->ex_number != 0 && ascii_isalnum((uint8_t)h->ex_prefix[0]) &&
		ascii_isalnum((uint8_t)h->ex_prefix[1]);
	json_t *o = json_object();
	char ip[HOST_STRLEN], ex[16] = "";

	*ok = o != NULL && *ok;
	if (has_ex)
		snprintf(ex, sizeof(ex), "%.2s%u", h->ex_prefix, h->ex_number);
	put(o, "address", json_string(host_ip_str(at, ip)), ok);
	put(o, "children", json_array(), ok);
	put(o, "isControlFull", json_boolean((h->flags & HIT_CIN) == 0), ok);
	put(o, "isDirectFull", json_boolean((h->flags & HIT_DIRECT) == 0), ok);
	put(o, "isFirewalled", json_boolean((h->flags & HIT_PUSH) != 0), ok);
	put(o, "isReceiving", json_boolean((h->flags & HIT_RECV) != 0), ok);
	put(o, "isRelayFull", json_boolean((h->flags & HIT_RELAY) == 0), ok);
	put(o, "isTracker", json_boolean((h->flags & HIT_TRACKER) != 0), ok);
	put(o, "localDirects", json_integer((json_int_t)h->listeners), ok);
	put(o, "localRelays", json_integer((json_int_t)h->relays), ok);
	put(o, "port", json_integer(at->port), ok);
	put(o, "sessionId", id_text(&h->sid), ok);
	put(o, "version", json_integer((json_int_t)h->version), ok);
	if (has_ex)
		put(o, "versionEX", json_string(ex), ok);
	put(o, "versionString", json_string(ex), ok);
	put(o, "versionVP", h->version_vp != 0 ? json_integer((json_int_t)h->version_vp) : json_null(), ok);
	return o;
}

/* Ourselves in the tree, and what tells who is below us. below is the caller's to free. */
static bool tree_self(struct node *n, struct chan *ch, struct hit *self, struct treefacts *f,
	struct gnuid **below)
{
	struct servent_view *views = NULL;
	struct chan_view v;
	struct usage u;
	struct own own;
	size_t count = 0, i;
	bool ok;

	node_own_hit(n, ch, true, self);
	/* what goes out from here, not all there is */
	servmgr_usage(n->sm, chan_id(ch), &u);
	self->listeners = u.directs;
	self->relays = u.relays;
	chan_view(ch, &v);
	if (!v.playing)
		self->flags &= (uint8_t)~HIT_RECV;
	servmgr_own(n->sm, &own);
	f->self = self;
	f->own = own.global[v.v6];
	f->source = v.source_sid;
	chan_view_fini(&v);
	ok = servmgr_views(n->sm, chan_id(ch), &views, &count) == ST_OK;
	*below = ok ? calloc(count + 1, sizeof(struct gnuid)) : NULL;
	for (i = 0; i < count && *below != NULL; i++)
		if (views[i].type == SV_RELAY && gnuid_is_set(&views[i].remote))
			(*below)[f->n_below++] = views[i].remote;
	f->below = *below;
	free(views);
	return *below != NULL;
}

/* Children are hung in where they belong one by one, so nothing here recurses; oldest known first. */
static json_t *tree_json(const struct treefacts *f, const size_t *parent, bool *ok)
{
	json_t *top = json_array(), **node = calloc(f->n + 1, sizeof(json_t *));
	size_t i;

	*ok = top != NULL && node != NULL;
	for (i = 0; i <= f->n && node != NULL; i++)
		if (i < f->n || f->self != NULL)
			node[i] = tree_node(i < f->n ? &f->hit[i] : f->self, ok);
	for (i = f->n + 1; i > 0 && node != NULL; i--) {
		json_t *o = node[i - 1];

		if (o == NULL || !*ok)
			json_decref(o);         /* with the children it has by now */
		else
			add(parent[i - 1] == TREE_TOP ? top
				: json_object_get(node[parent[i - 1]], "children"), o, ok);
	}
	free(node);
	return top;
}

static json_t *get_channel_relay_tree(struct rpc_call *c)
{
	struct chan *ch = chanmgr_find(c->node->cm, &c->id);
	struct hitlist_view list;
	struct treefacts f = { .hit = NULL };
	struct gnuid *below = NULL;
	size_t *parent = NULL;
	json_t *a = NULL;
	struct hit self;
	bool ok = true;

	if (!chanmgr_list_view(c->node->cm, &c->id, true, &list)) {
		chan_unref(&ch);
		return rpc_fail(c, RPC_UNKNOWN, "Hit list not found", NULL);
	}
	f.hit = list.hits;
	f.n = list.n;
	if (ch != NULL)
		ok = tree_self(c->node, ch, &self, &f, &below);
	chan_unref(&ch);
	if (ok)
		parent = calloc(f.n + 1, sizeof(*parent));
	if (parent != NULL && relaytree_build(&f, parent) == ST_OK)
		a = tree_json(&f, parent, &ok);
	free(parent);
	free(below);
	hitlist_view_fini(&list);
	return or_drop(a, ok);
}

/* --- commands --------------------------------------------------------------------------------- */

static json_t *stop_channel(struct rpc_call *c)
{
	command_stop(c->node, c->sv, &c->id);   /* an unknown one is as good as stopped */
	return json_null();
}

#define CHANNEL { { "channelId", RPC_ID, false } }

#define CONNECTION(id) { { "channelId", RPC_ID, false }, { id, RPC_INTEGER, false } }
#define NOTHING { { NULL, RPC_STRING, false } }

#define ANNOUNCE { { "yellowPageId", RPC_INTEGER, false }, { "channelId", RPC_ID, true } }

const struct rpc_method rpc_methods[] = {
	{ "addBroadcastHistory", { { "info", RPC_OBJECT, false } }, method_add_history, RPC_IS_NULL,
		"Remember what was broadcast, and how." },
	{ "addSpeedTest", { { "url", RPC_STRING, false } }, method_add_speed_test, RPC_IS_NULL,
		"Remember the upload test of a yellow page: the address of its yp4g.xml." },
	{ "addYellowPage", { { "protocol", RPC_STRING, false }, { "name", RPC_STRING, false },
		{ "uri", RPC_STRING, true }, { "announceUri", RPC_STRING, true },
		{ "channelsUri", RPC_STRING, true } }, method_add_yp, RPC_IS_OBJECT,
		"Announce to this yellow page, pcp://host:port/, from now on." },
	{ "broadcastChannel", { { "yellowPageId", RPC_INTEGER, true }, { "networkType", RPC_STRING, true },
		{ "sourceUri", RPC_STRING, true }, { "contentReader", RPC_STRING, true },
		{ "info", RPC_OBJECT, true }, { "track", RPC_OBJECT, true },
		{ "sourceStream", RPC_STRING, true }, { "announce", RPC_BOOL, true } }, method_broadcast,
		RPC_IS_STRING,
		"Prepare a channel for who publishes to rtmp://.../<key>, or pull a URL; its id. A port of "
		"localhost where no RTMP is taken is opened for it. announce = false, or a yellowPageId "
		"that is null: no yellow page hears of it before restartAnnounce." },
	{ "broadcastRootSettings", { { "getUpdates", RPC_BOOL, true } }, broadcast_root_settings, RPC_IS_NULL,
		"On a root: send message and interval to all trackers now, and ask for updates." },
	{ "bumpChannel", { { "channelId", RPC_ID, false }, { "host", RPC_STRING, true } },
		method_bump_channel, RPC_IS_NULL,
		"Reconnect a relayed channel to another upstream: to that host (address:port) first." },
	{ "changeSettings", { { "settings", RPC_OBJECT, false }, { "filters", RPC_ARRAY, true },
		{ "feeds", RPC_ARRAY, true }, { "check", RPC_BOOL, true } }, method_change_settings,
		RPC_IS_OBJECT,
		"Change settings by their names in the ini, and lists as a whole: all, or with an error "
		"none; check: only look for errors." },
	{ "checkBandwidth", { { "networkType", RPC_STRING, true } }, method_get_nothing, RPC_IS_NULL,
		"Always null: see the speed tests of yellow pages." },
	{ "checkPorts", NOTHING, check_ports, RPC_IS_ARRAY | RPC_IS_NULL,
		"Ask the YP whether our port can be reached; the ports that can." },
	{ "checkUpdate", NOTHING, method_get_nothing, RPC_IS_NULL,
		"Always null: this node does not update itself." },
	{ "clearLog", NOTHING, method_clear_log, RPC_IS_NULL,
		"Forget the lines of the log that are kept for getLog." },
	{ "describeSettings", { { "language", RPC_STRING, true } }, method_describe_settings, RPC_IS_OBJECT,
		"Every setting: what it is for (en or ja), its type, range, default and value; filters and "
		"feeds." },
	{ "endConnection", { { "connectionId", RPC_INTEGER, false } }, method_end_connection, RPC_IS_BOOL,
		"End any connection of getConnections; true if there was one." },
	{ "fetch", { { "url", RPC_STRING, false }, { "name", RPC_STRING, false },
		{ "desc", RPC_STRING, false }, { "genre", RPC_STRING, false },
		{ "contact", RPC_STRING, false }, { "bitrate", RPC_INTEGER, false },
		{ "type", RPC_STRING, false }, { "network", RPC_STRING, true } }, method_fetch, RPC_IS_STRING,
		"Broadcast what a URL has, until it is stopped; the channel's id." },
	{ "getAuthToken", NOTHING, method_get_nothing, RPC_IS_NULL,
		"Always null: streams need no token of a listener." },
	{ "getBroadcastHistory", NOTHING, method_get_history, RPC_IS_ARRAY,
		"What was broadcast before: favorites first, then the newest." },
	{ "getChannelConnections", CHANNEL, get_channel_connections, RPC_IS_ARRAY,
		"The source of a channel and everybody it is sent to." },
	{ "getChannelDetail", CHANNEL, method_get_channel_detail, RPC_IS_OBJECT,
		"What comes in and is kept of a channel, how far its readers are behind (ms), known hosts, "
		"and who refused whom and why." },
	{ "getChannelHead", CHANNEL, method_get_channel_head, RPC_IS_OBJECT,
		"The stream's header, which every new reader gets first: its first 8 KiB in hexadecimal." },
	{ "getChannelInfo", CHANNEL, get_channel_info, RPC_IS_OBJECT,
		"Name, genre, track and so on of a channel." },
	{ "getChannelOutputs", CHANNEL, method_get_outputs, RPC_IS_ARRAY,
		"To whom a channel is sent: type 1 players, 2 relays." },
	{ "getChannelRelayTree", CHANNEL, get_channel_relay_tree, RPC_IS_ARRAY,
		"Who feeds whom, as far as it is known here." },
	{ "getChannelStatus", CHANNEL, get_channel_status, RPC_IS_OBJECT,
		"State and counts of a channel." },
	{ "getChannels", NOTHING, get_channels, RPC_IS_ARRAY, "All channels carried here." },
	{ "getConnections", { { "channelId", RPC_ID, true } }, method_get_connections, RPC_IS_OBJECT,
		"All connections of the node, or those of a channel, newest first." },
	{ "getContentReaders", NOTHING, method_get_readers, RPC_IS_ARRAY,
		"The containers that are understood." },
	{ "getExternalIPAddresses", NOTHING, method_get_external_addresses, RPC_IS_ARRAY,
		"The addresses others reach us at." },
	{ "getListeners", NOTHING, method_get_listeners, RPC_IS_ARRAY,
		"Our port, what it accepts, and whether it can be reached." },
	{ "getLog", { { "from", RPC_INTEGER, true }, { "maxLines", RPC_INTEGER, true } }, method_get_log,
		RPC_IS_OBJECT, "The last lines of the log, from the one with that number on." },
	{ "getLogSettings", NOTHING, method_get_log_settings, RPC_IS_OBJECT,
		"What is logged: 0 nothing, 1 fatal, 2 errors, 3 warnings, 4 notes, 5 everything." },
	{ "getNewVersions", NOTHING, get_none, RPC_IS_ARRAY,
		"Always empty: this node does not update itself." },
	{ "getNotificationMessages", NOTHING, method_get_notifications, RPC_IS_ARRAY,
		"What has happened since the last call from this address; of the last 20." },
	{ "getNotifications", NOTHING, method_get_notices, RPC_IS_ARRAY,
		"The last 20 notifications, newest first; they stay." },
	{ "getOverview", NOTHING, method_get_overview, RPC_IS_OBJECT,
		"The node at a glance: connections, limits, rates in bytes/s, what was refused." },
	{ "getPlugins", NOTHING, get_none, RPC_IS_ARRAY, "Always empty: there are none." },
	{ "getPortMapping", NOTHING, method_get_port_mapping, RPC_IS_OBJECT,
		"Whether the router leads the port to this node (UPnP, NAT-PMP), and why not." },
	{ "getRecordings", NOTHING, method_get_recordings, RPC_IS_OBJECT,
		"What is recorded, and was lately, newest first; files, bytes and so on since the start." },
	{ "getRootStatus", NOTHING, get_root_status, RPC_IS_OBJECT,
		"On a root: who is connected, what was refused, forwarded and written." },
	{ "getRtmpStatus", NOTHING, method_get_rtmp_status, RPC_IS_OBJECT,
		"Where RTMP is taken, from how many encoders, and why not." },
	{ "getServerStorageItem", { { "key", RPC_STRING, false } }, method_get_item,
		RPC_IS_STRING | RPC_IS_NULL, "What was kept as channelFilters or channelFavorites." },
	{ "getSettings", NOTHING, method_get_settings, RPC_IS_OBJECT,
		"Limits of what is sent; 0 = no limit, for players none at all." },
	{ "getSourceStreams", NOTHING, method_get_sources, RPC_IS_ARRAY, "From where a channel can come." },
	{ "getSpeedTests", NOTHING, method_get_speed_tests, RPC_IS_ARRAY,
		"The upload tests of yellow pages, and what they said of this node." },
	{ "getState", { { "objectNames", RPC_ARRAY, false } }, method_get_state, RPC_IS_OBJECT,
		"servMgr, chanMgr, stats, notificationBuffer, sys, ypList as PeerCast-YT's pages see them." },
	{ "getStatus", NOTHING, get_status, RPC_IS_OBJECT, "Addresses, firewall state, uptime." },
	{ "getTraffic", NOTHING, method_get_traffic, RPC_IS_OBJECT,
		"Bytes/s in and out, every 5 s of the last ten minutes: all, and outside of our network." },
	{ "getUpdateStatus", NOTHING, method_get_update_status, RPC_IS_OBJECT,
		"Always done: this node does not update itself." },
	{ "getUserConfig", { { "user", RPC_STRING, false }, { "key", RPC_STRING, false } },
		method_get_user_config, RPC_IS_OBJECT | RPC_IS_NULL,
		"What was kept for a user under a key." },
	{ "getVersionInfo", NOTHING, get_version_info, RPC_IS_OBJECT, "Agent and API version." },
	{ "getYPChannels", NOTHING, method_get_yp_channels, RPC_IS_ARRAY,
		"What the user's yellow pages list, most listeners first; counts below 0 are hidden." },
	{ "getYPFeeds", NOTHING, method_get_yp_feeds, RPC_IS_ARRAY,
		"The lists of the user's yellow pages, and how they were come by." },
	{ "getYellowPageProtocols", NOTHING, method_get_yp_protocols, RPC_IS_ARRAY,
		"How a yellow page can be announced to." },
	{ "getYellowPages", NOTHING, method_get_yps, RPC_IS_ARRAY,
		"The yellow page we announce to, and what." },
	{ "keepChannel", { { "channelId", RPC_ID, false }, { "keep", RPC_BOOL, false } }, method_keep_channel,
		RPC_IS_NULL, "Keep a relay when nobody listens and over a restart, or no longer." },
	{ "playChannel", CHANNEL, method_play_channel, RPC_IS_NULL,
		"Relay a channel that is known of; a player is not opened." },
	{ "removeSpeedTest", { { "url", RPC_STRING, false } }, method_remove_speed_test, RPC_IS_NULL,
		"Forget an upload test." },
	{ "removeYellowPage", { { "yellowPageId", RPC_INTEGER, false } }, method_remove_yp, RPC_IS_NULL,
		"Announce nowhere." },
	{ "restartAnnounce", ANNOUNCE, method_restart_announce, RPC_IS_NULL,
		"Announce our broadcasts, or one of them, now and from now on." },
	{ "restartChannelConnection", CONNECTION("connectionId"), method_restart_connection, RPC_IS_BOOL,
		"Reconnect the source (-1) of a relayed channel; true if there is one." },
	{ "rpc.discover", NOTHING, method_discover, RPC_IS_OBJECT, "This list, as OpenRPC." },
	{ "setChannelInfo", { { "channelId", RPC_ID, false }, { "info", RPC_OBJECT, true },
		{ "track", RPC_OBJECT, true } }, method_set_channel_info, RPC_IS_NULL,
		"Change the texts of a channel broadcast here: those that are given." },
	{ "setLogSettings", { { "settings", RPC_OBJECT, false } }, method_set_log_settings, RPC_IS_NULL,
		"Change what is logged: level, as in getLogSettings." },
	{ "setPassword", { { "current", RPC_STRING, false }, { "new", RPC_STRING, false } },
		method_set_password, RPC_IS_NULL,
		"Change the password of the node; logins end. An empty one lets nobody in." },
	{ "setServerStorageItem", { { "key", RPC_STRING, false }, { "value", RPC_STRING, false } },
		method_set_item, RPC_IS_NULL, "Keep a text as channelFilters or channelFavorites." },
	{ "setSettings", { { "settings", RPC_OBJECT, false } }, method_set_settings, RPC_IS_NULL,
		"Change limits: those of getSettings that are given, all or none." },
	{ "setUserConfig", { { "user", RPC_STRING, false }, { "key", RPC_STRING, false },
		{ "value", RPC_OBJECT, false } }, method_set_user_config, RPC_IS_NULL,
		"Keep a value for a user under a key." },
	{ "startRecording", CHANNEL, method_start_recording, RPC_IS_NULL,
		"Write a channel to files below recordDir, until it ends or stopRecording; see "
		"getRecordings." },
	{ "stopAnnounce", ANNOUNCE, method_stop_announce, RPC_IS_NULL,
		"Do not announce our broadcasts, or one of them, any more." },
	{ "stopChannel", CHANNEL, stop_channel, RPC_IS_NULL, "End a channel." },
	{ "stopChannelConnection", CONNECTION("connectionId"), method_stop_connection, RPC_IS_BOOL,
		"End the connection to a player or relay; true if there was one." },
	{ "stopChannelOutput", CONNECTION("outputId"), method_stop_output, RPC_IS_NULL,
		"End the connection to a player or relay." },
	{ "stopRecording", CHANNEL, method_stop_recording, RPC_IS_BOOL,
		"Record a channel no longer, nor by recordAuto while it lasts; true if it was." },
	{ "takeSpeedTest", { { "url", RPC_STRING, false }, { "send", RPC_BOOL, true } },
		method_take_speed_test, RPC_IS_OBJECT,
		"Take an upload test, or with send = false only ask what is known; waits for it." },
	{ "updateAndRestart", NOTHING, method_get_nothing, RPC_IS_NULL,
		"Nothing: this node does not update itself." },
	{ "updateYPChannels", NOTHING, method_update_yp_channels, RPC_IS_ARRAY,
		"getYPChannels, fetched anew if the last time was more than a minute ago." },
};
const size_t rpc_methods_n = NELEM(rpc_methods);

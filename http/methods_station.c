/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods that PeerCastStation has beside those of PeerCast-YT: what can be broadcast and how, our port,
 * announcing, updates (http.md 8.6). */
#include "http/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/roots.h"
#include "core/sys/text.h"

/* --- our port --------------------------------------------------------------------------------- */

/* Bits of accepts, and values of portStatus. */
enum { ACCEPT_PLAY = 1, ACCEPT_RELAY = 2, ACCEPT_METADATA = 4, ACCEPT_INTERFACE = 8 };
enum { PORT_UNAVAILABLE, PORT_UNKNOWN, PORT_FIREWALLED, PORT_OPEN };

static int port_status(const struct own *own, bool serves)
{
	static const int of[] = {
		[FW_UNKNOWN] = PORT_UNKNOWN, [FW_OPEN] = PORT_OPEN, [FW_CLOSED] = PORT_FIREWALLED,
	};

	return serves ? of[own->fw[0]] : PORT_UNAVAILABLE;
}

static json_t *global_addresses(const struct own *own)
{
	json_t *a = json_array();
	bool ok = a != NULL;
	char ip[HOST_STRLEN];

	for (size_t i = 0; i < NELEM(own->global); i++)
		if (host_is_global(&own->global[i]))
			add(a, json_string(host_ip_str(&own->global[i], ip)), &ok);
	return or_drop(a, ok);
}

/* Credentials are nobody's to read. */
static json_t *listener_json(const struct settings *st, const struct own *own)
{
	const int all = (st->allow_direct ? ACCEPT_PLAY : 0) | (st->allow_network ? ACCEPT_RELAY : 0);
	const int site = st->allow_html ? ACCEPT_METADATA | ACCEPT_INTERFACE : 0;
	const bool players = st->max_direct > 0, login = st->password[0] != '\0';
	json_t *o = json_object();
	bool ok = o != NULL;

	put(o, "listenerId", json_integer(1), &ok);
	put(o, "address", json_string(st->bind_address[0] != '\0' ? st->bind_address : "0.0.0.0"), &ok);
	put(o, "port", json_integer(own->port), &ok);
	/* this machine plays and relays whatever the switches say */
	put(o, "localAccepts", json_integer(ACCEPT_PLAY | ACCEPT_RELAY | site), &ok);
	put(o, "globalAccepts", json_integer((players ? all : all & ~ACCEPT_PLAY) |
		(login ? site : site & ~ACCEPT_INTERFACE)), &ok);
	put(o, "localAuthorizationRequired", json_boolean(!st->trust_localhost), &ok);
	put(o, "globalAuthorizationRequired", json_true(), &ok);
	put(o, "authenticationId", json_null(), &ok);
	put(o, "authenticationPassword", json_null(), &ok);
	put(o, "authToken", json_null(), &ok);
	put(o, "globalAddresses", global_addresses(own), &ok);
	put(o, "portStatus", json_integer(port_status(own, st->auto_serve)), &ok);
	put(o, "isOpened", own->fw[0] == FW_UNKNOWN ? json_null() : json_boolean(own->fw[0] == FW_OPEN), &ok);
	return or_drop(o, ok);
}

json_t *method_get_listeners(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	json_t *a = json_array();
	bool ok = a != NULL;
	struct own own;

	servmgr_own(c->node->sm, &own);
	add(a, listener_json(st, &own), &ok);
	settings_unref(&st);
	return or_drop(a, ok);
}

/* --- what can be broadcast -------------------------------------------------------------------- */

static const struct {
	const char *name, *desc, *type;
} readers[] = {
	{ "Flash Video (FLV)", "FLV: H.264, HEVC, AV1 with AAC, MP3, Opus", "FLV" },
	{ "Matroska (MKV or WebM)", "Matroska and WebM", "MKV" },
	{ "ASF(WMV or WMA)", "Windows Media", "WMV" },
	{ "Ogg (OGG or OGM)", "Ogg: Vorbis, Opus, Theora and others", "OGG" },
	{ "MP3", "MPEG audio", "MP3" },
	{ "MPEG-2 TS", "MPEG transport stream", "TS" },
	{ "MP4", "fragmented MP4", "MP4" },
	{ "RAW", "anything else, as it is", "RAW" },
};

/* By its name, or by the type alone. NULL = there is none. */
static const char *reader_type(const char *name)
{
	for (size_t i = 0; i < NELEM(readers); i++)
		if (ascii_casecmp(readers[i].name, name) == 0 || ascii_casecmp(readers[i].type, name) == 0)
			return readers[i].type;
	return NULL;
}

json_t *method_get_readers(struct rpc_call *c)
{
	json_t *a = json_array();
	bool ok = a != NULL;

	(void)c;
	for (size_t i = 0; i < NELEM(readers); i++)
		add(a, json_pack("{ssss}", "name", readers[i].name, "desc", readers[i].desc), &ok);
	return or_drop(a, ok);
}

/* Types of sources. */
enum { SOURCE_BROADCAST = 1, SOURCE_RELAY = 2 };
#define RTMP_SOURCE "RTMP Source"
#define URL_SOURCE  "http"

json_t *method_get_sources(struct rpc_call *c)
{
	struct rtmp_status s;
	char uri[64];

	c->node->ops.rtmp_status(c->node, &s);
	(void)snprintf(uri, sizeof(uri), "rtmp://localhost:%u/live/livestream", s.at.port);
	return json_pack("[{ss ss ss si so sb} {ss ss ss si ss sb} {ss ss ss si so sb}]",
		"name", URL_SOURCE, "desc", "this node pulls a URL: HTTP, MMSH, RTMP, a file, a command",
		"scheme", "http",
		"type", SOURCE_BROADCAST, "defaultUri", json_null(), "isContentReaderRequired", 0,
		"name", RTMP_SOURCE, "desc", "an encoder publishes to this node by RTMP", "scheme", "rtmp",
		"type", SOURCE_BROADCAST, "defaultUri", uri, "isContentReaderRequired", 0,
		"name", "pcp", "desc", "another node, by PCP", "scheme", "pcp",
		"type", SOURCE_RELAY, "defaultUri", json_null(), "isContentReaderRequired", 0);
}

static json_t *bad(struct rpc_call *c, const char *why)
{
	return rpc_fail(c, RPC_BAD_PARAMS, rpc_invalid_params, why);
}

/* Is there a source for the scheme of an address? */
static bool has_source(const char *uri)
{
	static const char *const schemes[] = { "rtmp:", "http:", "https:", "mms:", "mmsh:" };

	for (size_t i = 0; i < NELEM(schemes); i++)
		if (ascii_ncasecmp(uri, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

/* The texts of info and track that are there; false: one is not a text. */
static bool take_info(struct rpc_call *c, struct chanmeta *m)
{
	uint32_t present = 0;
	json_t *rate = json_object_get(c->args[4], "bitrate");

	memset(m, 0, sizeof(*m));
	if (!method_take_texts(c, c->args[4], c->args[5], m, &present))
		return false;
	if (json_is_integer(rate) && json_integer_value(rate) > 0)
		m->bitrate_kbps = (uint32_t)MIN(json_integer_value(rate), (json_int_t)BITRATE_MAX_KBPS);
	return true;
}

/* name[:port] of n bytes. Where it is this machine, and names the port, that goes to door (unset otherwise).
 * False: it is no such thing. */
static bool take_door(const char *at, size_t n, struct host *door)
{
	const char *colon;
	char text[HOST_STRLEN];
	uint32_t port = 0;
	size_t name;

	*door = (struct host){ .port = 0 };
	if (n == 0)
		return false;
	if (n >= sizeof(text))
		return true;            /* a long name is none of ours */
	memcpy(text, at, n);
	text[n] = '\0';
	colon = text[0] == '[' ? strchr(text, ']') : text;
	if (colon == NULL)
		return false;
	name = (size_t)(colon - text) + strcspn(colon, ":");
	if (name == 0 || (name < n && !num_u32(text + name + 1, 1, UINT16_MAX, &port)))
		return false;
	text[name] = '\0';
	if (port == 0)
		return true;
	if (ascii_casecmp(text, "localhost") == 0)
		*door = host_v4(127, 0, 0, 1, (uint16_t)port);
	else if (host_parse(door, text, (uint16_t)port) && host_is_loopback(door))
		door->port = (uint16_t)port;
	else
		*door = (struct host){ .port = 0 };
	return true;
}

/* The last part of the path of rtmp://host[:port]/app/key, and where that is (take_door()); false: it is no
 * such address. */
static bool rtmp_target(const char *uri, char key[TEXT_MAX], struct host *door)
{
	const char *path, *last;

	if (ascii_ncasecmp(uri, "rtmp://", 7) != 0)
		return false;
	path = strchr(uri + 7, '/');
	if (path == NULL || !take_door(uri + 7, (size_t)(path - uri - 7), door))
		return false;
	last = strrchr(path, '/') + 1;
	if (last == path + 1 || *last == '\0' || strlen(last) >= TEXT_MAX)
		return false;
	(void)text_copy(key, TEXT_MAX, last);
	key[strcspn(key, "?#")] = '\0';
	return key[0] != '\0';
}

/* As the id of any other broadcast is made. */
static struct gnuid new_id(struct node *n, const struct chanmeta *m)
{
	const struct settings *st = conf_get(n->conf);
	struct own own;
	struct gnuid id;

	servmgr_own(n->sm, &own);
	id = st->randomize_broadcasting_channel_id ? gnuid_random(0) :
		gnuid_of_chan(&own.bcid, m->text[CT_NAME], m->text[CT_GENRE], m->bitrate_kbps);
	settings_unref(&st);
	return id;
}

static bool has_yp(struct rpc_call *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const size_t n = roots_count(st->root_host);

	settings_unref(&st);
	return json_integer_value(c->args[0]) >= 0 && (uint64_t)json_integer_value(c->args[0]) < n;
}

/* What has to be given stands among what may be left out, so nothing is asked for by the table.
 * The channel is there when its encoder is (settings.md decision 4); its id is known at once. */
json_t *method_broadcast(struct rpc_call *c)
{
	const char *network = json_string_value(c->args[1]), *uri = json_string_value(c->args[2]);
	const char *source = json_string_value(c->args[6]);
	char key[TEXT_MAX], hex[GNUID_STRLEN];
	const bool v6 = network != NULL && strcmp(network, "ipv6") == 0;
	bool pulls;
	struct chanmeta m;
	struct host door;
	enum status st;

	if (c->args[0] != NULL && !has_yp(c))
		return bad(c, "Yellow page not found");
	if (uri == NULL || uri[0] == '\0')
		return bad(c, "source uri required");
	/* an rtmp:// address is where an encoder will publish, unless it is said to be pulled */
	pulls = source != NULL ? strcmp(source, URL_SOURCE) == 0 : ascii_ncasecmp(uri, "rtmp:", 5) != 0;
	if (c->args[3] != NULL && reader_type(json_string_value(c->args[3])) == NULL)
		return bad(c, "Content reader not found");
	if (source != NULL ? strcmp(source, RTMP_SOURCE) != 0 && strcmp(source, URL_SOURCE) != 0 :
	    !has_source(uri))
		return bad(c, "Source stream not found");
	if (!pulls && !rtmp_target(uri, key, &door))
		return bad(c, "Invalid Uri");
	if (network != NULL && !v6 && strcmp(network, "ipv4") != 0)
		return bad(c, "network is ipv4 or ipv6");
	if (!take_info(c, &m))
		return NULL;
	if (m.text[CT_NAME][0] == '\0')
		return bad(c, "Channel name must not be empty");
	/* who names no page, by a null, wants none */
	m.silent = c->args[7] != NULL ? json_is_false(c->args[7]) : (c->nulls & 1) != 0;
	if (pulls) {
		if (c->args[3] != NULL)
			(void)text_copy(m.text[CT_TYPE], TEXT_MAX,
				reader_type(json_string_value(c->args[3])));
		return method_pull(c, uri, &m, network);
	}
	m.id = new_id(c->node, &m);
	st = c->node->ops.rtmp_prepare(c->node, key, door.port != 0 ? &door : NULL, &m, v6);
	if (st == ST_SYS)
		return rpc_fail(c, RPC_UNKNOWN, "The port cannot be had", status_str(st));
	if (st != ST_OK)
		return rpc_fail(c, RPC_UNKNOWN, "Too many streams are prepared", NULL);
	return json_string(gnuid_str(&m.id, hex));
}

/* --- announcing ------------------------------------------------------------------------------- */

/* To our broadcasts, or to the one that is named. */
static json_t *announce(struct rpc_call *c, enum chan_announce how)
{
	struct chan **all = NULL;
	size_t n = 0;
	bool found = c->args[1] == NULL;

	if (!has_yp(c))
		return bad(c, "Yellow page not found");
	if (chanmgr_all(c->node->cm, &all, &n) != ST_OK)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if ((c->args[1] == NULL || gnuid_equal(chan_id(all[i]), &c->id)) &&
		    chan_type_of(all[i]) == CHAN_BROADCAST) {
			chan_set_announce(all[i], how);
			c->node->ops.info_changed(c->node, all[i]);
			found = true;
		}
		chan_unref(&all[i]);
	}
	free(all);
	return found ? json_null() : method_no_channel(c);
}

json_t *method_stop_announce(struct rpc_call *c)
{
	return announce(c, CHAN_SILENT);
}

json_t *method_restart_announce(struct rpc_call *c)
{
	return announce(c, CHAN_ANNOUNCE_NOW);
}

/* --- what this node does not do itself -------------------------------------------------------- */

json_t *method_get_nothing(struct rpc_call *c)
{
	(void)c;
	return json_null();
}

/* It is whatever its operator installs: as new as it will get. */
json_t *method_get_update_status(struct rpc_call *c)
{
	(void)c;
	return json_pack("{sf ss}", "progress", 1.0, "status", "succeeded");
}

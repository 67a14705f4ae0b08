/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of JSON-RPC, in files by subject, for the one table in methods.c; and what they build
 * values with. Only methods*.c include this.
 *
 * source   http.md 8.5, 8.6
 */
#ifndef HTTP_METHODS_H
#define HTTP_METHODS_H

#include "http/jsonrpc.h"

/* methods_node.c: settings, log, addresses */
rpc_handler method_clear_log, method_get_external_addresses, method_get_log, method_get_log_settings,
	method_get_notifications, method_get_settings, method_set_log_settings, method_set_settings;
/* methods_yp.c: the yellow page we announce to */
rpc_handler method_add_yp, method_get_yp_protocols, method_get_yps, method_remove_yp;
/* methods_feed.c: the lists of yellow pages */
rpc_handler method_get_yp_channels, method_get_yp_feeds, method_update_yp_channels;
/* methods_edit.c: a channel's start, info and connections */
rpc_handler method_get_outputs, method_play_channel, method_restart_connection, method_set_channel_info,
	method_stop_connection, method_stop_output;
/* The texts of info and track into m, and into *present; false: one of them is not a text. */
bool method_take_texts(struct rpc_call *c, json_t *info, json_t *track, struct chanmeta *m,
	uint32_t *present);
/* methods_store.c: what front ends keep here */
rpc_handler method_add_history, method_get_history, method_get_item, method_get_user_config, method_set_item,
	method_set_user_config;
/* methods_state.c: everything at once, as texts */
rpc_handler method_get_state;
/* methods_station.c: what PeerCastStation has besides */
rpc_handler method_broadcast, method_get_listeners, method_get_nothing, method_get_readers,
	method_get_sources, method_get_update_status, method_restart_announce, method_stop_announce;
/* methods_conf.c: all settings, for pages */
rpc_handler method_change_settings, method_describe_settings, method_set_password;
/* methods_live.c: the node at work, for pages */
rpc_handler method_add_speed_test, method_end_connection, method_get_connections, method_get_notices,
	method_get_rtmp_status, method_get_speed_tests, method_remove_speed_test, method_take_speed_test;
/* methods_channel.c: one channel */
rpc_handler method_bump_channel, method_get_channel_detail, method_get_channel_head, method_keep_channel;
/* methods_overview.c: the node at a glance */
rpc_handler method_get_overview, method_get_traffic;
/* methods_record.c: what is recorded */
rpc_handler method_get_recordings, method_start_recording, method_stop_recording;
/* methods_port.c: the router */
rpc_handler method_get_port_mapping;
/* methods_pull.c: what is pulled */
rpc_handler method_fetch;
/* The same for what is there already of m; fails with why not. */
json_t *method_pull(struct rpc_call *c, const char *url, struct chanmeta *m, const char *network);
/* Fails with "Channel not found". */
rpc_handler method_no_channel;
/* openrpc.c: all of them, described */
rpc_handler method_discover;

/* After a change of the settings: null once they are in the ini, else as method_not_saved(). */
json_t *method_settings_changed(struct rpc_call *c);
/* The call fails: it counts, but the ini could not be written. */
json_t *method_not_saved(struct rpc_call *c, enum status st);

/* Set an item of an object, append one to an array; the reference is taken. jansson's setters refuse
 * NULL, so a value that could not be made shows up as a failed set. `ok` gathers that; memory is then
 * out, and the caller lets go of everything with or_drop(). */
static inline void put(json_t *o, const char *key, json_t *v, bool *ok)
{
	*ok = json_object_set_new(o, key, v) == 0 && *ok;
}

static inline void add(json_t *a, json_t *v, bool *ok)
{
	*ok = json_array_append_new(a, v) == 0 && *ok;
}

static inline json_t *or_drop(json_t *v, bool ok)
{
	if (ok)
		return v;
	json_decref(v);
	return NULL;
}

#endif

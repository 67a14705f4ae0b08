/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync's settings: from the ini to what the state machine and its sockets take, or why it may not run.
 *
 * Whatever is wrong makes live sync refuse to run; it never runs with less protection than was asked for.
 * Reads the key file; no lock is held.
 * source   yp.md 4.4-4.7; settings.md, LiveSync
 */
#ifndef SERVENT_SYNCCONF_H
#define SERVENT_SYNCCONF_H

#include "core/conf/settings.h"
#include "pcp/sync.h"

#define SYNCCONF_PEERS 64
#define SYNCCONF_WHY   (SETTINGS_LONG + 128)

/* For the sockets. Compared as bytes: filled in from zeros. */
struct syncnet_conf {
	struct host group;              /* unset = unicast only; the port is that of all */
	struct host bind;               /* unset = any address */
	uint16_t port;
	uint8_t ttl;
	bool loop;
	uint32_t n_peers;
	struct host peers[SYNCCONF_PEERS];
};

/* Read them anew. On success the caller calls sync_conf_fini() on *conf.
 * why      room for SYNCCONF_WHY: a sentence for people, after anything but ST_OK
 * returns  ST_OK, ST_STOPPED (live sync is off, or this node is no root: no fault), ST_PROTO (refused) */
enum status syncconf_read(const struct settings *set, struct sync_conf *conf, struct syncnet_conf *net,
	char why[SYNCCONF_WHY]) NODISCARD;

/* The keys of that file, which must be a regular file that nobody else may read or write: ours or root's,
 * mode 0600 or less.
 * returns  ST_OK, ST_PROTO (*why says what is wrong) */
enum status syncconf_keys(const char *path, struct sync_keys *keys, char why[SYNCCONF_WHY]) NODISCARD;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/syncconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/text.h"

#define KEY_FILE 4096           /* bytes of it; eight keys of 64 bytes are 1,200 */

/* --- the key file ----------------------------------------------------------------------------- */

/* All of the file; the place it was in is wiped by the caller. */
static enum status read_all(int fd, char *text, size_t cap, size_t *n)
{
	ssize_t k;

	*n = 0;
	do {
		k = read(fd, text + *n, cap - *n);
		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1)
			return ST_SYS;
		*n += (size_t)k;
		if (*n == cap)
			return ST_LIMIT;
	} while (k != 0);
	return ST_OK;
}

/* Is it a file whose content only we, and root, can know? NULL, or what is wrong. */
static const char *fault_of(int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) == -1)
		return "cannot be looked at";
	if (!S_ISREG(sb.st_mode))
		return "is not a regular file";
	if (sb.st_uid != geteuid() && sb.st_uid != 0)
		return "belongs to somebody else";
	if (sb.st_mode & 077)
		return "can be read or written by others: its mode must be 0600";
	return NULL;
}

enum status syncconf_keys(const char *path, struct sync_keys *keys, char why[SYNCCONF_WHY])
{
	char text[KEY_FILE];
	const char *fault = NULL;
	enum status st = ST_PROTO;
	uint32_t line = 0;
	size_t n = 0;
	/* O_NONBLOCK: a pipe somebody put in the place of the file must not hold us */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1)
		fault = status_str(ST_SYS);
	else
		fault = fault_of(fd);
	if (fault == NULL) {
		st = read_all(fd, text, sizeof(text), &n);
		if (st != ST_OK)
			fault = st == ST_LIMIT ? "is too long" : status_str(st);
	}
	if (fault != NULL) {
		snprintf(why, SYNCCONF_WHY, "livesyncKey: %s: %s", path, fault);
		st = ST_PROTO;
	} else {
		st = sync_keys_parse(keys, text, n, &line);
		if (st == ST_LIMIT)
			snprintf(why, SYNCCONF_WHY, "livesyncKey: %s: more than %d keys", path,
				SYNC_KEYS_MAX);
		else if (st != ST_OK && line == 0)
			snprintf(why, SYNCCONF_WHY, "livesyncKey: %s: no key in it", path);
		else if (st != ST_OK)
			snprintf(why, SYNCCONF_WHY, "livesyncKey: %s, line %u: not id:hexkey with a key of "
				"%d to %d bytes", path, line, SYNC_KEY_MIN, SYNC_KEY_MAX);
		st = st == ST_OK ? ST_OK : ST_PROTO;
	}
	explicit_bzero(text, sizeof(text));
	if (fd != -1)
		(void)close(fd);
	return st;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* The next piece of a list, without spaces around it; "" when it is too long. False: no more. */
static bool next_piece(const char **list, char dst[HOST_STRLEN])
{
	while (**list != '\0') {
		const char *from = *list;
		size_t n = strcspn(from, ",");

		*list = from + n + (from[n] == ',');
		while (n > 0 && ascii_isspace((uint8_t)*from)) {
			from++;
			n--;
		}
		while (n > 0 && ascii_isspace((uint8_t)from[n - 1]))
			n--;
		if (n == 0)
			continue;
		dst[0] = '\0';
		if (n < HOST_STRLEN) {
			memcpy(dst, from, n);
			dst[n] = '\0';
		}
		return true;
	}
	return false;
}

static bool is_unicast(const struct host *h)
{
	return host_is_set(h) && host_is_v4(h) && !host_is_multicast(h) && h->ip[12] < 240;
}

static bool read_peers(const struct settings *set, struct syncnet_conf *net, char why[SYNCCONF_WHY])
{
	const char *list = set->livesync_peers;
	char piece[HOST_STRLEN];

	while (next_piece(&list, piece)) {
		struct host h;

		if (net->n_peers == SYNCCONF_PEERS) {
			snprintf(why, SYNCCONF_WHY, "livesyncPeers: more than %d", SYNCCONF_PEERS);
			return false;
		}
		if (!host_parse(&h, piece, net->port) || !is_unicast(&h) || h.port == 0) {
			snprintf(why, SYNCCONF_WHY, "livesyncPeers: \"%s\" is not an IPv4 address", piece);
			return false;
		}
		net->peers[net->n_peers++] = h;
	}
	return true;
}

static bool read_net(const struct settings *set, struct syncnet_conf *net, char why[SYNCCONF_WHY])
{
	memset(net, 0, sizeof(*net));
	net->port = (uint16_t)set->livesync_port;
	net->ttl = (uint8_t)set->livesync_ttl;
	net->loop = set->livesync_loop;
	if (set->livesync_group[0] != '\0' &&
	    (!host_parse(&net->group, set->livesync_group, 0) || !host_is_v4(&net->group) ||
	     !host_is_multicast(&net->group) || net->group.port != 0)) {
		snprintf(why, SYNCCONF_WHY, "livesyncGroup: \"%s\" is not an IPv4 multicast address",
			set->livesync_group);
		return false;
	}
	if (set->livesync_bind[0] != '\0' &&
	    (!host_parse(&net->bind, set->livesync_bind, 0) || !is_unicast(&net->bind) ||
	     net->bind.port != 0)) {
		snprintf(why, SYNCCONF_WHY, "livesyncBind: \"%s\" is not an IPv4 address",
			set->livesync_bind);
		return false;
	}
	if (!read_peers(set, net, why))
		return false;
	if (!host_is_set(&net->group) && net->n_peers == 0) {
		snprintf(why, SYNCCONF_WHY, "neither livesyncGroup nor livesyncPeers names anybody");
		return false;
	}
	return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool read_access(const struct settings *set, struct sync_conf *conf, char why[SYNCCONF_WHY])
{
	const bool sealed = set->livesync_key[0] != '\0' && !set->livesync_plain;
	const char *list = set->livesync_allow;
	char bad[HOST_STRLEN] = "";

	if (set->livesync_key[0] != '\0' && syncconf_keys(set->livesync_key, &conf->keys, why) != ST_OK)
		return false;
	if (!next_piece(&list, bad) && !sealed) {
		snprintf(why, SYNCCONF_WHY, set->livesync_key[0] == '\0' ?
			"neither livesyncAllow nor livesyncKey is set: everybody could change the list" :
			"livesyncPlain without livesyncAllow: everybody could change the list");
		return false;
	}
	if (sync_conf_allow(conf, set->livesync_allow, bad) != ST_OK) {
		snprintf(why, SYNCCONF_WHY, "livesyncAllow: \"%s\" is neither an address nor a network", bad);
		return false;
	}
	if (sync_conf_ignore(conf, set->livesync_ignore, bad) != ST_OK) {
		snprintf(why, SYNCCONF_WHY, "livesyncIgnore: \"%s\" is neither an instance id nor an address",
			bad);
		return false;
	}
	return true;
}

static void read_times(const struct settings *set, struct sync_conf *conf)
{
	conf->plain = set->livesync_plain;
	conf->mtu = set->livesync_mtu;
	conf->first_beacon = (nsec)set->livesync_first_beacon * NSEC_PER_SEC;
	conf->beacon = (nsec)set->livesync_beacon * NSEC_PER_SEC;
	conf->flush = (nsec)set->livesync_flush * NSEC_PER_SEC;
	conf->fast_start = set->livesync_fast_start;
	conf->hit_timeout = (nsec)set->hit_timeout * NSEC_PER_SEC;
	conf->ghost_timeout = (nsec)set->ghost_timeout * NSEC_PER_SEC;
}

enum status syncconf_read(const struct settings *set, struct sync_conf *conf, struct syncnet_conf *net,
	char why[SYNCCONF_WHY])
{
	why[0] = '\0';
	if (!set->livesync || !set->is_root) {
		snprintf(why, SYNCCONF_WHY, "%s", set->livesync ? "only a root (isRoot) takes part" : "off");
		return ST_STOPPED;
	}
	sync_conf_init(conf);
	if (!read_net(set, net, why) || !read_access(set, conf, why)) {
		sync_conf_fini(conf);
		return ST_PROTO;
	}
	read_times(set, conf);
	return ST_OK;
}

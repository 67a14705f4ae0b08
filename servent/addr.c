/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/addr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"

#define ADDRS_MAX    64                         /* of interfaces, looked at */
#define RESOLVE_TIME (10 * NSEC_PER_SEC)
#define NEWS_MAX     64                         /* messages taken at once */

/* --- interfaces ------------------------------------------------------------------------------- */

/* The address packets to far away leave from, when there is a way. A datagram socket that is connected
 * sends nothing; the addresses are for documentation, so that they are nobody's. */
static struct host route_of(bool v6)
{
	static const struct host far6 = { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .port = 9 };
	const struct host far4 = host_v4(192, 0, 2, 1, 9);
	struct host from = { .port = 0 };
	struct sockaddr_storage ss;
	const socklen_t len = host_to_sockaddr(v6 ? &far6 : &far4, &ss);
	const int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return from;
	if (connect(fd, (const struct sockaddr *)&ss, len) == 0)
		from = sock_local(fd);
	close(fd);
	from.port = 0;
	return from;
}

void addr_learn(struct servmgr *sm)
{
	const struct host route[2] = { route_of(false), route_of(true) };
	struct host list[ADDRS_MAX];
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all) == -1) {
		log_warn("addresses: the interfaces cannot be read: %s", status_str(ST_SYS));
		return;
	}
	for (const struct ifaddrs *i = all; i != NULL && n < NELEM(list); i = i->ifa_next) {
		if (i->ifa_addr != NULL &&
		    (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6))
			list[n++] = host_from_sockaddr(i->ifa_addr);
	}
	freeifaddrs(all);
	(void)servmgr_set_interfaces(sm, list, n, route);
}

void addr_read(struct app *a)
{
	addr_learn(a->node.sm);
	app_own_changed(a);
}

int addr_watch(void)
{
	const struct sockaddr_nl me = {
		.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd != -1 && bind(fd, (const struct sockaddr *)&me, sizeof(me)) == 0)
		return fd;
	log_debug("addresses: no news of interfaces: %s", status_str(ST_SYS));
	if (fd != -1)
		close(fd);
	return -1;
}

bool addr_changed(int fd)
{
	char junk[8192];
	bool any = false;

	/* What it was does not matter: all are read. A queue that ran over (ENOBUFS) is news, too. */
	for (int i = 0; i < NEWS_MAX; i++) {
		const ssize_t n = recv(fd, junk, sizeof(junk), MSG_DONTWAIT);

		if (n == -1 && errno != ENOBUFS)
			break;
		any = true;
	}
	return any;
}

/* --- forceIP ---------------------------------------------------------------------------------- */

static void force_task(struct app *a, void *arg)
{
	static bool told;               /* one task at a time; the flag orders it */
	const struct settings *set = conf_get(a->node.conf);
	struct host pair[2] = { { .port = 0 }, { .port = 0 } };
	enum status st = ST_OK;

	(void)arg;
	if (set->force_ip[0] != '\0')
		st = host_resolve_pair(pair, set->force_ip, 0, clk_deadline(RESOLVE_TIME));
	if (st == ST_OK) {
		pair[0].port = pair[1].port = 0;
		(void)servmgr_force_address(a->node.sm, pair);
		app_own_changed(a);
	} else if (!told) {
		log_warn("forceIP %s: %s", set->force_ip, status_str(st));
	}
	told = st != ST_OK;
	settings_unref(&set);
	atomic_store_explicit(&a->forcing, false, memory_order_release);
	app_wake_house(a);
}

void addr_force(struct app *a)
{
	atomic_store_explicit(&a->forcing, true, memory_order_relaxed);
	if (app_task(a, "forceip", force_task, NULL) != ST_OK)
		atomic_store_explicit(&a->forcing, false, memory_order_relaxed);
}

bool addr_is_forcing(struct app *a)
{
	return atomic_load_explicit(&a->forcing, memory_order_acquire);
}

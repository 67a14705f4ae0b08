/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/syncnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "pcp/syncwire.h"

#define BATCH      32
#define ROOM       (SYNC_MTU_MAX + 1)   /* one too long is seen to be so */
#define ERROR_TIME (60 * NSEC_PER_SEC)  /* between two lines about failures */

/* Where a batch is received. */
struct room {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in from[BATCH];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint32_t))];
	} control[BATCH];
	uint8_t data[BATCH][ROOM];
};

/* --- open and close --------------------------------------------------------------------------- */

static struct in_addr in_addr_of(const struct host *h)
{
	struct in_addr a = { .s_addr = htonl(INADDR_ANY) };

	if (host_is_set(h))
		memcpy(&a.s_addr, h->ip + 12, 4);
	return a;
}

static bool set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* A socket bound there; -1 with errno. */
static int bound(const struct in_addr *at, uint16_t port, bool shared)
{
	const struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *at };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int e;

	if (fd == -1)
		return -1;
	/* more than the system's limit only for root; without it a burst is lost, which is made good */
	if (!set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, SYNCNET_RCVBUF))
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SYNCNET_RCVBUF);
	(void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if ((!shared || set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)) &&
	    set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
	    bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	e = errno;
	(void)close(fd);
	errno = e;
	return -1;
}

static bool watch(const struct syncnet *n, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(n->poll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static bool aim(const struct syncnet *n)
{
	const struct in_addr from = in_addr_of(&n->conf.bind);

	return set_int(n->fd, IPPROTO_IP, IP_MULTICAST_TTL, n->conf.ttl) &&
		set_int(n->fd, IPPROTO_IP, IP_MULTICAST_LOOP, n->conf.loop) &&
		(!host_is_set(&n->conf.bind) ||
		 setsockopt(n->fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) == 0);
}

static bool add_member(const struct syncnet *n, int fd)
{
	const struct ip_mreqn mr = {
		.imr_multiaddr = in_addr_of(&n->conf.group), .imr_address = in_addr_of(&n->conf.bind),
	};

	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr)) == 0;
}

bool syncnet_has_moved(const struct syncnet *n)
{
	/* A member cannot join again; while the interface is away nobody can. */
	return n->joined && add_member(n, n->group_fd != -1 ? n->group_fd : n->fd);
}

bool syncnet_join(struct syncnet *n, char why[SYNCCONF_WHY])
{
	const struct in_addr group = in_addr_of(&n->conf.group);
	const bool apart = host_is_set(&n->conf.bind);
	char ip[HOST_STRLEN];
	int fd = n->fd;

	why[0] = '\0';
	if (!host_is_set(&n->conf.group) || n->joined)
		return false;
	if (apart)
		fd = n->group_fd = bound(&group, n->conf.port, true);
	n->seen_lost[1] = 0;
	n->joined = fd != -1 && add_member(n, fd) && (!apart || watch(n, fd));
	if (n->joined)
		return true;
	snprintf(why, SYNCCONF_WHY, "cannot join %s: %s", host_ip_str(&n->conf.group, ip),
		status_str(ST_SYS));
	if (n->group_fd != -1)
		(void)close(n->group_fd);
	n->group_fd = -1;
	return false;
}

enum status syncnet_open(struct syncnet *n, const struct syncnet_conf *conf, char why[SYNCCONF_WHY])
{
	const struct in_addr at = in_addr_of(&conf->bind);
	char ip[HOST_STRLEN];

	why[0] = '\0';
	*n = (struct syncnet){ .conf = *conf, .group_fd = -1 };
	n->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	n->fd = bound(&at, conf->port, conf->loop);
	n->room = malloc(sizeof(struct room));
	if (n->room == NULL)
		errno = ENOMEM;
	if (n->poll_fd == -1 || n->fd == -1 || n->room == NULL || !aim(n) || !watch(n, n->fd)) {
		snprintf(why, SYNCCONF_WHY, "cannot use UDP port %u of %s: %s", conf->port,
			host_is_set(&conf->bind) ? host_ip_str(&conf->bind, ip) : "this machine",
			status_str(ST_SYS));
		syncnet_close(n);
		return ST_SYS;
	}
	if (!syncnet_join(n, why) && host_is_set(&conf->group) && conf->n_peers == 0) {
		syncnet_close(n);
		return ST_SYS;
	}
	return ST_OK;
}

void syncnet_close(struct syncnet *n)
{
	const int fds[] = { n->fd, n->group_fd, n->poll_fd };

	if (n->fd == -1 && n->room == NULL)
		return;
	for (size_t i = 0; i < NELEM(fds); i++)
		if (fds[i] != -1)
			(void)close(fds[i]);
	free(n->room);
	n->room = NULL;
	n->fd = n->group_fd = n->poll_fd = -1;
	n->joined = false;
}

/* --- traffic ---------------------------------------------------------------------------------- */

static void send_to(struct syncnet *n, const void *p, size_t len, const struct host *to)
{
	struct sockaddr_storage ss;
	const socklen_t ss_len = host_to_sockaddr(to, &ss);
	const nsec now = clk_now();
	char hs[HOST_STRLEN];
	ssize_t k;

	do {
		k = sendto(n->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&ss, ss_len);
	} while (k == -1 && errno == EINTR);
	if (k != -1)
		return;
	n->failed++;
	if (n->told != 0 && now - n->told < ERROR_TIME)
		return;
	log_warn("livesync: cannot send to %s: %s (%llu times)", host_str(to, hs), status_str(ST_SYS),
		(unsigned long long)n->failed);
	n->told = now;
}

void syncnet_send(struct syncnet *n, const void *p, size_t len)
{
	struct host group = n->conf.group;

	if (n->fd == -1)
		return;
	group.port = n->conf.port;
	if (n->joined)
		send_to(n, p, len, &group);
	for (uint32_t i = 0; i < n->conf.n_peers; i++)
		send_to(n, p, len, &n->conf.peers[i]);
}

/* The system says with a datagram how many it has dropped before. */
static void note_lost(struct syncnet *n, int which, struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	uint32_t count;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
		return;
	memcpy(&count, CMSG_DATA(c), sizeof(count));
	n->lost += count - n->seen_lost[which];
	n->seen_lost[which] = count;
}

/* One batch; false: nothing more is there. */
static bool receive_some(struct syncnet *n, int which, size_t *got, syncnet_input *input, void *ctx)
{
	struct room *r = n->room;
	int k;

	memset(r->msg, 0, sizeof(r->msg));
	for (int i = 0; i < BATCH; i++) {
		r->iov[i] = (struct iovec){ .iov_base = r->data[i], .iov_len = ROOM };
		r->msg[i].msg_hdr = (struct msghdr){
			.msg_name = &r->from[i], .msg_namelen = sizeof(r->from[i]),
			.msg_iov = &r->iov[i], .msg_iovlen = 1,
			.msg_control = &r->control[i], .msg_controllen = sizeof(r->control[i]),
		};
	}
	k = recvmmsg(which == 0 ? n->fd : n->group_fd, r->msg, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < k; i++) {
		const struct host from = host_from_sockaddr((const struct sockaddr *)&r->from[i]);

		note_lost(n, which, &r->msg[i].msg_hdr);
		input(ctx, r->data[i], r->msg[i].msg_len, &from);
		*got += 1;
	}
	return k == BATCH;
}

size_t syncnet_receive(struct syncnet *n, syncnet_input *input, void *ctx)
{
	size_t got = 0;

	for (int which = 0; which < 2; which++) {
		if ((which == 0 ? n->fd : n->group_fd) == -1)
			continue;
		for (int i = 0; i < SYNCNET_BATCHES && receive_some(n, which, &got, input, ctx); i++)
			;
	}
	return got;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync's sockets: one that sends everything and hears what is sent to this machine; it hears the
 * multicast group, too, unless it is bound to an address (livesyncBind): then the group has a second one.
 * IPv4, as the seed.
 *
 * The first one shares its port with others on this machine with livesyncLoop alone, as the system gives what
 * is sent to an address to one of those who share it; what is sent to the group it gives to all. So several
 * roots on one machine meet in the group, or have an address or a port of their own.
 *
 * Of one thread; nothing blocks.
 * source   yp.md 4.4, 4.7, 4.8
 */
#ifndef SERVENT_SYNCNET_H
#define SERVENT_SYNCNET_H

#include "core/sys/cc.h"
#include "servent/syncconf.h"

#define SYNCNET_RCVBUF (1 << 20)

struct syncnet {
	struct syncnet_conf conf;
	int fd;                         /* -1 = closed */
	int group_fd;                   /* the group's own; -1 = none */
	bool joined;                    /* to the group */
	int poll_fd;                    /* readable when one of them is */
	void *room;                     /* of what is received */
	uint64_t failed;                /* datagrams that could not be sent */
	uint64_t lost;                  /* that came while nobody read: dropped by the system */
	uint32_t seen_lost[2];          /* its counters, by socket */
	nsec told;                      /* last line about a failure; 0 = none */
};

/* Open them, and join. A group that cannot be joined is a failure only when there is nobody else to talk to.
 * why      room for SYNCCONF_WHY; says what is wrong, also of the group alone; else empty
 * returns  ST_OK, ST_SYS */
enum status syncnet_open(struct syncnet *n, const struct syncnet_conf *conf, char why[SYNCCONF_WHY])
	NODISCARD;
/* Try again to join where that failed. True: joined now. */
bool syncnet_join(struct syncnet *n, char why[SYNCCONF_WHY]);
/* A membership goes with its interface. Is there another one now, so that all must be opened again? */
bool syncnet_has_moved(const struct syncnet *n);
/* Idempotent, also for one of zeros with fd -1. */
void syncnet_close(struct syncnet *n);

/* To the group and to each peer; what does not go is lost and counted. */
void syncnet_send(struct syncnet *n, const void *p, size_t len);
/* Give what is there to input(), at most SYNCNET_BATCHES times 32 datagrams; its bytes may be changed.
 * Returns how many there were. */
#define SYNCNET_BATCHES 8
typedef void syncnet_input(void *ctx, void *p, size_t len, const struct host *from);
size_t syncnet_receive(struct syncnet *n, syncnet_input *input, void *ctx);

#endif

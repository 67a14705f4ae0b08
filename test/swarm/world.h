/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world of machines in one process, in a time of its own: what the node asks of the kernel (clock, sockets,
 * eventfds, poll, threads, chance) is answered here, so its real code runs, thousands of times, with nothing
 * left to luck. The same seed gives the same world to the last byte.
 *
 * Time passes only between events, which lie in a heap. A thread of the node is a fiber: it runs until it
 * waits in poll(2), and goes on when what it waits for is an event that has come. There is one real thread,
 * so no lock is ever contended; nothing waits under one (STYLE, "Locks").
 *
 * Sockets are of TCP as far as a node sees it: bytes arrive in order after the way's latency, a window bounds
 * what is under way, an end is seen behind the data, a port nobody listens on refuses, a machine that is gone
 * says nothing until keepalive tells. What is sent takes its machine's uplink for as long as its bytes do there; a stream packet of
 * WORLD_LONG bytes or more stands for one of WORLD_PACKET.
 */
#ifndef TEST_SWARM_WORLD_H
#define TEST_SWARM_WORLD_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/host.h"

#define WORLD_LONG   900                /* bytes of a stream packet here, at least */
#define WORLD_PACKET 15360              /* and on the wire */
#define WORLD_WINDOW 65536              /* bytes under way to one socket, or unread there */

struct fiber;

/* One machine: one address, one node. In the caller's storage. */
struct machine {
	uint32_t number;                /* its address is 20.0.0.0 + number */
	uint32_t upload_kbps;
	bool shut;                      /* nobody can connect to it: NAT, firewall */
	bool listens;                   /* else a connection is refused */
	bool mute;                      /* it has vanished: nothing is answered */
	uint32_t x, y;                  /* where it is, 0..65535 */
	nsec uplink;                    /* is busy until then */
	void *ctx;                      /* the caller's */
	struct fiber *fibers;           /* that run there */

	/* counted */
	uint64_t dialled, accepted, refused, unanswered;
	uint64_t sent, received;        /* bytes */
	uint64_t cpu_ns;                /* real processor time of its fibers */
};

/* Somebody connects to m: fd is m's end of it. Called as an event; it may start fibers, not wait. */
typedef void world_accept(struct machine *m, int fd, const struct host *peer);

/* latency_us: the mean of one way between two machines. */
void world_init(uint64_t seed, uint32_t latency_us, world_accept *accept);
void machine_init(struct machine *m, uint32_t number, uint32_t upload_kbps, bool shut);
struct host machine_host(const struct machine *m, uint16_t port);
/* The machine with that address; NULL = none. */
struct machine *machine_at(const struct host *h);
/* One way from a to b. */
nsec machine_latency(const struct machine *a, const struct machine *b);
/* Its process dies: its sockets close, whatever they were at. mute: the machine itself vanishes, nobody is
 * told. Its fibers never run again. */
void machine_kill(struct machine *m, bool mute);

/* What happens next is of that machine (NULL = of none), until an event of another one. */
void world_be(struct machine *m);
struct machine *world_here(void);
/* A socket of world_here() that is connected to nobody. */
int world_dummy(void);

/* Call fn(ctx, n) then. */
void world_at(nsec at, void (*fn)(void *ctx, uint64_t n), void *ctx, uint64_t n);
/* Have things happen until then. */
void world_run(nsec until);
nsec world_now(void);
/* Chance of the world, below n. */
uint32_t world_chance(uint32_t n);

/* Show the operator log of that machine alone. */
void world_trace(uint32_t number);

struct world_sums {
	uint64_t events, switches, fibers, fibers_peak, sends, connects;
};
void world_sums(struct world_sums *s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: an IP (IPv4 kept as v4-mapped IPv6) and a port.
 *
 * A plain value. All zero = unset; both 0.0.0.0 and :: count as unset.
 * source   pcp.md 2.4, 6.6, 17
 */
#ifndef CORE_SYS_HOST_H
#define CORE_SYS_HOST_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/status.h"

struct host {
	uint8_t ip[16];         /* network order; ::ffff:a.b.c.d for IPv4 */
	uint16_t port;          /* host order */
};

#define HOST_STRLEN 56          /* "[addr]:65535" and a NUL */

struct host host_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
struct host host_from_sockaddr(const struct sockaddr *sa);
/* Fills ss, AF_INET for a v4 host and AF_INET6 for any other; returns the length to pass with it. */
socklen_t host_to_sockaddr(const struct host *h, struct sockaddr_storage *ss);

bool host_is_v4(const struct host *h);          /* v4-mapped */
bool host_is_set(const struct host *h);         /* the address; the port may be 0 */
bool host_is_loopback(const struct host *h);    /* 127/8, ::1 */
bool host_is_linklocal(const struct host *h);   /* 169.254/16, fe80::/10 */
bool host_is_private(const struct host *h);     /* 10/8, 172.16/12, 192.168/16, fc00::/7 */
bool host_is_multicast(const struct host *h);
bool host_is_global(const struct host *h);      /* pcp.md 6.6, the safe superset */
bool host_same_ip(const struct host *a, const struct host *b);
bool host_equal(const struct host *a, const struct host *b);   /* address and port */
/* Whose address it is: an IPv4 address, or the /64 of an IPv6 one, all of it one subscriber's. Port 0. */
struct host host_subscriber(const struct host *h);

/* "a.b.c.d:port" or "[v6]:port"; dst holds HOST_STRLEN. Returns dst. */
const char *host_str(const struct host *h, char *dst);
/* The address alone, without brackets. */
const char *host_ip_str(const struct host *h, char *dst);

/* Parse "a.b.c.d", "a.b.c.d:port", "v6", "[v6]", "[v6]:port". A missing port becomes dflt_port.
 * returns  false for anything else (names included), a bad port, or trailing text. */
bool host_parse(struct host *h, const char *s, uint16_t dflt_port);

/* As host_parse(), then a name look-up with a deadline, on a helper thread because getaddrinfo
 * cannot be interrupted. Prefers IPv4. Never call it under a lock.
 * returns  ST_OK, ST_PROTO (unusable text, or the name does not exist), ST_TIMEOUT, ST_STOPPED
 *          (host_stop_lookups()), ST_SYS, ST_LIMIT (too many look-ups hang) */
enum status host_resolve(struct host *h, const char *s, uint16_t dflt_port, nsec deadline) NODISCARD;

/* The same, for both families: pair[0] is IPv4, pair[1] IPv6. What the name does not have is unset; with
 * ST_OK one of them is set. */
enum status host_resolve_pair(struct host pair[2], const char *s, uint16_t dflt_port, nsec deadline)
	NODISCARD;

#define HOST_NAME 254           /* a DNS name and a NUL */
/* The name of an address, by reverse DNS, if that name has the address: anybody may call his own address
 * anything. Else as host_resolve(); ST_PROTO = it has none. */
enum status host_reverse(char name[HOST_NAME], const struct host *h, nsec deadline) NODISCARD;

/* The end: whoever waits for a name gets ST_STOPPED at once, and so does who asks from now on (false = no
 * more). Threads that hang in a look-up are left behind. */
void host_stop_lookups(bool stop);

#endif

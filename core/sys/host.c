/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/lock.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"

#define NAME_LEN_MAX 253        /* characters of a DNS name */
#define LOOKUPS_MAX  16         /* at once, hanging ones included */

static const uint8_t v4_prefix[12] = { [10] = 0xFF, [11] = 0xFF };

struct host host_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct host){
		.ip = { [10] = 0xFF, [11] = 0xFF, a, b, c, d },
		.port = port,
	};
}

struct host host_from_sockaddr(const struct sockaddr *sa)
{
	struct host h = { .port = 0 };

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		memcpy(h.ip, v4_prefix, sizeof(v4_prefix));
		memcpy(h.ip + 12, &in.sin_addr, 4);
		h.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		memcpy(h.ip, &in6.sin6_addr, 16);
		h.port = ntohs(in6.sin6_port);
	}
	return h;
}

socklen_t host_to_sockaddr(const struct host *h, struct sockaddr_storage *ss)
{
	*ss = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (host_is_v4(h)) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(h->port) };

		memcpy(&in.sin_addr, h->ip + 12, 4);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(h->port) };

	memcpy(&in6.sin6_addr, h->ip, 16);
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

/* --- what kind of address --------------------------------------------------------------------- */

/* A range of addresses: v4 ranges are written as mapped ones. */
struct range {
	uint8_t ip[16];
	uint8_t bits;
};

#define V4(a, b, c, d, n) { { [10] = 0xFF, [11] = 0xFF, a, b, c, d }, 96 + (n) }

static const struct range loopback[] = {
	V4(127, 0, 0, 0, 8),
	{ { [15] = 1 }, 128 },
};

static const struct range linklocal[] = {
	V4(169, 254, 0, 0, 16),
	{ { 0xFE, 0x80 }, 10 },
};

static const struct range private[] = {
	V4(10, 0, 0, 0, 8),
	V4(172, 16, 0, 0, 12),
	V4(192, 168, 0, 0, 16),
	{ { 0xFC }, 7 },
};

static const struct range multicast[] = {
	V4(224, 0, 0, 0, 4),
	{ { 0xFF }, 8 },
};

static const struct range special[] = {
	V4(100, 64, 0, 0, 10),          /* carrier-grade NAT */
	V4(255, 255, 255, 255, 32),
};

static bool in_range(const struct host *h, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const size_t whole = r[i].bits / 8u;
		const unsigned rest = r[i].bits % 8u;

		if (memcmp(h->ip, r[i].ip, whole) == 0 &&
		    (rest == 0 || (h->ip[whole] ^ r[i].ip[whole]) >> (8 - rest) == 0))
			return true;
	}
	return false;
}

bool host_is_v4(const struct host *h)
{
	return memcmp(h->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool host_is_set(const struct host *h)
{
	static const uint8_t zero[16];

	return memcmp(h->ip, zero, 16) != 0 && !(host_is_v4(h) && memcmp(h->ip + 12, zero, 4) == 0);
}

bool host_is_loopback(const struct host *h)
{
	return in_range(h, loopback, NELEM(loopback));
}

bool host_is_linklocal(const struct host *h)
{
	return in_range(h, linklocal, NELEM(linklocal));
}

bool host_is_private(const struct host *h)
{
	return in_range(h, private, NELEM(private));
}

bool host_is_multicast(const struct host *h)
{
	return in_range(h, multicast, NELEM(multicast));
}

bool host_is_global(const struct host *h)
{
	return host_is_set(h) && !host_is_loopback(h) && !host_is_linklocal(h) &&
		!host_is_private(h) && !host_is_multicast(h) && !in_range(h, special, NELEM(special));
}

bool host_same_ip(const struct host *a, const struct host *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool host_equal(const struct host *a, const struct host *b)
{
	return host_same_ip(a, b) && a->port == b->port;
}

struct host host_subscriber(const struct host *h)
{
	struct host who = *h;

	who.port = 0;
	if (!host_is_v4(h))
		memset(who.ip + 8, 0, 8);
	return who;
}

/* --- text ------------------------------------------------------------------------------------- */

/* Decimal digits. Returns their end. */
static char *put_number(char *at, unsigned int v)
{
	if (v >= 10)
		at = put_number(at, v / 10);
	*at++ = (char)('0' + v % 10);
	return at;
}

/* The address without a NUL. Returns its end. By hand for IPv4: lists have thousands of them. */
static char *put_ip(char *at, const struct host *h)
{
	size_t i;

	if (!host_is_v4(h)) {
		const char *s = inet_ntop(AF_INET6, h->ip, at, HOST_STRLEN);

		ASSERT(s != NULL);
		return at + strlen(at);
	}
	for (i = 12; i < 16; i++) {
		if (i > 12)
			*at++ = '.';
		at = put_number(at, h->ip[i]);
	}
	return at;
}

const char *host_ip_str(const struct host *h, char *dst)
{
	*put_ip(dst, h) = '\0';
	return dst;
}

const char *host_str(const struct host *h, char *dst)
{
	const bool v6 = !host_is_v4(h);
	char *at = dst;

	if (v6)
		*at++ = '[';
	at = put_ip(at, h);
	if (v6)
		*at++ = ']';
	*at++ = ':';
	*put_number(at, h->port) = '\0';
	return dst;
}

static bool port_parse(const char *s, uint16_t *port)
{
	uint32_t v;

	/* At most five digits: "00000080" is nobody's port. */
	if (strnlen(s, 6) > 5 || !num_u32(s, 0, UINT16_MAX, &v))
		return false;
	*port = (uint16_t)v;
	return true;
}

/* Split "x", "x:port", "[x]", "[x]:port" and bare IPv6 into x and port. *bracket tells the "[". */
static bool split_port(char *name, size_t cap, uint16_t *port, bool *bracket, const char *s)
{
	const char *end;

	*bracket = *s == '[';
	if (*bracket) {
		s++;
		end = strchr(s, ']');
		if (end == NULL || (end[1] != 0 && (end[1] != ':' || !port_parse(end + 2, port))))
			return false;
	} else {
		end = strchr(s, ':');
		if (end == NULL || strchr(end + 1, ':') != NULL)
			end = s + strlen(s);
		else if (!port_parse(end + 1, port))
			return false;
	}
	if (end == s || (size_t)(end - s) >= cap)
		return false;
	memcpy(name, s, (size_t)(end - s));
	name[end - s] = 0;
	return true;
}

static bool ip_parse(struct host *h, const char *name, bool bracket)
{
	uint8_t ip[16];

	if (!bracket && inet_pton(AF_INET, name, ip) == 1) {
		memcpy(h->ip, v4_prefix, sizeof(v4_prefix));
		memcpy(h->ip + 12, ip, 4);
		return true;
	}
	if (inet_pton(AF_INET6, name, ip) != 1)
		return false;
	memcpy(h->ip, ip, 16);
	return true;
}

bool host_parse(struct host *h, const char *s, uint16_t dflt_port)
{
	struct host out = { .port = dflt_port };
	char name[NAME_LEN_MAX + 1];
	bool bracket;

	if (!split_port(name, sizeof(name), &out.port, &bracket, s) ||
	    !ip_parse(&out, name, bracket))
		return false;
	*h = out;
	return true;
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* One look-up, shared by the caller and its helper thread; the last one frees it. */
struct lookup {
	unsigned refs   GUARDED_BY(lk_leaf);
	bool done       GUARDED_BY(lk_leaf);
	enum status st  GUARDED_BY(lk_leaf);
	int err         GUARDED_BY(lk_leaf);    /* errno of ST_SYS */
	struct host found[2] GUARDED_BY(lk_leaf); /* IPv4, IPv6; ports unset */
	struct host who;                        /* whose name is asked for; unset: addresses of a name */
	char name[NAME_LEN_MAX + 1];            /* of `who`: once done */
};

/* What all look-ups share. One condition for all of them: they are few. */
static struct lookups {
	struct mtx mtx;                         /* lk_leaf */
	struct cond ended;
	unsigned n      GUARDED_BY(lk_leaf);    /* whose thread has not ended */
	bool stopped    GUARDED_BY(lk_leaf);    /* nobody waits any more */
} the = { .mtx = MTX_INIT(lk_leaf) };

static pthread_once_t the_once = PTHREAD_ONCE_INIT;

LOCK_DEFINE(lookups, struct lookups, mtx, lk_leaf)

static void the_init(void)
{
	cond_init(&the.ended);
}

void host_stop_lookups(bool stop)
{
	MUST_ZERO(pthread_once(&the_once, the_init));
	lookups_lock(&the);
	the.stopped = stop;
	cond_broadcast(&the.ended);
	lookups_unlock(&the);
}

/* Give back n references. */
static void lookup_drop(struct lookup *l, unsigned n)
{
	unsigned left;

	lookups_lock(&the);
	l->refs -= n;
	left = l->refs;
	lookups_unlock(&the);
	if (left == 0)
		free(l);
}

static enum status status_of_eai(int rc, int *err)
{
	switch (rc) {
	case 0:
		return ST_OK;
	case EAI_NONAME:
	case EAI_NODATA:
		return ST_PROTO;
	case EAI_MEMORY:
		*err = ENOMEM;
		return ST_SYS;
	case EAI_SYSTEM:
		*err = errno;
		return ST_SYS;
	case EAI_AGAIN:
		*err = EAGAIN;
		return ST_SYS;
	default:
		*err = EHOSTUNREACH;
		return ST_SYS;
	}
}

/* Letters, digits, '-', '_' and '.'; and not one of the number forms ("1", "0x7f.1", "127.1") in
 * which the C library still sees an IPv4 address. */
static bool name_is_usable(const char *name)
{
	const char *label = name;

	if (*name == 0 || *name == '.' || *name == '-')
		return false;
	for (const char *s = name; *s != 0; s++) {
		if (*s == '.' && s[1] != 0)
			label = s + 1;
		if (!ascii_isalnum((uint8_t)*s) && *s != '-' && *s != '_' && *s != '.')
			return false;
		if (*s == '.' && s[1] == '.')
			return false;
	}
	return !ascii_isdigit((uint8_t)*label);
}

/* The addresses of a name, the first of each family, into found; is `like` among all there are? */
static enum status addresses_of(const char *name, struct host found[2], const struct host *like, bool *is,
	int *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	enum status st = status_of_eai(getaddrinfo(name, NULL, &hints, &list), err);

	*is = false;
	for (const struct addrinfo *a = list; st == ST_OK && a != NULL; a = a->ai_next) {
		const struct host h = host_from_sockaddr(a->ai_addr);

		*is = *is || host_same_ip(&h, like);
		if (host_is_set(&h) && !host_is_set(&found[!host_is_v4(&h)]))
			found[!host_is_v4(&h)] = h;
	}
	if (st == ST_OK)
		freeaddrinfo(list);
	return st;
}

/* The name of an address, if that name leads back to it. */
static enum status name_of(const struct host *who, char name[NAME_LEN_MAX + 1], int *err)
{
	struct host found[2] = { { .port = 0 }, { .port = 0 } };
	struct sockaddr_storage ss;
	const socklen_t len = host_to_sockaddr(who, &ss);
	enum status st;
	bool is;

	st = status_of_eai(getnameinfo((struct sockaddr *)&ss, len, name, NAME_LEN_MAX + 1, NULL, 0,
		NI_NAMEREQD), err);
	if (st == ST_OK && !name_is_usable(name))
		return ST_PROTO;
	if (st == ST_OK)
		st = addresses_of(name, found, who, &is, err);
	return st != ST_OK || is ? st : ST_PROTO;
}

static void lookup_main(void *arg)
{
	struct lookup *l = arg;
	const bool reverse = host_is_set(&l->who);
	struct host found[2] = { { .port = 0 }, { .port = 0 } };
	char name[NAME_LEN_MAX + 1] = "";
	enum status st;
	int err = 0;
	bool is;

	if (reverse) {
		st = name_of(&l->who, name, &err);
	} else {
		st = addresses_of(l->name, found, &l->who, &is, &err);
		if (st == ST_OK && !host_is_set(&found[0]) && !host_is_set(&found[1]))
			st = ST_PROTO;
	}
	lookups_lock(&the);
	the.n--;
	l->done = true;
	l->st = st;
	l->err = err;
	memcpy(l->found, found, sizeof(l->found));
	if (reverse)
		memcpy(l->name, name, sizeof(l->name));
	cond_broadcast(&the.ended);
	lookups_unlock(&the);
	lookup_drop(l, 1);
}

/* Ask on a helper thread, and wait for it.
 * *out     what it found, with ST_OK: the caller gives it back with lookup_drop() */
static enum status look_up(struct lookup **out, const char *name, const struct host *who, nsec deadline)
{
	struct lookup *l = calloc(1, sizeof(*l));
	enum status st = ST_OK;
	bool room;
	int err = 0;

	MUST_ZERO(pthread_once(&the_once, the_init));
	*out = NULL;
	if (l == NULL)
		return ST_LIMIT;
	(void)text_copy(l->name, sizeof(l->name), name);
	l->who = *who;
	lookups_lock(&the);
	l->refs = 2;    /* the caller's and the thread's */
	room = the.n < LOOKUPS_MAX;
	the.n += room;
	lookups_unlock(&the);
	if (!room) {
		free(l);
		return ST_LIMIT;
	}
	st = thr_start(NULL, "resolve", lookup_main, l);
	if (st != ST_OK) {
		err = errno;
		lookups_lock(&the);
		the.n--;
		lookups_unlock(&the);
		free(l);
		errno = err;
		return st;
	}
	lookups_lock(&the);
	while (!l->done && st == ST_OK)
		st = the.stopped ? ST_STOPPED : cond_wait(&the.ended, &the.mtx, deadline);
	if (l->done) {
		st = l->st;
		err = l->err;
	}
	lookups_unlock(&the);
	if (st == ST_OK)
		*out = l;
	else
		lookup_drop(l, 1);
	if (st == ST_SYS)
		errno = err;
	return st;
}

enum status host_resolve_pair(struct host pair[2], const char *s, uint16_t dflt_port, nsec deadline)
{
	const struct host nobody = { .port = 0 };
	struct host out = { .port = dflt_port };
	char name[NAME_LEN_MAX + 1];
	struct lookup *l;
	enum status st;
	bool bracket;

	if (!split_port(name, sizeof(name), &out.port, &bracket, s))
		return ST_PROTO;
	if (ip_parse(&out, name, bracket)) {
		if (!host_is_set(&out))
			return ST_PROTO;
		pair[0] = pair[1] = (struct host){ .port = 0 };
		pair[!host_is_v4(&out)] = out;
		return ST_OK;
	}
	if (bracket || !name_is_usable(name))
		return ST_PROTO;
	st = look_up(&l, name, &nobody, deadline);
	if (st != ST_OK)
		return st;
	lookups_lock(&the);
	for (int i = 0; i < 2; i++) {
		pair[i] = l->found[i];
		pair[i].port = host_is_set(&pair[i]) ? out.port : 0;
	}
	lookups_unlock(&the);
	lookup_drop(l, 1);
	return ST_OK;
}

enum status host_reverse(char name[HOST_NAME], const struct host *h, nsec deadline)
{
	struct lookup *l;
	enum status st;

	name[0] = '\0';
	if (!host_is_set(h))
		return ST_PROTO;
	st = look_up(&l, "", h, deadline);
	if (st != ST_OK)
		return st;
	lookups_lock(&the);
	(void)text_copy(name, HOST_NAME, l->name);
	lookups_unlock(&the);
	lookup_drop(l, 1);
	return ST_OK;
}

enum status host_resolve(struct host *h, const char *s, uint16_t dflt_port, nsec deadline)
{
	struct host pair[2];
	enum status st = host_resolve_pair(pair, s, dflt_port, deadline);

	if (st == ST_OK)
		*h = host_is_set(&pair[0]) ? pair[0] : pair[1];
	return st;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync: the packets. Big endian but for the PCP atoms inside; every packet begins with the sender's
 * instance id and the type.
 *
 * Reading: syncpkt_parse() says what a datagram is and checks its length; records are then read one by one
 * out of its body, and cannot fail but for their values. Writing: syncpkt_begin() and the put functions into
 * a struct wr; a packet that does not fit shows in w->err.
 *
 * Plain values, no locks.
 * source   yp.md 4.1, 4.4, 4.5; settings.md decision 13
 */
#ifndef PCP_SYNCWIRE_H
#define PCP_SYNCWIRE_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/chan/hit.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/host.h"
#include "core/sys/status.h"
#include "pcp/atom.h"

/* The second word of a packet. 1 is two things, told apart by the length. */
enum {
	SYNC_T_LIVE     = 0,
	SYNC_T_BEACON   = 1,            /* 16 bytes; else LIVE6 */
	SYNC_T_INQUIRE  = 2,
	SYNC_T_TELL     = 3,
	SYNC_T_CHANINFO = 0x50430101,
	SYNC_T_HOSTS    = 0x50430102,
	SYNC_T_GONE     = 0x50430103,
	SYNC_T_DIGEST   = 0x50430104,
	SYNC_T_WANT     = 0x50430105,
	SYNC_T_BYE      = 0x50430106,
	SYNC_T_SEALED   = 0x504301ff,
};

enum sync_kind {
	SYNC_LIVE, SYNC_BEACON, SYNC_INQUIRE, SYNC_TELL, SYNC_LIVE6,
	/* these with the extension header */
	SYNC_CHANINFO, SYNC_HOSTS, SYNC_GONE, SYNC_DIGEST, SYNC_WANT, SYNC_BYE,
	SYNC_SEALED,
	SYNC_KIND_COUNT
};

enum {
	SYNC_MTU_MIN     = 576,
	SYNC_MTU_MAX     = 8972,
	SYNC_HEAD        = 8,
	SYNC_EXT_HEAD    = 16,          /* with the extension header */
	SYNC_EXT_VERSION = 1,
	SYNC_FRAGS_MAX   = 8,
	SYNC_LIVE_REC    = 28,
	SYNC_LIVE6_REC   = 40,
	SYNC_TELL_REC    = 32,
	SYNC_GONE_REC    = 17,
	SYNC_DIGEST_REC  = 24,
};

/* Flags of the extension header. Ours, beyond yp.md 4.5: who does not know them loses nothing but a little
 * time, and who does not send them is asked again. */
enum {
	SYNC_F_ALL    = 0x01,           /* HOSTS: there are no others */
	SYNC_F_ANSWER = 0x02,           /* HOSTS: asked for */
};

/* HOSTS, between the host atoms: u16, how many seconds ago the tracker of those that follow was heard. What
 * is too old to stand may not live on because it was told of late. Beyond yp.md 4.5, too: others skip it, as
 * they skip any atom they do not know. */
#define SYNC_ATOM_AGE ATOM_ID4('a', 'g', 'e', 0)

/* Flags of LIVE, first byte. The second is the hit's flg1, 0 = not known. */
enum {
	SYNC_SEEDING  = 0x80,           /* the tracker */
	SYNC_COMPLETE = 0x40,           /* receives */
	SYNC_STOPPED  = 0x20,           /* is gone */
};

/* --- reading ------------------------------------------------------------------------------------ */

struct syncpkt {
	uint32_t instance, type;
	enum sync_kind kind;
	struct rd body;                 /* behind the header, or the extension header; borrowed */
	/* extension header, of CHANINFO and those after it */
	uint8_t flags, frag, frags;
	uint32_t msg;
};

/* What a datagram is.
 * returns  ST_OK; ST_EOF (shorter than a header, 8 bytes); ST_LIMIT (longer than SYNC_MTU_MAX, or not a
 *          whole number of records); ST_STOPPED (unknown type or version); ST_PROTO (fragment index and
 *          count do not fit). p->instance is set from 4 bytes on, else 0. */
enum status syncpkt_parse(struct syncpkt *p, const void *b, size_t n) NODISCARD;

/* An info_hash: a channel id and the mapping's tail. */
enum sync_hash { SYNC_HASH_OK, SYNC_HASH_FOREIGN, SYNC_HASH_ZERO };

struct synclive {
	enum sync_hash hash;
	struct gnuid chan;
	struct host host;               /* port 0: firewalled */
	uint8_t flags;                  /* SYNC_SEEDING ... */
	uint8_t flg1;                   /* HIT_*; 0 = not known */
};

struct synctell {
	enum sync_hash hash;
	struct gnuid chan;
	uint32_t age_min;
	uint64_t peak;
};

struct syncgone {
	struct gnuid chan;
	uint8_t why;
};

struct syncdigest {
	struct gnuid chan;
	uint8_t hash[4];
	uint16_t hosts, age_min;
};

/* The next record of the body; false = no more. */
bool synclive_next(struct syncpkt *p, struct synclive *r) NODISCARD;    /* LIVE, LIVE6 */
bool synctell_next(struct syncpkt *p, struct synctell *r) NODISCARD;
bool syncgone_next(struct rd *body, struct syncgone *r) NODISCARD;
bool syncdigest_next(struct rd *body, struct syncdigest *r) NODISCARD;

/* Can it be reached, and be anybody's: a unicast address; port 0 only with HIT_PUSH in flg1. */
bool sync_address_ok(const struct host *h, uint8_t flg1);

/* --- writing ------------------------------------------------------------------------------------ */

void syncpkt_begin(struct wr *w, uint32_t instance, uint32_t type);
/* With the extension header. */
void syncpkt_begin_ext(struct wr *w, uint32_t instance, uint32_t type, uint8_t flags, uint8_t frag,
	uint8_t frags, uint32_t msg);
/* The family of r->host is that of the packet. */
void synclive_put(struct wr *w, const struct synclive *r);
void synctell_put(struct wr *w, const struct synctell *r);
void syncgone_put(struct wr *w, const struct syncgone *r);
void syncdigest_put(struct wr *w, const struct syncdigest *r);

/* Between a hit and its record. */
void synclive_of_hit(struct synclive *r, const struct hit *h, bool stopped);
void synclive_to_hit(const struct synclive *r, struct hit *h);

/* The first four bytes of SHA-256 of a chan container. */
void sync_info_hash(uint8_t hash[4], const void *chan_atom, size_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atoms: their ids, framing of a byte stream, reading a complete one, writing.
 *
 * struct atomscan  checks the framing of one top-level atom as its bytes arrive, in constant memory
 *                  and without recursion; every limit is met at the header that would break it.
 * struct atom      reads a complete atom in memory; children are borrowed parts of it, and nothing
 *                  can be read past its end.
 * struct atomwr    writes atoms into a struct buf; child counts are filled in at a container's end.
 *
 * No locks; plain values that belong to whoever declared them.
 * source   pcp.md 2, 4, 18.1; settings.md decision 24
 */
#ifndef PCP_ATOM_H
#define PCP_ATOM_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/host.h"
#include "core/sys/status.h"

/* --- ids -------------------------------------------------------------------------------------- */

/* The four bytes of an id as they stand on the wire, first byte lowest. */
#define ATOM_ID4(a, b, c, d) ((int)((unsigned)(a) | (unsigned)(b) << 8 | (unsigned)(c) << 16 | \
	(unsigned)(d) << 24))

/* Every id of pcp.md 4, once: what it means depends on its parent. */
enum {
	/* top level (4.1) */
	ATOM_PCP  = ATOM_ID4('p', 'c', 'p', '\n'),      /* int: opens a control connection */
	ATOM_HELO = ATOM_ID4('h', 'e', 'l', 'o'),
	ATOM_OLEH = ATOM_ID4('o', 'l', 'e', 'h'),
	ATOM_OK   = ATOM_ID4('o', 'k', 0, 0),           /* int, value without meaning */
	ATOM_QUIT = ATOM_ID4('q', 'u', 'i', 't'),       /* int */
	ATOM_BCST = ATOM_ID4('b', 'c', 's', 't'),
	ATOM_CHAN = ATOM_ID4('c', 'h', 'a', 'n'),
	ATOM_HOST = ATOM_ID4('h', 'o', 's', 't'),
	ATOM_ROOT = ATOM_ID4('r', 'o', 'o', 't'),
	ATOM_PUSH = ATOM_ID4('p', 'u', 's', 'h'),
	ATOM_MESG = ATOM_ID4('m', 'e', 's', 'g'),       /* str; also in root */
	ATOM_ASCI = ATOM_ID4('a', 's', 'c', 'i'),       /* str, older form of mesg; also in root */
	ATOM_SJIS = ATOM_ID4('s', 'j', 'i', 's'),       /* dep. */
	ATOM_ATOM = ATOM_ID4('a', 't', 'o', 'm'),       /* a bag of top-level atoms */
	ATOM_GET  = ATOM_ID4('g', 'e', 't', 0),         /* dep. */
	ATOM_MODE = ATOM_ID4('m', 'o', 'd', 'e'),       /* dep. */
	ATOM_GN06 = ATOM_ID4('g', 'n', '0', '6'),       /* dep., in mode */
	ATOM_SPKT = ATOM_ID4('s', 'p', 'k', 't'),       /* dep. */
	/* what an HTTP answer looks like where an atom is expected (5.3) */
	ATOM_HTTP = ATOM_ID4('H', 'T', 'T', 'P'),

	/* helo, oleh (4.2) */
	ATOM_AGNT = ATOM_ID4('a', 'g', 'n', 't'),       /* str */
	ATOM_VER  = ATOM_ID4('v', 'e', 'r', 0),         /* int; also in host */
	ATOM_SID  = ATOM_ID4('s', 'i', 'd', 0),         /* id */
	ATOM_PORT = ATOM_ID4('p', 'o', 'r', 't'),       /* short; also in host, push */
	ATOM_PING = ATOM_ID4('p', 'i', 'n', 'g'),       /* short */
	ATOM_PONG = ATOM_ID4('p', 'o', 'n', 'g'),       /* unused */
	ATOM_RIP  = ATOM_ID4('r', 'i', 'p', 0),         /* ip */
	ATOM_BCID = ATOM_ID4('b', 'c', 'i', 'd'),       /* id; also in chan */
	ATOM_OSTP = ATOM_ID4('o', 's', 't', 'p'),       /* id4, dep. */
	ATOM_DIS  = ATOM_ID4('d', 'i', 's', 0),         /* int */

	/* root (4.3) */
	ATOM_UINT = ATOM_ID4('u', 'i', 'n', 't'),       /* int, seconds */
	ATOM_URL  = ATOM_ID4('u', 'r', 'l', 0),         /* str; also in info, trck */
	ATOM_CHKV = ATOM_ID4('c', 'h', 'k', 'v'),       /* int */
	ATOM_NEXT = ATOM_ID4('n', 'e', 'x', 't'),       /* int, seconds */
	ATOM_UPD  = ATOM_ID4('u', 'p', 'd', 0),         /* empty */

	/* chan (4.4) */
	ATOM_ID   = ATOM_ID4('i', 'd', 0, 0),           /* id; also in host, get */
	ATOM_KEY  = ATOM_ID4('k', 'e', 'y', 0),         /* id, dep. */
	ATOM_INFO = ATOM_ID4('i', 'n', 'f', 'o'),
	ATOM_TRCK = ATOM_ID4('t', 'r', 'c', 'k'),
	ATOM_PKT  = ATOM_ID4('p', 'k', 't', 0),

	/* chan.info, chan.trck (4.5, 4.6) */
	ATOM_NAME = ATOM_ID4('n', 'a', 'm', 'e'),       /* str; also in get */
	ATOM_BITR = ATOM_ID4('b', 'i', 't', 'r'),       /* int, kbit/s */
	ATOM_GNRE = ATOM_ID4('g', 'n', 'r', 'e'),       /* str */
	ATOM_DESC = ATOM_ID4('d', 'e', 's', 'c'),       /* str */
	ATOM_CMNT = ATOM_ID4('c', 'm', 'n', 't'),       /* str */
	ATOM_TYPE = ATOM_ID4('t', 'y', 'p', 'e'),       /* str; in pkt: id4 */
	ATOM_STYP = ATOM_ID4('s', 't', 'y', 'p'),       /* str */
	ATOM_SEXT = ATOM_ID4('s', 'e', 'x', 't'),       /* str */
	ATOM_PFLG = ATOM_ID4('p', 'f', 'l', 'g'),       /* skipped */
	ATOM_TITL = ATOM_ID4('t', 'i', 't', 'l'),       /* str */
	ATOM_CREA = ATOM_ID4('c', 'r', 'e', 'a'),       /* str */
	ATOM_ALBM = ATOM_ID4('a', 'l', 'b', 'm'),       /* str */

	/* chan.pkt (4.7); head, data, meta are also values of type */
	ATOM_POS  = ATOM_ID4('p', 'o', 's', 0),         /* int */
	ATOM_CONT = ATOM_ID4('c', 'o', 'n', 't'),       /* byte */
	ATOM_DATA = ATOM_ID4('d', 'a', 't', 'a'),       /* bytes */
	ATOM_HEAD = ATOM_ID4('h', 'e', 'a', 'd'),
	ATOM_META = ATOM_ID4('m', 'e', 't', 'a'),

	/* bcst (4.8) */
	ATOM_GRP  = ATOM_ID4('g', 'r', 'p', 0),         /* byte */
	ATOM_HOPS = ATOM_ID4('h', 'o', 'p', 's'),       /* byte */
	ATOM_TTL  = ATOM_ID4('t', 't', 'l', 0),         /* byte */
	ATOM_FROM = ATOM_ID4('f', 'r', 'o', 'm'),       /* id */
	ATOM_DEST = ATOM_ID4('d', 'e', 's', 't'),       /* id */
	ATOM_CID  = ATOM_ID4('c', 'i', 'd', 0),         /* id; also in host, push */
	ATOM_VERS = ATOM_ID4('v', 'e', 'r', 's'),       /* int */
	ATOM_VRVP = ATOM_ID4('v', 'r', 'v', 'p'),       /* int */
	ATOM_VEXP = ATOM_ID4('v', 'e', 'x', 'p'),       /* bytes 2; also in host */
	ATOM_VEXN = ATOM_ID4('v', 'e', 'x', 'n'),       /* short; also in host */

	/* host, push (4.9, 4.10) */
	ATOM_IP   = ATOM_ID4('i', 'p', 0, 0),           /* ip */
	ATOM_NUML = ATOM_ID4('n', 'u', 'm', 'l'),       /* int */
	ATOM_NUMR = ATOM_ID4('n', 'u', 'm', 'r'),       /* int */
	ATOM_UPTM = ATOM_ID4('u', 'p', 't', 'm'),       /* int, seconds */
	ATOM_VEVP = ATOM_ID4('v', 'e', 'v', 'p'),       /* int */
	ATOM_FLG1 = ATOM_ID4('f', 'l', 'g', '1'),       /* byte */
	ATOM_TRKR = ATOM_ID4('t', 'r', 'k', 'r'),       /* dep. */
	ATOM_CLAP = ATOM_ID4('c', 'l', 'a', 'p'),       /* skipped */
	ATOM_OLDP = ATOM_ID4('o', 'l', 'd', 'p'),       /* int */
	ATOM_NEWP = ATOM_ID4('n', 'e', 'w', 'p'),       /* int */
	ATOM_UPIP = ATOM_ID4('u', 'p', 'i', 'p'),       /* ip */
	ATOM_UPPT = ATOM_ID4('u', 'p', 'p', 't'),       /* int (sic), a port */
	ATOM_UPHP = ATOM_ID4('u', 'p', 'h', 'p'),       /* int */
};

#define ATOM_IDSTR 17           /* four escaped bytes and a NUL */

/* An id for a log line: "helo", "ok", "pcp\x0a". dst holds ATOM_IDSTR. Returns dst. */
const char *atom_id_str(uint32_t id, char *dst);

/* --- framing ---------------------------------------------------------------------------------- */

#define ATOM_HDR        8
#define ATOM_DEPTH_MAX  16      /* levels, the top-level atom being the first */
#define ATOM_BAGS_MAX   4       /* bcst and atom containers inside one another */

struct atomlimits {
	uint32_t bytes;         /* one top-level atom, its header and children included */
	uint32_t leaf;          /* value of one leaf */
	uint32_t children;      /* of one container */
	uint32_t atoms;         /* in one top-level atom, itself included */
	uint32_t depth;         /* levels; at most ATOM_DEPTH_MAX */
};

extern const struct atomlimits atomlimits_control;      /* 64 KiB, leaves of 16 KiB */
extern const struct atomlimits atomlimits_fetch;        /* 1 MiB + 4 KiB, leaves of 1 MiB */

struct atomscan {
	const struct atomlimits *lim;
	uint32_t len;           /* bytes of this atom seen */
	uint32_t need;          /* bytes it has at least, as far as its headers have been seen */
	uint32_t id;            /* of the top-level atom; valid from len >= ATOM_HDR */
	uint32_t skip;          /* bytes of the current leaf's value still to come */
	uint32_t natoms;        /* announced so far */
	uint16_t bags;          /* bit i: the open container of level i is a bcst or atom */
	uint16_t left[ATOM_DEPTH_MAX];  /* children of each open container not yet complete */
	uint8_t depth;          /* open containers */
	uint8_t nhdr;           /* bytes of a header cut by the end of a piece */
	uint8_t hdr[ATOM_HDR];
	enum status err;        /* sticky */
};

/* Begin with the next top-level atom. lim is borrowed for the life of s. */
void atomscan_init(struct atomscan *s, const struct atomlimits *lim);

/* Look at the next n bytes of the stream. *used of them belong to this atom: all n while more is
 * needed, fewer when it ends before. Bytes of a refused atom past its bad header are not looked at.
 * returns  ST_OK (then ask atomscan_done()), ST_LIMIT (a limit of pcp.md 2.5, told from the
 *          header), ST_PROTO (bags nested deeper than ATOM_BAGS_MAX); errors stay.
 * cost     per header; values are skipped. */
enum status atomscan_feed(struct atomscan *s, const void *p, size_t n, size_t *used) NODISCARD;

/* The atom is complete: s->len bytes. */
static inline bool atomscan_done(const struct atomscan *s)
{
	return s->len == s->need && s->err == ST_OK;
}

/* Bytes that are certainly still missing: a reader that takes exactly these never reads into the
 * next atom. 0 = complete. At most lim->bytes. */
static inline uint32_t atomscan_missing(const struct atomscan *s)
{
	return s->need - s->len;
}

/* Scan n bytes that should begin with a whole atom (a datagram, a test): *len is its length.
 * returns  as atomscan_feed(); ST_PROTO also when it does not end within n */
enum status atomscan_whole(const void *p, size_t n, const struct atomlimits *lim, size_t *len)
	NODISCARD;

/* --- reading ---------------------------------------------------------------------------------- */

struct atom {
	uint32_t id;
	bool cont;              /* container by its header */
	uint32_t count;         /* container: children atom_next() has not given yet */
	const uint8_t *whole;   /* its header; borrowed */
	size_t size;            /* header and everything below */
	struct rd rd;           /* leaf: its value; container: the children not yet given */
};

/* Open the atom that begins at p. The whole tree is checked to lie within n bytes, so nothing below
 * it can fail; limits are atomscan's business. Bytes behind it (n > a->size) are left alone.
 * returns  ST_OK, ST_PROTO (does not end within n) */
enum status atom_open(struct atom *a, const void *p, size_t n) NODISCARD;

/* The next child of a container: false when there is none left, or parent is a leaf. */
bool atom_next(struct atom *parent, struct atom *child) NODISCARD;

/* A leaf of length 0 and a container of 0 children are the same thing, and both of these. */
static inline bool atom_is_empty(const struct atom *a)
{
	return a->size == ATOM_HDR;
}

static inline bool atom_is_leaf(const struct atom *a)
{
	return !a->cont || a->size == ATOM_HDR;
}

static inline bool atom_is_cont(const struct atom *a)
{
	return a->cont || a->size == ATOM_HDR;
}

/* Values of leaves. Each is false, with *v untouched, for a container and for another width than
 * its own: that child is then ignored (pcp.md 2.2). */
bool atom_u8(const struct atom *a, uint8_t *v);
bool atom_u16(const struct atom *a, uint16_t *v);
bool atom_u32(const struct atom *a, uint32_t *v);      /* int, and id4 (compare with ATOM_*) */
bool atom_gnuid(const struct atom *a, struct gnuid *v);
/* 4 or 16 bytes, last octet first; h->port stays. 0.0.0.0 and :: both become all zero, unset. */
bool atom_ip(const struct atom *a, struct host *h);
/* Two characters, both printable ASCII (vexp). */
bool atom_prefix(const struct atom *a, char v[2]);
/* Text as the node keeps it: text_clean()ed, cut to cap - 1 bytes; an empty leaf is "". */
bool atom_str(const struct atom *a, char *dst, size_t cap);

/* --- bags of atoms ---------------------------------------------------------------------------- */

/* The atoms that a `bcst` or `atom` container holds for processing, in order, with the `atom` bags
 * inside it opened. Skipped: quit, which counts at top level alone, and in a bcst its routing
 * children of pcp.md 4.8 and every further bcst (B50). */
struct atombag {
	struct atom level[ATOM_BAGS_MAX];
	unsigned depth;         /* open levels */
	bool bcst;
};

/* a is borrowed until the last atombag_next(); anything but a bcst or atom gives an empty bag. */
void atombag_init(struct atombag *bag, const struct atom *a);
bool atombag_next(struct atombag *bag, struct atom *child) NODISCARD;
/* Is id a routing child of bcst? */
bool atom_is_routing(uint32_t id);

/* --- writing ---------------------------------------------------------------------------------- */

#define ATOMWR_DEPTH 8          /* we never nest deeper than 5 */

struct atomwr {
	struct buf *b;          /* borrowed; errors are its: check b->err at the end */
	unsigned depth;
	struct {
		size_t off;     /* of the header */
		uint32_t n;     /* children so far */
	} level[ATOMWR_DEPTH];
};

void atomwr_init(struct atomwr *w, struct buf *b);
/* A container; everything until the matching end is in it. Without children: the empty atom. */
void atomwr_begin(struct atomwr *w, uint32_t id);
void atomwr_end(struct atomwr *w);
/* The buffer's error, once all containers are closed. */
enum status atomwr_status(const struct atomwr *w) NODISCARD;

void atomwr_u8(struct atomwr *w, uint32_t id, uint8_t v);
void atomwr_u16(struct atomwr *w, uint32_t id, uint16_t v);
void atomwr_u32(struct atomwr *w, uint32_t id, uint32_t v);    /* int and id4 */
void atomwr_gnuid(struct atomwr *w, uint32_t id, const struct gnuid *v);
void atomwr_bytes(struct atomwr *w, uint32_t id, const void *p, size_t n);
/* Text with its NUL, cut at a UTF-8 border to what older nodes take: 64 bytes for agnt, 256 for
 * all others. */
void atomwr_str(struct atomwr *w, uint32_t id, const char *s);
/* 4 bytes for IPv4 (mapped or struct host's all-zero), 16 for IPv6. */
void atomwr_ip(struct atomwr *w, uint32_t id, const struct host *h);
/* 4 or 16 bytes as told; an address of the other family, and a link-local IPv6 one (pcp.md 17.7),
 * goes out as unset. Returns true when the address itself was written. */
bool atomwr_ip_family(struct atomwr *w, uint32_t id, const struct host *h, bool v6);
/* A whole atom that was read, byte for byte. */
void atomwr_atom(struct atomwr *w, const struct atom *a);

#endif

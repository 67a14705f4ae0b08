/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast-bench: the pieces its roles share.
 *
 * One process plays one role on one thread and prints one line of JSON. Times are CLOCK_MONOTONIC,
 * so the source and its readers run on one machine. It knows the protocols, and nothing of the node.
 */
#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define PIDS_MAX 16

struct options {
	uint16_t port;
	const char *id;                 /* channel, 32 hex digits */
	const char *name;               /* channel name of a source */
	const char *path;               /* of HTTP requests */
	const char *body;               /* JSON they POST; NULL = GET */
	unsigned int n;                 /* connections; bytes of an answer */
	unsigned int kbps;              /* 0 = as fast as the node takes it */
	unsigned int rate;              /* units per second; with kbps 0: bytes per unit */
	unsigned int key;               /* a key frame every so many units */
	double seconds, warm;           /* measured window, and what passes before it */
	double each;                    /* announcements per second and connection; requests of all */
	unsigned int chans;             /* channels of each tracker */
	bool stay;                      /* trackers stay until all is measured: their end costs, too */
	bool probe;                     /* time handshakes meanwhile; and stay */
	pid_t pids[PIDS_MAX];           /* whose CPU time and memory are read */
	unsigned int n_pids;
	char **command;                 /* to launch; NULL-terminated */
};

int role_source(const struct options *o);
int role_view(const struct options *o);
int role_relay(const struct options *o);
int role_control(const struct options *o);
int role_http(const struct options *o);
int role_ideal(const struct options *o);
int role_answer(const struct options *o);
int role_launch(const struct options *o);
int role_parse(const struct options *o);

/* Set by SIGINT and SIGTERM. */
bool told_to_stop(void);

void die(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;
void *must_alloc(size_t n);

/* --- sockets and processes --------------------------------------------------------------- */

/* A blocking connection to 127.0.0.1; -1 and errno. */
int dial(uint16_t port);
int listen_on(uint16_t port);
void set_nonblocking(int fd);
/* All of it on a blocking socket; false when the peer is gone. */
bool send_all(int fd, const void *p, size_t n);

/* CPU seconds of a process so far; memory (Pss, KiB); its voluntary context switches, all threads. */
double proc_cpu_s(pid_t pid);
long proc_kib(pid_t pid);
long proc_switches(pid_t pid);

/* --- latencies --------------------------------------------------------------------------- */

#define HIST_SUB     32                         /* steps per doubling: 3 % */
#define HIST_BUCKETS (HIST_SUB * 40)

struct hist {
	uint64_t count[HIST_BUCKETS];
	uint64_t n;
	nsec max;
};

void hist_add(struct hist *h, nsec v);
/* The value below which the share q (0..1) lies, in microseconds. */
double hist_us(const struct hist *h, double q);
/* Print it as "us":[[0.5,12.3],...],"p50_us":...,"p99_us":...,"max_us":..., with a comma behind. */
void hist_print(const struct hist *h);

/* --- media units ------------------------------------------------------------------------- */

/* A unit is the body of one FLV video tag: 5 bytes AVC, then this header, then its payload. */
#define UNIT_HDR     32
#define UNIT_AVC     5
#define TAG_HDR      11
#define TAG_TAIL     4
#define UNIT_LEAST   (TAG_HDR + UNIT_AVC + UNIT_HDR + TAG_TAIL)
#define UNIT_MOST    (1024 * 1024)

/* What a viewer gets first: file header and AVC configuration. Returns its length. */
size_t unit_head(uint8_t *p, size_t cap);
/* Build the tag of unit seq, `bytes` long in all (UNIT_LEAST..UNIT_MOST), sent now. */
void unit_build(uint8_t *p, size_t bytes, uint64_t seq, bool key, uint32_t stamp_ms);

/* Reads an FLV stream in pieces of any size and reports its units. */
struct unitrd {
	uint8_t hdr[TAG_HDR + UNIT_AVC + UNIT_HDR];
	uint32_t got, want;             /* bytes of hdr; want changes as the tag unfolds */
	uint32_t skip;                  /* bytes of the tag still to come */
	uint32_t payload;               /* of those, bytes under the checksum */
	uint32_t crc;
	uint64_t last;                  /* sequence number; 0 = none yet */
	bool check;                     /* verify checksums */
	bool in_unit;
};

struct tally {
	uint64_t bytes, units, lost, again, bad;
	struct hist late;
};

void unitrd_init(struct unitrd *r, bool check);
/* Take n bytes; with t != NULL count them there. False when this is no FLV. */
bool unitrd_feed(struct unitrd *r, const uint8_t *p, size_t n, nsec now, struct tally *t);

/* --- atoms ------------------------------------------------------------------------------- */

struct atoms {
	uint8_t p[4096];
	size_t len;
};

void atoms_box(struct atoms *a, const char *id, uint32_t children);
void atoms_leaf(struct atoms *a, const char *id, const void *v, uint32_t n);
void atoms_u8(struct atoms *a, const char *id, uint8_t v);
void atoms_u16(struct atoms *a, const char *id, uint16_t v);
void atoms_u32(struct atoms *a, const char *id, uint32_t v);
void atoms_str(struct atoms *a, const char *id, const char *s);
/* helo of session number n; bcid too when broadcasting. */
void atoms_helo(struct atoms *a, uint32_t n, bool broadcasting);

/* Walks a stream of atoms leaf by leaf; containers only announce what follows. */
struct atomrd {
	uint8_t hdr[8];
	uint32_t got, left;             /* of the header; of the leaf's value */
	char id[5];
};

#endif

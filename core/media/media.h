/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source's bytes in, head and data packets out: container parsing, type sniffing, bitrate.
 *
 * One struct media per source, used by that source's thread alone: no lock, no I/O, no sleep. What
 * it finds out is handed to struct media_ops while media_feed(), media_tick() or media_end() run.
 *
 * The contract with viewers and relays (media.md 0.2): the head, followed by the data packets from
 * any one with cont 0 on, is a valid file of the container. Where packets are cut depends on the
 * bytes and on the timestamps inside them, never on how the input was split into media_feed()
 * calls; the clock only decides when bytes that wait for company go out alone (media_tick()).
 *
 * Containers: FLV (legacy and enhanced), Matroska, WebM, Ogg, MP3, AAC (ADTS), MPEG-TS, fragmented
 * MP4, ASF, NSV. Everything else passes as RAW: no head, blocks of MEDIA_RAW_BLOCK bytes. The type is
 * looked up in the first bytes whatever was declared, except for a declared RAW (media.md 1.2.1,
 * 1.2.2).
 *
 * Memory is bounded by MEDIA_UNIT_MAX plus some MiB and grows only with bytes really received.
 * source   media.md 1.2, 3, 4.1, 7.2, 7.3, 7.4, 9
 */
#ifndef CORE_MEDIA_MEDIA_H
#define CORE_MEDIA_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/clk.h"
#include "core/sys/status.h"
#include "core/sys/text.h"

#define MEDIA_HEAD_MAX    16384         /* a head packet on the wire */
#define MEDIA_DATA_MAX    15360         /* a data packet: 1..MEDIA_DATA_MAX */
#define MEDIA_RAW_BLOCK   8192
#define MEDIA_UNIT_MAX    (8u << 20)    /* of one FLV tag, one Matroska block: buffered whole */
#define MEDIA_FLUSH_MS    100 /* longest wait for company: media time; idle time by the clock */
#define MEDIA_START_MS    10000         /* from the first byte to the first head */
#define MEDIA_KEY_MS      20000         /* longest run of continuation packets, media time */
#define MEDIA_TYPE_MAX    16            /* a type name with its NUL */

/* Continuation bits of a data packet (media.md 3.1): 0 = a viewer may start here, right after the
 * head. */
enum {
	MEDIA_FRAGMENT = 1, /* a later piece of a split unit; alone: none of the kinds below */
	MEDIA_INTER = 2, /* holds a video frame, and does not begin with a random access point */
	MEDIA_AUDIO = 4, /* audio only, and not a place to start */
};

/* What is known of the stream so far. Texts are clean UTF-8, empty when unknown. */
struct media_info {
	const char *type; /* "FLV", "MKV" ...: upper case, never NULL, lives as long as the media */
	uint32_t bitrate_kbps;  /* 0 = not known yet */
	bool declared;          /* the container says so; else measured */
	char title[TEXT_MAX], artist[TEXT_MAX], album[TEXT_MAX], genre[TEXT_MAX], url[TEXT_MAX];
};

/* What was there before a stream. */
struct media_before {
	const uint8_t *head;    /* its newest head; NULL = there was nothing, or nothing to go on from */
	size_t n;
	int64_t ms;             /* the media time it had come to */
};

/* What a source hears from its parser. All pointers are borrowed until the call returns. Any status
 * but ST_OK stops the parser for good and is what media_feed() returns. A call must not touch the
 * media. */
struct media_ops {
	/* A new stream: the position starts at 0 again, all data so far belong to an older head. At
	 * most MEDIA_HEAD_MAX bytes; n = 0 for containers without a head. Comes once before the
	 * first data, unless resume() does. */
	enum status (*head)(void *ctx, const void *p, size_t n);
	/* Asked by containers that can go on where another stream left off (FLV), before their first
	 * head: what does b follow? b is all 0; its head must live until the next call of any op. May be
	 * NULL: nothing. */
	enum status (*before)(void *ctx, struct media_before *b);
	/* In place of the first head, after before(): that head is good for this stream too, and its
	 * times go on from there. NULL only when before is. */
	enum status (*resume)(void *ctx);
	/* One data packet, 1..MEDIA_DATA_MAX bytes, with its continuation bits. */
	enum status (*data)(void *ctx, const void *p, size_t n, uint8_t cont);
	/* Type, bitrate or track became known or changed. Comes at least once, before the first
	 * head, where mi->type may differ from the declared one: the container's magic wins. */
	enum status (*info)(void *ctx, const struct media_info *mi);
	/* Something odd that was put up with, for the log; every text at most once. May be NULL. */
	void (*note)(void *ctx, const char *text);
};

struct media;

/* type     declared type in any case; "UNKNOWN", "" and NULL mean: find out
 * returns  NULL when out of memory. ops and ctx must outlive the media. */
struct media *media_new(const char *type, const struct media_ops *ops, void *ctx) NODISCARD;
/* *m may be NULL; nulls it. Calls nothing. */
void media_free(struct media **m);

/* The next n bytes of input at monotonic time now. p is borrowed. 64 KiB at a time is a good
 * measure.
 *
 * returns  ST_OK, ST_PROTO (not what it says it is), ST_LIMIT (unit or head too large, memory), or
 *          what an op returned. Everything but ST_OK is final: later calls return the same. */
enum status media_feed(struct media *m, const void *p, size_t n, nsec now) NODISCARD;

/* Let out what has waited MEDIA_FLUSH_MS for company, give up on a stream that has no head after
 * MEDIA_START_MS (ST_TIMEOUT). Does nothing before media_deadline().
 * returns  as media_feed(), or ST_TIMEOUT */
enum status media_tick(struct media *m, nsec now) NODISCARD;

/* When media_tick() has work to do, in the time of `now`; NSEC_NEVER while there is none. */
nsec media_deadline(const struct media *m);

/* End of input: let out everything that is whole; half a unit is dropped, so that a later head may
 * follow.
 *
 * returns  as media_feed(); ST_PROTO when the stream ended before its head was complete */
enum status media_end(struct media *m, nsec now) NODISCARD;

/* An English sentence without full stop on why the media stopped, e.g. "FLV tag of 16777215 bytes
 * (limit 8388608)"; "" while nothing is wrong, and when it was an op that stopped it. Valid as long
 * as the media. Peer bytes appear as hex only. */
const char *media_error(const struct media *m);

/* How many bytes in front of this head only begin a file (FLV's signature): in the middle of a stream, where
 * another head may come, players stumble over them. */
size_t media_head_lead(const void *p, size_t n);

/* The media time the stream has come to, for who paces its input by it, or goes on from there. */
enum media_clock {
	MEDIA_CLOCK_LATER,      /* not yet: there is no unit */
	MEDIA_CLOCK_RUNS,       /* *ms is it: of the furthest unit, since times last went back */
	MEDIA_CLOCK_NONE,       /* the stream has no times */
};
enum media_clock media_clock(const struct media *m, int64_t *ms);

/* The newest state of what info() gets; borrowed. */
const struct media_info *media_info_of(const struct media *m);

#endif

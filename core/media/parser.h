/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between media.c and the containers: input, packet cutting, head, info. Private to core/media.
 *
 * A parser reads whole units from m->in, hands heads to media_head() and units (FLV tags, Matroska
 * blocks) to media_unit(), which cuts packets from them. It runs until m->in has nothing it can
 * use.
 */
#ifndef CORE_MEDIA_PARSER_H
#define CORE_MEDIA_PARSER_H

#include <stdarg.h>

#include "core/media/in.h"
#include "core/media/media.h"
#include "core/media/rate.h"

struct parser {
	size_t size;            /* of the parser's state, zeroed, at m->self */
	void (*open)(struct media *m);
	/* Eat what can be eaten. */
	enum status (*run)(struct media *m);
	/* Its own deadline passed (m->now is set). May be NULL. */
	enum status (*tick)(struct media *m);
	nsec (*deadline)(const struct media *m);
	/* End of input; whole units are already eaten. Sets the error when there was no head. May
	 * be NULL. */
	enum status (*end)(struct media *m);
	/* Frees what hangs on m->self, not m->self. May be NULL. */
	void (*fini)(struct media *m);
};

extern const struct parser parser_flv, parser_mkv, parser_ogg, parser_mp3, parser_aac, parser_ts,
	parser_mp4, parser_asf, parser_nsv, parser_raw;

/* What a unit is for a viewer who would start at it. */
enum unit_kind {
	UNIT_OTHER,             /* neither audio nor video */
	UNIT_AUDIO,             /* audio beside a video */
	UNIT_INTER,             /* a video frame that needs earlier ones */
	UNIT_FREE,              /* a good start if a packet begins here: audio without video */
	UNIT_KEY,               /* a random access point: begins a packet */
};

struct span {
	const void *p;
	size_t n;
};

#define UNIT_PARTS 4

struct unit {
	enum unit_kind kind;
	int64_t ms;             /* media time */
	size_t n;               /* sum of the parts */
	int nparts;
	struct span part[UNIT_PARTS];
};

/* How units share packets; set by parser->open. */
struct cutting {
	size_t soft;            /* a packet that has grown to this goes out */
	size_t max;             /* largest packet, at most MEDIA_DATA_MAX; 0 = that */
	bool one_frame;         /* at most one video frame per packet */
};

struct media {
	const struct media_ops *ops;
	void *ctx;
	const struct parser *par;       /* NULL while the type is being looked up */
	void *self;
	struct in in;
	struct cutting cutting;
	struct rate rate;
	struct media_info info;
	char declared[MEDIA_TYPE_MAX];  /* as declared, upper case */
	char type[MEDIA_TYPE_MAX];
	enum status st;                 /* sticky */
	bool headed;                    /* a head went out */
	bool informed;                  /* info() was called */
	bool timed;                     /* high_ms is that of a unit */
	uint32_t noted;                 /* bits of notes that went out */
	nsec now, first;                /* first: time of the first byte */
	nsec heads_at;                  /* media.md 9.2: a bucket of heads, filled by time */
	nsec heads;
	size_t nstage;                  /* bytes waiting in stage */
	nsec stage_since;               /* when the first of them came */
	int64_t stage_ms, unit_ms;      /* media time of the first of them; of the newest unit */
	int64_t high_ms;                /* the most of unit_ms since that last went back */
	uint8_t stage_cont, unit_cont;  /* unit_cont: of the newest unit */
	bool stage_video;
	char error[160];
	uint8_t stage[MEDIA_DATA_MAX];
};

/* Stop for good. returns st */
enum status media_fail(struct media *m, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* ops->note(), once per bit. */
enum note {
	NOTE_TYPE, NOTE_FLV_TRAILER, NOTE_FLV_TYPE, NOTE_FLV_RESYNC, NOTE_FLV_META, NOTE_HEADS,
	NOTE_MKV_TRACK, NOTE_MKV_TIMECODE, NOTE_OGG_CODEC, NOTE_OGG_SERIAL, NOTE_OGG_RESYNC,
	NOTE_MPA_RESYNC, NOTE_TS_RESYNC, NOTE_MP4_OFFSET, NOTE_ASF_PACKET, NOTE_ASF_RESYNC,
	NOTE_NSV_RESYNC,
};
void media_note(struct media *m, enum note bit, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Is another head within the budget (12 a minute, then 1 per 5 s)? While not, the parser drops
 * data. */
bool media_head_ready(struct media *m);
/* Let waiting data out, info() when due, then the head. Too large a head fails. */
enum status media_head(struct media *m, const void *p, size_t n) NODISCARD;
/* Before the first head: what it follows; all 0 when nothing. Tells info() when due. */
enum status media_before(struct media *m, struct media_before *b) NODISCARD;
/* Instead of the first head: the one there was is good. */
enum status media_resume(struct media *m) NODISCARD;
/* One unit of 1 byte or more. A head has gone out before. */
enum status media_unit(struct media *m, const struct unit *u) NODISCARD;
/* More bytes behind the newest unit, as long as its end is not known: they fill packets up to the
 * largest size. */
enum status media_more(struct media *m, const void *p, size_t n) NODISCARD;
/* Let waiting data out. */
enum status media_flush(struct media *m) NODISCARD;
/* One ready packet. */
enum status media_emit(struct media *m, const void *p, size_t n, uint8_t cont) NODISCARD;
/* m->info changed: tell now, or with the first head. */
enum status media_inform(struct media *m) NODISCARD;
/* Set one text of m->info; true when it changed. */
bool media_set_text(char dst[TEXT_MAX], const void *p, size_t n);
/* in_peek() that tells "not yet" (NULL, ST_OK) from "no memory" (NULL, m->st). */
enum status media_peek(struct media *m, size_t want, const uint8_t **p) NODISCARD;

#endif

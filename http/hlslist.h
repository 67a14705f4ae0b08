/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The newest part of a channel as fragmented MP4: fragments for those who play live, and segments of whole
 * fragments, with their playlist, for HLS.
 *
 * Fragments and segments have numbers that only grow. A segment ends before the first fragment with a key
 * frame behind HLS_SHORTEST, at HLS_LONGEST in any case. Whenever the stream begins anew so does an
 * initialisation segment, called a generation.
 *
 * Not locked by itself.
 * source   media.md 7.5; RFC 8216; http.md 3.10
 */
#ifndef HTTP_HLSLIST_H
#define HTTP_HLSLIST_H

#include "core/chan/gnuid.h"
#include "core/sys/blob.h"
#include "core/sys/bytes.h"
#include "http/target.h"

#define HLS_SHORTEST    1900000         /* microseconds: two seconds, as clocks go */
#define HLS_LONGEST     10000000
#define HLS_WINDOW      6               /* segments in the playlist */
#define HLS_LATE        3               /* and older ones, for those who are late */
#define HLS_SEGMENT_MAX ((size_t)16 << 20)
#define HLS_BYTES_MAX   ((size_t)64 << 20)
#define HLS_FRAGS       2048u           /* a power of two */
#define HLS_GENS        (HLS_WINDOW + HLS_LATE + 2)
#define HLS_NONE        UINT64_MAX
#define HLS_TOKEN       33              /* of a viewer: 32 hex digits and a NUL */

struct hls_frag {
	struct blob *data;
	uint32_t gen;
	bool key;
};

struct hls_seg {
	uint64_t first;                 /* its first fragment */
	uint32_t n;
	uint32_t gen;
	uint32_t breaks;                /* discontinuities before it and at its beginning, since the start */
	uint64_t us;
	size_t bytes;
	int64_t wall_ns;                /* when its beginning was here, Unix */
	bool key;
};

struct hls {
	struct hls_frag frag[HLS_FRAGS];
	uint64_t first, next;           /* fragments [first, next) are here */
	uint64_t newest_key;            /* of the newest one that can be begun with; HLS_NONE: not here yet */
	size_t bytes;

	struct hls_seg seg[HLS_WINDOW + HLS_LATE];
	uint64_t seg_first, seg_next;   /* likewise */
	struct hls_seg cur;             /* is being filled; n = 0: nothing yet */

	struct blob *init[HLS_GENS];    /* of the newest generations */
	uint32_t gen;                   /* how many there were: the newest is gen - 1 */
	uint64_t longest_us;            /* of all segments there were */
	bool ended;
};

void hls_init(struct hls *h);
void hls_fini(struct hls *h);

/* A new generation. init is consumed. */
void hls_begin(struct hls *h, struct blob *init);
/* A fragment of it. data is consumed; nothing before hls_begin(). */
void hls_add(struct hls *h, struct blob *data, bool key, uint32_t dur_us, int64_t wall_ns);
/* Nothing comes any more: the last segment is whole. */
void hls_end(struct hls *h);

/* Seconds, as the playlist has them; at least 2. */
uint32_t hls_target_s(const struct hls *h);
/* Is there something to play? */
bool hls_is_ready(const struct hls *h);
/* The playlist for one viewer. */
void hls_playlist(const struct hls *h, const struct gnuid *id, const char *token, struct buf *out);

/* Borrowed; NULL = gone, or not there yet. */
const struct hls_seg *hls_segment(const struct hls *h, uint64_t n);
const struct hls_frag *hls_fragment(const struct hls *h, uint64_t n);
struct blob *hls_init_of(const struct hls *h, uint32_t gen);

/* --- addresses ---------------------------------------------------------------------------------- */

enum hls_what { HLS_LIST, HLS_INIT, HLS_SEGMENT, HLS_LIVE };

/* /hls/<id>, /hls/<id>.m3u8, /hls/<id>/init<n>.mp4, /hls/<id>/<n>.m4s, /hls/<id>/live.mp4 */
struct hls_target {
	enum hls_what what;
	struct stream_target chan;
	uint32_t n;                     /* of INIT and SEGMENT */
	char token[HLS_TOKEN];          /* session=, lower case; "" = none, or not 32 hex digits */
};
/* false: it names nothing of these. */
bool hls_target_parse(const char *target, struct hls_target *t);

#endif

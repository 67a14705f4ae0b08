/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of RTMP: AMF values in the body of a message. Private to core/media.
 *
 *	name, transaction, object or null, arguments ...
 */
#ifndef CORE_MEDIA_RTMPCMD_H
#define CORE_MEDIA_RTMPCMD_H

#include "core/media/amf0.h"
#include "core/media/rtmpchunk.h"

#define RTMP_WINDOW_BYTES 5000000       /* media.md 2.5, 10 */
#define RTMP_OUT_CHUNK    4096

struct rtmp_cmd {
	struct amf0_val name;           /* a string */
	double txn;
	struct rd args;                 /* from the object on */
	struct buf plain;               /* owned: the body made over from AMF3; empty otherwise */
};

/* Take a command message apart; rtmp_cmd_fini() in any case.
 * returns  ST_OK, ST_PROTO, ST_LIMIT */
enum status rtmp_cmd_read(struct rtmp_cmd *c, const struct rtmp_msg *m) NODISCARD;
void rtmp_cmd_fini(struct rtmp_cmd *c);
bool rtmp_cmd_is(const struct rtmp_cmd *c, const char *name);
/* The string that is next among the arguments, clean, cut to cap with its NUL; "" when it is none. */
void rtmp_cmd_text(struct rtmp_cmd *c, char *dst, size_t cap);
/* Pass over the next argument. */
void rtmp_cmd_skip(struct rtmp_cmd *c);
/* A value's text, clean and bounded as above. */
void rtmp_text(const struct amf0_val *v, char *dst, size_t cap);

/* Building: a body begins with name and transaction. */
void rtmp_body_begin(struct buf *b, const char *name, double txn);
void rtmp_body_null(struct buf *b);
void rtmp_body_str(struct buf *b, const char *s);
void rtmp_body_object(struct buf *b);           /* properties, then amf0_put_end() */
void rtmp_prop_str(struct buf *b, const char *name, const char *value);
void rtmp_prop_num(struct buf *b, const char *name, double value);

/* What arrives in User Control: a ping is answered. */
void rtmp_user_control(const struct rtmp_msg *m, struct buf *out);

/* Acknowledgements, one each window of theirs. */
struct rtmp_acks {
	uint64_t got, told;
	uint32_t window;                /* 0 = ours */
};
void rtmp_acks_window(struct rtmp_acks *a, const struct rtmp_msg *m);
void rtmp_acks_count(struct rtmp_acks *a, size_t n, struct buf *out);

#endif

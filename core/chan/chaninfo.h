/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a channel says of itself: texts, bitrate, type, track.
 *
 * struct chaninfo is immutable and counted: whoever shows a channel takes a reference under the lock
 * and reads it after. A change builds a new one from a struct chanmeta, the plain, editable form.
 * All texts are clean UTF-8 (text_clean()) of at most 255 bytes.
 * source   pcp.md 4.5, 4.6, 14; media.md 1.1, 6
 */
#ifndef CORE_CHAN_CHANINFO_H
#define CORE_CHAN_CHANINFO_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/sys/cc.h"
#include "core/sys/text.h"

#define BITRATE_MAX_KBPS 1000000u       /* pcp.md 18, B60 */

/* The texts, in the order PCP writes them. */
enum chantext {
	CT_NAME, CT_GENRE, CT_URL, CT_DESC, CT_COMMENT,
	CT_TYPE,                /* "FLV", "MKV" ...: an open set, upper case */
	CT_MIME, CT_EXT,        /* styp, sext: empty = fall back to the table of types */
	CT_TRACK_TITLE, CT_TRACK_ARTIST, CT_TRACK_URL, CT_TRACK_ALBUM, CT_TRACK_GENRE,
	CT_COUNT
};

struct chaninfo {
	_Atomic uint32_t refs;
	uint32_t bitrate_kbps;
	struct gnuid id;
	struct gnuid bcid;              /* owner; unset = not known */
	const char *text[CT_COUNT];     /* never NULL; they live inside this allocation */
};

/* The editable form; big (13 texts of 256 bytes), meant for a stack for a moment. */
struct chanmeta {
	struct gnuid id, bcid;
	uint32_t bitrate_kbps;
	bool silent;                    /* of a broadcast to be: it begins as CHAN_SILENT */
	char text[CT_COUNT][TEXT_MAX];
};

/* Which values of a chanmeta an announcement carried: bit (1 << enum chantext), and these. */
#define CHANMETA_BITRATE (1u << CT_COUNT)
#define CHANMETA_BCID    (2u << CT_COUNT)

/* Overlay the values of `from` that `present` names onto m. */
void chanmeta_merge(struct chanmeta *m, const struct chanmeta *from, uint32_t present);

/* A new info with one reference; NULL when out of memory. Bitrate is clamped. */
struct chaninfo *chaninfo_new(const struct chanmeta *m) NODISCARD;
struct chaninfo *chaninfo_ref(const struct chaninfo *i);
void chaninfo_unref(struct chaninfo **i);
void chaninfo_to_meta(const struct chaninfo *i, struct chanmeta *m);
/* Same texts, bitrate, id and owner? */
bool chaninfo_same(const struct chaninfo *i, const struct chanmeta *m);

/* The type as lists may show it: 1 to 16 of A-Z and 0-9, else "UNKNOWN". source yp.md 5 */
const char *chaninfo_type(const struct chaninfo *i);

/* The MIME type and extension to serve: the carried ones, else the table's.
 * e.g. "video/x-flv" and ".flv"; "application/octet-stream" and "" when nothing is known. */
const char *chaninfo_mime(const struct chaninfo *i);
const char *chaninfo_ext(const struct chaninfo *i);

/* Set type, MIME and extension together from a type name of the table (any case). false = not in
 * the table (the type becomes "UNKNOWN"). source media.md 1.1 */
bool chanmeta_set_type(struct chanmeta *m, const char *type);
/* The type name for a Content-Type (parameters ignored, any case), or NULL. */
const char *chantype_of_mime(const char *mime);

#endif

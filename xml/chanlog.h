/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the channel XML log: the bytes, from plain data. Queue, thread and file are the
 * servent room's.
 *
 * A record is a whole XML element with a LF behind every tag, without declaration or root element,
 * always well-formed (yp.md 1.4.2), and for valid texts byte for byte what PeerCast-YT writes.
 *
 * A struct chanlog_writer belongs to one thread and is used again and again; it keeps its memory.
 *
 * source   yp.md 1.2, 1.4; captures root_channels_log_clean.xml, loopback_channels_log.xml
 */
#ifndef XML_CHANLOG_H
#define XML_CHANLOG_H

#include <stdint.h>

#include "core/chan/chaninfo.h"
#include "core/chan/chanmgr.h"
#include "core/sys/bytes.h"
#include "core/sys/clk.h"
#include "core/sys/status.h"

/* The longest record: 13 texts of 255 bytes, each byte escaped to six, and the markup. */
#define CHANLOG_RECORD_MAX (32 * 1024)

struct chanlog_writer;

/* One <update> element. */
struct chanlog_update {
	int64_t time_s;                 /* Unix time of the announcement */
	const struct gnuid *id;
	const struct chaninfo *info;    /* of the hit list; NULL = only the id is known */
	nsec created;                   /* of the hit list: the age counts from here */
	struct hitstats stats;          /* by default those before the announcement */
	nsec now;                       /* clk_now() of the announcement */
	bool compat;                    /* chanLogCompat (yp.md 1.4.1) */
};

enum chanlog_reason { CHANLOG_STOP, CHANLOG_TIMEOUT, CHANLOG_SHUTDOWN };

/* NULL when out of memory. */
struct chanlog_writer *chanlog_writer_new(void) NODISCARD;
void chanlog_writer_free(struct chanlog_writer **w);

/* Append one <update> record to out.
 * returns  ST_OK, ST_LIMIT (memory, or the maximum of out; out is as it was, its err aside) */
enum status chanlog_update(
	struct chanlog_writer *w, const struct chanlog_update *u, struct buf *out) NODISCARD;

/* Append one <end> record (chanLogEvents) to out. Returns as chanlog_update(). */
enum status chanlog_end(struct chanlog_writer *w, int64_t time_s, const struct gnuid *id,
	enum chanlog_reason why, struct buf *out) NODISCARD;

/* The last n bytes of a log: how many at the end are the beginning of a record that was never finished, as
 * a crash leaves it. 0 = none, or bytes that are not of such a log. */
size_t chanlog_torn(const uint8_t *p, size_t n);

#endif

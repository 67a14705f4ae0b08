/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that owns the channel log: a bounded queue in front, appending writes of whole records.
 *
 * Records are queued as plain data; the XML is built by the thread, after a few milliseconds in
 * which others may join. When the queue is full the oldest record is dropped and counted. The file
 * is opened again on chanlogd_reopen() and when its name leads elsewhere (looked at once a second at
 * most, while records are written). What a killed node left of a record at the end of the file is taken away
 * when the file is opened for the first time. While the disk fails records wait in the queue; that is told
 * once a minute, and the node goes on.
 *
 * lock     lk_log guards the queue; the file belongs to the thread alone.
 * source   yp.md 1.4; node.md 8.4
 */
#ifndef SERVENT_CHANLOGD_H
#define SERVENT_CHANLOGD_H

#include "core/node/node.h"
#include "xml/chanlog.h"

#define CHANLOGD_QUEUE 1024

struct chanlogd;

/* Start the thread; the file follows the settings' chanLog key. ST_OK, ST_LIMIT, ST_SYS. */
enum status chanlogd_start(struct chanlogd **out, struct conf *conf) NODISCARD;
/* Write what is queued, close, join. */
void chanlogd_stop(struct chanlogd **d, nsec deadline);

/* One announcement was handled; takes its own references. The counts are those before or after its
 * host part, as chanLogAfterHost says. Nothing when there is no log. */
void chanlogd_update(struct chanlogd *d, const struct gnuid *id, const struct announce_result *r)
	EXCLUDES(lk_log);
/* The tracker of a channel says that it stops: if the channel ends soon, that is the reason
 * (CHANLOG_STOP) whatever chanlogd_end() says. */
void chanlogd_stopping(struct chanlogd *d, const struct gnuid *id) EXCLUDES(lk_log);
/* A channel ended (written when chanLogEvents). */
void chanlogd_end(struct chanlogd *d, const struct gnuid *id, enum chanlog_reason why) EXCLUDES(lk_log);
/* After logrotate (SIGHUP). */
void chanlogd_reopen(struct chanlogd *d) EXCLUDES(lk_log);
void chanlogd_counts(struct chanlogd *d, struct chanlog_counts *c) EXCLUDES(lk_log);

#endif

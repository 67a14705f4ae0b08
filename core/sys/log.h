/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator log, for people. (The channel XML log is a data product of its own: servent/chanlog.h.)
 *
 * One line per event, subject first, stable wording. Lines: "2026/11/20 09:44:44.470 [INFO] text".
 * Control characters are escaped here, whatever the caller passes. A ring of the last LOG_RING lines
 * is kept for the web pages and the API, each with a number that only grows.
 *
 * lock     lk_log, a leaf; the write to the sink is one write(2) of the whole line, outside it.
 */
#ifndef CORE_SYS_LOG_H
#define CORE_SYS_LOG_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/host.h"
#include "core/sys/lock.h"
#include "core/sys/status.h"

#define LOG_RING 1000
#define LOG_LINE 1024           /* bytes of one line, NUL included; longer ones are cut */

/* Numbers as in the ini's logLevel (node.md 8.1). */
enum log_level { LOG_TRACE = 1, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL, LOG_OFF };

enum log_form { LOG_TEXT, LOG_JSON };           /* numbers as in the ini's logFormat; see logline.h */

/* Append to this file instead of stdout, creating it 0600; NULL = stdout. A stdout that leads to the
 * journal of systemd gets the journal's form.
 * returns  ST_OK, ST_SYS (the old sink stays) */
enum status log_open(const char *path) NODISCARD;
/* Close and open again by name (after logrotate). */
enum status log_reopen(void) NODISCARD;
void log_close(void);

void log_set_level(enum log_level least);
enum log_level log_get_level(void);
void log_pause(bool on);        /* drop every line */
void log_set_form(enum log_form f);
/* A file that has grown to max_size bytes is renamed to .1, older ones to .2 and so on, keep of them;
 * 0 = never. Of lines that are made at one place in the code, rate in a second are written, the rest is
 * counted; 0 = all. */
void log_set_limits(uint64_t max_size, uint32_t keep, uint32_t rate);

void log_at(enum log_level l, const char *fmt, ...) PRINTF_LIKE(2, 3) EXCLUDES(lk_log);
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

/* For what a peer can trigger: at most 10 lines a minute and address, then a count with the first
 * line of the next minute (pcp.md 18). */
void log_peer(enum log_level l, const struct host *peer, const char *fmt, ...)
	PRINTF_LIKE(3, 4) EXCLUDES(lk_log);

/* Lines written since the start, by level, and those log_peer() or the rate limit held back. */
struct log_counts {
	uint64_t lines[LOG_OFF];        /* [0] is not used */
	uint64_t held;
};
void log_get_counts(struct log_counts *c);

/* Copy lines with numbers from `from` on (oldest first, at most max), LF-separated, in the form
 * "Fri Nov 20 09:44:44 2026 [DBUG] text"; *first is the number of the first one copied, *n how
 * many. from 0 = the oldest there is. */
void log_copy(struct buf *out, uint64_t from, uint32_t max, uint64_t *first, uint32_t *n)
	EXCLUDES(lk_log);
void log_clear(void) EXCLUDES(lk_log);

/* One line, whole: for those who follow the log (event.h, EVENT_LOG). */
struct log_record {
	uint64_t number;
	enum log_level level;
	int64_t wall_s;
	char text[LOG_LINE];            /* valid UTF-8, escaped */
};
const char *log_level_str(enum log_level l);    /* "INFO" ... as in the lines */
/* The oldest line with a number above *after, which becomes its number; false: there is none yet. */
bool log_next(uint64_t *after, struct log_record *r) EXCLUDES(lk_log);
/* Number of the newest line; 0 = none. */
uint64_t log_newest(void) EXCLUDES(lk_log);
/* Lines with a number below this one are not kept any more. */
uint64_t log_oldest(void) EXCLUDES(lk_log);

#endif

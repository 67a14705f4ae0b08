/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The upload tests of yellow pages (`[Uptest]` in the ini): what each said of us when it was last asked.
 *
 * lock     lk_conf, inside.
 * source   node.md 6.6
 */
#ifndef CORE_NODE_SPEEDTEST_H
#define CORE_NODE_SPEEDTEST_H

#include "core/conf/settings.h"
#include "core/sys/lock.h"
#include "core/sys/text.h"

#define SPEEDTEST_XML 4096              /* bytes kept of its answer */

enum speedstatus { SPEED_UNTRIED, SPEED_OK, SPEED_ERROR };
const char *speedstatus_str(enum speedstatus s);        /* "Untried" "Success" "Error" */

struct speedtest {
	char url[SETTINGS_LONG];
	enum speedstatus status;
	char name[TEXT_MAX];
	uint32_t speed_kbps;
	bool over, checkable, port_open;
	char why[128];                  /* of an error */
	char xml[SPEEDTEST_XML];        /* as it came, made clean; "" = none */
};

struct speedtests {
	struct mtx mtx;                                 /* lk_conf */
	struct speedtest *v     GUARDED_BY(lk_conf);    /* owned; those that were asked */
	size_t n                GUARDED_BY(lk_conf);
};

void speedtests_init(struct speedtests *s);
void speedtests_fini(struct speedtests *s);
/* Remember what one said; of those that the settings do not name any more none is kept for long. */
void speedtests_put(struct speedtests *s, const struct speedtest *t) EXCLUDES(lk_conf);
/* What is known of that one; untried when nothing is. */
void speedtests_get(struct speedtests *s, const char *url, struct speedtest *t) EXCLUDES(lk_conf);

#endif

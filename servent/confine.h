/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the node, and the programs it starts, may do with files and the system from its start on: no
 * more than its settings need. Landlock for the files, a filter for the system calls; what a kernel has
 * not is left out.
 *
 * Files: written are the folders of the ini, of the logs and of recordings; read are those, what the settings
 * name beside, and what libraries read of a system (/usr, /etc, /proc ...). Programs: this one, for
 * libavformat's process. Commands (pipe sources, hooks) are the operator's own and may need anything: while
 * there may be some, `auto` leaves all of it off and `strict` lets them run, locked up as well. */
#ifndef SERVENT_CONFINE_H
#define SERVENT_CONFINE_H

#include "core/conf/settings.h"

/* What the command line named; NULL = nothing. */
struct confine_paths {
	const char *ini, *log, *pid, *ui;
};

/* From here on, for this thread and those it starts. Logs how it went. Call it once, while there is one
 * thread. */
void confine(const struct settings *set, const struct confine_paths *paths);

/* Settings read later may need what was given up: say so in the log. */
void confine_look(const struct settings *set);
/* Is this folder one that may not be written to for that reason, until the next start? Any thread. */
bool confine_closes(const char *dir);

#endif

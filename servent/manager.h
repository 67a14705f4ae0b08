/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service manager that started us, if there is one: what systemd is told (sd_notify(3)), and the
 * sockets it passes (sd_listen_fds(3)). Without one nothing happens here.
 *
 * manager_begin() reads the environment once, before there are threads, and takes it away from children.
 */
#ifndef SERVENT_MANAGER_H
#define SERVENT_MANAGER_H

#include "core/sys/cc.h"
#include "core/sys/clk.h"

#define MANAGER_SOCKETS 16

void manager_begin(void);

/* Tell it: lines "READY=1", "STATUS=..." and so on, LF-separated. Never blocks; what cannot be sent is
 * lost. Any thread. */
void manager_tell(const char *lines);
/* The settings are being read again. */
void manager_tell_reloading(void);
/* How often at least it wants WATCHDOG=1; 0 = never. */
nsec manager_watchdog(void);

/* A listening stream socket that was passed under that name, -1 = none; the caller's from here on,
 * non-blocking and closed in children. name "" = the first of any name but those that are asked for by
 * name ("rtmp"). */
int manager_take_socket(const char *name);

#endif

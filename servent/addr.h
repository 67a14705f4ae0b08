/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own addresses: those of the interfaces, and the one that forceIP names.
 *
 * The housekeeper reads them at the start, when the kernel says that one came or went, and now and then.
 * source   pcp.md 17.3; node.md 6.2, 6.3, 12 F35
 */
#ifndef SERVENT_ADDR_H
#define SERVENT_ADDR_H

#include "servent/app.h"

/* Tell ServMgr the addresses of all interfaces. Asks the kernel; sends nothing. */
void addr_learn(struct servmgr *sm);
/* The same, and tell who has to know. */
void addr_read(struct app *a);

/* A socket that is readable when an address came or went; -1 = not to be had. The caller closes it. */
int addr_watch(void) NODISCARD;
/* Take what it says; true = read again. */
bool addr_changed(int fd);

/* Look the name of forceIP up, on a task of its own, and tell ServMgr; the housekeeper hears its end.
 * A look-up that fails leaves what was known (node.md 6.3). One at a time: ask first. */
void addr_force(struct app *a);
bool addr_is_forcing(struct app *a);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `peercast doctor` sees on this machine: ports, who has them, limits. Waits for nothing but, beside a
 * node that runs, for its answer. */
#ifndef SERVENT_DOCTORLOOK_H
#define SERVENT_DOCTORLOOK_H

#include "core/chan/gnuid.h"
#include "servent/doctorfacts.h"

/* Fill in port, rtmp, and the limits of f, whose set and runs are there.
 *
 * fd       our listener, for the caller to close; -1 = none, always so when a node runs
 * sid      whom a port test of our port will find: the node that runs, else left alone */
void doctor_look(struct doctor_facts *f, int *fd, struct gnuid *sid, nsec deadline);

/* Who listens on that TCP port of this machine, as far as we may know: its process, 0 = cannot be told; its
 * name in who. */
int doctor_owner(uint16_t port, char who[DOCTOR_WHO]);

#endif

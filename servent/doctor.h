/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast doctor: walk through what a node needs, from its settings to the way in from outside, tell what
 * works, and how to mend what does not.
 *
 * It works beside a node that runs on the same ini, whose port it has tested, and without one: then it opens
 * the port itself for that time. It writes nothing, and a node that is started meanwhile finds its port
 * taken. What a router does for it is given back. The whole takes no longer than opts_doctor.seconds, and a
 * moment.
 *
 *	doctorlook.h    what is seen on this machine
 *	doctortalk.h    what others say
 *	doctorhold.h    what the router does for us meanwhile
 *	doctorfacts.h   all of it
 *	doctorjudge.h   what it means
 */
#ifndef SERVENT_DOCTOR_H
#define SERVENT_DOCTOR_H

#include <stdio.h>

#include "servent/opts.h"

/* The findings to out, complaints to err. Returns the exit code: 0 = nothing fails, 1 = something does, 2 =
 * it could not be called so. */
int doctor(const struct opts_doctor *o, FILE *out, FILE *err) NODISCARD;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that works on bytes of strangers gives away what it does not need for that. */
#ifndef SERVENT_SANDBOX_H
#define SERVENT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sys/cc.h"

/* From here on: no files, no processes, no sockets but those that are open, at most `memory` bytes of address
 * space, and the end when the parent goes. What is loaded must be loaded by now.
 *
 * The system calls are cut down to reading, writing and memory on x86-64 and aarch64. Builds with sanitizers
 * need more than that, so there only what does not hinder them is done.
 * returns  false when any of it cannot be had */
bool sandbox_enter(size_t memory);

/* Of processor time so many seconds more, until it is called again; then the system ends the process. */
void sandbox_allow_cpu(unsigned seconds);

/* For the node itself: what it never calls fails from here on, in this thread, in those it starts and
 * in programs: to look into other processes, mount, load modules, make namespaces, be somebody else,
 * speak other than IP ... Without commands also: get memory that can be written and run, run what is not
 * a file, change modes and times by name, all of which ordinary programs do. Needs PR_SET_NO_NEW_PRIVS.
 * returns  false: this kernel or processor cannot (errno) */
bool sandbox_calls(bool commands) NODISCARD;

#endif

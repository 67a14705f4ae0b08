/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: named, with a small stack, all signals blocked but those a fault of the thread itself
 * raises (SIGSEGV ...). The only way to start one.
 *
 * A detached one whose function has ended parks for a moment, and runs the function of the next detached
 * start: making a thread costs more than most of what a connection's does. No start ever waits for a
 * function to end. A parked thread goes by the name it had last. None gets old: what it has touched of its
 * stack, and what libraries keep for it, would only ever grow. */
#ifndef CORE_SYS_THR_H
#define CORE_SYS_THR_H

#include <pthread.h>

#include "core/sys/clk.h"
#include "core/sys/status.h"

#define THR_STACK  (256 * 1024)   /* bytes of address space; only touched pages cost memory */
#define THR_NAME   16             /* with the NUL, a limit of the kernel */
#define THR_PARK   NSEC_PER_SEC   /* unused for so long, a parked thread ends */
#define THR_PARKED 64             /* at a time */
#define THR_RUNS   32             /* functions after which it ends, parked or not */

struct thr_run;

struct thr {
	pthread_t id;
	bool started;
	struct thr_run *run;    /* owned while started: says when the thread has ended */
};

/* Start a thread that runs fn(arg).
 *
 * t        filled in for thr_join(); NULL = detached
 * name     shown by ps and gdb; cut to 15 bytes
 * returns  ST_OK, or ST_SYS (EAGAIN, ENOMEM: no thread to be had; arg is still the caller's) */
enum status thr_start(struct thr *t, const char *name, void (*fn)(void *), void *arg) NODISCARD;

/* Wait for the end of a started thread; nothing when it never started or is joined already.
 * One thread at a time may call it for the same t. Never under a lock.
 * returns  ST_OK, ST_TIMEOUT (it may be joined again) */
enum status thr_join(struct thr *t, nsec deadline) NODISCARD;

/* The calling thread's name. */
void thr_get_name(char dst[THR_NAME]);

/* The calling detached thread has done the work of many functions in one: it ends when that does. */
void thr_retire(void);

/* The process is about to end: parked threads end, and none parks any more. (A sanitizer that looks at all
 * threads at the end of the process does not get on with them.) */
void thr_dismiss(void);

/* For how long the calling thread wants the processor at a time, when others want it, too: it gets as much of
 * it either way. Who wants it for a shorter time takes it when it wakes, who does for longer is seldom
 * interrupted by its like. A detached thread's functions begin evenly. Kernels before 6.12 take no notice. */
enum thr_turns {
	THR_EVEN,               /* as the system thinks best */
	THR_SHORT,              /* 0.1 ms: somebody waits for an answer */
	THR_LONG,               /* 100 ms: it has work for milliseconds, as who feeds hundreds of viewers */
};
void thr_take_turns(enum thr_turns turns);

/* Rename the calling thread, e.g. once a connection's type is known. */
void thr_rename(const char *name);

#endif

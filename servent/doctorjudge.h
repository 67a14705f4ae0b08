/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the facts of `peercast doctor` mean, step by step, and how to mend what is wrong. Pure. */
#ifndef SERVENT_DOCTORJUDGE_H
#define SERVENT_DOCTORJUDGE_H

#include "core/sys/bytes.h"
#include "servent/doctorfacts.h"

/* In the order in which they are told: what stands first may be why the rest fails. */
enum doctor_step {
	DOCTOR_CONFIG, DOCTOR_PORT, DOCTOR_LIMITS, DOCTOR_NAMES, DOCTOR_YP, DOCTOR_LISTS, DOCTOR_MAPPING,
	DOCTOR_OUTSIDE, DOCTOR_PUSH, DOCTOR_CLOCK, DOCTOR_STEPS
};
const char *doctor_step_str(enum doctor_step s);        /* "config" "port" ... */

enum doctor_verdict { DOCTOR_OK, DOCTOR_SKIPPED, DOCTOR_FAIL };
const char *doctor_verdict_str(enum doctor_verdict v);  /* "ok" "skipped" "FAIL" */

#define DOCTOR_TEXT 512

struct doctor_finding {
	enum doctor_verdict verdict;
	char text[DOCTOR_TEXT];         /* one line */
	char mend[DOCTOR_TEXT];         /* what to do about a FAIL; never empty with one */
	struct buf notes;               /* lines that say more */
};

/* All of found[]: the caller gives them back with doctor_judged_fini(). */
void doctor_judge(const struct doctor_facts *f, struct doctor_finding found[DOCTOR_STEPS]);
void doctor_judged_fini(struct doctor_finding found[DOCTOR_STEPS]);
/* The first that fails, or DOCTOR_STEPS. */
enum doctor_step doctor_first_fault(const struct doctor_finding found[DOCTOR_STEPS]);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cost curves of what a node does with a hit list (test/bench/growth.py plots them). */
#ifndef TEST_SWARM_COSTS_H
#define TEST_SWARM_COSTS_H

#include <stdio.h>

/* Measures, for a second or two, and writes one line: {"what": [[hosts, microseconds], ...], ...}. */
void costs_report(FILE *to);

#endif

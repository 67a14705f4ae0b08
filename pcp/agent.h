/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an agent string says about the program behind it.
 * source   pcp.md 6.7, 3.1
 */
#ifndef PCP_AGENT_H
#define PCP_AGENT_H

#include <stdint.h>

enum agentverdict {
	AGENT_SUPPORTED,        /* known to understand continuation packets */
	AGENT_UNSUPPORTED,      /* known not to: quit 1007 while the filter is on */
	AGENT_UNKNOWN,          /* let in, with a warning */
};

/* The filter of the setting requireContinuationPacketSupportFromPeer. */
enum agentverdict agent_check(const char *agent);

#define AGENT_EX_STRLEN 8

/* "YT50" from the two version atoms of a node; "" when it sent none. dst holds AGENT_EX_STRLEN.
 * Returns dst. */
const char *agent_ex_str(const char prefix[2], uint16_t number, char *dst);

#endif

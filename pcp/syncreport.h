/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync as it stands: what status pages and metrics tell. A plain value on the heap. */
#ifndef PCP_SYNCREPORT_H
#define PCP_SYNCREPORT_H

#include "pcp/sync.h"

enum sync_state {
	SYNC_OFF,               /* by the settings, or this node is no root */
	SYNC_REFUSED,           /* something is wrong with the settings */
	SYNC_WAITS,             /* the network will not let it; tried again by itself */
	SYNC_RUNS,
};

struct sync_report {
	enum sync_state state;
	char why[512];                  /* what is wrong, for people; may be set while it runs; else "" */
	/* while it runs */
	bool sealed;                    /* with a key, */
	bool plain;                     /* and without */
	bool group;                     /* the multicast group is joined */
	uint32_t peers;                 /* unicast ones */
	uint64_t send_failed;           /* datagrams the system would not send, */
	uint64_t lost;                  /* and dropped before they were read */
	nsec at;                        /* when this was so */
	struct sync_status st;
	size_t n;
	struct sync_instance instances[SYNC_INSTANCES_MAX];
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `peercast doctor` has seen, for doctorjudge.h to judge. Plain values: the threads that look fill in
 * different parts of it, whoever judges comes after them. */
#ifndef SERVENT_DOCTORFACTS_H
#define SERVENT_DOCTORFACTS_H

#include <errno.h>

#include "core/conf/roots.h"
#include "core/conf/settings.h"
#include "core/node/own.h"
#include "core/node/portmap.h"
#include "core/sys/text.h"

#define DOCTOR_FAULTS 50                /* of the ini that are shown */
#define DOCTOR_WHO    64                /* bytes of who has a port, NUL included */

/* How something ended, with the errno of ST_SYS. */
struct outcome {
	enum status st;
	int err;
};

/* Of what has just ended so. */
static inline struct outcome outcome_of(enum status st)
{
	return (struct outcome){ .st = st, .err = st == ST_SYS ? errno : 0 };
}

/* A port the settings want. */
struct doctor_port {
	bool wanted;
	bool unusable;                  /* the setting of its address is none */
	struct host at;                 /* no address = all of this machine */
	bool near;                      /* it is open to this machine alone */
	struct outcome bound;           /* a node runs: of asking it */
	bool both;                      /* IPv4 and IPv6 */
	bool node;                      /* a node of PeerCast answers there, */
	char agent[TEXT_MAX];           /* which says it is this */
	char who[DOCTOR_WHO];           /* has it, "nginx (process 12)"; "" = cannot be told */
};

/* What came of a mapping that was made for the look alone. */
enum doctor_back {
	DOCTOR_KEPT,                    /* there is none, or it was there before */
	DOCTOR_BACK,
	DOCTOR_STUCK,                   /* the router has not taken it away */
	DOCTOR_UNSURE,                  /* it may be that of the node that runs: it stays */
};

/* One conversation with a root. */
struct doctor_talk {
	bool tried;
	struct outcome reached;         /* of connecting */
	struct outcome heard;           /* of the handshake, ST_OK: an oleh came */
	uint32_t quit;                  /* it said, before or after that; 0 = none */
	bool itself;                    /* it is this very node */
	bool disabled;                  /* it has disabled us */
	bool pinged;                    /* it was asked to test our port */
	enum firewall fw;               /* and says so */
	struct host local, seen;        /* our address here, and as it sees us; unset = it does not say */
	uint32_t ver;
	char agent[TEXT_MAX];
};

struct doctor_root {
	char name[SETTINGS_TEXT];
	struct outcome found;           /* of looking the name up */
	struct host at[2];              /* IPv4, IPv6 */
	struct doctor_talk talk[2];
};

struct doctor_feed {
	char url[SETTINGS_LONG];
	char why[300];                  /* it cannot be used; "" = it can */
	size_t channels;
	bool dated;                     /* it told the time: */
	int64_t ahead_s;                /* our clock is so far ahead of it */
};

struct doctor_facts {
	const char *ini;
	struct outcome read;            /* of the ini; not ST_OK: nothing else is known */
	bool missing;                   /* there is none, and that is no fault: the defaults count */
	const struct settings *set;     /* NULL: could not be read */
	struct buf faults;              /* lines, DOCTOR_FAULTS at most */
	unsigned n_faults;
	struct buf remarks;             /* lines about it that are no faults */

	bool runs;                      /* a node runs on this ini, */
	bool hidden;                    /* or may: its lock is another user's */
	struct doctor_port port, rtmp;
	bool listened;                  /* we have the port ourselves, and answered there */
	unsigned knocks[2];             /* who came in meanwhile, by family */
	bool have[2];                   /* this machine has an address of that family, beside loopback */

	uint64_t files, files_max;      /* open at once at most by the limits of the ini; and allowed */
	uint64_t threads, threads_max;

	struct doctor_root roots[ROOTS_MAX];
	size_t n_roots;
	struct outcome forced;          /* of looking up forceIP */

	bool mapped;                    /* the router was asked: */
	struct portmap map;
	enum doctor_back back;          /* was it taken away again? */

	const char *no_curl;            /* why no list can be fetched; NULL = it can */
	struct doctor_feed *feeds;
	size_t n_feeds;
};

#endif

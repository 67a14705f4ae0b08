/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of PCP: versions, quit codes, group bits, sizes. Atom ids are in pcp/atom.h.
 * source   pcp.md 2.5, 3; DESIGN, "Dependencies" (identity on the wire)
 */
#ifndef PCP_PCP_H
#define PCP_PCP_H

/* --- who we are (pcp.md 3.1) ------------------------------------------------------------------ */
#define PCP_AGENT               "PeerCast/0.1218 (SV01)"

enum {
	PCP_PROTO_V4            = 1,            /* value of "pcp\n", and of x-peercast-pcp */
	PCP_PROTO_V6            = 100,
	PCP_CLIENT_VERSION      = 1218,         /* helo.ver, oleh.ver, host.ver, bcst.vers */
	PCP_CLIENT_MINVERSION   = 1200,
	PCP_CLIENT_VERSION_VP   = 27,           /* bcst.vrvp, host.vevp */
	PCP_CLIENT_EX_NUMBER    = 1,            /* vexn */
	PCP_ROOT_VERSION        = 1218,         /* root.chkv */
	PCP_PORT                = 7144,
};

#define PCP_CLIENT_EX_PREFIX    "SV"            /* vexp: two characters, no NUL */
#define PCP_ROOT_URL            "download.php"  /* root.url, a constant of the protocol */

/* --- quit: a base plus a detail (pcp.md 3.2) -------------------------------------------------- */
enum {
	PCP_ERR_QUIT             = 1000,
	PCP_ERR_BCST             = 2000,
	PCP_ERR_READ             = 3000,
	PCP_ERR_WRITE            = 4000,
	PCP_ERR_GENERAL          = 5000,

	PCP_ERR_SKIP             = 1,           /* receiver too slow */
	PCP_ERR_ALREADYCONNECTED = 2,
	PCP_ERR_UNAVAILABLE      = 3,           /* full; hosts were listed before this */
	PCP_ERR_LOOPBACK         = 4,           /* own session id came back */
	PCP_ERR_NOTIDENTIFIED    = 5,           /* no session id */
	PCP_ERR_BADRESPONSE      = 6,           /* expected another atom; malformed */
	PCP_ERR_BADAGENT         = 7,
	PCP_ERR_OFFAIR           = 8,
	PCP_ERR_SHUTDOWN         = 9,
	PCP_ERR_NOROOT           = 10,
	PCP_ERR_BANNED           = 11,
};

/* The codes we send. Never 0 and never 6000 (some trackers stop announcing for good on it). */
enum {
	PCP_QUIT                  = PCP_ERR_QUIT,       /* plain goodbye, port test done */
	PCP_QUIT_SKIP             = PCP_ERR_QUIT + PCP_ERR_SKIP,
	PCP_QUIT_ALREADYCONNECTED = PCP_ERR_QUIT + PCP_ERR_ALREADYCONNECTED,
	PCP_QUIT_UNAVAILABLE      = PCP_ERR_QUIT + PCP_ERR_UNAVAILABLE,
	PCP_QUIT_LOOPBACK         = PCP_ERR_QUIT + PCP_ERR_LOOPBACK,
	PCP_QUIT_NOTIDENTIFIED    = PCP_ERR_QUIT + PCP_ERR_NOTIDENTIFIED,
	PCP_QUIT_BADRESPONSE      = PCP_ERR_QUIT + PCP_ERR_BADRESPONSE,
	PCP_QUIT_BADAGENT         = PCP_ERR_QUIT + PCP_ERR_BADAGENT,
	PCP_QUIT_OFFAIR           = PCP_ERR_QUIT + PCP_ERR_OFFAIR,
	PCP_QUIT_SHUTDOWN         = PCP_ERR_QUIT + PCP_ERR_SHUTDOWN,
	PCP_QUIT_NOROOT           = PCP_ERR_QUIT + PCP_ERR_NOROOT,
	PCP_QUIT_BANNED           = PCP_ERR_QUIT + PCP_ERR_BANNED,
};

/* --- bcst.grp and ttl (pcp.md 3.3, 10) -------------------------------------------------------- */
enum {
	PCP_BCST_GROUP_ROOT     = 0x01,
	PCP_BCST_GROUP_TRACKERS = 0x02,
	PCP_BCST_GROUP_RELAYS   = 0x04,
	PCP_BCST_GROUP_ALL      = 0xff,

	PCP_BCST_TTL            = 7,
	PCP_BCST_TTL_STATUS     = 11,           /* a relay's status report */
	PCP_BCST_TTL_MAX        = 32,           /* more is taken as this (pcp.md 10.1) */
};

/* --- pkt.cont (pcp.md 3.5): any bit set = a reader may not start here ------------------------- */
enum {
	PCP_PKT_CONT_FRAGMENT   = 0x01,
	PCP_PKT_CONT_NOKEY      = 0x02,
	PCP_PKT_CONT_AUDIO      = 0x04,
};

/* --- sizes (pcp.md 2.3, 2.5) ------------------------------------------------------------------ */
enum {
	PCP_ATOM_SEND_MAX       = 16384,        /* a whole atom we send: older nodes take no more */
	PCP_STR_MAX             = 256,          /* any text we send, NUL included */
	PCP_AGENT_MAX           = 64,           /* agnt, NUL included */
};

/* --- times of root atoms, seconds (pcp.md 13) ------------------------------------------------- */
enum {
	PCP_ROOT_INTERVAL_MIN   = 30,
	PCP_ROOT_INTERVAL_MAX   = 3600,
};

#endif

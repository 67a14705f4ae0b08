/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake: "pcp\n", helo, oleh. What the values lead to is the servent's business.
 *
 * Children of the wrong width count as absent; unknown ones are skipped; the last of two wins.
 * source   pcp.md 5.2, 6, 7.6
 */
#ifndef PCP_HELO_H
#define PCP_HELO_H

#include <stdint.h>

#include "core/chan/gnuid.h"
#include "core/node/own.h"
#include "core/sys/host.h"
#include "core/sys/text.h"
#include "pcp/atom.h"

struct helo {
	struct gnuid sid;       /* unset: none, all zero, or of the wrong width (quit 1005) */
	struct gnuid bcid;      /* unset = none */
	bool has_ver, has_port, has_ping;
	uint32_t ver;
	uint16_t port;          /* the sender's listening port */
	uint16_t ping;          /* "please test this port" */
	uint32_t children;      /* how many came, whatever they were */
	char agent[TEXT_MAX];   /* "" = none */
};

struct oleh {
	struct gnuid sid;       /* as in helo */
	bool has_ver, has_rip, has_port, has_dis;
	uint32_t ver;
	struct host rip;        /* the address the peer sees us at; its port is `port` */
	uint32_t dis;           /* not 0 = this root has disabled us */
	char agent[TEXT_MAX];
};

/* a is the whole atom.
 * returns  ST_OK, ST_PROTO (another atom, or a leaf with a value: quit 1006) */
enum status helo_parse(struct helo *h, const struct atom *a) NODISCARD;
enum status oleh_parse(struct oleh *o, const struct atom *a) NODISCARD;

/* Is this a port test (its only child is sid)? Such a client is answered at once, tested in turn by
 * nobody, and not counted. */
bool helo_is_test(const struct helo *h);

/* Our own, with agent and version set: the caller adds port or ping, bcid, rip. */
void helo_init(struct helo *h, const struct gnuid *sid);
void oleh_init(struct oleh *o, const struct gnuid *sid);

/* What we say of our port (pcp.md 6.2): claimed when open, to be tested while unknown, nothing when
 * closed; port 0 = none. both: claimed as well while unknown, as some want it. */
void helo_set_port(struct helo *h, uint16_t port, enum firewall fw, bool both);
/* What the oleh of a trusted peer tells of our port (pcp.md 6.4, step 5), of that family. Only who was
 * asked to test has tested: FW_UNKNOWN otherwise. */
enum firewall oleh_firewall(const struct oleh *o, const struct helo *ours, bool v6);
/* Does it name an address of ours, of that family? */
bool oleh_names_us(const struct oleh *o, bool v6);

/* What is set, in the order agnt ver sid port ping bcid. */
void helo_emit(struct atomwr *w, const struct helo *h);
/* agnt sid ver rip port dis. */
void oleh_emit(struct atomwr *w, const struct oleh *o);

/* "pcp\n": what opens a control connection. version is PCP_PROTO_V4 or PCP_PROTO_V6. */
void helo_opener_emit(struct atomwr *w, uint32_t version);
/* Length 0 counts as version 1; any number is accepted.
 * returns  ST_OK, ST_PROTO (another atom or length: quit 1006) */
enum status helo_opener_parse(const struct atom *a, uint32_t *version) NODISCARD;

/* The opening with nothing in helo: how a yellow page looks whether a node answers (yp.md 3.2). */
#define HELO_KNOCK_LEN 20
void helo_knock_emit(struct atomwr *w);

#define HELO_TEST_LEN 44
/* The whole of a port test's opening: "pcp\n" 1 (on IPv6 too) and helo{sid}. */
void helo_test_emit(struct atomwr *w, const struct gnuid *sid);

#endif

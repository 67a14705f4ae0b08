/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An encoder that writes its stream into a connection, whatever it said before: the bytes are read on the
 * thread of a source until they end, stand still, or are refused.
 *
 * source   media.md 2.1, 2.2, 2.4, 9.1 rows 18 to 21
 */
#ifndef SERVENT_INTAKE_H
#define SERVENT_INTAKE_H

#include "core/chan/chan.h"
#include "core/sys/sock.h"
#include "servent/app.h"

struct intake {
	const char *name;               /* of the input, for the log: "push" */
	enum chan_src kind;
	const struct chanmeta *meta;    /* as for source_init() */
	const char *mount;              /* as for source_set_mount(); "" = none */
	bool v6;
	bool chunked;
	uint64_t length;                /* of the body; 0 = it ends with the connection, or with its last chunk */
	nsec idle;                      /* no byte for so long ends it */
	bool answers;                   /* its end, and what is wrong with it, is told by an HTTP status */
	bool knows_password;            /* it may take a channel over from another machine */
};

/* Move the socket to a thread that reads it.
 * returns  ST_OK; ST_LIMIT, ST_SYS, ST_STOPPED: nothing was said, and the socket is the caller's still */
enum status intake_start(struct app *a, struct sock *sock, const struct intake *in) NODISCARD;

/* Say an HTTP status to an encoder, and see that it arrives; detail may be NULL. */
void intake_answer(struct sock *s, int status, const char *detail);

#endif

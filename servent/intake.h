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
#include "servent/source.h"

struct intake {
	const char *name;               /* of the input, for the log: "push" */
	enum chan_src kind;
	const struct chanmeta *meta;    /* as for source_init() */
	const char *mount;              /* as for source_set_mount(); "" = none */
	bool v6;
	bool chunked;
	uint64_t length;                /* as said: it ends there when nothing follows at once. 0 = with the
	                                 * connection, or its last chunk */
	nsec idle;                      /* no byte for so long ends it */
	bool answers;                   /* its end, and what is wrong with it, is told by an HTTP status */
	bool knows_password;            /* it may take a channel over from another machine */
};

/* Move the socket to a thread that reads it.
 * returns  ST_OK; ST_LIMIT, ST_SYS, ST_STOPPED: nothing was said, and the socket is still the caller's */
enum status intake_start(struct app *a, struct sock *sock, const struct intake *in) NODISCARD;

/* How the bytes of a connection become those of its source. */
struct intake_read {
	struct source *src;
	struct sock *sock;
	nsec idle;                      /* as above */
	/* what has come: feeds the source. Anything but ST_OK ends it: ST_EOF in an orderly way. */
	enum status (*take)(void *ctx, const uint8_t *p, size_t n, nsec now);
	void *ctx;
	uint8_t *buf;                   /* to read into */
	size_t size;
};
/* Read until the input is over, stands still, drips, or the source is stopped; the reason comes back. */
enum status intake_read(const struct intake_read *r) NODISCARD;

/* How much came, to tell a stream from a drip. All 0 at first. */
struct intake_drip {
	nsec since;                     /* of bytes; 0 = not yet */
	uint64_t bytes;
};
/* So many bytes came now: does the input of a channel merely drip? Then src->error says so. */
bool intake_drips(struct intake_drip *d, struct source *src, size_t got, nsec now);

/* Say an HTTP status to an encoder, and see that it arrives; detail may be NULL. */
void intake_answer(struct sock *s, int status, const char *detail);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source of a broadcast: what a container parser finds becomes packets of a channel.
 *
 * A source belongs to one thread. The channel is made, listed and announced by its first head: input
 * that is not what it says never becomes one. A channel of the same name whose encoder is gone, or
 * still there, is taken over with all its readers (media.md 2.1.2, 5.7; settings.md decision 26).
 *
 *	source_init -> source_feed ... source_tick ... -> source_end | source_abort -> source_fini
 *
 * source   media.md 0.2, 2.1, 5.7.1, 6.4; pcp.md 9, 10.5; DESIGN, "The life of a stream byte"
 */
#ifndef SERVENT_SOURCE_H
#define SERVENT_SOURCE_H

#include "core/chan/chan.h"
#include "core/media/media.h"
#include "core/sys/mbox.h"
#include "servent/app.h"

#define SOURCE_IDLE    (30 * NSEC_PER_SEC)      /* no byte for so long ends an input (media.md 2.2.2) */

struct source {
	struct app *a;
	struct source *prev, *next;     /* of all; lk_app */
	enum chan_src kind;
	struct mbox mbox;               /* of the thread; the channel's way to reach it */
	struct host peer;               /* the encoder */
	char key[TEXT_MAX];             /* what the encoder knows it by: its name, or another */
	char mount[TEXT_MAX];           /* goes into the channel's id in place of the genre; "" = none */
	struct chanmeta *meta;          /* what was asked for; owned, gone once the channel is there */
	bool listed;                    /* its channel is, or was; lk_app */
	struct chanmeta *early;         /* a title that came before the channel was there, or NULL; lk_app */
	uint32_t early_has;             /* what is in it; lk_app */
	bool user_bitrate;              /* the encoder's operator said it: nothing overrides it */
	bool knows_password;            /* it may take over what came from elsewhere */
	bool v6;
	const char *url;                /* it is pulled from there; borrowed; NULL = it is pushed */
	const char *shown;              /* the same without secrets, for people; borrowed */
	struct media *media;
	struct media_info said;         /* what the stream said last */

	struct chan *c;                 /* NULL until the first head */
	uint32_t token;
	bool attached, playing;
	bool headed;                    /* a head has come since the start, or source_restart() */
	uint64_t pos;                   /* of the next packet */
	struct pkt *head;               /* the newest; owned; NULL = none, or an empty one */
	struct pkt *batch[READER_BATCH];
	size_t n_batch;
	struct chaninfo *told;          /* what the relays know */
	nsec told_at;
	bool no_room;                   /* it failed for want of room here, not by its own fault */
	bool not_its_own;               /* the channel is another encoder's */
	char error[160];                /* why it failed, for log and answer; "" = not */
};

/* meta is copied: name and texts set, type "UNKNOWN" when not declared; id unset, or
 * the one a new channel shall have.
 * returns  ST_OK, ST_LIMIT, ST_SYS, ST_STOPPED (the node is stopping) */
enum status source_init(struct source *s, struct app *a, enum chan_src kind, const struct chanmeta *meta,
	const struct host *peer, bool v6) NODISCARD;
void source_fini(struct source *s);
/* The node stops: tell every source to end, whether or not it has a channel. */
void source_stop_all(struct app *a) EXCLUDES(lk_app);

/* Before the first byte: the stream has a mount point ("/live"), and is known by that, not by its name. */
void source_set_mount(struct source *s, const char *mount);

/* A title for encoders that have begun to send, yet without a channel: it is kept until that is there
 * (node_ops.early_title). Only Icecast and SHOUTcast encoders send titles on a way of their own. */
bool source_early_title(struct node *n, const char *mount, const struct chanmeta *m, uint32_t present)
	EXCLUDES(lk_app);

/* List the channel now, not with its first head: for one that is pulled. Set url and shown before. As
 * source_feed(). */
enum status source_open(struct source *s) NODISCARD;
/* The input begins anew, with a head of its own to come; type as for media_new(). ST_OK, ST_LIMIT */
enum status source_restart(struct source *s, const char *type) NODISCARD;
/* The input is over for now: let out what is whole. */
void source_pause(struct source *s);
/* With a channel: what is between two inputs of a pulled one. It plays again with the next packet. */
void source_set_status(struct source *s, enum chan_status status);
/* With a channel: what was said of it beside the stream, `present` of m. */
void source_tell(struct source *s, const struct chanmeta *m, uint32_t present);
/* Wait without input until the time has come. ST_OK, or ST_STOPPED. */
enum status source_wait(struct source *s, nsec until) NODISCARD;

/* Input bytes. Returns ST_OK; ST_STOPPED (the channel was stopped, or taken over); ST_PROTO, ST_LIMIT,
 * ST_TIMEOUT: refused, s->error says why. */
enum status source_feed(struct source *s, const void *p, size_t n, nsec now) NODISCARD;
/* What is due: parser flush, info to relays. */
enum status source_tick(struct source *s, nsec now) NODISCARD;
/* When source_tick() has work. */
nsec source_deadline(const struct source *s);
/* The input is over. With a channel: it survives `sourceGraceSec` for the next encoder (the thread
 * waits here), then it is closed and unlisted. */
void source_end(struct source *s, enum status why);
/* Whoever takes over need not wait until this source is gone: after source_end(), before anything slow. */
void source_let_go(struct source *s);

#endif

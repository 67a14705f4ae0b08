/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/sys/event.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/chanjson.h"
#include "http/jsonrpc.h"
#include "http/jsontext.h"

#define BATCH     32                    /* events between two writes */
#define SEND_BUFFER (64 * 1024)         /* bytes in the kernel */
#define OUT_MAX   ((size_t)1 << 20)     /* bytes of a batch */

static const struct {
	const char *name;
	enum event_topic topic;
} topics[] = {
	{ "channel", EVENT_CHANNEL }, { "connection", EVENT_CONNECTION },
	{ "notification", EVENT_NOTIFICATION }, { "feed", EVENT_FEED }, { "port", EVENT_PORT },
	{ "log", EVENT_LOG },
};

struct stream {
	struct node *node;
	struct servent *sv;
	unsigned topics;
	uint64_t run, event, line;      /* what was sent last */
	struct buf out;
};

/* --- one event -------------------------------------------------------------------------------- */

static const char *topic_name(enum event_topic t)
{
	for (size_t i = 0; i < NELEM(topics); i++)
		if (topics[i].topic == t)
			return topics[i].name;
	return "other";
}

static int put_text(const char *p, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_put(out, p, n);
	return out->err == ST_OK ? 0 : -1;
}

static void begin_event(struct stream *s, const char *name)
{
	buf_printf(&s->out, "id: %016llx-%llu-%llu\nevent: %s\ndata: ", (unsigned long long)s->run,
		(unsigned long long)s->event, (unsigned long long)s->line, name);
}

/* Takes the reference; NULL = out of memory. JSON in its compact form has no line ends. */
static void put_event(struct stream *s, const char *name, json_t *data)
{
	if (data == NULL) {
		s->out.err = ST_LIMIT;
		return;
	}
	begin_event(s, name);
	if (json_dump_callback(data, put_text, &s->out, JSON_COMPACT | JSON_SORT_KEYS) != 0)
		s->out.err = ST_LIMIT;
	buf_puts(&s->out, "\n\n");
	json_decref(data);
}

static json_t *id_or_null(const uint8_t id[EVENT_ID])
{
	struct gnuid g;
	char hex[GNUID_STRLEN];

	memcpy(g.b, id, sizeof(g.b));
	return gnuid_is_set(&g) ? json_string(gnuid_str(&g, hex)) : json_null();
}

/* What was said of the channel then, and what it is now: as in getChannels, null when it is gone. */
static void put_channel_event(struct stream *s, const struct event *e)
{
	struct gnuid id;
	struct chan *c;
	char hex[GNUID_STRLEN];

	memcpy(id.b, e->id, sizeof(id.b));
	c = chanmgr_find(s->node->cm, &id);
	begin_event(s, topic_name(e->topic));
	buf_u8(&s->out, '{');
	jsontext_key(&s->out, "action");
	jsontext_string(&s->out, e->what);
	jsontext_key(&s->out, "channel");
	if (c != NULL)
		chanjson_put(&s->out, s->node, c);
	else
		buf_puts(&s->out, "null");
	jsontext_key(&s->out, "channelId");
	if (gnuid_is_set(&id))
		jsontext_string(&s->out, gnuid_str(&id, hex));
	else
		buf_puts(&s->out, "null");
	buf_puts(&s->out, "}\n\n");
	chan_unref(&c);
}

static json_t *connection_event(const struct event *e)
{
	char hs[HOST_STRLEN], type[16];

	text_copy(type, sizeof(type), e->kind);
	for (char *p = type; *p != '\0'; p++)
		*p = (char)ascii_lower((uint8_t)*p);
	return json_pack("{ss so si ss so ss}", "action", e->what, "channelId", id_or_null(e->id),
		"connectionId", (int)(e->n & INT32_MAX), "type", type, "agentName",
		e->text[0] != '\0' ? json_string(e->text) : json_null(), "remoteEndPoint",
		host_str(&e->peer, hs));
}

static json_t *event_json(const struct event *e)
{
	switch (e->topic) {
	case EVENT_CONNECTION:
		return connection_event(e);
	case EVENT_NOTIFICATION:
		return json_pack("{ss ss ss ss so}", "class", e->what, "type", e->kind, "title",
			notice_type_str((enum notice_type)e->n), "message", e->text, "channelId",
			id_or_null(e->id));
	case EVENT_FEED:
		return json_pack("{ss ss si}", "action", e->what, "url", e->text, "channels", (int)e->n);
	case EVENT_PORT:
		return json_pack("{ss si ss ss}", "family", e->kind, "port", (int)e->n, "state", e->what,
			"reason", e->text);
	case EVENT_CHANNEL:
	case EVENT_LOG:
	case EVENT_ALL:
		break;
	}
	return json_object();
}

static json_t *line_json(const struct log_record *r)
{
	return json_pack("{sI sI ss ss}", "number", (json_int_t)r->number, "time", (json_int_t)r->wall_s,
		"level", log_level_str(r->level), "text", r->text);
}

/* --- the stream ------------------------------------------------------------------------------- */

/* Put what has happened since into out, at most a batch of it. ST_LIMIT: the reader has fallen behind, or
 * memory is out. */
static enum status gather(struct stream *s, bool *more)
{
	struct log_record line;
	struct event *e;
	uint32_t n = 0;
	bool missed;

	while (n < BATCH && (e = event_next(&s->event, s->topics, &missed)) != NULL) {
		if (missed) {
			event_unref(&e);
			return ST_LIMIT;
		}
		if (e->topic == EVENT_CHANNEL)
			put_channel_event(s, e);
		else
			put_event(s, topic_name(e->topic), event_json(e));
		event_unref(&e);
		n++;
	}
	while (n < 2 * BATCH && (s->topics & EVENT_LOG) != 0 && log_next(&s->line, &line)) {
		put_event(s, "log", line_json(&line));
		n++;
	}
	*more = n >= BATCH;
	return s->out.err;
}

static enum status send_out(struct stream *s)
{
	enum status st = sock_write(&s->sv->sock, s->out.p, s->out.len, clk_deadline(EVENTS_WRITE));

	buf_reset(&s->out);
	return st;
}

/* The reader has nothing to say: what it says is dropped, not without end. ST_EOF: it has gone. */
static enum status listen_to(struct stream *s, size_t *heard)
{
	enum status st = sock_fill(&s->sv->sock, clk_now());
	size_t n;

	sock_peek(&s->sv->sock, &n);
	sock_consume(&s->sv->sock, n);
	*heard += n;
	if (st == ST_TIMEOUT)
		st = ST_OK;
	return st == ST_OK && *heard > EVENTS_IN ? ST_LIMIT : st;
}

/* Until the reader goes, is too slow, or we stop. */
static enum status run(struct stream *s)
{
	nsec beat = clk_deadline(EVENTS_HEARTBEAT);
	enum status st = ST_OK;
	size_t heard = 0;

	while (st == ST_OK) {
		bool more;
		int got;

		st = gather(s, &more);
		if (st == ST_OK && s->out.len > 0) {
			st = send_out(s);
			beat = clk_deadline(EVENTS_HEARTBEAT);
		}
		if (st != ST_OK || more)
			continue;
		sock_trim(&s->sv->sock);
		st = sock_wait(&s->sv->sock, SOCK_IN, &got, beat);
		if (st == ST_TIMEOUT) {
			buf_puts(&s->out, ":\n\n");
			st = send_out(s);
			beat = clk_deadline(EVENTS_HEARTBEAT);
		} else if (st == ST_OK && (got & SOCK_IN)) {
			st = listen_to(s, &heard);
		}
	}
	return st;
}

/* --- its begin -------------------------------------------------------------------------------- */

/* The list of names into s->topics; false: there is a name we do not know. */
static bool take_topics(struct stream *s, const char *list)
{
	s->topics = 0;
	for (const char *p = list; *p != '\0'; p += strspn(p, ",")) {
		const size_t n = strcspn(p, ",");
		size_t i = 0;

		while (i < NELEM(topics) &&
		       (strlen(topics[i].name) != n || memcmp(topics[i].name, p, n) != 0))
			i++;
		if (n > 0 && i == NELEM(topics))
			return false;
		if (n > 0)
			s->topics |= topics[i].topic;
		p += n;
	}
	return s->topics != 0;
}

/* Go on behind that id. False: that cannot be, start here. */
static bool resume(struct stream *s, const char *id)
{
	unsigned long long run, event, line;
	struct event *e;
	uint64_t after;
	bool missed;
	int n = -1;

	/* The text is one of ours, or it is refused as a whole: numbers too long for their type do not match
	 * the run. */
	if (strlen(id) > 64 || sscanf(id, "%16llx-%20llu-%20llu%n", &run, &event, &line, &n) != 3 ||
	    n < 0 || id[n] != '\0' || run != s->run || event > s->event || line > s->line)
		return false;
	after = event;
	e = event_next(&after, s->topics, &missed);
	event_unref(&e);
	if (missed || ((s->topics & EVENT_LOG) != 0 && line + 1 < log_oldest()))
		return false;
	s->event = event;
	s->line = line;
	return true;
}

enum status events_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs,
	bool *answered)
{
	struct stream s = { .node = n, .sv = sv, .topics = EVENT_ALL };
	const char *last = request_header(rq, "Last-Event-ID");
	struct event_watcher w;
	char value[128];
	enum status st;

	if (query_get(rq->query, "events", value, sizeof(value)) && !take_topics(&s, value)) {
		response_error(rs, 400, "events: channel, connection, notification, feed, port, log");
		return ST_OK;
	}
	/* from here on nothing is missed */
	if (event_watch(&w, &sv->mbox, s.topics, &sv->peer) != ST_OK) {
		response_error(rs, 503, "too many readers of events");
		return ST_OK;
	}
	s.run = event_run();
	s.event = event_newest();
	s.line = log_newest();
	*answered = true;
	/* who does not read is to be found out, and costs no more than this */
	(void)setsockopt(sv->sock.fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER }, sizeof(int));
	servent_set_command(sv);
	buf_init(&s.out, OUT_MAX);
	buf_puts(&s.out, "HTTP/1.0 200 OK\r\nServer: " NODE_AGENT "\r\nConnection: close\r\n"
		"Content-Type: text/event-stream\r\nX-Content-Type-Options: nosniff\r\n"
		"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n\r\nretry: 2000\n\n");
	if (last == NULL && query_get(rq->query, "lastEventId", value, sizeof(value)))
		last = value;
	if (last != NULL && last[0] != '\0' && !resume(&s, last))
		put_event(&s, "reset", json_object());
	st = s.out.err == ST_OK ? send_out(&s) : ST_LIMIT;
	if (st == ST_OK)
		st = run(&s);
	event_unwatch(&w);
	if (st == ST_LIMIT || st == ST_TIMEOUT)
		log_peer(LOG_INFO, &sv->peer, "servent %u: a reader of events is cut off: %s", sv->id,
			st == ST_TIMEOUT ? "it does not read" : "it has fallen behind, or talks");
	buf_fini(&s.out);
	return st;
}

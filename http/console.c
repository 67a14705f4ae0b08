/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/console.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/sys/event.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/command.h"

#define FOLLOW_OUT ((size_t)64 * 1024)  /* bytes between two writes */

struct console {
	struct node *node;
	struct servent *sv;
	const struct request *rq;
	struct response *rs;
	struct buf *out;                /* the answer */
	const char *word[CONSOLE_WORDS + 1]; /* without the command's own; NULL behind the last */
	bool *answered;
};

typedef enum status console_handler(struct console *c);

/* --- words ------------------------------------------------------------------------------------ */

/* Cut the line into words at blanks, in place; "..." is one word, blanks included. Words beyond what there is
 * room for stay in the last one. */
static size_t split(char *line, const char *word[CONSOLE_WORDS + 1])
{
	size_t n = 0;

	for (;;) {
		char *end;

		line += strspn(line, " ");
		if (*line == '\0' || n == CONSOLE_WORDS)
			break;
		end = *line == '"' ? strchr(line + 1, '"') : NULL;
		if (end != NULL)
			line++;
		else if (n + 1 < CONSOLE_WORDS)
			end = line + strcspn(line, " ");
		else
			end = line + strlen(line);
		word[n++] = line;
		if (*end == '\0')
			break;
		*end = '\0';
		line = end + 1;
	}
	word[n] = NULL;
	return n;
}

static enum status usage(struct console *c, const char *text)
{
	buf_printf(c->out, "Usage: %s\n", text);
	return c->out->err;
}

/* What changes something is not done for a page of another site. */
static bool may_change(struct console *c)
{
	const char *why = auth_cross_site(c->rq, AUTH_CHANGES);

	if (why == NULL)
		return true;
	log_peer(LOG_WARN, &c->sv->peer, "http: console refused: %s", why);
	response_error(c->rs, 403, why);
	return false;
}

/* --- commands --------------------------------------------------------------------------------- */

static enum status cmd_help(struct console *c);

static enum status cmd_date(struct console *c)
{
	const time_t now = (time_t)(clk_wall_ns() / NSEC_PER_SEC);
	char text[64];
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm) > 0)
		buf_printf(c->out, "%s\n", text);
	return c->out->err;
}

static enum status cmd_echo(struct console *c)
{
	for (size_t i = 0; c->word[i] != NULL; i++)
		buf_printf(c->out, "%s%s", i > 0 ? " " : "", c->word[i]);
	buf_u8(c->out, '\n');
	return c->out->err;
}

static enum status cmd_pid(struct console *c)
{
	buf_printf(c->out, "%ld\n", (long)getpid());
	return c->out->err;
}

static enum status cmd_shutdown(struct console *c)
{
	char hs[HOST_STRLEN];

	if (!may_change(c))
		return ST_OK;
	log_info("shut down by %s", host_str(&c->sv->peer, hs));
	buf_puts(c->out, "Server is shutting down...\n");
	c->node->ops.shutdown(c->node);
	return c->out->err;
}

static enum status list_flags(struct console *c)
{
	const struct settings *st = conf_get(c->node->conf);
	const char *flag;

	for (size_t i = 0; (flag = settings_flag(i)) != NULL; i++) {
		buf_printf(c->out, "%s = ", flag);
		(void)settings_get(st, flag, c->out);
		buf_u8(c->out, '\n');
	}
	settings_unref(&st);
	return c->out->err;
}

static enum status cmd_flag(struct console *c)
{
	const char *what = c->word[0] != NULL ? c->word[0] : "", *flag;
	char why[SETTINGS_WHY], hs[HOST_STRLEN];
	enum status st;
	size_t i = 0;

	if (strcmp(what, "ls") == 0)
		return list_flags(c);
	if (strcmp(what, "set") != 0 || c->word[1] == NULL || c->word[2] == NULL)
		return usage(c, "flag ls, flag set NAME Yes|No");
	while ((flag = settings_flag(i)) != NULL && strcmp(flag, c->word[1]) != 0)
		i++;
	if (flag == NULL) {
		buf_printf(c->out, "Error: No such flag '%s'\n", c->word[1]);
		return c->out->err;
	}
	if (!may_change(c))
		return ST_OK;
	if (conf_set(c->node->conf, flag, c->word[2], why) != ST_OK) {
		buf_printf(c->out, "Error: %s\n", why);
		return c->out->err;
	}
	log_info("flag %s: %s by %s", flag, c->word[2], host_str(&c->sv->peer, hs));
	st = command_settings(c->node);
	if (st != ST_OK)
		buf_printf(c->out, "Error: in use, but not in the ini: %s\n", status_str(st));
	return c->out->err;
}

/* --- channels --------------------------------------------------------------------------------- */

static void show_chan(struct console *c, struct chan *ch)
{
	struct chan_view v;
	char id[GNUID_STRLEN];

	chan_view(ch, &v);
	buf_printf(c->out, "%s %s %s %s %u kbit/s \"%s\"\n", gnuid_str(chan_id(ch), id),
		v.type == CHAN_BROADCAST ? "broadcast" : "relay", chan_status_str(v.status),
		chaninfo_type(v.info), v.info->bitrate_kbps, v.info->text[CT_NAME]);
	chan_view_fini(&v);
}

static enum status list_chans(struct console *c)
{
	struct chan **all = NULL;
	size_t n = 0;

	if (chanmgr_all(c->node->cm, &all, &n) != ST_OK)
		return ST_LIMIT;
	for (size_t i = 0; i < n; i++) {
		show_chan(c, all[i]);
		chan_unref(&all[i]);
	}
	free(all);
	return c->out->err;
}

static void describe_chan(struct console *c, struct chan *ch)
{
	static const struct {
		const char *name;
		enum chantext text;
	} texts[] = {
		{ "genre", CT_GENRE }, { "desc", CT_DESC }, { "url", CT_URL }, { "comment", CT_COMMENT },
		{ "artist", CT_TRACK_ARTIST }, { "title", CT_TRACK_TITLE }, { "album", CT_TRACK_ALBUM },
	};
	struct chan_view v;
	struct usage u;
	char hs[HOST_STRLEN];

	show_chan(c, ch);
	chan_view(ch, &v);
	servmgr_usage(c->node->sm, chan_id(ch), &u);
	for (size_t i = 0; i < NELEM(texts); i++)
		buf_printf(c->out, "%s: %s\n", texts[i].name, v.info->text[texts[i].text]);
	buf_printf(c->out, "listeners: %u\nrelays: %u\nuptime: %u s\nposition: %llu\n", u.directs, u.relays,
		v.uptime_s, (unsigned long long)v.pos);
	if (host_is_set(&v.source))
		buf_printf(c->out, "source: %s\n", host_str(&v.source, hs));
	chan_view_fini(&v);
}

static enum status change_chan(struct console *c, struct chan *ch, const char *what)
{
	struct chanmeta m;

	if (!may_change(c))
		return ST_OK;
	if (strcmp(what, "stop") == 0) {
		(void)command_stop(c->node, c->sv, chan_id(ch));
		return ST_OK;
	}
	memset(&m, 0, sizeof(m));
	text_clean(m.text[CT_URL], TEXT_MAX, c->word[2], strlen(c->word[2]));
	if (chan_type_of(ch) != CHAN_BROADCAST)
		buf_puts(c->out, "Error: Not a broadcast of this node\n");
	else
		(void)command_edit(c->node, c->sv, ch, &m, 1u << CT_URL);
	return c->out->err;
}

/* The text of "--key=text"; NULL = it is another option, or none. */
static const char *option(const char *word, const char *key)
{
	const size_t n = strlen(key);

	return strncmp(word, "--", 2) == 0 && strncmp(word + 2, key, n) == 0 && word[2 + n] == '=' ?
		word + 3 + n : NULL;
}

/* What "chan fetch URL" is told besides; false: it is none of that. */
static bool take_option(const char *word, struct chanmeta *m, bool *v6)
{
	static const struct {
		const char *key;
		enum chantext text;
	} texts[] = {
		{ "name", CT_NAME }, { "genre", CT_GENRE }, { "desc", CT_DESC }, { "contact", CT_URL },
		{ "type", CT_TYPE },
	};
	const char *v;

	for (size_t i = 0; i < NELEM(texts); i++) {
		v = option(word, texts[i].key);
		if (v != NULL) {
			(void)text_clean(m->text[texts[i].text], TEXT_MAX, v, strlen(v));
			return true;
		}
	}
	v = option(word, "bitrate");
	if (v != NULL)
		return num_u32(v, 0, BITRATE_MAX_KBPS, &m->bitrate_kbps);
	v = option(word, "ipv");
	*v6 = v != NULL && strcmp(v, "6") == 0;
	return *v6 || (v != NULL && strcmp(v, "4") == 0);
}

static enum status fetch_chan(struct console *c)
{
	char why[NODE_WHY] = "", id[GNUID_STRLEN];
	struct chanmeta m;
	bool v6 = false;

	memset(&m, 0, sizeof(m));
	for (size_t i = 2; c->word[i] != NULL; i++) {
		if (!take_option(c->word[i], &m, &v6)) {
			buf_printf(c->out, "Error: Bad option '%s'\n", c->word[i]);
			return c->out->err;
		}
	}
	if (!may_change(c))
		return ST_OK;
	if (c->node->ops.pull_start(c->node, &c->sv->peer, c->word[1], &m, v6, why) == ST_OK)
		buf_printf(c->out, "%s\n", gnuid_str(&m.id, id));
	else
		buf_printf(c->out, "Error: %s\n", why);
	return c->out->err;
}

static enum status cmd_chan(struct console *c)
{
	const char *what = c->word[0] != NULL ? c->word[0] : "", *text = c->word[1];
	const bool set = strcmp(what, "set-url") == 0;
	struct chan *ch = NULL;
	struct gnuid id;
	enum status st = ST_OK;

	if (strcmp(what, "ls") == 0)
		return list_chans(c);
	if (strcmp(what, "fetch") == 0 && text != NULL)
		return fetch_chan(c);
	if ((strcmp(what, "show") != 0 && strcmp(what, "stop") != 0 && !set) || text == NULL ||
		(set && c->word[2] == NULL))
		return usage(c, "chan ls, chan show ID, chan stop ID, chan set-url ID URL, "
			"chan fetch URL [--name=] [--genre=] [--desc=] [--contact=] [--bitrate=] [--type=] "
			"[--ipv=]");
	if (strlen(text) == GNUID_STRLEN - 1 && gnuid_parse(&id, text) && gnuid_is_set(&id))
		ch = chanmgr_find(c->node->cm, &id);
	if (ch == NULL)
		buf_printf(c->out, "Error: No such channel '%s'\n", text);
	else if (strcmp(what, "show") == 0)
		describe_chan(c, ch);
	else
		st = change_chan(c, ch, what);
	chan_unref(&ch);
	return st == ST_OK ? c->out->err : st;
}

/* --- the log ---------------------------------------------------------------------------------- */

/* What is new since *line, as far as the buffer holds it. False: there is no more. */
static bool gather(struct buf *out, uint64_t *line)
{
	struct log_record r;

	while (out->len < FOLLOW_OUT / 2) {
		const uint64_t before = *line;

		if (!log_next(line, &r))
			return false;
		if (*line > before + 1)
			buf_printf(out, "[%llu lines are lost]\n", (unsigned long long)(*line - before - 1));
		buf_printf(out, "[%s] %s\n", log_level_str(r.level), r.text);
	}
	return true;
}

static enum status follow(struct sock *s)
{
	uint64_t line = log_newest();
	enum status st = ST_OK;
	struct buf out;
	int got;

	buf_init(&out, FOLLOW_OUT);
	while (st == ST_OK) {
		const bool more = gather(&out, &line);

		if (out.len > 0)
			st = sock_write(s, out.p, out.len, clk_deadline(CONSOLE_WRITE));
		buf_reset(&out);
		if (st != ST_OK || more)
			continue;
		st = sock_wait(s, SOCK_IN, &got, NSEC_NEVER);
		/* He has nothing more to say: it is his end, or he is no reader. */
		if (st == ST_OK && (got & SOCK_IN))
			st = ST_EOF;
	}
	buf_fini(&out);
	return st;
}

static enum status cmd_log(struct console *c)
{
	static const char head[] = "HTTP/1.0 200 OK\r\nServer: " NODE_AGENT "\r\nConnection: close\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
		"Cache-Control: no-store\r\n\r\n";
	struct event_watcher w;
	enum status st;

	if (event_watch(&w, &c->sv->mbox, EVENT_LOG, &c->sv->peer) != ST_OK) {
		response_error(c->rs, 503, "too many readers of the log");
		return ST_OK;
	}
	*c->answered = true;
	servent_set_command(c->sv);
	st = sock_write(&c->sv->sock, head, sizeof(head) - 1, clk_deadline(CONSOLE_WRITE));
	if (st == ST_OK)
		st = follow(&c->sv->sock);
	event_unwatch(&w);
	return st;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
	const char *name, *doc;
	console_handler *handler;
} commands[] = {
	{ "chan", "channels: ls, show ID, stop ID, set-url ID URL, fetch URL", cmd_chan },
	{ "date", "the time here", cmd_date },
	{ "echo", "says its words", cmd_echo },
	{ "flag", "flags of the ini: ls, set NAME Yes|No", cmd_flag },
	{ "help", "this list", cmd_help },
	{ "log", "follows the log until you leave", cmd_log },
	{ "pid", "number of the process", cmd_pid },
	{ "shutdown", "ends the node", cmd_shutdown },
};

static enum status cmd_help(struct console *c)
{
	for (size_t i = 0; i < NELEM(commands); i++)
		buf_printf(c->out, "%-10s%s\n", commands[i].name, commands[i].doc);
	return c->out->err;
}

enum status console_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs,
	bool *answered)
{
	struct console c = {
		.node = n, .sv = sv, .rq = rq, .rs = rs, .out = &rs->body, .answered = answered,
	};
	char raw[CONSOLE_LINE], line[CONSOLE_LINE];
	const char *word[CONSOLE_WORDS + 1];
	size_t count;

	if (!query_get(rq->query, "q", raw, sizeof(raw)) || raw[strspn(raw, " ")] == '\0') {
		response_error(rs, 400, "q missing");
		return ST_OK;
	}
	text_clean(line, sizeof(line), raw, strlen(raw));
	count = split(line, word);
	if (count == 0) {
		response_error(rs, 400, "q missing");
		return ST_OK;
	}
	memcpy(c.word, word + 1, count * sizeof(word[0]));      /* with the NULL */
	rs->type = "text/plain; charset=utf-8";
	response_header(rs, "Cache-Control", "no-store");
	for (size_t i = 0; i < NELEM(commands); i++)
		if (strcmp(word[0], commands[i].name) == 0)
			return commands[i].handler(&c);
	buf_printf(c.out, "Error: No such command '%s'\n", word[0]);
	return c.out->err;
}

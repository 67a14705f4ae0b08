/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board of a channel: its contact URL leads to one of Shitaraba (/<category>/<number>/) or of the 2ch
 * type (/<board>/). Which boards may be asked, and for what; and the old addresses of PeerCast-YT for it:
 *
 *	GET  /cgi-bin/board.cgi?fqdn=&category=&board_num=
 *	     { status, title, threads: [{ id, title, last }], fqdn, category, board_num }
 *	GET  /cgi-bin/board.cgi?url=<contact URL>
 *	     the same, and "id", the thread it leads to
 *	GET  /cgi-bin/thread.cgi?...&id=[&first=]
 *	     { status, id, title, last, posts: [{ no, name, mail, body, date }] }
 *	POST /cgi-bin/post.cgi, form ...&id=&body=[&name=&mail=]
 *	     { status }
 *
 * status is "ok"; or "error", with `code`, what the board's server answered (0: nothing), and `message`. HTTP
 * says 400 when no board is meant, 403 when it may not be asked, 404 when boards are switched off (chat).
 * Names, titles and bodies are pieces of HTML, as the board has them. board_num is empty for boards of the
 * 2ch type.
 *
 * source   boards.md; http.md 9.6
 */
#ifndef HTTP_BOARD_H
#define HTTP_BOARD_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/boardtext.h"
#include "http/request.h"
#include "http/response.h"

#define BOARD_HOST    128               /* bytes of a host and its port, NUL included */
#define BOARD_PATH    320
#define BOARD_ANSWER  ((size_t)1 << 20) /* bytes of an answer of a board */
#define BOARD_BODY    ((size_t)16 << 10) /* bytes of a post */
#define BOARD_NAME    256               /* of its name, and of its mail */

struct board {
	enum board_kind kind;
	bool https;
	char host[BOARD_HOST];          /* lower case; with the port when it is not the usual one */
	char category[BOARD_PART];      /* 2ch: the board */
	char num[BOARD_PART];           /* Shitaraba: the board; else "" */
	char thread[BOARD_PART];        /* "" = none */
};

/* What a contact URL leads to; false: it is none of a board. */
bool board_of_url(struct board *b, const char *url);
/* A host, with a port or without, as it is kept; false: it is none. Old names become new ones. */
bool board_set_host(struct board *b, const char *text, size_t n);

/* May that host be asked, and how? Its contact URLs say whether by https. */
enum board_leave {
	BOARD_NEVER,
	BOARD_CONTACT,                  /* it is in a contact URL: not in our own network */
	BOARD_LISTED,                   /* boardHosts names it */
};
enum board_leave board_may(struct node *n, struct board *b) EXCLUDES(lk_chanmgr, lk_chan, lk_conf);

/* Paths on its host; of posts from number `from` on (Shitaraba). READ is what people read, for Referer. */
enum board_path {
	BOARD_PATH_THREADS, BOARD_PATH_SETTINGS, BOARD_PATH_POSTS, BOARD_PATH_WRITE, BOARD_PATH_READ
};
void board_path(char dst[BOARD_PATH], const struct board *b, enum board_path which, uint32_t from);

/* --- asking, on the thread of who asks (node_ops.board) --- */

enum board_what { BOARD_LIST, BOARD_POSTS, BOARD_WRITE };

struct board_ask {
	enum board_what what;
	struct board board;
	bool near;                      /* it may be in our own network */
	uint32_t first;                 /* the first post that is wanted */
	const char *form;               /* of BOARD_WRITE: encoded */
	size_t form_len;
};

struct board_answer {
	long code;                      /* of HTTP; 0 = none came */
	char why[NODE_WHY];             /* "" = it went well */
	struct blob *text;              /* a reference; NULL = nothing came */
	struct blob *settings;          /* BOARD_LIST: the same, of the board */
};
void board_answer_fini(struct board_answer *a);

enum board_page { BOARD_PAGE_BOARD, BOARD_PAGE_THREAD, BOARD_PAGE_POST };
/* Answer one of the addresses above. form: the body of a POST, or "". */
enum status board_serve(struct node *n, struct servent *sv, const struct request *rq, const char *form,
	enum board_page page, struct response *rs) NODISCARD;

#endif

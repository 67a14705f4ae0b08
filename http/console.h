/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /cmd?q=<command line>: a console of words, answered as plain text; `log` goes on until the reader
 * leaves.
 *
 * source   http.md 9.7; settings.md decision 33
 */
#ifndef HTTP_CONSOLE_H
#define HTTP_CONSOLE_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

#define CONSOLE_WRITE (60 * NSEC_PER_SEC)       /* for a follower of the log to read what is due */
#define CONSOLE_LINE  1024                      /* bytes of a command line */
#define CONSOLE_WORDS 16

/* Run it. The login has been checked, not where a command that changes something came from.
 * answered set when the answer was written here, and is over
 * returns  ST_OK, ST_LIMIT (memory), or what ended the connection */
enum status console_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs,
	bool *answered) NODISCARD;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line. source: node.md 1.1, 1.3, 1.6 */
#ifndef SERVENT_OPTS_H
#define SERVENT_OPTS_H

#include <stdint.h>
#include <stdio.h>

#include "core/sys/cc.h"

/* Exit codes of the program (node.md 1.6). */
enum { EXIT_ARGUMENT = 1, EXIT_USAGE = 2, EXIT_LISTEN = 3, EXIT_START = 4 };

struct opts {
	const char *ini;                /* NULL = the default place */
	const char *log;                /* NULL = stdout */
	const char *ui_path;            /* NULL = not given */
	const char *pid;                /* NULL = none */
	const char *user;               /* NULL = stay who we are */
	bool daemon, no_sandbox, check_config, check_health, hash_password, notify_send;
};

/* Read the arguments; texts point into argv. Help and version go to out, complaints to err.
 * returns  -1 = go on; else the code to exit with */
int opts_parse(int argc, char **argv, struct opts *o, FILE *out, FILE *err) NODISCARD;

/* `peercast doctor`, apart from the options of a node. */
struct opts_doctor {
	const char *ini, *user;         /* as above */
	bool json;
	uint32_t seconds;               /* for all of it */
};
enum { OPTS_DOCTOR_SECONDS = 30 };      /* when nothing is said: roots take 15 s to find a port closed */

/* Read the arguments behind the word, argv[0]. As opts_parse(), but everything that cannot be understood is
 * EXIT_USAGE. */
int opts_doctor_parse(int argc, char **argv, struct opts_doctor *o, FILE *out, FILE *err) NODISCARD;

/* Where the ini is when -i does not say: $XDG_CONFIG_HOME/peercast/peercast.ini, else
 * ~/.config/peercast/peercast.ini. Heap text, or NULL when there is no home or memory. */
char *opts_default_ini(void) NODISCARD;
/* Where PeerCast-YT keeps what is no setting: $XDG_STATE_HOME/peercast, else ~/.local/state/peercast.
 * As above. */
char *opts_yt_state(void) NODISCARD;

#endif

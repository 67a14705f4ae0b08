/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small atoms: quit, ok, mesg.
 * source   pcp.md 3.2, 4.1; 18.3 (B53)
 */
#ifndef PCP_QUIT_H
#define PCP_QUIT_H

#include <stdint.h>

#include "core/sys/text.h"
#include "pcp/atom.h"
#include "pcp/pcp.h"

#define QUIT_LEN    12          /* bytes of a quit or ok atom */
#define QUIT_STRLEN 48

/* code is one of PCP_QUIT_*. */
void quit_emit(struct atomwr *w, uint32_t code);

/* The code of a quit atom; 0 and a value of the wrong width are a plain goodbye (PCP_QUIT). */
uint32_t quit_parse(const struct atom *a);

/* "1003 unavailable", "6000 quit+general" ... for a log line; dst holds QUIT_STRLEN. Returns it. */
const char *quit_str(uint32_t code, char *dst);

/* What a received code means for the node we came to: 1003 = full, try another; 1008, 1009 = what
 * we came for is gone. */
bool quit_is_full(uint32_t code);
bool quit_is_gone(uint32_t code);

/* Accepted; the value 0 has no meaning. */
void ok_emit(struct atomwr *w);

void mesg_emit(struct atomwr *w, const char *text);
/* The text of a mesg or asci: false for another atom or a container. dst holds TEXT_MAX. */
bool mesg_parse(const struct atom *a, char *dst);

#endif

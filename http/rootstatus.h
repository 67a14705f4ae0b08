/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a root is doing, for JSON-RPC getRootStatus and the root's page: who is connected, what was refused
 * and why, what was written. source yp.md 2.6; settings.md decision 16 */
#ifndef HTTP_ROOTSTATUS_H
#define HTTP_ROOTSTATUS_H

#include <jansson.h>

#include "core/node/node.h"

#define ROOTSTATUS_LIST 1000    /* control connections that are listed one by one, newest first */

/* A new reference; NULL when out of memory. The node need not be a root. */
json_t *rootstatus_json(struct node *n);

#endif

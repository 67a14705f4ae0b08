/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live sync as it stands, for JSON-RPC getRootStatus and the root's page. source settings.md decision 16 */
#ifndef HTTP_SYNCSTATUS_H
#define HTTP_SYNCSTATUS_H

#include <jansson.h>

#include "core/node/node.h"

/* A new reference: null when it is not to be had now; NULL when out of memory. Waits for the thread that
 * knows it, two seconds at most. */
json_t *syncstatus_json(struct node *n);

#endif

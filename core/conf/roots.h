/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The setting rootHost: one root (YP), or several that know of one another, separated by commas. A broadcast
 * is announced to one of them; the others are turned to when that one is gone.
 *
 * Pure. source  settings.md; yp.md 4
 */
#ifndef CORE_CONF_ROOTS_H
#define CORE_CONF_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/conf/settings.h"

#define ROOTS_MAX 8             /* more are not looked at */

/* The i-th of the list, without spaces around it, into dst. false: there are fewer; dst is empty then. */
bool roots_get(const char *list, size_t i, char dst[SETTINGS_TEXT]);
size_t roots_count(const char *list);
static inline bool roots_any(const char *list)
{
	return roots_count(list) > 0;
}
/* Its place in the list, or roots_count() when it is not there. Case does not matter. */
size_t roots_find(const char *list, const char *root);

#endif

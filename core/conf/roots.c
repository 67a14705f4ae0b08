/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/conf/roots.h"

#include <string.h>

#include "core/sys/text.h"

/* The next entry from *at on, which moves behind it: its start, and its length; NULL at the end. */
static const char *next_root(const char **at, size_t *len)
{
	while (**at != '\0') {
		const char *from = *at;
		size_t n = strcspn(from, ",");

		*at = from + n + (from[n] == ',');
		while (n > 0 && ascii_isspace((uint8_t)*from)) {
			from++;
			n--;
		}
		while (n > 0 && ascii_isspace((uint8_t)from[n - 1]))
			n--;
		if (n > 0 && n < SETTINGS_TEXT) {
			*len = n;
			return from;
		}
	}
	return NULL;
}

bool roots_get(const char *list, size_t i, char dst[SETTINGS_TEXT])
{
	const char *p = NULL;
	size_t n = 0;

	dst[0] = '\0';
	if (i >= ROOTS_MAX)
		return false;
	for (size_t k = 0; k <= i; k++) {
		p = next_root(&list, &n);
		if (p == NULL)
			return false;
	}
	memcpy(dst, p, n);
	dst[n] = '\0';
	return true;
}

size_t roots_count(const char *list)
{
	size_t count = 0, n;

	while (count < ROOTS_MAX && next_root(&list, &n) != NULL)
		count++;
	return count;
}

size_t roots_find(const char *list, const char *root)
{
	char name[SETTINGS_TEXT];
	size_t i = 0;

	while (roots_get(list, i, name) && ascii_casecmp(name, root) != 0)
		i++;
	return i;
}

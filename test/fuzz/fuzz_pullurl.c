/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that somebody asks the node to pull, and entries of playlists beside a file. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "servent/pull.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char url[CHAN_URL], shown[TEXT_MAX], host[TEXT_MAX], path[CHAN_URL];
	struct gnuid id;
	unsigned scheme;

	(void)text_clean(url, sizeof(url), data, size);
	scheme = pull_scheme(url);
	ASSERT((scheme & (scheme - 1)) == 0);           /* one, or none */
	ASSERT(!pull_has_scheme(url) || scheme != 0);
	pull_shown(shown, url);
	ASSERT(strlen(shown) <= strlen(url));
	if (scheme == FETCHALLOW_PIPE)
		ASSERT(strchr(shown + 5, ' ') == NULL);
	if (pull_pcp_url(url, host, &id))
		ASSERT(scheme == FETCHALLOW_HTTP && host[0] != '\0' && strchr(host, '/') == NULL);
	if (pull_beside(path, "/m/list.m3u", url))
		ASSERT(path[0] == '/' || strcmp(path, url) == 0);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/history.h"

#include <stdlib.h>
#include <string.h>

void history_fini(struct history *h)
{
	for (size_t i = 0; i < h->n_infos; i++)
		chaninfo_unref(&h->infos[i]);
	free(h->infos);
	free(h->rows);
	free(h->days);
	memset(h, 0, sizeof(*h));
}

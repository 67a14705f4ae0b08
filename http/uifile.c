/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/uifile.h"

#include <stdlib.h>
#include <string.h>

static int by_path(const void *key, const void *entry)
{
	const struct ui_file *f = entry;

	return strcmp(key, f->path);
}

const struct ui_file *ui_find(const char *path)
{
	return bsearch(path, ui_files, ui_files_n, sizeof(struct ui_file), by_path);
}

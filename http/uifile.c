/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/uifile.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#define ZLIB_CONST
#include <zlib.h>
#endif

#include "core/sys/assert.h"

#ifdef HAVE_ZLIB
#define GZIP_BITS (15 + 16)     /* window, and that it is gzip */

/* What was packed when the node was built, so nothing but memory can be wrong. */
static bool unpack(void *dst, unsigned int n, const unsigned char *src, unsigned int len)
{
	z_stream z = { .next_in = src, .avail_in = len, .next_out = dst, .avail_out = n };
	int rc = inflateInit2(&z, GZIP_BITS);

	if (rc == Z_MEM_ERROR)
		return false;
	ASSERT(rc == Z_OK);
	rc = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z);
	if (rc == Z_MEM_ERROR)
		return false;
	ASSERT(rc == Z_STREAM_END && z.avail_out == 0);
	return true;
}
#else
static bool unpack(void *dst, unsigned int n, const unsigned char *src, unsigned int len)
{
	ASSERT(n == len);
	memcpy(dst, src, n);
	return true;
}
#endif

static int by_path(const void *key, const void *entry)
{
	const struct ui_file *f = entry;

	return strcmp(key, f->path);
}

const struct ui_file *ui_find(const char *path)
{
	return bsearch(path, ui_files, ui_files_n, sizeof(struct ui_file), by_path);
}

const char *ui_text(const struct ui_file *f)
{
	/* set once; who comes second at the same moment throws his own away */
	static _Atomic(char *) block;
	char *had = atomic_load_explicit(&block, memory_order_acquire), *made;

	ASSERT(f->packed == NULL);
	if (had != NULL)
		return had + f->at;
	made = malloc(ui_block_len);
	if (made == NULL || !unpack(made, ui_block_len, ui_block, ui_block_packed_len)) {
		free(made);
		return NULL;
	}
	if (!atomic_compare_exchange_strong_explicit(&block, &had, made, memory_order_acq_rel,
		memory_order_acquire)) {
		free(made);
		made = had;
	}
	return made + f->at;
}

bool ui_unpack(const struct ui_file *f, void *dst)
{
	ASSERT(f->packed != NULL);
	return unpack(dst, f->len, f->packed, f->packed_len);
}

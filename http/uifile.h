/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of http/ui/, built into the binary: pages, scripts, styles.
 *
 * The table is made by http/ui_files.sh when the node is built; nothing is read from disk later. What a
 * browser gets as it is (scripts, styles, pictures) is kept as gzip and goes out so; pages and catalogues,
 * which the node itself reads, are one block together, which is smaller, and is unpacked when the first of
 * them is wanted. A build without zlib has all of it as it is.
 *
 * No lock: what is unpacked stays, and does not change. Nothing here blocks.
 */
#ifndef HTTP_UIFILE_H
#define HTTP_UIFILE_H

#include <stdbool.h>

struct ui_file {
	const char *path;               /* below http/ui/, "pages/index.html" */
	unsigned int len;               /* of the file itself */
	unsigned int at;                /* in the block, when it is a text */
	unsigned int packed_len;
	const unsigned char *packed;    /* static; as gzip with ui_packed, else as it is; NULL = a text */
};

/* Sorted by path as strcmp() does; one entry of NULLs follows the last. */
extern const struct ui_file ui_files[];
extern const unsigned int ui_files_n;
/* Unix time of their last change. */
extern const long long ui_files_time;
/* Is `packed` gzip? */
extern const bool ui_packed;

/* The block of the texts: each with a NUL behind it. For uifile.c. */
extern const unsigned char ui_block[];
extern const unsigned int ui_block_len, ui_block_packed_len;

/* The file of that path; NULL = there is none. */
const struct ui_file *ui_find(const char *path);

/* A page or a catalogue, with a NUL behind its last byte. For ever. NULL: out of memory. */
const char *ui_text(const struct ui_file *f);

/* Put what is no text into dst, which has room for f->len bytes. False: out of memory. */
bool ui_unpack(const struct ui_file *f, void *dst);

#endif

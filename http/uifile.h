/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of http/ui/, built into the binary: pages, scripts, styles.
 *
 * The table is made by http/ui_files.sh when the node is built; nothing is read from disk later.
 */
#ifndef HTTP_UIFILE_H
#define HTTP_UIFILE_H

struct ui_file {
	const char *path;               /* below http/ui/, "pages/index.html" */
	const unsigned char *data;      /* static; a NUL follows the last byte */
	unsigned int len;               /* without that NUL */
};

/* Sorted by path as strcmp() does; one entry of NULLs follows the last. */
extern const struct ui_file ui_files[];
extern const unsigned int ui_files_n;
/* Unix time of their last change. */
extern const long long ui_files_time;

/* The file of that path; NULL = there is none. */
const struct ui_file *ui_find(const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of the pages in two languages from one source, and blanks that are filled in.
 *
 * In a page {{English text}} is put in the reader's language, escaped; blanks in it are folded, so it may run
 * over lines. @MARK@ is a value of the caller, @AT:name@ is aria-current where we are,
 * @HAVE:name@ hidden unless there is such a page. The catalogues are the
 * files below http/ui/ja/, read once; what they do not have stays English.
 *
 * No lock: the catalogue does not change once it is read. Nothing here blocks.
 */
#ifndef HTTP_TEMPLATE_H
#define HTTP_TEMPLATE_H

#include <stddef.h>

#include "core/sys/bytes.h"

#define TEMPLATE_TEXT 1024      /* bytes of one text, with its end */

/* A text that a page will show: the check of the catalogues looks for these. */
#define UI_TEXT(text) text

struct template_value {
	const char *mark;               /* "PATH" of @PATH@ */
	const char *html;               /* put as it is */
};

/* The text in that language, or itself. Static, or text. */
const char *template_text(const char *lang, const char *text);

/* Append n bytes of a template, expanded.
 * at      the name whose @AT:name@ is lit; "" = none
 * v       ends with a mark of NULL; NULL = none. Marks that are not in it stay as they are. */
void template_put(struct buf *out, const char *p, size_t n, const char *lang, const char *at,
	const struct template_value *v);

/* What scripts need of the catalogue (the texts in their t("...")) as a module: export default { ... }. Empty
 * for English. */
void template_catalogue(struct buf *out, const char *lang);

/* Append text as HTML, between tags or in quotes. */
void template_put_html(struct buf *out, const char *text);

#endif

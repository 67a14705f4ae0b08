/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's own pages: files of http/ui/, which are built into the binary.
 *
 * http/ui/pages/<name>.html is what stands in <main>; http/ui/shell.html is put around it, in the reader's
 * language (http/template.h), with js/<name>.js and css/<name>.css when they are there. A page needs no entry
 * anywhere.
 *
 * source   http.md 9.1-9.3
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "core/conf/settings.h"
#include "core/node/node.h"
#include "http/request.h"
#include "http/response.h"
#include "http/template.h"

#define PAGE_URL 160

/* "en" or "ja": what htmlPath chooses; while that is its default, what the browser likes best. rq may be
 * NULL. Static. */
const char *page_language(const struct settings *st, const struct request *rq);

/* "/html/en/<page>" in that language; one of PeerCast-YT's others (html/de) when htmlPath names it. */
void page_url(char dst[PAGE_URL], const struct settings *st, const struct request *rq,
	const char *page);

/* Fill in rs for a path below /html/ ("/html/en/index.html"): pages/<name> in its shell, a file that is no
 * page, or 404. Nothing is decoded and no file system is touched: a path is found or it is not. A page about
 * a channel wants its id= in the query: 400 without, 404 when nothing is known of it. */
void page_serve(struct node *n, const struct request *rq, struct response *rs)
	EXCLUDES(lk_servmgr, lk_chanmgr);

/* One page, "pages/login.html", for a handler that has values of its own for it (ends with a mark of NULL;
 * NULL = none). It must be there. The page's first line is its comment: title and section. */
void page_put(struct node *n, const struct request *rq, struct response *rs, const char *file,
	const char *lang, const struct template_value *more);

/* The language of a path below /html/, "en" of "/html/de/x.html"; NULL when it has none. */
const char *page_path_language(const char *path);

/* The same for the pages of a root that everybody may see: "/yp/x.html" is yp/x.html in the language of
 * lang=, else the one the browser likes best, else that of the settings. "/yp/" is index.html. */
void page_serve_yp(struct node *n, const struct request *rq, const struct settings *st,
	struct response *rs);

/* The headers all pages have. */
void page_headers(struct response *rs);

/* A file of our pages that is no page, for everybody: "/assets/style.css", "/favicon.ico", and the texts of
 * the scripts, "/assets/texts/ja.js". Honours If-None-Match and If-Modified-Since; files go out as gzip to
 * who takes that. */
void page_serve_asset(const struct request *rq, const char *name, struct response *rs);

/* The pages of /public for everybody, in the language the browser likes best: "/public/index.html";
 * play.html only for a channel that plays here. */
void page_serve_public(struct node *n, const struct request *rq, const struct settings *st,
	struct response *rs)
	EXCLUDES(lk_chanmgr, lk_chan);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's own pages: files of http/ui/, which are built into the binary.
 *
 * source   http.md 9.1-9.3
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "core/conf/settings.h"
#include "core/node/node.h"
#include "http/request.h"
#include "http/response.h"

#define PAGE_URL 160

/* "/html/en/<page>" in the language of the settings (htmlPath), when it is one of ours. */
void page_url(char dst[PAGE_URL], const struct settings *st, const char *page);

/* Fill in rs for a path below /html/ ("/html/en/index.html"): the file, or 404. Nothing is decoded
 * and no file system is touched: a path is found or it is not. A page about a channel wants its id=
 * in the query: 400 without, 404 when nothing is known of it. */
void page_serve(struct node *n, const struct request *rq, struct response *rs)
	EXCLUDES(lk_servmgr, lk_chanmgr);

/* The same for the pages of a root that everybody may see: "/yp/x.html" is yp/<language>/x.html, in
 * the language of lang=, else the one the browser likes best, else that of the settings; other files
 * are yp/x. "/yp/" is index.html. */
void page_serve_yp(const struct request *rq, const struct settings *st, struct response *rs);

/* A page's text (NUL-terminated, static) by its name below http/ui/; it must be there. And the headers all
 * pages have. */
const char *page_file(const char *name);
void page_headers(struct response *rs);
/* Append text as HTML, between tags or in quotes. */
void page_put_html(struct buf *b, const char *text);

/* A file of our pages that is no page, for everybody: "/assets/style.css", "/favicon.ico". Honours
 * If-Modified-Since. */
void page_serve_asset(const struct request *rq, const char *name, struct response *rs);

/* The pages of /public for everybody, in the language the browser likes best: "/public/index.html";
 * play.html only for a channel that plays here. */
void page_serve_public(struct node *n, const struct request *rq, struct response *rs)
	EXCLUDES(lk_chanmgr, lk_chan);

#endif

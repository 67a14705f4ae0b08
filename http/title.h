/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Titles that encoders send beside their stream: SHOUTcast's /admin.cgi?mode=updinfo, Icecast's
 * /admin/metadata?mode=updinfo.
 *
 * source   http.md 5.5; media.md 2.4.4; settings.md decision 29
 */
#ifndef HTTP_TITLE_H
#define HTTP_TITLE_H

#include "core/node/node.h"
#include "core/node/servent.h"
#include "http/request.h"
#include "http/response.h"

/* song= becomes the track's title, or title= and artist= do; url= its contact. They are UTF-8, or what
 * charset= says. Of the channel with that mount=; without one of all MP3, AAC and Ogg channels broadcast
 * here. Who asks has been let in.
 * returns  ST_OK with rs filled in: 200, 400 (no such command, no title), 404 (no such mount point) */
enum status title_serve(struct node *n, struct servent *sv, const struct request *rq, struct response *rs);

#endif

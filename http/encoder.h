/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encoders say of their stream before they send it, in the manners of Icecast, SHOUTcast and Windows
 * Media. Pure parsing; texts come out clean, cut to 255 bytes.
 *
 * source   http.md 5.2 to 5.4; media.md 2.3, 2.4
 */
#ifndef HTTP_ENCODER_H
#define HTTP_ENCODER_H

#include "core/chan/chaninfo.h"
#include "http/request.h"

#define ENCODER_PASSWORD 256            /* bytes of one in a line, NUL included */

/* "SOURCE /mount HTTP/1.0", "SOURCE /mount ICE/1.0", "SOURCE <password> /mount". */
struct source_line {
	char mount[TEXT_MAX];           /* begins with '/' and has something behind it */
	char password[ENCODER_PASSWORD];
	bool has_password;
	bool http;                      /* answers are HTTP's, not "OK" */
};

/* A whole first line without its end; false when it is none of these. */
bool source_line_parse(struct source_line *l, const char *line);

/* The mount point that a path names ("/a%20b" is "/a b"); false for "/" alone and for what is too long. */
bool encoder_mount(char dst[TEXT_MAX], const char *path, size_t n);

/* Name, texts, bitrate and type from the headers of Icecast and SHOUTcast encoders (ice-*, icy-*,
 * x-audiocast-*, Content-Type). What is not there leaves m as it is. */
void encoder_headers(const struct request *rq, struct chanmeta *m);

/* Is there a name, of more than blanks? */
bool encoder_is_named(const struct chanmeta *m);

/* "/name;genre;desc;url" of a Windows Media encoder, query and all. What is not there becomes "". */
void encoder_wm_path(const char *target, struct chanmeta *m);

#endif

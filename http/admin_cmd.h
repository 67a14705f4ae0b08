/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of /admin, in files by subject, for the one table in admin.c; and what they read their
 * keys with. Only admin*.c include this.
 *
 * source   http.md 6
 */
#ifndef HTTP_ADMIN_CMD_H
#define HTTP_ADMIN_CMD_H

#include "core/chan/gnuid.h"
#include "core/node/node.h"
#include "core/node/servent.h"
#include "core/sys/text.h"
#include "http/page.h"
#include "http/request.h"
#include "http/response.h"

#define REFERER_MAX 1024

struct admin {
	struct node *node;
	struct servent *sv;
	const struct request *rq;
	const char *form;               /* the body of a POST; "" */
	struct response *rs;
};

/* Fills in the response. ST_OK, ST_LIMIT (memory). */
typedef enum status admin_handler(struct admin *a);

/* A value as it was sent, from the body before the query; "" when the key is not there, or the value does not
 * fit or holds a NUL. */
bool admin_value(const struct admin *a, const char *key, char *dst, size_t cap);
/* A text for people: clean, and cut where it is too long; "" when the key is not there. */
bool admin_text(const struct admin *a, const char *key, char dst[TEXT_MAX]);
/* The channel that id= names. */
bool admin_id(const struct admin *a, struct gnuid *id);

/* To a page of ours ("relays.html"; NULL = the first one). ST_OK. */
enum status admin_go(struct admin *a, const char *page);
/* Back to the page the command came from, else as admin_go(). */
enum status admin_go_back(struct admin *a, const char *page);

/* command_settings(); false: rs says that it is not in the ini. */
bool admin_settings(struct admin *a) EXCLUDES(lk_save, lk_conf);

/* A field of the settings form, and the key of the ini behind it. */
struct admin_field {
	const char *form, *key;
	enum {
		FIELD_AS_IT_IS,
		FIELD_BOX,              /* not sent when it is not checked */
		FIELD_LANGUAGE,         /* without "html/" */
		FIELD_LOGIN,            /* "http" for http-basic */
		FIELD_ICY,              /* cut to 16384 */
		FIELD_SECRET,           /* "" = as it is */
	} how;
};
extern const struct admin_field admin_fields[];
extern const size_t admin_fields_n;

/* admin_chan.c: channels and connections */
admin_handler admin_stop, admin_bump, admin_keep, admin_update_info, admin_setmeta, admin_stop_servent;
/* admin_settings.c */
admin_handler admin_apply, admin_applyflags, admin_look, admin_language;
/* admin_rtmp.c */
admin_handler admin_control_rtmp;
/* admin_pull.c: what is pulled */
admin_handler admin_fetch;
/* admin_node.c: the node itself */
admin_handler admin_viewxml, admin_portcheck4, admin_portcheck6, admin_clear, admin_clearlog,
	admin_dump_hitlists, admin_redirect, admin_shutdown;
/* admin_feed.c: the lists of yellow pages */
admin_handler admin_fetch_feeds, admin_feedlog;
/* admin_speed.c: their upload tests */
admin_handler admin_add_speedtest, admin_delete_speedtest, admin_take_speedtest, admin_refresh_speedtest,
	admin_speedtest_xml;

#endif

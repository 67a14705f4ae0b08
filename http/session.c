/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/rng.h"
#include "core/sys/text.h"

#define FILE_NAME "tokens.json"
#define FILE_MAX  65536
#define ID_BYTES  16
#define COOKIES   8             /* of the name that are looked at */

struct session {
	uint8_t id[ID_BYTES];
	uint8_t password[ID_BYTES];     /* MAC of the password it was opened with, under the id */
	struct host who;                /* host_subscriber(); unset = a free place */
	nsec used;
};

struct jar {
	struct mtx mtx;                                 /* lk_leaf */
	struct session v[SESSIONS] GUARDED_BY(lk_leaf);
};

static struct jar jar = { .mtx = MTX_INIT(lk_leaf) };

/* One writer of the file at a time, so that the newest state is what stays. */
struct writer {
	struct mtx mtx;                                 /* lk_save */
};

static struct writer writer = { .mtx = MTX_INIT(lk_save) };

LOCK_DEFINE(jar, struct jar, mtx, lk_leaf)
LOCK_DEFINE(writer, struct writer, mtx, lk_save)

static void mac_of(const uint8_t id[ID_BYTES], const char *password, uint8_t mac[ID_BYTES])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, ID_BYTES, id);
	hmac_sha256_update(&ctx, strlen(password), (const uint8_t *)password);
	hmac_sha256_digest(&ctx, ID_BYTES, mac);
}

/* --- the sessions ----------------------------------------------------------------------------- */

static void put_locked(const struct session *s) REQUIRES(lk_leaf)
{
	size_t at = 0;

	for (size_t i = 0; i < SESSIONS; i++) {
		if (!host_is_set(&jar.v[i].who)) {
			at = i;
			break;
		}
		if (jar.v[i].used < jar.v[at].used)
			at = i;
	}
	jar.v[at] = *s;
}

void session_open(struct conf *c, const struct host *peer, char id[SESSION_ID])
{
	const struct settings *st = conf_get(c);
	struct session s = { .who = host_subscriber(peer), .used = clk_now() };

	rng_bytes(s.id, sizeof(s.id));
	mac_of(s.id, st->password, s.password);
	settings_unref(&st);
	jar_lock(&jar);
	put_locked(&s);
	jar_unlock(&jar);
	hex_emit(id, SESSION_ID, s.id, sizeof(s.id));
	for (char *p = id; *p != '\0'; p++)
		*p = (char)ascii_lower(*p);
	sessions_save(c);
}

/* Its place, or SESSIONS: every one is compared, whichever it is. */
static size_t find_locked(const struct host *who, const uint8_t id[ID_BYTES]) REQUIRES(lk_leaf)
{
	size_t at = SESSIONS;

	for (size_t i = 0; i < SESSIONS; i++)
		if (memeql_sec(jar.v[i].id, id, ID_BYTES) && host_is_set(&jar.v[i].who) &&
		    host_same_ip(&jar.v[i].who, who))
			at = i;
	return at;
}

static bool parse_id(const char *text, uint8_t id[ID_BYTES])
{
	return strlen(text) == SESSION_ID - 1 && hex_parse(id, ID_BYTES, text);
}

bool session_is(struct conf *c, const struct host *peer, const char *id)
{
	const struct settings *st = conf_get(c);
	const nsec idle = NSEC_PER_SEC *
		(st->cookies_expire == COOKIELIFE_NEVER ? SESSION_FOREVER : SESSION_IDLE);
	const struct host who = host_subscriber(peer);
	const nsec now = clk_now();
	uint8_t raw[ID_BYTES], mac[ID_BYTES];
	bool yes = false;
	size_t i;

	if (parse_id(id, raw) && st->password[0] != '\0') {
		mac_of(raw, st->password, mac);
		jar_lock(&jar);
		i = find_locked(&who, raw);
		if (i < SESSIONS) {
			yes = now - jar.v[i].used <= idle && memeql_sec(jar.v[i].password, mac, ID_BYTES);
			if (yes)
				jar.v[i].used = now;
			else
				memset(&jar.v[i], 0, sizeof(jar.v[i]));
		}
		jar_unlock(&jar);
	}
	settings_unref(&st);
	return yes;
}

void session_close(struct conf *c, const struct host *peer, const char *id)
{
	const struct host who = host_subscriber(peer);
	uint8_t raw[ID_BYTES];
	size_t i;

	if (!parse_id(id, raw))
		return;
	jar_lock(&jar);
	i = find_locked(&who, raw);
	if (i < SESSIONS)
		memset(&jar.v[i], 0, sizeof(jar.v[i]));
	jar_unlock(&jar);
	if (i < SESSIONS)
		sessions_save(c);
}

/* --- tokens.json ------------------------------------------------------------------------------ */

static bool are_kept(struct conf *c)
{
	const struct settings *st = conf_get(c);
	const bool yes = st->persist_token_list;

	settings_unref(&st);
	return yes && conf_path(c) != NULL;
}

/* {"ip", "id"}, and of ours when it was used and for which password. */
static bool take_entry(const json_t *o, const char *password, struct session *s)
{
	const char *ip = json_string_value(json_object_get(o, "ip"));
	const char *id = json_string_value(json_object_get(o, "id"));
	const char *mac = json_string_value(json_object_get(o, "mac"));
	const json_t *used = json_object_get(o, "used");
	struct host h;

	memset(s, 0, sizeof(*s));
	if (ip == NULL || id == NULL || !host_parse(&h, ip, 0) || !parse_id(id, s->id))
		return false;
	s->who = host_subscriber(&h);
	s->used = clk_now();
	if (json_is_integer(used)) {
		const json_int_t now = clk_wall_s(), then = MAX(json_integer_value(used), 0);

		s->used -= MIN(MAX(now - then, 0), SESSION_FOREVER) * NSEC_PER_SEC;
	}
	if (mac == NULL)
		mac_of(s->id, password, s->password);
	else if (strlen(mac) != 2 * ID_BYTES || !hex_parse(s->password, ID_BYTES, mac))
		return false;
	return true;
}

static void set_aside(const char *path)
{
	struct buf to;

	buf_init(&to, 8192);
	buf_puts(&to, path);
	buf_puts(&to, ".bad");
	if (to.err == ST_OK && rename(path, buf_cstr(&to)) == 0)
		log_error("http: %s cannot be understood; renamed to .bad, and nobody is logged in",
			path);
	else
		log_error("http: %s cannot be understood", path);
	buf_fini(&to);
}

/* False: there is no such file. */
static bool load_file(struct conf *c, const char *path, bool ours)
{
	const struct settings *st;
	struct session s;
	json_t *list = NULL, *o;
	struct buf b;
	enum status got;
	bool there = true;
	size_t i;

	buf_init(&b, FILE_MAX);
	got = file_read(path, &b);
	if (got == ST_SYS) {
		there = errno != ENOENT && errno != ENOTDIR;
		if (there)
			log_error("http: %s: %s", path, status_str(got));
		goto out;
	}
	if (got == ST_OK)
		list = json_loadb((const char *)b.p, b.len, 0, NULL);
	if (!json_is_array(list)) {
		if (ours)
			set_aside(path);
		else
			log_error("http: %s cannot be understood, and is left alone", path);
		goto out;
	}
	st = conf_get(c);
	jar_lock(&jar);
	json_array_foreach(list, i, o)
		if (i < SESSIONS && take_entry(o, st->password, &s))
			put_locked(&s);
	jar_unlock(&jar);
	settings_unref(&st);
out:
	json_decref(list);
	buf_fini(&b);
	return there;
}

void sessions_load(struct conf *c, const char *yt)
{
	char *path = are_kept(c) ? file_beside(conf_path(c), FILE_NAME) : NULL;
	struct buf old;

	if (path != NULL)
		file_sweep(path);
	if (path != NULL && !load_file(c, path, true) && yt != NULL) {
		buf_init(&old, 4096);
		buf_printf(&old, "%s/" FILE_NAME, yt);
		if (old.err == ST_OK)
			(void)load_file(c, buf_cstr(&old), false);
		buf_fini(&old);
	}
	free(path);
}

static json_t *entry_of(const struct session *s)
{
	char ip[HOST_STRLEN], id[SESSION_ID], mac[2 * ID_BYTES + 1];

	hex_emit(id, sizeof(id), s->id, ID_BYTES);
	for (char *p = id; *p != '\0'; p++)
		*p = (char)ascii_lower(*p);
	hex_emit(mac, sizeof(mac), s->password, ID_BYTES);
	return json_pack("{sssssssI}", "ip", host_ip_str(&s->who, ip), "id", id, "mac", mac, "used",
		(json_int_t)(clk_wall_s() - clk_age_s(s->used)));
}

static enum status write_file(const char *path)
{
	struct session copy[SESSIONS];
	json_t *list = json_array();
	bool ok = list != NULL;
	enum status st = ST_LIMIT;
	char *text = NULL;

	jar_lock(&jar);
	memcpy(copy, jar.v, sizeof(copy));
	jar_unlock(&jar);
	for (size_t i = 0; ok && i < SESSIONS; i++)
		if (host_is_set(&copy[i].who))
			ok = json_array_append_new(list, entry_of(&copy[i])) == 0;
	if (ok)
		text = json_dumps(list, JSON_INDENT(1));
	if (text != NULL)
		st = file_replace(path, text, strlen(text), 0600);
	free(text);
	json_decref(list);
	return st;
}

void sessions_save(struct conf *c)
{
	char *path = are_kept(c) ? file_beside(conf_path(c), FILE_NAME) : NULL;
	enum status st;

	if (path == NULL)
		return;
	writer_lock(&writer);
	st = write_file(path);
	writer_unlock(&writer);
	if (st != ST_OK)
		log_error("http: %s is not written: %s", path, status_str(st));
	free(path);
}

/* --- cookies ---------------------------------------------------------------------------------- */

static void cookie_name(struct conf *c, char dst[16])
{
	const struct settings *st = conf_get(c);

	snprintf(dst, 16, "%u_id", st->server_port);
	settings_unref(&st);
}

/* The next value of the cookie that is called name, from *at on; false = there is no more. */
static bool next_cookie(const char **at, const char *name, char dst[SESSION_ID])
{
	const size_t len = strlen(name);

	while (**at != '\0') {
		const char *pair = *at + strspn(*at, "; \t");
		const size_t n = strcspn(pair, ";");

		*at = pair + n;
		if (n == len + SESSION_ID && strncmp(pair, name, len) == 0 && pair[len] == '=') {
			memcpy(dst, pair + len + 1, SESSION_ID - 1);
			dst[SESSION_ID - 1] = '\0';
			return true;
		}
	}
	return false;
}

/* The first of the cookies that is a session of the peer; false: none is. */
static bool find_session(struct conf *c, const struct host *peer, const struct request *rq,
	char id[SESSION_ID])
{
	const char *at = request_header(rq, "Cookie");
	char name[16];
	bool yes = false;

	cookie_name(c, name);
	for (int i = 0; at != NULL && !yes && i < COOKIES && next_cookie(&at, name, id); i++)
		yes = session_is(c, peer, id);
	return yes;
}

bool session_of_request(struct conf *c, const struct host *peer, const struct request *rq)
{
	char id[SESSION_ID];

	return find_session(c, peer, rq, id);
}

void session_reader(struct conf *c, const struct host *peer, const struct request *rq,
	uint8_t out[SESSION_READER])
{
	const struct host who = host_subscriber(peer);
	const char *agent = request_header(rq, "User-Agent");
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	char id[SESSION_ID];

	sha256_init(&ctx);
	if (find_session(c, peer, rq, id)) {
		sha256_update(&ctx, SESSION_ID - 1, (const uint8_t *)id);
	} else {
		sha256_update(&ctx, sizeof(who.ip), who.ip);
		if (agent != NULL)
			sha256_update(&ctx, strlen(agent), (const uint8_t *)agent);
	}
	sha256_digest(&ctx, sizeof(digest), digest);
	memcpy(out, digest, SESSION_READER);
}

void session_close_request(struct conf *c, const struct host *peer, const struct request *rq)
{
	const char *at = request_header(rq, "Cookie");
	char name[16], id[SESSION_ID];

	cookie_name(c, name);
	for (int i = 0; at != NULL && i < COOKIES && next_cookie(&at, name, id); i++)
		session_close(c, peer, id);
}

void session_cookie(struct conf *c, const struct request *rq, const char *id, struct response *rs)
{
	const struct settings *st = conf_get(c);
	char text[160], life[32] = "";

	if (id == NULL || st->cookies_expire == COOKIELIFE_NEVER)
		snprintf(life, sizeof(life), "; Max-Age=%d", id == NULL ? 0 : SESSION_FOREVER);
	snprintf(text, sizeof(text), "%u_id=%s; path=/%s; HttpOnly; SameSite=Strict%s", st->server_port,
		id != NULL ? id : "", life, rq->secure ? "; Secure" : "");
	settings_unref(&st);
	response_header(rs, "Set-Cookie", text);
}

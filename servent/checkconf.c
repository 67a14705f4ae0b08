/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/checkconf.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf/ini.h"
#include "core/conf/roots.h"
#include "core/conf/settings.h"
#include "core/node/bans.h"
#include "core/node/filter.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/tls.h"
#include "core/sys/words.h"
#include "servent/curl.h"
#include "servent/opts.h"
#include "servent/syncconf.h"

struct check {
	const char *ini;
	const struct buf *text;         /* of the file */
	const struct settings *set;
	settings_warn *fn;              /* is told of each fault */
	void *ctx;
	const char *ban_list;           /* while it is read */
};

static void say(struct check *c, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void say(struct check *c, unsigned line, const char *fmt, ...)
{
	char text[SETTINGS_LONG + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->fn(c->ctx, line, text);
}

/* Where the key has this value in a block of that name; 0 = nowhere. */
static unsigned line_saying(const struct check *c, const char *block, const char *key, const char *value)
{
	unsigned found = 0;
	bool inside = false;
	struct ini_line l;
	struct ini r;

	if (ini_init(&r, c->text->p, c->text->len) != ST_OK)
		return 0;
	while (found == 0 && ini_next(&r, &l)) {
		if (l.kind == INI_HEADER || l.kind == INI_END)
			inside = l.kind == INI_HEADER && ascii_casecmp(l.name, block) == 0;
		if (inside && l.kind == INI_PAIR && ascii_casecmp(l.name, key) == 0 && l.value != NULL &&
		    strcmp(l.value, value) == 0)
			found = l.number;
	}
	ini_fini(&r);
	return found;
}

/* Where the key stands that counts: the last of that name, or with a block, in the nth block of that name.
 * 0 = it does not stand there. */
static unsigned line_of(const struct check *c, const char *block, size_t nth, const char *key)
{
	unsigned found = 0;
	bool inside = false;
	size_t n = 0;
	struct ini_line l;
	struct ini r;

	if (ini_init(&r, c->text->p, c->text->len) != ST_OK)
		return 0;
	while (ini_next(&r, &l)) {
		if (l.kind == INI_HEADER || l.kind == INI_END)
			inside = false;
		if (block != NULL && l.kind == INI_HEADER && ascii_casecmp(l.name, block) == 0)
			inside = n++ == nth;
		if (l.kind == INI_PAIR && ascii_casecmp(l.name, key) == 0 && (block == NULL || inside))
			found = l.number;
	}
	ini_fini(&r);
	return found;
}

static unsigned line_of_key(const struct check *c, const char *key)
{
	return line_of(c, NULL, 0, key);
}

/* --- what is checked -------------------------------------------------------------------------- */

static void check_address(struct check *c, const char *key, const char *value)
{
	struct host h;

	if (value[0] != '\0' && !host_parse(&h, value, 0))
		say(c, line_of_key(c, key), "%s: %s is not an address", key, value);
}

static void check_ports(struct check *c)
{
	const struct settings *set = c->set;
	const char *force = set->force_ip;
	struct host h;

	if (force[0] != '\0' && force[strspn(force, "0123456789.")] == '\0')
		check_address(c, "forceIP", force);     /* else it is a name */
	check_address(c, "bindAddress", set->bind_address);
	check_address(c, "rtmpBind", set->rtmp_bind);
	if (!set->rtmp_server)
		return;
	if (set->rtmp_port == set->server_port)
		say(c, line_of_key(c, "rtmpPort"), "rtmpPort: it is that of the node itself");
	if (set->rtmp_key[0] == '\0' && (set->rtmp_bind[0] == '\0' ||
	    (host_parse(&h, set->rtmp_bind, 0) && !host_is_loopback(&h))))
		say(c, line_of_key(c, "rtmpBind"),
			"rtmpBind: without rtmpKey nobody can publish from another machine");
}

static void check_roots(struct check *c)
{
	char name[SETTINGS_TEXT];

	for (size_t i = 0; roots_get(c->set->root_host, i, name); i++)
		if (strpbrk(name, " \t/@") != NULL)
			say(c, line_of_key(c, "rootHost"), "rootHost: %s is not host or host:port", name);
}

static void check_filters(struct check *c)
{
	const struct settings_filter *f;
	size_t n;

	f = settings_filters(c->set, &n);
	for (size_t i = 0; i < n; i++)
		if (filter_check(f[i].ip) == ST_PROTO)
			say(c, line_of(c, "Filter", i, "ip"), "[Filter]: %s is no address, network or name",
				f[i].ip);
}

/* May the channel log be written where it shall be? */
static void check_chanlog(struct check *c)
{
	const char *path = c->set->chan_log, *slash = strrchr(path, '/');
	char folder[SETTINGS_LONG] = ".";
	struct stat sb;

	if (path[0] == '\0')
		return;
	if (slash != NULL)
		(void)text_copy(folder, (size_t)MIN((size_t)(slash - path) + 2, sizeof(folder)), path);
	if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode))
		say(c, line_of_key(c, "chanLog"), "chanLog: %s is no file", path);
	else if (access(folder, W_OK | X_OK) == -1)
		say(c, line_of_key(c, "chanLog"), "chanLog: %s: %s", folder, strerror(errno));
	if (c->set->chan_log_group[0] != '\0' && getgrnam(c->set->chan_log_group) == NULL)
		say(c, line_of_key(c, "chanLogGroup"), "chanLogGroup: no group %s", c->set->chan_log_group);
}

static void on_ban(void *ctx, uint32_t line, const char *why)
{
	struct check *c = ctx;

	say(c, 0, "%s:%u: %s", c->ban_list, line, why);
}

static void check_bans(struct check *c)
{
	const char *path = c->set->ban_list;
	struct bans *bans = NULL;
	enum status st;
	struct buf b;

	if (path[0] == '\0')
		return;
	c->ban_list = path;
	buf_init(&b, BANS_FILE);
	st = file_read(path, &b);
	if (st == ST_OK)
		st = bans_parse(&bans, (const char *)b.p, b.len, on_ban, c);
	if (st != ST_OK)
		say(c, line_of_key(c, "banList"), "banList: %s: %s", path, status_str(st));
	bans_unref(&bans);
	buf_fini(&b);
}

static void check_media_folder(struct check *c)
{
	struct stat sb;

	if (c->set->media_dir[0] == '\0')
		return;
	if (stat(c->set->media_dir, &sb) == -1)
		say(c, line_of_key(c, "mediaDir"), "mediaDir: %s: %s", c->set->media_dir, strerror(errno));
	else if (!S_ISDIR(sb.st_mode))
		say(c, line_of_key(c, "mediaDir"), "mediaDir: %s is no folder", c->set->media_dir);
}

static void check_record_folder(struct check *c)
{
	const char *dir = c->set->record_dir;
	struct stat sb;

	if (dir[0] == '\0') {
		if (strcmp(c->set->record_auto, "none") != 0)
			say(c, line_of_key(c, "recordAuto"),
				"recordAuto: nothing is recorded without recordDir");
		return;
	}
	if (stat(dir, &sb) == 0 && !S_ISDIR(sb.st_mode))
		say(c, line_of_key(c, "recordDir"), "recordDir: %s is no folder", dir);
	else if (access(dir, W_OK | X_OK) == -1)
		say(c, line_of_key(c, "recordDir"), "recordDir: %s: %s", dir, strerror(errno));
}

static void check_tls(struct check *c)
{
	char *crt, *key;
	struct tls_cert *cert;

	if (!c->set->enable_ssl_server)
		return;
	crt = file_beside(c->ini, "server.crt");
	key = file_beside(c->ini, "server.key");
	cert = crt != NULL && key != NULL ? tls_cert_new(crt, key) : NULL;
	if (cert == NULL || !tls_cert_ready(cert))
		say(c, line_of(c, "Flags", 0, "enableSSLServer"), "enableSSLServer: %s",
			tls_missing() != NULL ? tls_missing() :
			"server.crt and server.key beside the ini cannot be used");
	tls_cert_free(&cert);
	free(crt);
	free(key);
}

/* Could it be started? NULL = yes, as far as that can be told. */
static const char *program_fault(const char *name)
{
	const char *path = getenv("PATH");
	char at[SETTINGS_LONG * 2];

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0 ? NULL : strerror(errno);
	for (const char *p = path != NULL ? path : ""; *p != '\0'; p += *p == ':') {
		const size_t n = strcspn(p, ":");

		(void)snprintf(at, sizeof(at), "%.*s/%s", (int)MIN(n, sizeof(at)), p, name);
		if (access(at, X_OK) == 0)
			return NULL;
		p += n;
	}
	return "not in PATH";
}

/* The url is not quoted: it may be as secret as a password. */
static void check_hooks(struct check *c)
{
	char line[SETTINGS_LONG], *words[SETTINGS_HOOK_WORDS + 1];
	const struct settings_hook *h;
	const char *fault;
	size_t n, n_words;

	h = settings_hooks(c->set, &n);
	for (size_t i = 0; i < n; i++) {
		if (h[i].url[0] != '\0' && curl_missing() != NULL)
			say(c, line_saying(c, "Hook", "url", h[i].url), "[Hook]: url: %s", curl_missing());
		if (h[i].command[0] == '\0')
			continue;
		(void)text_copy(line, sizeof(line), h[i].command);
		if (words_split(line, words, SETTINGS_HOOK_WORDS, &n_words) != ST_OK || n_words == 0)
			continue;               /* the parser has refused it */
		fault = program_fault(words[0]);
		if (fault != NULL)
			say(c, line_saying(c, "Hook", "command", h[i].command), "[Hook]: command: %s: %s",
				words[0], fault);
	}
}

static void check_livesync(struct check *c)
{
	char why[SYNCCONF_WHY];
	struct syncnet_conf net;
	struct sync_conf conf;
	const enum status st = syncconf_read(c->set, &conf, &net, why);

	if (st == ST_OK)
		sync_conf_fini(&conf);
	else if (st == ST_PROTO)
		say(c, 0, "livesync would not run: %s", why);
}

enum status checkconf_read(const char *ini, settings_warn *parser, settings_warn *fn, void *ctx,
	struct settings **set)
{
	struct check c = { .ini = ini, .fn = fn, .ctx = ctx };
	enum status st;
	struct buf b;

	*set = NULL;
	buf_init(&b, SETTINGS_FILE_MAX);
	c.text = &b;
	log_set_level(LOG_OFF); /* what goes wrong here is told by fn */
	st = file_read(ini, &b);
	if (st == ST_OK)
		st = settings_parse(b.p, b.len, parser, ctx, set);
	if (st == ST_OK) {
		c.set = *set;
		check_ports(&c);
		check_roots(&c);
		check_filters(&c);
		check_chanlog(&c);
		check_bans(&c);
		check_media_folder(&c);
		check_record_folder(&c);
		check_tls(&c);
		check_hooks(&c);
		check_livesync(&c);
	}
	buf_fini(&b);
	return st;
}

struct printed {
	FILE *out;
	unsigned faults;
};

static void print(void *ctx, unsigned line, const char *text)
{
	struct printed *p = ctx;

	p->faults++;
	if (line > 0)
		fprintf(p->out, "line %u: ", line);
	fprintf(p->out, "%s\n", text);
}

int checkconf(const char *ini, FILE *out, FILE *err)
{
	struct printed p = { .out = out };
	struct settings *set;
	const enum status st = checkconf_read(ini, print, print, &p, &set);

	if (st != ST_OK) {
		fprintf(err, "peercast: %s: %s\n", ini, status_str(st));
		return EXIT_USAGE;
	}
	settings_free(&set);
	fprintf(out, "%s: %u fault%s\n", ini, p.faults, p.faults == 1 ? "" : "s");
	return p.faults == 0 ? EXIT_SUCCESS : EXIT_USAGE;
}

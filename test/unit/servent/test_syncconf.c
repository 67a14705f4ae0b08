/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/syncconf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/node/filter.h"
#include "test/unit/unit.h"

#define KEY "00112233445566778899aabbccddeeff"

static char dir[64], path[128];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_syncconf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

static void write_key(const char *text, mode_t mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* --- what is refused, and why ------------------------------------------------------------------------- */

/* Pairs of key and value beside livesync = Yes and isRoot = Yes. @ in a value is the key file. */
static const struct {
	const char *name;
	const char *keys[8];
	enum status st;
	const char *why;                /* a part of it */
} rows[] = {
	{ "off", { "livesync", "No" }, ST_STOPPED, "off" },
	{ "no root", { "isRoot", "No", "livesyncAllow", "192.0.2.1" }, ST_STOPPED, "only a root" },
	{ "open to everybody", { NULL }, ST_PROTO, "neither livesyncAllow nor livesyncKey" },
	{ "an empty list", { "livesyncAllow", " , " }, ST_PROTO, "neither livesyncAllow nor livesyncKey" },
	{ "a list", { "livesyncAllow", "192.0.2.1, 198.51.100.0/24" }, ST_OK, "" },
	{ "no list", { "livesyncAllow", "192.0.2.1,peer.example" }, ST_PROTO, "livesyncAllow: \"peer.example\"" },
	{ "a key", { "livesyncKey", "@" }, ST_OK, "" },
	{ "a key and plain", { "livesyncKey", "@", "livesyncPlain", "Yes" }, ST_PROTO, "livesyncPlain without" },
	{ "all three", { "livesyncKey", "@", "livesyncPlain", "Yes", "livesyncAllow", "192.0.2.1" }, ST_OK, "" },
	{ "no such key", { "livesyncKey", "/nonexistent/key" }, ST_PROTO, "livesyncKey: /nonexistent/key" },
	{ "a bad key does not make it plain", { "livesyncKey", "/nonexistent", "livesyncAllow", "192.0.2.1" }, ST_PROTO,
		"livesyncKey" },
	{ "not multicast", { "livesyncAllow", "192.0.2.1", "livesyncGroup", "192.0.2.5" }, ST_PROTO, "livesyncGroup" },
	{ "group with port", { "livesyncAllow", "192.0.2.1", "livesyncGroup", "224.0.42.5:1" }, ST_PROTO, "livesyncGroup" },
	{ "IPv6 group", { "livesyncAllow", "192.0.2.1", "livesyncGroup", "ff02::1" }, ST_PROTO, "livesyncGroup" },
	{ "nobody", { "livesyncAllow", "192.0.2.1", "livesyncGroup", "" }, ST_PROTO, "names anybody" },
	{ "peers alone", { "livesyncAllow", "192.0.2.1", "livesyncGroup", "", "livesyncPeers", "192.0.2.1" }, ST_OK, "" },
	{ "a name", { "livesyncAllow", "192.0.2.1", "livesyncPeers", "yp.example" }, ST_PROTO, "livesyncPeers: \"yp.example\"" },
	{ "peer of IPv6", { "livesyncAllow", "192.0.2.1", "livesyncPeers", "[2001:db8::1]:9696" }, ST_PROTO,
		"livesyncPeers: \"[2001:db8::1]:9696\"" },
	{ "port 0", { "livesyncAllow", "192.0.2.1", "livesyncPeers", "192.0.2.2:0" }, ST_PROTO, "livesyncPeers" },
	{ "multicast peer", { "livesyncAllow", "192.0.2.1", "livesyncPeers", "224.0.42.5" }, ST_PROTO, "livesyncPeers" },
	{ "broadcast peer", { "livesyncAllow", "192.0.2.1", "livesyncPeers", "255.255.255.255" }, ST_PROTO, "livesyncPeers" },
	{ "bind to a name", { "livesyncAllow", "192.0.2.1", "livesyncBind", "eth0" }, ST_PROTO, "livesyncBind" },
	{ "ignore", { "livesyncAllow", "192.0.2.1", "livesyncIgnore", "0a0b0c0d, 192.0.2.9" }, ST_OK, "" },
	{ "ignore what", { "livesyncAllow", "192.0.2.1", "livesyncIgnore", "somebody" }, ST_PROTO,
		"livesyncIgnore: \"somebody\"" },
};

/* As in a file: what the forms refuse may stand there. */
static enum status read_row(size_t i, struct sync_conf *conf, struct syncnet_conf *net, char *why)
{
	struct settings *set;
	struct buf text;
	enum status st;

	buf_init(&text, 4096);
	buf_puts(&text, "livesync = Yes\nisRoot = Yes\n");
	for (const char *const *k = rows[i].keys; k < rows[i].keys + 8 && *k != NULL; k += 2)
		buf_printf(&text, "%s = %s\n", k[0], k[1][0] == '@' ? path : k[1]);
	ck_assert_int_eq(settings_parse(text.p, text.len, NULL, NULL, &set), ST_OK);
	buf_fini(&text);
	st = syncconf_read(set, conf, net, why);
	settings_free(&set);
	return st;
}

START_TEST(read_rows)
{
	char why[SYNCCONF_WHY];
	struct syncnet_conf net;
	struct sync_conf conf;
	enum status st;

	write_key("1:" KEY "\n", 0600);
	st = read_row((size_t)_i, &conf, &net, why);
	ck_assert_msg(st == rows[_i].st, "%s: %s: %s", rows[_i].name, status_str(st), why);
	ck_assert_msg(strstr(why, rows[_i].why) != NULL, "%s: %s", rows[_i].name, why);
	if (st == ST_OK)
		sync_conf_fini(&conf);
}
END_TEST

START_TEST(values)
{
	struct settings *set = settings_new(false);
	char why[SYNCCONF_WHY], bad[SETTINGS_WHY];
	struct syncnet_conf net;
	struct sync_conf conf;
	struct host h = host_v4(192, 0, 2, 77, 9);
	static const char *const keys[] = {
		"livesync", "Yes", "isRoot", "Yes", "livesyncAllow", "192.0.2.0/24", "livesyncPort", "9700",
		"livesyncPeers", "192.0.2.2 ,192.0.2.3:5", "livesyncTTL", "3", "livesyncLoop", "Yes", "livesyncBind",
		"192.0.2.1", "livesyncMTU", "1200", "livesyncFirstBeacon", "7", "livesyncBeacon", "2", "livesyncFlush",
		"0", "livesyncFastStart", "No", "hitTimeout", "20", "ghostTimeout", "3", NULL,
	};

	for (size_t i = 0; keys[i] != NULL; i += 2)
		ck_assert_msg(settings_set(set, keys[i], keys[i + 1], bad) == ST_OK, "%s", bad);
	ck_assert_int_eq(syncconf_read(set, &conf, &net, why), ST_OK);
	ck_assert(net.port == 9700 && net.ttl == 3 && net.loop && net.n_peers == 2);
	ck_assert(net.peers[0].port == 9700 && net.peers[1].port == 5);
	ck_assert_int_eq(conf.mtu, 1200);
	ck_assert(conf.first_beacon == 7 * NSEC_PER_SEC && conf.beacon == 2 * NSEC_PER_SEC && conf.flush == 0);
	ck_assert(conf.hit_timeout == 20 * NSEC_PER_SEC && conf.ghost_timeout == 3 * NSEC_PER_SEC);
	ck_assert(!conf.fast_start && !conf.plain && conf.keys.n == 0);
	ck_assert_int_ne(filterset_flags(conf.allow, &h), 0);
	h.ip[14] = 3;
	ck_assert_int_eq(filterset_flags(conf.allow, &h), 0);
	sync_conf_fini(&conf);
	settings_free(&set);
}
END_TEST

/* --- the key file --------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	mode_t mode;
	size_t n;                       /* keys; 0 = refused */
	const char *why;
} files[] = {
	{ "1:" KEY "\n", 0600, 1, "" },
	{ "1:" KEY, 0400, 1, "" },
	{ "# old and new\n2:" KEY "\n\n1:" KEY KEY "\n", 0600, 2, "" },
	{ "1:" KEY "\n", 0640, 0, "mode must be 0600" },
	{ "1:" KEY "\n", 0604, 0, "mode must be 0600" },
	{ "1:" KEY "\n", 0620, 0, "mode must be 0600" },
	{ "", 0600, 0, "no key" },
	{ "# nothing\n", 0600, 0, "no key" },
	{ "1:" KEY "\n1:" KEY "\n", 0600, 0, "line 2" },
	{ "1:0011\n", 0600, 0, "line 1" },
	{ "\n1:" KEY "zz\n", 0600, 0, "line 2" },
	{ KEY "\n", 0600, 0, "line 1" },
};

START_TEST(key_files)
{
	char why[SYNCCONF_WHY] = "";
	struct sync_keys keys = { .n = 0 };
	enum status st;

	write_key(files[_i].text, files[_i].mode);
	st = syncconf_keys(path, &keys, why);
	ck_assert_msg((st == ST_OK) == (files[_i].n > 0), "%d: %s", _i, why);
	ck_assert_msg(strstr(why, files[_i].why) != NULL, "%d: %s", _i, why);
	ck_assert_uint_eq(keys.n, files[_i].n);
	ck_assert_ptr_null(strstr(why, KEY));   /* nobody reads a key in a log */
}
END_TEST

START_TEST(key_is_no_file)
{
	char why[SYNCCONF_WHY], *long_text = malloc(8000);
	struct sync_keys keys;

	ck_assert_int_eq(syncconf_keys(dir, &keys, why), ST_PROTO);
	ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(syncconf_keys(path, &keys, why), ST_PROTO);
	ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
	unlink(path);
	ck_assert_ptr_nonnull(long_text);
	memset(long_text, '\n', 7999);
	long_text[7999] = '\0';
	write_key(long_text, 0600);
	ck_assert_int_eq(syncconf_keys(path, &keys, why), ST_PROTO);
	ck_assert_ptr_nonnull(strstr(why, "too long"));
	free(long_text);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/syncconf");
	TCase *t = tcase_create("syncconf");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, read_rows, 0, NELEM(rows));
	tcase_add_test(t, values);
	tcase_add_loop_test(t, key_files, 0, NELEM(files));
	tcase_add_test(t, key_is_no_file);
	suite_add_tcase(s, t);
	return s;
}

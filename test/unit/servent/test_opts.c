/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: node.md 1.1, 1.3, 1.6. */
#include "servent/opts.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"

#define ARGS 8

static const struct parse_case {
	const char *name;
	const char *argv[ARGS];         /* without argv[0] */
	int code;                       /* -1 = go on */
	struct opts want;
	const char *out, *err;          /* begins with; NULL = nothing at all */
} parses[] = {
	{ "nothing", { NULL }, -1, { .ini = NULL }, NULL, NULL },
	{ "short", { "-i", "a", "-l", "b", "-P", "c", "-p" }, EXIT_USAGE,
	  { .ini = "a", .log = "b", .ui_path = "c" }, NULL, "-p needs an argument\n" },
	{ "short, whole", { "-i", "a", "-l", "b", "-p", "d", "-d" }, -1,
	  { .ini = "a", .log = "b", .pid = "d", .daemon = true }, NULL, NULL },
	{ "long", { "--inifile", "a", "--logfile", "b", "--path", "c", "--daemon" }, -1,
	  { .ini = "a", .log = "b", .ui_path = "c", .daemon = true }, NULL, NULL },
	{ "long, rest", { "--pidfile", "p", "--check-config", "--enable-notify-send" }, -1,
	  { .pid = "p", .check_config = true, .notify_send = true }, NULL, NULL },
	{ "sandbox", { "--no-sandbox" }, -1, { .no_sandbox = true }, NULL, NULL },
	{ "hash", { "--hash-password" }, -1, { .hash_password = true }, NULL, NULL },
	{ "health", { "--check-health" }, -1, { .check_health = true }, NULL, NULL },
	{ "later wins", { "-i", "a", "--inifile", "b" }, -1, { .ini = "b" }, NULL, NULL },
	{ "value like a flag", { "-i", "-d" }, -1, { .ini = "-d" }, NULL, NULL },
	{ "empty value", { "-i", "" }, -1, { .ini = "" }, NULL, NULL },
	{ "empty argument", { "" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument \n" },
	{ "unknown", { "-x" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument -x\n" },
	{ "case counts", { "-D" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument -D\n" },
	{ "no =", { "--inifile=a" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument --inifile=a\n" },
	{ "no --", { "--" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument --\n" },
	{ "bare word", { "peercast.ini" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument peercast.ini\n" },
	{ "last one lacks its value", { "-d", "--pidfile" }, EXIT_USAGE, { .daemon = true }, NULL,
	  "--pidfile needs an argument\n" },
	{ "help", { "-h" }, EXIT_SUCCESS, { .ini = NULL }, "peercast - ", NULL },
	{ "help wins when it is met", { "-d", "--help", "-x" }, EXIT_SUCCESS, { .daemon = true }, "peercast - ",
	  NULL },
	{ "unknown before help", { "-x", "--help" }, EXIT_ARGUMENT, { .ini = NULL }, NULL, "Invalid argument -x\n" },
	{ "version", { "--version" }, EXIT_SUCCESS, { .ini = NULL }, "peercast ", NULL },
};

static void begins(const char *name, const char *got, const char *want)
{
	if (want == NULL)
		ck_assert_msg(got[0] == '\0', "%s: says \"%s\"", name, got);
	else
		ck_assert_msg(strncmp(got, want, strlen(want)) == 0, "%s: says \"%s\"", name, got);
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

START_TEST(parse_table)
{
	const struct parse_case *c = &parses[_i];
	char *argv[ARGS + 2] = { (char *)"peercast" };
	char *out, *err;
	size_t n_out, n_err;
	FILE *fo = open_memstream(&out, &n_out), *fe = open_memstream(&err, &n_err);
	struct opts o;
	int argc = 1, code;

	for (; argc <= ARGS && c->argv[argc - 1] != NULL; argc++)
		argv[argc] = (char *)c->argv[argc - 1];
	memset(&o, 0xff, sizeof(o));    /* nothing is taken over from before */
	code = opts_parse(argc, argv, &o, fo, fe);
	fclose(fo);
	fclose(fe);
	ck_assert_msg(code == c->code, "%s: %d", c->name, code);
	ck_assert_msg(same(o.ini, c->want.ini) && same(o.log, c->want.log) && same(o.pid, c->want.pid) &&
	              same(o.ui_path, c->want.ui_path), "%s: a text differs", c->name);
	ck_assert_msg(o.daemon == c->want.daemon && o.check_config == c->want.check_config &&
	              o.check_health == c->want.check_health &&
		o.no_sandbox == c->want.no_sandbox &&
		o.hash_password == c->want.hash_password &&
	              o.notify_send == c->want.notify_send, "%s: a flag differs", c->name);
	begins(c->name, out, c->out);
	begins(c->name, err, c->err);
	free(out);
	free(err);
}
END_TEST

static const struct doctor_case {
	const char *name;
	const char *argv[ARGS];         /* behind the word */
	int code;
	struct opts_doctor want;
	const char *out, *err;
} doctors[] = {
	{ "nothing", { NULL }, -1, { .seconds = OPTS_DOCTOR_SECONDS }, NULL, NULL },
	{ "all", { "-i", "a", "--json", "--timeout", "600", "--user", "b" }, -1,
	  { .ini = "a", .user = "b", .json = true, .seconds = 600 }, NULL, NULL },
	{ "long", { "--inifile", "a" }, -1, { .ini = "a", .seconds = OPTS_DOCTOR_SECONDS }, NULL, NULL },
	{ "no value", { "--json", "-i" }, EXIT_USAGE, { .json = true, .seconds = OPTS_DOCTOR_SECONDS }, NULL,
	  "-i needs an argument\n" },
	{ "no time", { "--timeout" }, EXIT_USAGE, { .seconds = OPTS_DOCTOR_SECONDS }, NULL,
	  "--timeout needs an argument\n" },
	{ "too short", { "--timeout", "1" }, EXIT_USAGE, { .seconds = OPTS_DOCTOR_SECONDS }, NULL, "--timeout: 2 to" },
	{ "too long", { "--timeout", "601" }, EXIT_USAGE, { .seconds = OPTS_DOCTOR_SECONDS }, NULL, "--timeout: 2 to" },
	{ "no number", { "--timeout", "5s" }, EXIT_USAGE, { .seconds = OPTS_DOCTOR_SECONDS }, NULL, "--timeout: 2 to" },
	{ "a node's", { "-d" }, EXIT_USAGE, { .seconds = OPTS_DOCTOR_SECONDS }, NULL, "Invalid argument -d\n" },
	{ "help", { "--json", "-h", "-x" }, EXIT_SUCCESS, { .json = true, .seconds = OPTS_DOCTOR_SECONDS },
	  "peercast doctor - ", NULL },
};

START_TEST(doctor_table)
{
	const struct doctor_case *c = &doctors[_i];
	char *argv[ARGS + 2] = { (char *)"doctor" };
	char *out, *err;
	size_t n_out, n_err;
	FILE *fo = open_memstream(&out, &n_out), *fe = open_memstream(&err, &n_err);
	struct opts_doctor o;
	int argc = 1, code;

	for (; argc <= ARGS && c->argv[argc - 1] != NULL; argc++)
		argv[argc] = (char *)c->argv[argc - 1];
	memset(&o, 0xff, sizeof(o));
	code = opts_doctor_parse(argc, argv, &o, fo, fe);
	fclose(fo);
	fclose(fe);
	ck_assert_msg(code == c->code, "%s: %d", c->name, code);
	ck_assert_msg(same(o.ini, c->want.ini) && same(o.user, c->want.user) && o.json == c->want.json &&
	              o.seconds == c->want.seconds, "%s: a value differs", c->name);
	begins(c->name, out, c->out);
	begins(c->name, err, c->err);
	free(out);
	free(err);
}
END_TEST

static const struct place_case {
	const char *name, *xdg, *home, *want;
} places[] = {
	{ "xdg", "/x", "/h", "/x/peercast/peercast.ini" },
	{ "no xdg", NULL, "/h", "/h/.config/peercast/peercast.ini" },
	{ "empty xdg", "", "/h", "/h/.config/peercast/peercast.ini" },
	{ "xdg without a home", "/x", NULL, "/x/peercast/peercast.ini" },
};

static void set(const char *name, const char *value)
{
	ck_assert_int_eq(value != NULL ? setenv(name, value, 1) : unsetenv(name), 0);
}

START_TEST(place_table)
{
	const struct place_case *c = &places[_i];
	char *path;

	set("XDG_CONFIG_HOME", c->xdg);
	set("HOME", c->home);
	path = opts_default_ini();
	ck_assert_msg(path != NULL && strcmp(path, c->want) == 0, "%s: %s", c->name, path);
	free(path);
}
END_TEST

START_TEST(state_of_peercast_yt)
{
	char *path;

	set("HOME", "/home/a");
	set("XDG_STATE_HOME", "");
	path = opts_yt_state();
	ck_assert_str_eq(path, "/home/a/.local/state/peercast");
	free(path);
	set("XDG_STATE_HOME", "/s");
	path = opts_yt_state();
	ck_assert_str_eq(path, "/s/peercast");
	free(path);
}
END_TEST

START_TEST(home_is_too_long)
{
	char *home = malloc(8192);

	memset(home, 'h', 8191);
	home[8191] = '\0';
	set("XDG_CONFIG_HOME", home);
	ck_assert_ptr_null(opts_default_ini());
	free(home);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("opts");
	TCase *t = tcase_create("opts");

	tcase_add_loop_test(t, parse_table, 0, NELEM(parses));
	tcase_add_loop_test(t, doctor_table, 0, NELEM(doctors));
	tcase_add_loop_test(t, place_table, 0, NELEM(places));
	tcase_add_test(t, state_of_peercast_yt);
	tcase_add_test(t, home_is_too_long);
	suite_add_tcase(s, t);
	return s;
}

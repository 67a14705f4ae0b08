/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main(): options, files, signals; everything else is threads. source: node.md 1 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/password.h"
#include "servent/app.h"
#include "servent/opts.h"
#include "servent/syncconf.h"

static struct app app;

static void warn_line(void *ctx, unsigned line, const char *text)
{
	(*(unsigned *)ctx)++;
	if (line > 0)
		printf("line %u: %s\n", line, text);
	else
		printf("%s\n", text);
}

/* Is there something for which live sync would not run? */
static bool check_livesync(const char *ini, const struct settings *set)
{
	char why[SYNCCONF_WHY];
	struct syncnet_conf net;
	struct sync_conf conf;
	const enum status st = syncconf_read(set, &conf, &net, why);

	if (st == ST_OK)
		sync_conf_fini(&conf);
	if (st == ST_PROTO)
		printf("%s: livesync would not run: %s\n", ini, why);
	return st == ST_PROTO;
}

static int check_config(const char *ini)
{
	struct settings *set = NULL;
	unsigned faults = 0;
	struct buf b;
	enum status st;

	buf_init(&b, SETTINGS_FILE_MAX);
	st = file_read(ini, &b);
	if (st == ST_OK)
		st = settings_parse(b.p, b.len, warn_line, &faults, &set);
	buf_fini(&b);
	if (st != ST_OK) {
		fprintf(stderr, "peercast: %s: %s\n", ini, status_str(st));
		return EXIT_USAGE;
	}
	faults += check_livesync(ini, set);
	settings_free(&set);
	printf("%s: %u fault%s\n", ini, faults, faults == 1 ? "" : "s");
	return faults == 0 ? EXIT_SUCCESS : EXIT_USAGE;
}

/* A line of stdin, without its end; what is typed is not shown. False: none, or too long. */
static bool read_password(char dst[SETTINGS_TEXT])
{
	struct termios shown;
	const bool ask = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
	char line[SETTINGS_TEXT + 2];
	bool ok;

	if (ask) {
		struct termios hidden = shown;

		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Password: ", stderr);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	ok = fgets(line, sizeof(line), stdin) != NULL;
	if (ask) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputc('\n', stderr);
	}
	if (ok) {
		line[strcspn(line, "\r\n")] = '\0';
		ok = line[0] != '\0' && text_copy(dst, SETTINGS_TEXT, line);
	}
	explicit_bzero(line, sizeof(line));
	return ok;
}

static int hash_password(void)
{
	char plain[SETTINGS_TEXT], hashed[PASSWORD_HASH];

	if (!read_password(plain)) {
		fprintf(stderr, "peercast: no password, or one longer than %d bytes\n", SETTINGS_TEXT - 1);
		return EXIT_USAGE;
	}
	password_hash(hashed, plain);
	explicit_bzero(plain, sizeof(plain));
	puts(hashed);
	return EXIT_SUCCESS;
}

/* The pid file is locked for our life, so that a second node on it is told. Returns its fd, -1 = none
 * wanted, -2 = refused. */
static int pid_open(const char *path)
{
	char text[24];
	int fd, n;

	if (path == NULL)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1) {
		fprintf(stderr, "peercast: %s: %s\n", path, strerror(errno));
		return -2;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		fprintf(stderr, "peercast: %s: another node runs on it\n", path);
		close(fd);
		return -2;
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || file_write_all(fd, text, (size_t)n) != ST_OK)
		fprintf(stderr, "peercast: %s: %s\n", path, strerror(errno));
	return fd;
}

/* Go to the background. The parent stays until the child says how its start went, and exits with
 * that. Returns the child's end of the pipe, or -1. */
static int daemonize(void)
{
	int p[2], null;
	unsigned char code = EXIT_START;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		fprintf(stderr, "peercast: daemon: %s\n", strerror(errno));
		exit(EXIT_START);
	}
	if (pid > 0) {
		close(p[1]);
		if (read(p[0], &code, 1) != 1)
			code = EXIT_START;
		_exit(code);
	}
	close(p[0]);
	(void)setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	return p[1];
}

static void tell_parent(int fd, int code)
{
	unsigned char c = (unsigned char)code;
	int null;

	if (fd == -1)
		return;
	(void)!write(fd, &c, 1);
	close(fd);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, STDERR_FILENO);
		if (null != STDERR_FILENO)
			close(null);
	}
}

/* The second SIGINT or SIGTERM kills at once. */
static void default_stop(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
}

static void dump_state(void)
{
	struct totals t;

	servmgr_totals(app.node.sm, &t);
	log_info("state: %u servents, %u relays, %u directs, %u cin, %zu channels, %llu B/s out", t.servents,
	         t.connected[SV_RELAY], t.connected[SV_DIRECT], t.connected[SV_CIN],
	         chanmgr_count(app.node.cm), (unsigned long long)t.out_all_bps);
}

/* Until told to stop. */
static void wait_signals(const sigset_t *set)
{
	for (;;) {
		int sig;

		if (sigwait(set, &sig) != 0)
			continue;
		if (sig == SIGINT || sig == SIGTERM)
			return;
		if (sig == SIGHUP)
			app_reload(&app);
		else if (sig == SIGUSR1)
			dump_state();
	}
}

int main(int argc, char **argv)
{
	int code, pid_fd, ready = -1;
	char *ini;
	struct opts o;
	sigset_t set;

	umask(0077);
	code = opts_parse(argc, argv, &o, stdout, stderr);
	if (code != -1)
		return code;
	if (o.hash_password)
		return hash_password();
	ini = o.ini != NULL ? strdup(o.ini) : opts_default_ini();
	if (ini == NULL) {
		fputs("peercast: no home directory: name the settings with -i\n", stderr);
		return EXIT_START;
	}
	if (o.check_config) {
		code = check_config(ini);
		free(ini);
		return code;
	}
	if (o.ui_path != NULL && access(o.ui_path, R_OK) == -1)
		fprintf(stderr, "peercast: %s: %s\n", o.ui_path, strerror(errno));
	if (o.log != NULL && log_open(o.log) != ST_OK) {
		fprintf(stderr, "peercast: %s: %s\n", o.log, strerror(errno));
		free(ini);
		return EXIT_START;
	}
	sigemptyset(&set);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&set, (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 }[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (o.daemon)
		ready = daemonize();
	pid_fd = pid_open(o.pid);
	if (pid_fd == -2) {
		tell_parent(ready, EXIT_START);
		free(ini);
		return EXIT_START;
	}
	if (app_start(&app, ini, &code) == ST_OK) {
		tell_parent(ready, EXIT_SUCCESS);
		wait_signals(&set);
		default_stop();
		app_stop(&app);
		code = EXIT_SUCCESS;
	} else {
		tell_parent(ready, code);
	}
	if (pid_fd >= 0)
		(void)!unlink(o.pid);
	log_close();
	free(ini);
	return code;
}

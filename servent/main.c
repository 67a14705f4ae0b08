/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main(): options, files, signals; everything else is threads. source: node.md 1 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "core/sys/lock.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "core/sys/thr.h"
#include "http/password.h"
#include "servent/app.h"
#include "servent/checkconf.h"
#include "servent/confine.h"
#include "servent/daemon.h"
#include "servent/doctor.h"
#include "servent/health.h"
#include "servent/healthask.h"
#include "servent/manager.h"
#include "servent/opts.h"
#include "servent/privilege.h"
#include "servent/remuxchild.h"

static struct app app;

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

/* argv[0] is the word itself. */
static int run_doctor(int argc, char **argv)
{
	struct opts_doctor o;
	const int code = opts_doctor_parse(argc, argv, &o, stdout, stderr);

	if (code != -1)
		return code;
	if (o.user != NULL && privilege_drop(o.user, stderr) != ST_OK)
		return EXIT_USAGE;
	return doctor(&o, stdout, stderr);
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

/* The service manager's watchdog gets its sign of life as long as the threads that must move do. */
static void tell_alive(void)
{
	char lines[160];
	struct totals t;

	if (!health_is_alive(&app)) {
		log_error("main: a thread does not move; the watchdog is not told that we live");
		return;
	}
	servmgr_totals(app.node.sm, &t);
	snprintf(lines, sizeof(lines), "WATCHDOG=1\nSTATUS=%zu channels, %u relays, %u players, %u trackers",
	         chanmgr_count(app.node.cm), t.connected[SV_RELAY], t.connected[SV_DIRECT],
	         t.connected[SV_CIN]);
	manager_tell(lines);
}

/* Until told to stop. */
static void wait_signals(const sigset_t *set)
{
	const nsec every = manager_watchdog() / 3;
	nsec next = clk_deadline(every);

	for (;;) {
		const nsec left = MAX(next - clk_now(), 0);
		const struct timespec ts = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };
		const int sig = every > 0 ? sigtimedwait(set, NULL, &ts) : sigwaitinfo(set, NULL);

		if (sig == SIGINT || sig == SIGTERM)
			return;
		if (sig == SIGHUP)
			app_reload(&app);
		else if (sig == SIGUSR1)
			dump_state();
		/* however many signals come */
		if (every > 0 && clk_now() >= next) {
			tell_alive();
			next = clk_deadline(every);
		}
	}
}

int main(int argc, char **argv)
{
	int code, pid_fd, ready = -1;
	char ready_lines[64];
	char *ini;
	struct confine_paths paths;
	struct opts o;
	sigset_t set;

	umask(0077);
	if (argc == 4 && strcmp(argv[1], REMUX_OPTION) == 0)
		return remuxchild_main(argv[2], argv[3]);
	if (argc > 1 && strcmp(argv[1], "doctor") == 0)
		return run_doctor(argc - 1, argv + 1);
	code = opts_parse(argc, argv, &o, stdout, stderr);
	if (code != -1)
		return code;
	if (o.hash_password)
		return hash_password();
	if (o.user != NULL && privilege_drop(o.user, stderr) != ST_OK)
		return EXIT_START;
	ini = o.ini != NULL ? strdup(o.ini) : opts_default_ini();
	if (ini == NULL) {
		fputs("peercast: no home directory: name the settings with -i\n", stderr);
		return EXIT_START;
	}
	if (o.check_config || o.check_health) {
		code = o.check_config ? checkconf(ini, stdout, stderr) : healthask(ini, stdout, stderr);
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
	if (o.log == NULL && !o.daemon && getenv("JOURNAL_STREAM") != NULL && log_open(NULL) != ST_OK)
		fprintf(stderr, "peercast: stdout: %s\n", strerror(errno));
	manager_begin();                /* before there is a child: sockets are passed to this number */
	if (o.daemon)
		ready = daemon_leave();
	pid_fd = daemon_pid_open(o.pid);
	if (pid_fd == -2) {
		daemon_tell_parent(ready, EXIT_START);
		free(ini);
		return EXIT_START;
	}
#ifdef __SANITIZE_ADDRESS__
	thr_dismiss();          /* LeakSanitizer stumbles over threads that end as the process does */
#endif
	paths = (struct confine_paths){ .ini = ini, .log = o.log, .pid = o.pid, .ui = o.ui_path };
	if (app_start(&app, ini, o.no_sandbox ? NULL : &paths, &code) == ST_OK) {
		daemon_tell_parent(ready, EXIT_SUCCESS);
		snprintf(ready_lines, sizeof(ready_lines), "READY=1\nMAINPID=%ld", (long)getpid());
		manager_tell(ready_lines);
		wait_signals(&set);
		default_stop();
		manager_tell("STOPPING=1");
		app_stop(&app);
		lock_report(stderr);
		code = EXIT_SUCCESS;
	} else {
		daemon_tell_parent(ready, code);
	}
	if (pid_fd >= 0)
		(void)!unlink(o.pid);
	log_close();
	free(ini);
	return code;
}

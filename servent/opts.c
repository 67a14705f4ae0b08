/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/opts.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/node/node.h"
#include "core/sys/text.h"

static void usage(FILE *out)
{
	fputs("peercast - P2P live streaming node\n"
	      "\n"
	      "  -i, --inifile <file>   settings (made with the defaults when missing)\n"
	      "  -l, --logfile <file>   append the log to this file instead of stdout\n"
	      "  -P, --path <folder>    folder of html/, public/ and assets/\n"
	      "  -d, --daemon           go to the background once the port is open\n"
	      "  -p, --pidfile <file>   write the process number here\n"
	      "      --user <name>      started by root, be this user from then on\n"
	      "      --no-sandbox       keep the right to open any file and call anything\n"
	      "      --check-config     read the settings, tell what is wrong with them, and end\n"
	      "      --check-health     ask the node that runs on these settings whether it is ready\n"
	      "      --hash-password    read a password, print it hashed, for `password` in the ini\n"
	      "      --enable-notify-send   desktop notifications\n"
	      "      --version          show the version and end\n"
	      "  -h, --help             show this and end\n"
	      "\n"
	      "peercast doctor [-i <file>]   find out what does not work (see its --help)\n",
	      out);
}

int opts_parse(int argc, char **argv, struct opts *o, FILE *out, FILE *err)
{
	memset(o, 0, sizeof(*o));
	for (int i = 1; i < argc; i++) {
		const struct {
			const char *brief, *full;
			const char **value;
			bool *flag;
		} known[] = {
			{ "-i", "--inifile", &o->ini, NULL },
			{ "-l", "--logfile", &o->log, NULL },
			{ "-P", "--path", &o->ui_path, NULL },
			{ "-p", "--pidfile", &o->pid, NULL },
			{ NULL, "--user", &o->user, NULL },
			{ "-d", "--daemon", NULL, &o->daemon },
			{ NULL, "--no-sandbox", NULL, &o->no_sandbox },
			{ NULL, "--check-config", NULL, &o->check_config },
			{ NULL, "--check-health", NULL, &o->check_health },
			{ NULL, "--hash-password", NULL, &o->hash_password },
			{ NULL, "--enable-notify-send", NULL, &o->notify_send },
		};
		size_t k = 0;

		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(out);
			return EXIT_SUCCESS;
		}
		if (strcmp(argv[i], "--version") == 0) {
			fputs("peercast " NODE_VERSION ", " NODE_AGENT "\n", out);
			return EXIT_SUCCESS;
		}
		while (k < NELEM(known) && strcmp(argv[i], known[k].full) != 0 &&
		       (known[k].brief == NULL || strcmp(argv[i], known[k].brief) != 0))
			k++;
		if (k == NELEM(known)) {
			fprintf(err, "Invalid argument %s\n", argv[i]);
			return EXIT_ARGUMENT;
		}
		if (known[k].flag != NULL) {
			*known[k].flag = true;
		} else if (i + 1 == argc) {
			fprintf(err, "%s needs an argument\n", argv[i]);
			return EXIT_USAGE;
		} else {
			*known[k].value = argv[++i];
		}
	}
	return -1;
}

static void doctor_usage(FILE *out)
{
	fputs("peercast doctor - find out what does not work, and how to mend it\n"
	      "\n"
	      "  -i, --inifile <file>   the settings of the node, which may run meanwhile or not\n"
	      "      --json             tell it to a program\n"
	      "      --timeout <s>      take no longer (30); at 10 a closed port may look like a root\n"
	      "                         that does not answer\n"
	      "      --user <name>      started by root, be this user: the one the node runs as\n"
	      "  -h, --help             show this and end\n"
	      "\n"
	      "Ends with 0 when nothing fails, 1 when something does, 2 when it was called wrongly.\n",
	      out);
}

int opts_doctor_parse(int argc, char **argv, struct opts_doctor *o, FILE *out, FILE *err)
{
	*o = (struct opts_doctor){ .seconds = OPTS_DOCTOR_SECONDS };
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			doctor_usage(out);
			return EXIT_SUCCESS;
		}
		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
			continue;
		}
		if (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "--inifile") == 0) {
			o->ini = value;
		} else if (strcmp(argv[i], "--user") == 0) {
			o->user = value;
		} else if (strcmp(argv[i], "--timeout") != 0) {
			fprintf(err, "Invalid argument %s\n", argv[i]);
			return EXIT_USAGE;
		} else if (value != NULL && !num_u32(value, 2, 600, &o->seconds)) {
			fprintf(err, "--timeout: 2 to 600 seconds\n");
			return EXIT_USAGE;
		}
		if (value == NULL) {
			fprintf(err, "%s needs an argument\n", argv[i]);
			return EXIT_USAGE;
		}
		i++;
	}
	return -1;
}

/* $var followed by tail, or the home and home_tail. */
static char *xdg_path(const char *var, const char *tail, const char *home_tail)
{
	const char *base = getenv(var);
	struct buf b;
	char *path;

	buf_init(&b, 4096);
	if (base == NULL || base[0] == '\0') {
		base = getenv("HOME");
		if (base == NULL || base[0] == '\0') {
			const struct passwd *pw = getpwuid(getuid());

			base = pw != NULL ? pw->pw_dir : NULL;
		}
		tail = home_tail;
	}
	if (base == NULL)
		return NULL;
	buf_puts(&b, base);
	buf_puts(&b, tail);
	path = b.err == ST_OK ? strdup(buf_cstr(&b)) : NULL;
	buf_fini(&b);
	return path;
}

char *opts_default_ini(void)
{
	return xdg_path("XDG_CONFIG_HOME", "/peercast/peercast.ini", "/.config/peercast/peercast.ini");
}

char *opts_yt_state(void)
{
	return xdg_path("XDG_STATE_HOME", "/peercast", "/.local/state/peercast");
}

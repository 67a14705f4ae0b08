/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/bench/bench.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char usage[] =
	"peercast-bench ROLE [options]\n"
	"\n"
	"  source   push a live FLV stream: -p PORT [-N NAME] [-b KBPS] [-r RATE] [-k KEY] [-t S]\n"
	"           -b 0: as fast as the node takes it, -r bytes per unit\n"
	"  view     -n viewers of /stream/ID: -p PORT -i ID [-t S] [-w WARM] [-P PID]...\n"
	"  relay    -n PCP relays of the channel: the same\n"
	"  control  -n trackers on a root: -p PORT [-a ANNOUNCEMENTS/S each] [-c CHANNELS each] [-t S] [-P PID]\n"
	"           -S: they stay until all is measured; -H: and time the handshakes of others meanwhile\n"
	"  http     -n clients ask for a path: -p PORT [-u PATH] [-j JSON to POST] [-t S] [-P PID]\n"
	"           -a REQUESTS/S of all together; else each asks again once it has its answer\n"
	"  ideal    the baseline: one thread, epoll, the same bytes to everybody: -p PORT\n"
	"  answer   the baseline of short requests: one thread, epoll, -n bytes to each: -p PORT\n"
	"  launch   start a node, time its first answer and its end: -p PORT -- COMMAND...\n"
	"  parse    a file through its parser, over and over: [-N TYPE] [-t S] -- FILE\n";

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

bool told_to_stop(void)
{
	return stopped != 0;
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("peercast-bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

void *must_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (p == NULL)
		die("out of memory");
	return p;
}

static unsigned int number(const char *s, unsigned int least, unsigned int most)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*s == '\0' || *end != '\0' || v < least || v > most)
		die("not a number from %u to %u: %s", least, most, s);
	return (unsigned int)v;
}

static double seconds(const char *s)
{
	char *end;
	double v = strtod(s, &end);

	if (*s == '\0' || *end != '\0' || v < 0 || v > 1e6)
		die("not a number of seconds: %s", s);
	return v;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
	} roles[] = {
		{ "source", role_source }, { "view", role_view },   { "relay", role_relay },
		{ "control", role_control }, { "http", role_http }, { "ideal", role_ideal },
		{ "answer", role_answer }, { "launch", role_launch }, { "parse", role_parse },
	};
	struct options o = {
		.name = "bench", .path = "/api/1", .n = 1, .chans = 1, .kbps = 1000, .rate = 30, .key = 30,
		.seconds = 5, .warm = 1,
	};
	struct sigaction sa = { .sa_handler = on_signal };
	struct rlimit files;
	size_t i;
	int c;

	if (argc < 2) {
		fputs(usage, stderr);
		return 2;
	}
	while ((c = getopt(argc - 1, argv + 1, "p:i:N:u:j:n:b:r:k:t:w:a:c:SHP:h")) != -1) {
		switch (c) {
		case 'p': o.port = (uint16_t)number(optarg, 1, UINT16_MAX); break;
		case 'i': o.id = optarg; break;
		case 'N': o.name = optarg; break;
		case 'u': o.path = optarg; break;
		case 'j': o.body = optarg; break;
		case 'n': o.n = number(optarg, 0, 1000000); break;
		case 'b': o.kbps = number(optarg, 0, 100000000); break;
		case 'r': o.rate = number(optarg, 1, 10000000); break;
		case 'k': o.key = number(optarg, 1, 10000000); break;
		case 't': o.seconds = seconds(optarg); break;
		case 'w': o.warm = seconds(optarg); break;
		case 'a': o.each = seconds(optarg); break;
		case 'c': o.chans = number(optarg, 1, 1000); break;
		case 'S': o.stay = true; break;
		case 'H': o.probe = true; break;
		case 'P':
			if (o.n_pids == PIDS_MAX)
				die("more than %d processes", PIDS_MAX);
			o.pids[o.n_pids++] = (pid_t)number(optarg, 1, INT32_MAX);
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	o.command = argv + 1 + optind;
	if (o.port == 0 && strcmp(argv[1], "parse") != 0)
		die("no port (-p)");

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (i = 0; i < NELEM(roles); i++)
		if (strcmp(argv[1], roles[i].name) == 0)
			return roles[i].run(&o);
	fputs(usage, stderr);
	return 2;
}

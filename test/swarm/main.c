/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peercast-swarm [NAME=value ...]: a swarm of virtual nodes (swarm.h). JSON goes to the file JSON=, a table to
 * standard output. `make swarm` runs it; GROWTH.md says what came of it.
 * peercast-swarm costs: cost curves of the hit list (costs.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"
#include "test/swarm/costs.h"
#include "test/swarm/swarm.h"

static const struct option {
	const char *name;
	size_t at;
	uint32_t least, most;
	const char *what;
} options[] = {
	{ "N", offsetof(struct plan, n), 1, 100000, "viewers at a time (1000)" },
	{ "SEED", offsetof(struct plan, seed), 0, UINT32_MAX, "of all chance (1)" },
	{ "KBPS", offsetof(struct plan, kbps), 1, 100000, "of the stream (800)" },
	{ "JOIN", offsetof(struct plan, join), 0, 1000000, "viewers that join a second (N / 60)" },
	{ "SECONDS", offsetof(struct plan, seconds), 1, 50000, "after the last has joined (180)" },
	{ "SHUT", offsetof(struct plan, shut), 0, 100, "percent behind a firewall (25)" },
	{ "KILLS", offsetof(struct plan, kills), 0, 1000, "of thousand nodes, die in a minute (10)" },
	{ "MUTE", offsetof(struct plan, mute), 0, 100, "percent of those vanish without a word (20)" },
	{ "SESSION", offsetof(struct plan, session), 0, 1000000, "seconds a viewer stays; 0 = to the end (1800)" },
	{ "LATENCY", offsetof(struct plan, latency_ms), 0, 1000, "ms of one way, on average (12)" },
	{ "TRACKER", offsetof(struct plan, tracker_kbps), 0, 10000000, "the broadcaster's upload, kbit/s (10000)" },
	{ "UPLOAD", offsetof(struct plan, even_kbps), 0, 10000000, "everybody's upload, kbit/s; 0 = a mix (0)" },
	{ "TRACE", offsetof(struct plan, trace), 0, UINT32_MAX, "machine whose log is shown: 2 = the broadcaster's, 3 ... (none)" },
};

static bool set(struct plan *p, const char *arg, const char **json)
{
	if (strncmp(arg, "JSON=", 5) == 0) {
		*json = arg + 5;
		return true;
	}
	for (size_t i = 0; i < NELEM(options); i++) {
		const struct option *o = &options[i];
		const size_t n = strlen(o->name);

		if (strncmp(arg, o->name, n) == 0 && arg[n] == '=')
			return num_u32(arg + n + 1, o->least, o->most, (uint32_t *)(void *)((char *)p + o->at));
	}
	return false;
}

int main(int argc, char **argv)
{
	static struct swarm s = {
		.plan = { .n = 1000, .seed = 1, .kbps = 800, .seconds = 180, .shut = 25, .kills = 10, .mute = 20,
		          .session = 1800, .latency_ms = 12, .tracker_kbps = 10000 },
	};
	const char *json = NULL;
	FILE *f = NULL;

	if (argc == 2 && strcmp(argv[1], "costs") == 0) {
		world_init(1, 0, NULL);
		costs_report(stdout);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		if (set(&s.plan, argv[i], &json))
			continue;
		fprintf(stderr, "%s: not understood; NAME=value, of:\n", argv[i]);
		for (size_t k = 0; k < NELEM(options); k++)
			fprintf(stderr, "  %-8s %s\n", options[k].name, options[k].what);
		fprintf(stderr, "  JSON     file for the figures\n");
		return 2;
	}
	if (json != NULL && (f = fopen(json, "w")) == NULL) {
		perror(json);
		return 1;
	}
	swarm_run(&s);
	swarm_report(&s, f, stdout);
	return f != NULL && fclose(f) != 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over files, without libFuzzer, so that `make check` keeps the targets alive.
 *
 * Every file of every folder given is tried whole, then cut short at each length (small files) or
 * at PREFIXES lengths, then with single bytes changed by a fixed sequence: the same inputs on every
 * run. Each input is a heap block of its exact size, so that sanitizers see one byte too far.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/cc.h"

#define INPUT_MAX (1024 * 1024)
#define PREFIXES  64
#define FLIPS     64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target that prepares something once defines this too. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static char current[4096];

static NORETURN void die(const char *what)
{
	fprintf(stderr, "replay: %s: %s: %s\n", current, what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* size bytes of p, the one at flip (when there is one) xored with mask. */
static void try_one(const uint8_t *p, size_t size, size_t flip, uint8_t mask)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		die("malloc");
	if (size > 0)
		memcpy(copy, p, size);
	if (flip < size)
		copy[flip] ^= mask;
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void replay_file(void)
{
	FILE *f = fopen(current, "rb");
	uint8_t *p = malloc(INPUT_MAX);
	uint32_t seed = 1;
	size_t n, step, i;

	if (f == NULL || p == NULL)
		die("open");
	n = fread(p, 1, INPUT_MAX, f);
	if (ferror(f))
		die("read");
	fclose(f);

	try_one(p, n, n, 0);
	step = n / PREFIXES + 1;
	for (i = 0; i < n; i += step)
		try_one(p, i, n, 0);
	for (i = 0; i < FLIPS && n > 0; i++) {
		seed = seed * 1664525 + 1013904223;
		try_one(p, n, (seed >> 8) % n, (uint8_t)(1U << (i % 8)));
	}
	free(p);
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	int i;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		snprintf(current, sizeof(current), "%s", argv[i]);
		if (d == NULL)
			die("opendir");
		while ((e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(current, sizeof(current), "%s/%s", argv[i], e->d_name);
			/* After a crash, the last one named is it. */
			fprintf(stderr, "%s\n", current);
			replay_file();
			n++;
		}
		closedir(d);
	}
	printf("replayed %u files\n", n);
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a source's parser costs: a file over and over, in pieces as they come from a socket, and what comes out
 * counted. */
#include "test/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/media/media.h"

#define PIECE (64 * 1024)
#define FILE_MOST (256u << 20)

static enum status on_head(void *ctx, const void *p, size_t n)
{
	(void)p;
	*(uint64_t *)ctx += n;
	return ST_OK;
}

static enum status on_data(void *ctx, const void *p, size_t n, uint8_t cont)
{
	(void)cont;
	return on_head(ctx, p, n);
}

static enum status on_info(void *ctx, const struct media_info *mi)
{
	(void)ctx;
	(void)mi;
	return ST_OK;
}

static const struct media_ops ops = { .head = on_head, .data = on_data, .info = on_info };

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint8_t *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) <= 0 || (size_t)size > FILE_MOST)
		die("%s: no file to read", path);
	*n = (size_t)size;
	p = must_alloc(*n);
	rewind(f);
	if (fread(p, 1, *n, f) != *n)
		die("%s: cannot be read", path);
	fclose(f);
	return p;
}

static void parse(const char *type, const uint8_t *p, size_t n, uint64_t *out)
{
	struct media *m = media_new(type, &ops, out);
	enum status st = m != NULL ? ST_OK : ST_LIMIT;

	for (size_t at = 0; at < n && st == ST_OK; at += PIECE)
		st = media_feed(m, p + at, MIN(n - at, (size_t)PIECE), NSEC_PER_SEC);
	if (st == ST_OK)
		st = media_end(m, NSEC_PER_SEC);
	if (st != ST_OK)
		die("%s: %s", type, m != NULL ? media_error(m) : "no memory");
	media_free(&m);
}

int role_parse(const struct options *o)
{
	const nsec end = clk_now() + (nsec)(o->seconds * 1e9);
	uint64_t in = 0, out = 0;
	double cpu = cpu_s();
	uint8_t *p;
	size_t n;

	if (o->command[0] == NULL)
		die("no file");
	p = slurp(o->command[0], &n);
	do {
		parse(o->name, p, n, &out);
		in += n;
	} while (clk_now() < end && !told_to_stop());
	cpu = cpu_s() - cpu;
	printf("{\"role\":\"parse\",\"in\":%llu,\"out\":%llu,\"cpu_s\":%.6f,\"cpu_s_per_gb\":%.4f}\n",
		(unsigned long long)in, (unsigned long long)out, cpu, cpu / ((double)in / 1e9));
	free(p);
	return 0;
}

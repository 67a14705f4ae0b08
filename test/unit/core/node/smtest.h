/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the servent table share. Such a test names what is wrapped: clk_now calloc malloc. */
#ifndef TEST_UNIT_CORE_NODE_SMTEST_H
#define TEST_UNIT_CORE_NODE_SMTEST_H

#include <stdlib.h>
#include <string.h>

#include "core/node/servmgr.h"
#include "test/unit/unit.h"

#define SOON clk_deadline(20 * NSEC_PER_SEC)
#define S    NSEC_PER_SEC

static nsec began, skew;        /* the table's clock stands but for what is added to it */
static int fail_in = -1;        /* the allocation that fails: 0 = the next; -1 = none */

nsec __real_clk_now(void);
nsec __wrap_clk_now(void);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

nsec __wrap_clk_now(void)
{
	return began + skew;
}

/* Allocations made since fail_in was set are done; did one fail? The test's own do not. */
UNUSED static bool failed(void)
{
	const bool yes = fail_in == -1;

	fail_in = -1;
	return yes;
}

static bool fails(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

static void (*on_calloc)(void); /* what happens in the middle of the next one */

void *__wrap_calloc(size_t n, size_t size)
{
	void (*const f)(void) = on_calloc;

	if (f != NULL) {
		on_calloc = NULL;
		f();
	}
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

static struct servmgr *sm;
static const struct limits wide = {
	.max_serv_in = 10000, .max_relays = 10000, .max_direct = 10000, .max_control = 10000,
	.max_per_address = 10000, .trust_localhost = true,
};

UNUSED static void setup(void)
{
	began = __real_clk_now();
	skew = 0;
	fail_in = -1;
	sm = servmgr_new();
	ck_assert_ptr_nonnull(sm);
	servmgr_set_limits(sm, &wide);
}

UNUSED static void teardown(void)
{
	servmgr_free(&sm);
	ck_assert_ptr_null(sm);
}

UNUSED static struct gnuid id_of(uint32_t n)
{
	struct gnuid id = { { 0 } };

	memcpy(id.b + 4, &n, sizeof(n));
	id.b[15] = 1;
	return id;
}

/* An outside address for each number. */
UNUSED static struct host addr(uint32_t n)
{
	return host_v4(198, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 4000);
}

UNUSED static const struct host loop = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, .port = 5 };

/* Without a socket. */
UNUSED static struct servent *sv_new(const struct host *h, bool outgoing)
{
	struct servent *sv;

	ck_assert_int_eq(servent_new(sm, -1, h, outgoing, &sv), ST_OK);
	ck_assert_ptr_nonnull(sv);
	return sv;
}

UNUSED static struct servent *sv_at(uint32_t n)
{
	const struct host h = addr(n);

	return sv_new(&h, false);
}

UNUSED static void totals(struct totals *t)
{
	servmgr_totals(sm, t);
}

UNUSED static struct servent *admitted(uint32_t at, enum servent_type t, uint32_t chan, bool private)
{
	const struct gnuid c = id_of(chan);
	struct servent *sv = sv_at(at);

	servent_set_private(sv, private);
	ck_assert_int_eq(servmgr_admit(sm, sv, t, &c, 100, true), ADMIT_OK);
	return sv;
}

#endif

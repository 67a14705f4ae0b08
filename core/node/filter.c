/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/filter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/assert.h"
#include "core/sys/text.h"

#define V4_AT 12                /* the four bytes of an IPv4 address among the sixteen */
#define NAME_MAX_LEN 255

enum kind { KIND_OCTETS, KIND_NET, KIND_NAME, KIND_SUFFIX };

struct filter {
	uint8_t ip[16];
	uint8_t bits;           /* KIND_NET: of the 128 */
	uint8_t any;            /* KIND_OCTETS: bit i = octet i may be anything */
	uint8_t kind;           /* enum kind */
	bool v4;
	int flags;
	char *suffix;           /* KIND_SUFFIX: owned, with its dot; else NULL */
};

struct filterset {
	_Atomic uint32_t refs;  /* relaxed up, acq_rel down */
	size_t n, cap;
	struct filter *v;
	bool suffixes;          /* there are some */
};

struct filterset *filterset_new(void)
{
	struct filterset *f = calloc(1, sizeof(*f));

	if (f != NULL)
		atomic_init(&f->refs, 1);
	return f;
}

struct filterset *filterset_ref(struct filterset *f)
{
	/* relaxed: the caller has a reference, or the lock of who has one */
	const uint32_t was = atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);

	ASSERT(was > 0 && was < UINT32_MAX);
	return f;
}

void filterset_unref(struct filterset **fp)
{
	struct filterset *f = *fp;

	*fp = NULL;
	if (f == NULL || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].suffix);
	free(f->v);
	free(f);
}

static enum status put(struct filterset *f, const struct filter *e)
{
	if (f->n == FILTERS_MAX)
		return ST_LIMIT;
	if (f->n == f->cap) {
		const size_t cap = MIN(MAX(f->cap * 2, (size_t)8), (size_t)FILTERS_MAX);
		struct filter *v = realloc(f->v, cap * sizeof(*v));

		if (v == NULL)
			return ST_LIMIT;
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = *e;
	return ST_OK;
}

/* Letters, digits, '-', '_' and dots, no empty label; a last label of digits alone is a mistyped
 * address. A leading dot makes it a suffix. */
static bool is_name(const char *s)
{
	size_t label = 0;
	bool alpha = false;

	if (*s == '.')
		s++;
	if (strlen(s) > NAME_MAX_LEN)
		return false;
	for (; *s != '\0'; s++) {
		const int c = (unsigned char)*s;

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			alpha = false;
		} else if (ascii_isalnum(c) || c == '-' || c == '_') {
			label++;
			alpha = alpha || !ascii_isdigit(c);
		} else {
			return false;
		}
	}
	return label > 0 && alpha;
}

/* "address" or "address/n"; false when it is neither. */
static bool parse_address(struct filter *e, const char *pattern)
{
	const char *slash = strchr(pattern, '/');
	const size_t len = slash != NULL ? (size_t)(slash - pattern) : strlen(pattern);
	uint32_t bits = 128;
	char text[HOST_STRLEN];
	struct host h;

	/* Brackets and ports are for hosts, not for patterns. */
	if (len >= sizeof(text) || pattern[0] == '[')
		return false;
	memcpy(text, pattern, len);
	text[len] = '\0';
	/* Both default ports come through only when the text has none. */
	if (!host_parse(&h, text, 1) || h.port != 1 || !host_parse(&h, text, 2) || h.port != 2)
		return false;
	if (slash != NULL && !num_u32(slash + 1, 0, UINT32_MAX, &bits))
		return false;

	/* A mapped network in IPv6 spelling is one of IPv4, as its addresses are. */
	e->v4 = strchr(text, ':') == NULL || (host_is_v4(&h) && bits >= 96);
	memcpy(e->ip, h.ip, sizeof(e->ip));
	if (strchr(text, ':') == NULL && slash != NULL)
		bits = 96 + MIN(bits, 32u);
	e->bits = (uint8_t)MIN(bits, 128u);
	e->kind = KIND_NET;
	if (slash != NULL || !e->v4)
		return true;
	e->kind = KIND_OCTETS;
	for (unsigned i = 0; i < 4; i++)
		if (e->ip[V4_AT + i] == 255)
			e->any = (uint8_t)(e->any | 1u << i);
	return true;
}

enum status filterset_add(struct filterset *f, const char *pattern, int flags, bool *name)
{
	struct filter e = { .flags = flags };
	enum status st;

	if (name != NULL)
		*name = false;
	if (*pattern == '\0')
		return ST_OK;
	if (!parse_address(&e, pattern)) {
		if (!is_name(pattern))
			return ST_PROTO;
		e.kind = *pattern == '.' ? KIND_SUFFIX : KIND_NAME;
		if (name != NULL)
			*name = e.kind == KIND_NAME;
	}
	if (e.kind == KIND_SUFFIX) {
		e.suffix = strdup(pattern);
		if (e.suffix == NULL)
			return ST_LIMIT;
	}
	st = put(f, &e);
	if (st == ST_OK)
		f->suffixes = f->suffixes || e.kind == KIND_SUFFIX;
	else
		free(e.suffix);
	return st;
}

enum status filter_check(const char *pattern)
{
	struct filterset *probe = filterset_new();
	enum status st;

	if (probe == NULL)
		return ST_LIMIT;
	st = filterset_add(probe, pattern, 0, NULL);
	filterset_unref(&probe);
	return st;
}

enum status filterset_add_host(struct filterset *f, const struct host *h, int flags)
{
	struct filter e = { .flags = flags, .bits = 128, .kind = KIND_NET, .v4 = host_is_v4(h) };

	memcpy(e.ip, h->ip, sizeof(e.ip));
	return put(f, &e);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool matches(const struct filter *e, const struct host *h, bool v4)
{
	if (e->kind == KIND_NAME || e->kind == KIND_SUFFIX || e->v4 != v4)
		return false;
	if (e->kind == KIND_NET)
		return same_bits(e->ip, h->ip, e->bits);
	for (unsigned i = 0; i < 4; i++)
		if ((e->any >> i & 1) == 0 && e->ip[V4_AT + i] != h->ip[V4_AT + i])
			return false;
	return true;
}

int filterset_flags(const struct filterset *f, const struct host *h)
{
	const bool v4 = host_is_v4(h);
	int flags = 0;

	if (!host_is_set(h))
		return 0;
	for (size_t i = 0; i < f->n; i++)
		if ((f->v[i].flags & ~flags) != 0 && matches(&f->v[i], h, v4))
			flags |= f->v[i].flags;
	return flags;
}

bool filterset_has_suffix(const struct filterset *f)
{
	return f->suffixes;
}

int filterset_name_flags(const struct filterset *f, const char *name)
{
	const size_t len = strlen(name);
	int flags = 0;

	for (size_t i = 0; f->suffixes && i < f->n; i++) {
		const char *suffix = f->v[i].suffix;
		const size_t n = suffix != NULL ? strlen(suffix) : 0;

		if (suffix != NULL && len > n && ascii_casecmp(name + len - n, suffix) == 0)
			flags |= f->v[i].flags;
	}
	return flags;
}

bool filterset_is_unsafe(const struct filterset *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct filter *e = &f->v[i];

		if ((e->flags & FILTER_PRIVATE) == 0)
			continue;
		if (e->kind == KIND_OCTETS && e->any == 15)
			return true;
		if (e->kind == KIND_NET && e->bits <= (e->v4 ? 96 : 0))
			return true;
	}
	return false;
}

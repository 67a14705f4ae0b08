/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/node/bans.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/filter.h"
#include "core/sys/assert.h"
#include "core/sys/text.h"

/* Ids in rising order once the set is complete. */
struct idset {
	struct gnuid *v;                /* owned */
	size_t n, cap;
};

struct bans {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down */
	struct idset sessions, channels;
	struct filterset *addresses;
	size_t n_addresses;
	char **names;                   /* owned, each */
	size_t n_names, cap_names;
};

struct bans *bans_ref(struct bans *b)
{
	const uint32_t was = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

	ASSERT(was > 0 && was < UINT32_MAX);
	return b;
}

void bans_unref(struct bans **bp)
{
	struct bans *b = *bp;

	*bp = NULL;
	if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < b->n_names; i++)
		free(b->names[i]);
	free(b->names);
	free(b->sessions.v);
	free(b->channels.v);
	filterset_unref(&b->addresses);
	free(b);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Room for one more element. false = BANS_MAX, or no memory. */
static bool room(void **v, size_t n, size_t *cap, size_t size)
{
	const size_t want = MIN(MAX(*cap * 2, (size_t)16), (size_t)BANS_MAX);
	void *p;

	if (n < *cap)
		return true;
	if (n == BANS_MAX)
		return false;
	p = realloc(*v, want * size);
	if (p == NULL)
		return false;
	*v = p;
	*cap = want;
	return true;
}

static enum status add_id(struct idset *s, const char *text)
{
	struct gnuid id;
	void *v = s->v;

	if (strlen(text) != GNUID_STRLEN - 1 || !gnuid_parse(&id, text) || !gnuid_is_set(&id))
		return ST_PROTO;
	if (!room(&v, s->n, &s->cap, sizeof(id)))
		return ST_LIMIT;
	s->v = v;
	s->v[s->n++] = id;
	return ST_OK;
}

static enum status add_address(struct bans *b, const char *text)
{
	bool name;
	enum status st = filterset_add(b->addresses, text, FILTER_BAN, &name);

	if (st == ST_OK && (name || text[0] == '.'))
		return ST_PROTO;        /* it stays, and matches nothing */
	b->n_addresses += st == ST_OK;
	return st;
}

static enum status add_name(struct bans *b, const char *text)
{
	void *v = b->names;
	char *copy;

	if (!room(&v, b->n_names, &b->cap_names, sizeof(char *)))
		return ST_LIMIT;
	b->names = v;
	copy = strdup(text);
	if (copy == NULL)
		return ST_LIMIT;
	b->names[b->n_names++] = copy;
	return ST_OK;
}

/* The word behind the first one, blanks around it cut off. The line is cut in two. */
static char *second(char *line)
{
	char *end = line + strlen(line), *at = line;

	while (end > line && ascii_isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (*at != '\0' && !ascii_isspace((unsigned char)*at))
		at++;
	if (*at != '\0')
		*at++ = '\0';
	while (ascii_isspace((unsigned char)*at))
		at++;
	return at;
}

static enum status add_line(struct bans *b, char *line, const char **why)
{
	enum status st;
	char *arg;

	while (ascii_isspace((unsigned char)*line))
		line++;
	if (*line == '\0' || *line == '#')
		return ST_OK;
	arg = second(line);
	if (*arg == '\0') {
		*why = "nothing is named";
		return ST_PROTO;
	}
	if (ascii_casecmp(line, "session") == 0 || ascii_casecmp(line, "channel") == 0) {
		*why = "an id has 32 hex digits";
		return add_id(ascii_lower(line[0]) == 's' ? &b->sessions : &b->channels, arg);
	}
	if (ascii_casecmp(line, "address") == 0) {
		*why = "not an address or network";
		return add_address(b, arg);
	}
	*why = "a ban is of a session, address, channel or name";
	st = ascii_casecmp(line, "name") == 0 ? add_name(b, arg) : ST_PROTO;
	return st;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct gnuid));
}

static void sort(struct idset *s)
{
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_bytes);
}

/* One line at a time, each in a terminated copy. */
static enum status parse(struct bans *b, const char *text, size_t n, bans_fault *fault, void *ctx)
{
	const char *const end = text + n;
	uint32_t number = 0;
	enum status st = ST_OK;

	for (const char *at = text; at < end && st != ST_LIMIT; ) {
		const char *lf = memchr(at, '\n', (size_t)(end - at)), *why = "";
		const size_t len = (size_t)((lf != NULL ? lf : end) - at);
		char line[TEXT_MAX];

		number++;
		if (len >= sizeof(line)) {
			st = ST_PROTO;
			why = "too long";
		} else {
			(void)text_clean(line, sizeof(line), at, len);
			st = add_line(b, line, &why);
		}
		if (st == ST_PROTO && fault != NULL)
			fault(ctx, number, why);
		at = lf != NULL ? lf + 1 : end;
	}
	return st == ST_LIMIT ? ST_LIMIT : ST_OK;
}

enum status bans_parse(struct bans **out, const char *text, size_t n, bans_fault *fault, void *ctx)
{
	struct bans *b = calloc(1, sizeof(*b));

	*out = NULL;
	if (b == NULL)
		return ST_LIMIT;
	atomic_init(&b->refs, 1);
	b->addresses = filterset_new();
	if (b->addresses == NULL || parse(b, text, n, fault, ctx) != ST_OK) {
		bans_unref(&b);
		return ST_LIMIT;
	}
	sort(&b->sessions);
	sort(&b->channels);
	*out = b;
	return ST_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool has(const struct idset *s, const struct gnuid *id)
{
	return s->n > 0 && bsearch(id, s->v, s->n, sizeof(*s->v), by_bytes) != NULL;
}

bool bans_session(const struct bans *b, const struct gnuid *sid)
{
	return b != NULL && has(&b->sessions, sid);
}

bool bans_channel(const struct bans *b, const struct gnuid *id)
{
	return b != NULL && has(&b->channels, id);
}

bool bans_address(const struct bans *b, const struct host *h)
{
	return b != NULL && filterset_flags(b->addresses, h) != 0;
}

/* The next character of a clean text, as its bytes. */
static size_t char_len(const char *s)
{
	size_t n = 1;

	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Does the whole text fit the pattern? '*' is tried as short as possible, and the last one alone is
 * taken back, so the time is bounded by the product of the lengths. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			mark = text;
		} else if (*pattern == '?') {
			pattern++;
			text += char_len(text);
		} else if (ascii_lower((unsigned char)*pattern) == ascii_lower((unsigned char)*text)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			mark += char_len(mark);
			text = mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool bans_name(const struct bans *b, const char *name)
{
	for (size_t i = 0; b != NULL && i < b->n_names; i++)
		if (fits(b->names[i], name))
			return true;
	return false;
}

size_t bans_count(const struct bans *b)
{
	return b == NULL ? 0 : b->sessions.n + b->channels.n + b->n_addresses + b->n_names;
}

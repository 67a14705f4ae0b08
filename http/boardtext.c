/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/boardtext.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/text.h"

#define LINE_MAX_BYTES ((size_t)64 << 10)       /* of a line, decoded */
#define WORDS_MAX      300                      /* bytes of a board's refusal */

struct boardconv {
	enum board_kind kind;
	iconv_t in, out;
	struct buf raw, utf8;
};

bool board_is_part(const char *s)
{
	const size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!ascii_isalnum((uint8_t)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return n > 0 && n < BOARD_PART;
}

/* --- encodings -------------------------------------------------------------------------------- */

/* Names of the encoding of each kind, the wider one first. */
static const char *const names[][2] = {
	[BOARD_SHITARABA] = { "EUC-JP-MS", "EUC-JP" },
	[BOARD_2CH] = { "CP932", "SHIFT_JIS" },
};

static iconv_t open_one(enum board_kind kind, bool in)
{
	iconv_t cd = (iconv_t)-1;

	for (size_t i = 0; i < 2 && cd == (iconv_t)-1; i++)
		cd = in ? iconv_open("UTF-8", names[kind][i]) : iconv_open(names[kind][i], "UTF-8");
	return cd;
}

struct boardconv *boardconv_open(enum board_kind kind)
{
	struct boardconv *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->kind = kind;
	buf_init(&c->raw, LINE_MAX_BYTES);
	buf_init(&c->utf8, 4 * LINE_MAX_BYTES);
	c->in = open_one(kind, true);
	c->out = open_one(kind, false);
	if (c->in == (iconv_t)-1 || c->out == (iconv_t)-1)
		boardconv_close(&c);
	return c;
}

void boardconv_close(struct boardconv **cp)
{
	struct boardconv *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->in != (iconv_t)-1)
		(void)iconv_close(c->in);
	if (c->out != (iconv_t)-1)
		(void)iconv_close(c->out);
	buf_fini(&c->raw);
	buf_fini(&c->utf8);
	free(c);
}

/* c->raw into c->utf8. Without `repair` a bad byte ends it (false); else U+FFFD stands for it. */
static bool convert(struct boardconv *c, bool repair)
{
	char *in = (char *)c->raw.p;
	size_t left = c->raw.len;

	buf_reset(&c->utf8);
	(void)iconv(c->in, NULL, NULL, NULL, NULL);
	while (left > 0) {
		char chunk[1024], *out = chunk;
		size_t room = sizeof(chunk);
		const size_t rc = iconv(c->in, &in, &left, &out, &room);
		const int e = errno;

		buf_put(&c->utf8, chunk, sizeof(chunk) - room);
		if (rc != (size_t)-1 || e == E2BIG)
			continue;
		if (!repair)
			return false;
		buf_puts(&c->utf8, "\xef\xbf\xbd");
		in++;
		left--;
	}
	return true;
}

static bool is_ascii(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->p[i] >= 0x80)
			return false;
	return true;
}

/* Is it UTF-8, and not by chance: with a character of three bytes? */
static bool is_utf8(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->p[i] >= 0xE0)
			return text_is_clean((const char *)b->p, b->len);
	return false;
}

void boardconv_read(struct boardconv *c, struct buf *out, const void *p, size_t n)
{
	const struct buf *text = &c->utf8;
	uint8_t *dst;

	if (n == 0)
		return;
	buf_reset(&c->raw);
	buf_put(&c->raw, p, MIN(n, LINE_MAX_BYTES));
	if (c->raw.err != ST_OK) {
		out->err = ST_LIMIT;
		return;
	}
	/* no byte of a longer character is one of these */
	for (size_t i = 0; i < c->raw.len; i++)
		if (c->raw.p[i] < 0x20 || c->raw.p[i] == 0x7F)
			c->raw.p[i] = ' ';
	if (is_ascii(&c->raw) || (c->kind == BOARD_2CH && is_utf8(&c->raw))) {
		text = &c->raw;
	} else if (!convert(c, false)) {
		if (is_utf8(&c->raw))
			text = &c->raw;
		else
			(void)convert(c, true);
	}
	dst = buf_reserve(out, text->len + 1);
	if (dst == NULL || text->err != ST_OK)
		out->err = ST_LIMIT;
	else
		out->len += text_clean((char *)dst, text->len + 1, text->p, text->len);
}

/* The code point of the clean UTF-8 at p, and its length. */
static uint32_t code_at(const uint8_t *p, size_t *n)
{
	*n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	switch (*n) {
	case 1:
		return p[0];
	case 2:
		return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
	case 3:
		return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
	default:
		return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
	}
}

static void put_form_byte(struct buf *out, uint8_t b)
{
	if (ascii_isalnum(b) || (b != 0 && strchr("-_.*", b) != NULL))
		buf_u8(out, b);
	else if (b == ' ')
		buf_u8(out, '+');
	else
		buf_printf(out, "%%%02X", b);
}

static void write_char(struct boardconv *c, struct buf *out, const uint8_t *p, size_t n, uint32_t cp)
{
	char *in = (char *)(uintptr_t)p;        /* iconv() does not write there */
	char got[16], *to = got;
	size_t left = n, room = sizeof(got);

	(void)iconv(c->out, NULL, NULL, NULL, NULL);
	if (cp >= 0x80 && (iconv(c->out, &in, &left, &to, &room) != 0 || left > 0)) {
		(void)snprintf(got, sizeof(got), "&#%u;", cp);
		to = got + strlen(got);
	} else if (cp < 0x80) {
		got[0] = (char)cp;
		to = got + 1;
	}
	for (const char *b = got; b < to; b++)
		put_form_byte(out, (uint8_t)*b);
}

static void write_line(struct boardconv *c, struct buf *out, const char *line, size_t len)
{
	uint8_t *dst;
	size_t n, at;

	buf_reset(&c->utf8);
	/* one bad byte becomes three */
	dst = len < LINE_MAX_BYTES ? buf_reserve(&c->utf8, 3 * len + 1) : NULL;
	if (dst == NULL) {
		out->err = ST_LIMIT;
		return;
	}
	n = text_clean((char *)dst, 3 * len + 1, line, len);
	for (size_t i = 0; i < n; i += at) {
		const uint32_t cp = code_at(dst + i, &at);

		write_char(c, out, dst + i, at, cp);
	}
}

void boardconv_write(struct boardconv *c, struct buf *out, const char *text)
{
	while (*text != '\0') {
		const size_t n = strcspn(text, "\r\n");

		write_line(c, out, text, n);
		text += n;
		if (*text == '\0')
			break;
		text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
		buf_puts(out, "%0D%0A");
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The next line without its end; false: no more. */
static bool next_line(struct rd *r, const uint8_t **p, size_t *n)
{
	const uint8_t *lf;

	if (r->left == 0)
		return false;
	lf = memchr(r->p, '\n', r->left);
	*n = lf != NULL ? (size_t)(lf - r->p) : r->left;
	*p = r->p;
	(void)rd_take(r, *n + (lf != NULL ? 1 : 0));
	if (*n > 0 && (*p)[*n - 1] == '\r')
		(*n)--;
	return true;
}

void board_title(struct boardconv *c, struct buf *out, const void *p, size_t n)
{
	static const char key[] = "BBS_TITLE=";
	struct rd r = rd_of(p, n);
	const uint8_t *line;
	size_t len;

	while (next_line(&r, &line, &len)) {
		if (len < strlen(key) || memcmp(line, key, strlen(key)) != 0)
			continue;
		boardconv_read(c, out, line + strlen(key), len - strlen(key));
		return;
	}
}

/* Digits as a number of posts; false: they are none. */
static bool number(const uint8_t *p, size_t n, uint32_t *v)
{
	char text[12];

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return num_u32(text, 0, BOARD_NUMBER, v);
}

/* "<id>.cgi,<title>(<posts>)" or "<id>.dat<>TITLE (<posts>)". */
static bool parse_thread(struct boardconv *c, const uint8_t *p, size_t n, struct board_thread *t)
{
	const char *const mark = c->kind == BOARD_SHITARABA ? ".cgi," : ".dat<>";
	const uint8_t *at = memmem(p, n, mark, strlen(mark));
	const size_t id = at != NULL ? (size_t)(at - p) : 0;
	size_t open;

	if (id == 0 || id >= sizeof(t->id))
		return false;
	memcpy(t->id, p, id);
	t->id[id] = '\0';
	p = at + strlen(mark);
	n -= id + strlen(mark);
	while (n > 0 && p[n - 1] == ' ')
		n--;
	for (open = n; open > 0 && p[open - 1] != '('; open--)
		;
	if (strlen(t->id) != id || !board_is_part(t->id) || open == 0 || p[n - 1] != ')' ||
	    !number(p + open, n - 1 - open, &t->posts))
		return false;
	for (n = open - 1; n > 0 && p[n - 1] == ' '; n--)
		;
	buf_reset(&t->title);
	boardconv_read(c, &t->title, p, n);
	return true;
}

bool board_next_thread(struct boardconv *c, struct rd *list, struct board_thread *t)
{
	const uint8_t *p;
	size_t n;

	while (next_line(list, &p, &n))
		if (parse_thread(c, p, n, t))
			return true;
	return false;
}

struct rd board_list(enum board_kind kind, const void *p, size_t n)
{
	struct rd r = rd_of(p, n), rest = r;
	const uint8_t *line, *first = NULL, *last = NULL;
	size_t len, first_len = 0, last_len = 0;

	while (kind == BOARD_SHITARABA && next_line(&rest, &line, &len)) {
		if (len > 0 && first == NULL) {
			first = line;
			first_len = len;
		} else if (len > 0) {
			last = line;
			last_len = len;
		}
	}
	if (last != NULL && last_len == first_len && memcmp(last, first, last_len) == 0)
		r.left = (size_t)(last - r.p);
	return r;
}

/* --- posts ------------------------------------------------------------------------------------ */

void board_post_init(struct board_post *p)
{
	for (size_t i = 0; i < POST_FIELDS; i++)
		buf_init(&p->field[i], 4 * LINE_MAX_BYTES);
}

void board_post_fini(struct board_post *p)
{
	for (size_t i = 0; i < POST_FIELDS; i++)
		buf_fini(&p->field[i]);
}

#define RAW_FIELDS 8

/* The parts between "<>"; what is not there is empty. Returns how many there are. */
static size_t split(const uint8_t *p, size_t n, struct rd part[RAW_FIELDS])
{
	size_t i = 0;

	while (i < RAW_FIELDS) {
		const uint8_t *at = i + 1 < RAW_FIELDS ? memmem(p, n, "<>", 2) : NULL;
		const size_t len = at != NULL ? (size_t)(at - p) : n;

		part[i++] = rd_of(p, len);
		if (at == NULL)
			break;
		p = at + 2;
		n -= len + 2;
	}
	for (size_t k = i; k < RAW_FIELDS; k++)
		part[k] = rd_of("", 0);
	return i;
}

static void put_field(struct boardconv *c, struct buf *out, const struct rd *part)
{
	const uint8_t *p = part->p;
	size_t n = part->left;

	while (n > 0 && *p == ' ') {
		p++;
		n--;
	}
	while (n > 0 && p[n - 1] == ' ')
		n--;
	buf_reset(out);
	boardconv_read(c, out, p, n);
}

/* "no<>name<>mail<>date<>body<>title<>id"; of a dat the same from the name on, the number being the
 * line's. */
static bool parse_post(struct boardconv *c, struct board_reading *at, const uint8_t *p, size_t n,
	uint32_t first, struct board_post *post)
{
	const bool numbered = c->kind == BOARD_SHITARABA;
	struct buf *date = &post->field[POST_DATE];
	struct rd part[RAW_FIELDS];
	const size_t parts = split(p, n, part);

	/* a line of a dat that is none is a post all the same: those behind it keep their numbers */
	post->no = at->line;
	if (numbered && (parts < 5 || !number(part[0].p, part[0].left, &post->no)))
		return false;
	at->last = MAX(at->last, post->no);
	if (post->no < first || parts < 4)
		return false;
	for (size_t i = 0; i < POST_FIELDS; i++)
		put_field(c, &post->field[i], &part[numbered ? i + 1 : i]);
	if (numbered && part[6].left > 0) {
		buf_puts(date, " ID:");
		boardconv_read(c, date, part[6].p, part[6].left);
	}
	return true;
}

bool board_next_post(struct boardconv *c, struct board_reading *at, uint32_t first, struct board_post *post)
{
	const uint8_t *p;
	size_t n;

	while (at->line < BOARD_NUMBER && next_line(&at->rd, &p, &n)) {
		at->line++;
		if (parse_post(c, at, p, n, first, post))
			return true;
	}
	return false;
}

/* --- an answer to a post ---------------------------------------------------------------------- */

/* Where tag begins, in any case; NULL. */
static const char *find(const char *s, const char *tag)
{
	const size_t n = strlen(tag);

	for (; *s != '\0'; s++)
		if (ascii_ncasecmp(s, tag, n) == 0)
			return s;
	return NULL;
}

/* Is that the tag's name, and no longer one? */
static bool is_tag(const char *p, const char *name)
{
	const size_t n = strlen(name);

	return ascii_ncasecmp(p, name, n) == 0 && !ascii_isalnum((uint8_t)p[n]);
}

/* What a page says, without its tags and scripts. */
static void put_words(struct buf *out, const char *p)
{
	bool gap = false;

	while (*p != '\0' && out->len < WORDS_MAX) {
		if (*p == '<') {
			const char *end = is_tag(p, "<script") ? find(p, "</script") :
				is_tag(p, "<style") ? find(p, "</style") :
				is_tag(p, "<title") ? find(p, "</title") :
				strncmp(p, "<!--", 4) == 0 ? strstr(p, "-->") : p;

			end = end != NULL ? strchr(end, '>') : NULL;
			if (end == NULL)
				return;
			p = end + 1;
			gap = true;
		} else if (*p == ' ') {
			gap = true;
			p++;
		} else {
			if (gap && out->len > 0)
				buf_u8(out, ' ');
			gap = false;
			buf_u8(out, (uint8_t)*p++);
		}
	}
}

void board_refusal(struct boardconv *c, struct buf *out, const void *p, size_t n)
{
	/* in the titles of pages that say no, or want to be asked again; the second is the fullwidth ERROR,
	 * the others are "error" and "confirm" in Japanese */
	static const char *const no[] = {
		"ERROR", "\xef\xbc\xa5\xef\xbc\xb2\xef\xbc\xb2\xef\xbc\xaf\xef\xbc\xb2",
		"\xe3\x82\xa8\xe3\x83\xa9\xe3\x83\xbc", "\xe7\xa2\xba\xe8\xaa\x8d"
	};
	const char *text, *title, *end;
	struct buf page, words;

	buf_init(&page, 8 * LINE_MAX_BYTES);
	buf_init(&words, 2 * WORDS_MAX);
	boardconv_read(c, &page, p, n);
	text = buf_cstr(&page);
	title = find(text, "<title");
	end = title != NULL ? find(title, "</title") : NULL;
	for (size_t i = 0; end != NULL && i < NELEM(no); i++) {
		const char *at = find(title, no[i]);

		if (at == NULL || at > end)
			continue;
		put_words(&words, text);
		if (words.len > 0)
			buf_put(out, words.p, text_cut((const char *)words.p, words.len));
		if (words.len == 0)
			buf_puts(out, "ERROR");
		break;
	}
	buf_fini(&words);
	buf_fini(&page);
}

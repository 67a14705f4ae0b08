/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/text.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <string.h>

#include "core/sys/assert.h"

/* --- UTF-8 ------------------------------------------------------------------------------------ */

#define U8_BAD UINT32_MAX               /* not UTF-8 */
#define U8_CUT (UINT32_MAX - 1)         /* a good beginning, but the input ends inside it */

static const uint8_t u8_fffd[] = { 0xEF, 0xBF, 0xBD };

/* Decode one character of n > 0 bytes. Returns the bytes it takes; for U8_BAD and U8_CUT those of
 * the longest good beginning, at least 1 (Unicode 3.9, "maximal subpart"). Overlong forms,
 * surrogates and values over U+10FFFF are bad at their second byte. */
static size_t u8_next(const uint8_t *p, size_t n, uint32_t *cp)
{
	const uint8_t c = p[0];
	uint8_t lo = 0x80, hi = 0xBF;
	size_t len;
	uint32_t v;

	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c >= 0xC2 && c <= 0xDF) {
		len = 2;
		v = c & 0x1Fu;
	} else if (c >= 0xE0 && c <= 0xEF) {
		len = 3;
		v = c & 0x0Fu;
		lo = c == 0xE0 ? 0xA0 : lo;
		hi = c == 0xED ? 0x9F : hi;
	} else if (c >= 0xF0 && c <= 0xF4) {
		len = 4;
		v = c & 0x07u;
		lo = c == 0xF0 ? 0x90 : lo;
		hi = c == 0xF4 ? 0x8F : hi;
	} else {
		*cp = U8_BAD;
		return 1;
	}
	for (size_t i = 1; i < len; i++) {
		if (i == n) {
			*cp = U8_CUT;
			return i;
		}
		if (p[i] < lo || p[i] > hi) {
			*cp = U8_BAD;
			return i;
		}
		v = v << 6 | (p[i] & 0x3Fu);
		lo = 0x80;
		hi = 0xBF;
	}
	*cp = v;
	return len;
}

/* Controls, and what XML 1.0 forbids beside them (surrogates never come out of u8_next()). */
static bool cp_is_banned(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0xFFFE || cp == 0xFFFF;
}

/* The length of the leading run of printable ASCII, eight bytes at a time. */
static size_t ascii_run(const uint8_t *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101u;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		uint64_t w;

		memcpy(&w, p + i, 8);
		/* A top bit appears when some byte is >= 0x80, < 0x20 (borrow) or 0x7F (carry). */
		if (((w | (w - 0x20 * ones) | (w + ones)) & (0x80 * ones)) != 0)
			break;
	}
	while (i < n && p[i] >= 0x20 && p[i] < 0x7F)
		i++;
	return i;
}

/* The length of the leading run of text that needs no repair. */
static size_t clean_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	for (;;) {
		uint32_t cp;
		size_t k;

		i += ascii_run(p + i, n - i);
		/* Characters of one script come in a row: no word-wise look between them. */
		for (; i < n && p[i] >= 0x80; i += k) {
			k = u8_next(p + i, n - i, &cp);
			if (cp >= U8_CUT || cp_is_banned(cp))
				return i;
		}
		if (i == n || p[i] < 0x20 || p[i] == 0x7F)
			return i;
	}
}

size_t text_cut(const char *s, size_t n)
{
	for (size_t i = 1; i <= 4 && i <= n; i++) {
		const uint8_t c = (uint8_t)s[n - i];
		const size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;

		if ((c & 0xC0) != 0x80)
			return len > i ? n - i : n;
	}
	return n;
}

bool text_copy(char *dst, size_t cap, const char *src)
{
	size_t n = strnlen(src, cap);
	const bool fits = n < cap;

	ASSERT(cap > 0);
	if (!fits)
		n = text_cut(src, cap - 1);
	memcpy(dst, src, n);
	dst[n] = 0;
	return fits;
}

/* --- repair ----------------------------------------------------------------------------------- */

struct cleaner {
	char *dst;
	size_t room, len;       /* room without the NUL */
	bool full;              /* a character did not fit: nothing more is written */
};

static void cleaner_put(struct cleaner *c, uint32_t cp, const uint8_t *p, size_t n)
{
	if (cp >= U8_CUT) {
		p = u8_fffd;
		n = sizeof(u8_fffd);
	} else if (cp_is_banned(cp)) {
		p = (const uint8_t *)" ";
		n = 1;
	}
	if (c->full || n > c->room - c->len) {
		c->full = true;
		return;
	}
	memcpy(c->dst + c->len, p, n);
	c->len += n;
}

/* Put UTF-8. Without `repair` a fault ends it (false), except a character cut off by the end behind
 * others of three bytes or more: such a text is not CP932, somebody shortened it blindly. */
static bool clean_utf8(struct cleaner *c, const uint8_t *p, size_t n, bool repair)
{
	bool wide = false;

	c->len = 0;
	c->full = false;
	while (n > 0) {
		uint32_t cp;
		const size_t k = u8_next(p, n, &cp);

		if (!repair && (cp == U8_BAD || (cp == U8_CUT && !wide)))
			return false;
		wide = wide || k >= 3;
		cleaner_put(c, cp, p, k);
		p += k;
		n -= k;
	}
	return true;
}

/* One descriptor stays open for ever, so that glibc neither unloads nor reloads its converter, and
 * later conversions need no file. */
static iconv_t cp932_pin;

static void cp932_init(void)
{
	cp932_pin = iconv_open("UTF-8", "CP932");
}

static bool clean_cp932(struct cleaner *c, const uint8_t *p, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char *in = (char *)(uintptr_t)p;        /* iconv() does not write there */
	bool ok = false;
	iconv_t cd;

	MUST_ZERO(pthread_once(&once, cp932_init));
	if (cp932_pin == (iconv_t)-1)
		return false;
	/* A descriptor has state; this is rare enough not to keep one for each thread. */
	cd = iconv_open("UTF-8", "CP932");
	if (cd == (iconv_t)-1)
		return false;
	c->len = 0;
	c->full = false;
	for (;;) {
		char chunk[512];
		char *out = chunk;
		size_t left = sizeof(chunk);
		const size_t rc = iconv(cd, &in, &n, &out, &left);
		const int e = errno;
		const uint8_t *q = (const uint8_t *)chunk;
		size_t m = sizeof(chunk) - left;

		while (m > 0) {
			uint32_t cp;
			const size_t k = u8_next(q, m, &cp);

			cleaner_put(c, cp, q, k);
			q += k;
			m -= k;
		}
		if (rc != (size_t)-1) {
			ok = true;
			break;
		}
		if (e != E2BIG || out == chunk)
			break;
	}
	(void)iconv_close(cd);
	return ok;
}

size_t text_clean(char *dst, size_t cap, const void *src, size_t n)
{
	const uint8_t *p = n > 0 ? src : (const uint8_t *)"";
	const uint8_t *nul = memchr(p, 0, n);
	struct cleaner c = { .dst = dst, .room = cap - 1 };

	ASSERT(cap > 0);
	if (nul != NULL)
		n = (size_t)(nul - p);
	if (clean_run(p, n) == n) {
		c.len = n <= c.room ? n : text_cut(src, c.room);
		memcpy(dst, p, c.len);
	} else if (!clean_utf8(&c, p, n, false) && !clean_cp932(&c, p, n)) {
		(void)clean_utf8(&c, p, n, true);
	}
	dst[c.len] = 0;
	return c.len;
}

bool text_is_clean(const char *s, size_t n)
{
	return clean_run((const uint8_t *)s, n) == n;
}

/* What moves a cursor, ends a line or turns the direction of a terminal. */
static bool cp_is_harmful(uint32_t cp)
{
	return cp >= U8_CUT || cp_is_banned(cp) || (cp >= 0x200E && cp <= 0x200F) ||
		(cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

size_t text_next(const char *s, size_t n, bool *harmful)
{
	uint32_t cp;
	const size_t k = u8_next((const uint8_t *)s, n, &cp);

	*harmful = cp_is_harmful(cp);
	return k;
}

const char *text_escape(char *dst, size_t cap, const void *src, size_t n)
{
	static const char digit[] = "0123456789ABCDEF";
	const uint8_t *p = src;
	size_t len = 0;

	ASSERT(cap > 0);
	while (n > 0) {
		size_t k = MIN(ascii_run(p, n), cap - 1 - len);
		uint32_t cp;

		if (k > 0) {
			memcpy(dst + len, p, k);
			len += k;
			p += k;
			n -= k;
			continue;
		}
		k = u8_next(p, n, &cp);
		if (!cp_is_harmful(cp)) {
			if (k > cap - 1 - len)
				break;
			memcpy(dst + len, p, k);
			len += k;
		} else {
			if (4 * k > cap - 1 - len)
				break;
			for (size_t i = 0; i < k; i++) {
				dst[len++] = '\\';
				dst[len++] = 'x';
				dst[len++] = digit[p[i] >> 4];
				dst[len++] = digit[p[i] & 15];
			}
		}
		p += k;
		n -= k;
	}
	dst[len] = 0;
	return dst;
}

/* --- ASCII ------------------------------------------------------------------------------------ */

bool ascii_isdigit(int c)
{
	return c >= '0' && c <= '9';
}

bool ascii_isspace(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool ascii_isalnum(int c)
{
	return ascii_isdigit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

int ascii_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int ascii_upper(int c)
{
	return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}

int ascii_ncasecmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int x = ascii_lower((uint8_t)a[i]), y = ascii_lower((uint8_t)b[i]);

		if (x != y || x == 0)
			return x - y;
	}
	return 0;
}

int ascii_casecmp(const char *a, const char *b)
{
	return ascii_ncasecmp(a, b, SIZE_MAX);
}

/* --- numbers ---------------------------------------------------------------------------------- */

bool num_u64(const char *s, uint64_t lo, uint64_t hi, uint64_t *v)
{
	uint64_t sum = 0;

	if (*s == 0)
		return false;
	for (; *s != 0; s++) {
		if (!ascii_isdigit((uint8_t)*s))
			return false;
		const uint64_t d = (uint64_t)(*s - '0');

		if (sum > (UINT64_MAX - d) / 10)
			return false;
		sum = sum * 10 + d;
	}
	if (sum < lo || sum > hi)
		return false;
	*v = sum;
	return true;
}

bool num_u32(const char *s, uint32_t lo, uint32_t hi, uint32_t *v)
{
	uint64_t w;

	if (!num_u64(s, lo, hi, &w))
		return false;
	*v = (uint32_t)w;
	return true;
}

bool num_i64(const char *s, int64_t lo, int64_t hi, int64_t *v)
{
	const bool minus = *s == '-';
	uint64_t w;
	int64_t i;

	if (!num_u64(s + minus, 0, (uint64_t)INT64_MAX + minus, &w))
		return false;
	/* -(w - 1) - 1: the smallest number has no positive twin. */
	i = !minus ? (int64_t)w : w == 0 ? 0 : -(int64_t)(w - 1) - 1;
	if (i < lo || i > hi)
		return false;
	*v = i;
	return true;
}

/* --- hex, percent, secrets -------------------------------------------------------------------- */

static const char hex_upper[] = "0123456789ABCDEF";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void hex_emit(char *dst, size_t cap, const uint8_t *p, size_t n)
{
	ASSERT(cap > 0 && n <= (cap - 1) / 2);
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = hex_upper[p[i] >> 4];
		dst[2 * i + 1] = hex_upper[p[i] & 15];
	}
	dst[2 * n] = 0;
}

bool hex_parse(uint8_t *dst, size_t n, const char *src)
{
	for (size_t i = 0; i < n; i++) {
		const int hi = hex_value(src[2 * i]);
		const int lo = hi < 0 ? -1 : hex_value(src[2 * i + 1]);

		if (lo < 0)
			return false;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

size_t pct_decode(char *dst, size_t cap, const char *src, size_t n, bool plus)
{
	size_t len = 0;

	ASSERT(cap > 0);
	for (size_t i = 0; i < n && len < cap - 1; i++) {
		char c = src[i];
		uint8_t v;

		if (c == '%' && n - i > 2 && hex_parse(&v, 1, src + i + 1)) {
			c = (char)v;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		dst[len++] = c;
	}
	dst[len] = 0;
	return len;
}

void pct_encode(struct buf *out, const char *s)
{
	for (; *s != 0; s++) {
		const uint8_t c = (uint8_t)*s;

		if (ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
			buf_u8(out, c);
		} else {
			const char esc[3] = { '%', hex_upper[c >> 4], hex_upper[c & 15] };

			buf_put(out, esc, sizeof(esc));
		}
	}
}

bool text_equal_secret(const char *a, const char *b)
{
	const size_t na = strlen(a), nb = strlen(b);
	/* volatile: the compiler must not see that one difference settles it. */
	volatile uint8_t diff = na != nb;

	for (size_t i = 0; i < na; i++)
		diff = (uint8_t)(diff | ((uint8_t)a[i] ^ (uint8_t)b[i % (nb + 1)]));
	return diff == 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text: bounded copies, numbers, ASCII classes, hex, percent-coding, repair to UTF-8.
 *
 * Text inside the node is valid UTF-8 without control characters; whatever comes from outside goes
 * through text_clean() where it enters.
 */
#ifndef CORE_SYS_TEXT_H
#define CORE_SYS_TEXT_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/status.h"

#define TEXT_MAX 256            /* bytes of any channel text, NUL included (pcp.md 2.3) */

/* Copy a C string, cut at a UTF-8 border when it does not fit. Returns true when all of it fitted.
 * cap counts the NUL and is at least 1. */
bool text_copy(char *dst, size_t cap, const char *src);

/* The largest m <= n for which s[0..m) does not end inside a UTF-8 character. */
size_t text_cut(const char *s, size_t n);

/* Bring foreign bytes into the node: stops at the first NUL; valid UTF-8 is kept, else the whole is
 * tried as CP932, else bad bytes become U+FFFD, one for each maximal subpart (Unicode 3.9); control
 * characters (C0, DEL, C1) and code points XML 1.0 forbids become one space; cut at a character
 * border to cap - 1 bytes. UTF-8 whose one fault is a character cut off by the end counts as UTF-8
 * when it holds a whole one of three bytes or more; the cut one becomes U+FFFD.
 * returns  length of dst without the NUL. */
size_t text_clean(char *dst, size_t cap, const void *src, size_t n);

/* Is it valid UTF-8 without anything text_clean() would change (length aside)? */
bool text_is_clean(const char *s, size_t n);

/* Escape what a terminal or log line must not get, byte by byte as \xNN: controls (C0, DEL, C1), line
 * and paragraph separators, direction marks, bad UTF-8. No escape or character is cut in half. */
const char *text_escape(char *dst, size_t cap, const void *src, size_t n);

/* Bytes of the first character of s[0..n), n > 0, bad bytes one by one. *harmful: one that text_escape()
 * would not let through. */
size_t text_next(const char *s, size_t n, bool *harmful);

/* ASCII only, whatever the locale. */
bool ascii_isdigit(int c);
bool ascii_isspace(int c);      /* space, tab, CR, LF, VT, FF */
bool ascii_isalnum(int c);
int ascii_lower(int c);
int ascii_upper(int c);
int ascii_casecmp(const char *a, const char *b);
int ascii_ncasecmp(const char *a, const char *b, size_t n);

/* Whole-string decimal numbers in range: false (and *v untouched) for anything else. */
bool num_u32(const char *s, uint32_t lo, uint32_t hi, uint32_t *v);
bool num_i64(const char *s, int64_t lo, int64_t hi, int64_t *v);
bool num_u64(const char *s, uint64_t lo, uint64_t hi, uint64_t *v);

/* n bytes as 2n hex digits (upper case) and a NUL; cap >= 2n + 1. */
void hex_emit(char *dst, size_t cap, const uint8_t *p, size_t n);
/* 2n hex digits of either case to n bytes: false when a digit is bad. Reads exactly 2n characters. */
bool hex_parse(uint8_t *dst, size_t n, const char *src);

/* Percent-decode n bytes ('+' becomes a space when plus) into dst (cap >= 1, NUL added). Bad escapes
 * stay as they are. Returns the decoded length (cut at cap - 1); may hold NULs and any byte. */
size_t pct_decode(char *dst, size_t cap, const char *src, size_t n, bool plus);
/* Percent-encode everything but unreserved characters (RFC 3986). */
void pct_encode(struct buf *out, const char *s);

/* Equal in constant time with respect to the content of b (secrets). */
bool text_equal_secret(const char *a, const char *b);

#endif

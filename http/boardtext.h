/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What boards write and want to read: EUC-JP or Shift_JIS (as Microsoft knows them), converted by iconv, and
 * the lines of their lists. Pure.
 *
 * Names, titles and bodies are pieces of HTML and stay that: nobody may show them as such. All that comes
 * out is clean in the sense of core/sys/text.h.
 *
 * source   boards.md
 */
#ifndef HTTP_BOARDTEXT_H
#define HTTP_BOARDTEXT_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"
#include "core/sys/status.h"

#define BOARD_PART    64                /* bytes of a category, a board or a thread's id, NUL included */
#define BOARD_THREADS 2000              /* read of a list; further ones are left out */
#define BOARD_NUMBER  1000000           /* the highest number of a post */

enum board_kind { BOARD_SHITARABA, BOARD_2CH };

/* May this name a category, a board or a thread: some of [A-Za-z0-9_-]? */
bool board_is_part(const char *s);

/* --- encodings --- */

struct boardconv;
/* NULL = this system cannot convert the encoding of that kind, or is out of memory. */
struct boardconv *boardconv_open(enum board_kind kind) NODISCARD;
void boardconv_close(struct boardconv **c);

/* Append n bytes of a board as UTF-8. What is neither in its encoding nor UTF-8 is repaired. Shitaraba: its
 * encoding first, as it fails on UTF-8; else UTF-8 first, which is hardly ever right by chance. */
void boardconv_read(struct boardconv *c, struct buf *out, const void *p, size_t n);
/* Append text as a value of a form, percent-encoded in the board's encoding; what that lacks as decimal
 * entities. Lines end as forms end them. */
void boardconv_write(struct boardconv *c, struct buf *out, const char *text);

/* --- lists --- */

/* Of the board's settings: BBS_TITLE, appended; nothing when it is not there. */
void board_title(struct boardconv *c, struct buf *out, const void *p, size_t n);

struct board_thread {
	char id[BOARD_PART];
	uint32_t posts;
	struct buf title;               /* the caller's: reset, then filled */
};
/* The next thread of a subject.txt; what is no line of one is skipped. False: no more. */
bool board_next_thread(struct boardconv *c, struct rd *list, struct board_thread *t);
/* The same list without what a Shitaraba board repeats at its end. */
struct rd board_list(enum board_kind kind, const void *p, size_t n);

enum board_field { POST_NAME, POST_MAIL, POST_DATE, POST_BODY, POST_TITLE, POST_FIELDS };
struct board_post {
	uint32_t no;
	struct buf field[POST_FIELDS];  /* reset, then filled */
};
void board_post_init(struct board_post *p);
void board_post_fini(struct board_post *p);
/* The next post at or above `first` of what rawmode.cgi (Shitaraba) or a dat says. at: a reading of the text
 * from its beginning. False: no more. */
struct board_reading {
	struct rd rd;
	uint32_t line;                  /* read so far */
	uint32_t last;                  /* the highest number of a post so far, of those below `first` too */
};
bool board_next_post(struct boardconv *c, struct board_reading *at, uint32_t first, struct board_post *p);

/* What a board answered to a post. Empty: it was taken; else its words, as text, appended. */
void board_refusal(struct boardconv *c, struct buf *out, const void *p, size_t n);

#endif

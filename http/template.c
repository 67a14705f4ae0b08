/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/template.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "http/uifile.h"

#define MARK_MAX 32             /* bytes of a mark */

struct catalogue {
	json_t *all;                    /* English text: that of the language */
	json_t *scripted;               /* of these, what scripts use */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A quoted literal at p, without its quotes and backslashes. False: there is none, or it is too long. */
static bool unquote(char dst[TEMPLATE_TEXT], const char *p, const char *end)
{
	const char quote = p < end ? *p++ : '\0';
	size_t n = 0;

	if (quote != '"' && quote != '\'')
		return false;
	for (; p < end && *p != quote && n + 1 < TEMPLATE_TEXT; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		dst[n++] = *p;
	}
	dst[n] = '\0';
	return p < end && *p == quote;
}

/* Of the texts in t("...") of a script, what the catalogue has. False: out of memory. */
static bool find_texts(struct catalogue *c, const char *p, const char *end)
{
	char text[TEMPLATE_TEXT];

	while ((p = memmem(p, (size_t)(end - p), "t(", 2)) != NULL) {
		const bool begins = p[-1] != '.' && p[-1] != '_' && !ascii_isalnum((uint8_t)p[-1]);
		json_t *v;

		p += 2;
		while (p < end && is_blank(*p))
			p++;
		if (!begins || !unquote(text, p, end))
			continue;
		v = json_object_get(c->all, text);
		if (v != NULL && json_object_set(c->scripted, text, v) != 0)
			return false;
	}
	return true;
}

static bool read_catalogue(struct catalogue *c, const struct ui_file *f)
{
	const char *text = ui_text(f);
	json_t *part = text != NULL ? json_loadb(text, f->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const bool ok = part != NULL && json_object_update(c->all, part) == 0;

	json_decref(part);
	return ok;
}

static bool read_script(struct catalogue *c, const struct ui_file *f)
{
	char *p = malloc(f->len);
	/* every script begins with a comment, so there is a byte in front of what is found */
	const bool ok = p != NULL && ui_unpack(f, p) && find_texts(c, p + 1, p + f->len);

	free(p);
	return ok;
}

static bool is_in(const struct ui_file *f, const char *folder)
{
	return strncmp(f->path, folder, strlen(folder)) == 0 && f->len > 0;
}

static void catalogue_free(struct catalogue *c)
{
	json_decref(c->all);
	json_decref(c->scripted);
	free(c);
}

/* NULL: out of memory. */
static struct catalogue *load(void)
{
	struct catalogue *c = malloc(sizeof(*c));
	bool ok;

	if (c == NULL)
		return NULL;
	c->all = json_object();
	c->scripted = json_object();
	ok = c->all != NULL && c->scripted != NULL;
	for (unsigned int i = 0; i < ui_files_n && ok; i++)
		ok = !is_in(&ui_files[i], "ja/") || read_catalogue(c, &ui_files[i]);
	for (unsigned int i = 0; i < ui_files_n && ok; i++)
		ok = !is_in(&ui_files[i], "js/") || read_script(c, &ui_files[i]);
	if (ok)
		return c;
	catalogue_free(c);
	return NULL;
}

/* NULL: that language has none, or there was no memory for it; then the texts stay English. */
static const struct catalogue *catalogue(const char *lang)
{
	/* set once; who comes second at the same moment throws his own away */
	static _Atomic(struct catalogue *) japanese;
	struct catalogue *had, *made;

	if (strcmp(lang, "ja") != 0)
		return NULL;
	had = atomic_load_explicit(&japanese, memory_order_acquire);
	if (had != NULL)
		return had;
	made = load();
	if (made != NULL && !atomic_compare_exchange_strong_explicit(&japanese, &had, made,
		memory_order_acq_rel, memory_order_acquire)) {
		catalogue_free(made);
		made = had;
	}
	return made;
}

const char *template_text(const char *lang, const char *text)
{
	const struct catalogue *c = catalogue(lang);
	const char *found = c != NULL ? json_string_value(json_object_get(c->all, text)) : NULL;

	return found != NULL ? found : text;
}

void template_catalogue(struct buf *out, const char *lang)
{
	const struct catalogue *c = catalogue(lang);
	char *text = c != NULL ? json_dumps(c->scripted, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	buf_printf(out, "export default %s;\n", text != NULL ? text : "{}");
	free(text);
}

void template_put_html(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("&<>\"'", *text) != NULL)
			buf_printf(out, "&#%d;", *text);
		else
			buf_u8(out, (uint8_t)*text);
	}
}

/* --- expansion -------------------------------------------------------------------------------- */

/* Runs of blanks become one, those at the ends none. False: it is too long to be a text. */
static bool fold(char dst[TEMPLATE_TEXT], const char *p, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_blank(p[i]) && (len == 0 || dst[len - 1] == ' '))
			continue;
		if (len + 1 >= TEMPLATE_TEXT)
			return false;
		dst[len++] = is_blank(p[i]) ? ' ' : p[i];
	}
	while (len > 0 && dst[len - 1] == ' ')
		len--;
	dst[len] = '\0';
	return true;
}

/* {{text}} at p: append it and return its length; 0 when there is none. */
static size_t put_text(struct buf *out, const char *p, const char *end, const char *lang)
{
	const char *close = memmem(p, (size_t)(end - p), "}}", 2);
	char text[TEMPLATE_TEXT];

	if (end - p < 4 || p[1] != '{' || close == NULL || !fold(text, p + 2, (size_t)(close - p) - 2))
		return 0;
	template_put_html(out, template_text(lang, text));
	return (size_t)(close - p) + 2;
}

static void put_state(struct buf *out, const char *mark, const char *at)
{
	char path[MARK_MAX + 16];

	if (mark[0] == 'A') {
		if (strcmp(mark + 3, at) == 0)
			buf_puts(out, " aria-current=\"page\"");
		return;
	}
	snprintf(path, sizeof(path), "pages/%s.html", mark + 5);
	if (ui_find(path) == NULL)
		buf_puts(out, " hidden");
}

/* @MARK@ at p, likewise. */
static size_t put_mark(struct buf *out, const char *p, const char *end, const char *at,
	const struct template_value *v)
{
	const char *close = memchr(p + 1, '@', (size_t)(end - p) - 1);
	const size_t n = close != NULL ? (size_t)(close - p) - 1 : 0;
	char mark[MARK_MAX];

	if (n == 0 || n >= sizeof(mark))
		return 0;
	memcpy(mark, p + 1, n);
	mark[n] = '\0';
	if (strncmp(mark, "AT:", 3) == 0 || strncmp(mark, "HAVE:", 5) == 0) {
		put_state(out, mark, at);
		return n + 2;
	}
	for (; v != NULL && v->mark != NULL; v++) {
		if (strcmp(v->mark, mark) == 0) {
			buf_puts(out, v->html);
			return n + 2;
		}
	}
	return 0;
}

void template_put(struct buf *out, const char *p, size_t n, const char *lang, const char *at,
	const struct template_value *v)
{
	const char *const end = p + n;

	while (p < end) {
		const char *next = p;
		size_t took;

		while (next < end && *next != '{' && *next != '@')
			next++;
		buf_put(out, p, (size_t)(next - p));
		if (next == end)
			return;
		took = *next == '{' ? put_text(out, next, end, lang) : put_mark(out, next, end, at, v);
		if (took == 0)
			buf_u8(out, (uint8_t)*next);
		p = next + (took > 0 ? took : 1);
	}
}

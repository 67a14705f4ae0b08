/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/admin_form.h"

#include <stdio.h>
#include <string.h>

#include "core/conf/key.h"
#include "core/sys/text.h"
#include "http/admin_cmd.h"

#define FORM_MAX     (1 << 20)  /* bytes */
#define MORE_FILTERS 2          /* empty ones, to fill in */

bool admin_form_is_page(const char *path)
{
	static const char *const pages[] = { "/html/en/settings.html", "/html/ja/settings.html",
		"/html/de/settings.html", "/html/fr/settings.html" };

	for (size_t i = 0; i < NELEM(pages); i++)
		if (strcmp(path, pages[i]) == 0)
			return true;
	return false;
}

/* --- one field -------------------------------------------------------------------------------- */

static void put_option(struct buf *b, const char *value, const char *shown, bool chosen)
{
	buf_puts(b, "<option value=\"");
	template_put_html(b, value);
	buf_printf(b, "\"%s>", chosen ? " selected" : "");
	template_put_html(b, shown);
	buf_puts(b, "</option>");
}

/* Of words separated by blanks; what they have in front is not shown. */
static void put_options(struct buf *b, const char *words, const char *prefix, const char *now)
{
	const size_t skip = strlen(prefix);

	for (words += strspn(words, " "); *words != '\0'; words += strspn(words, " ")) {
		const size_t n = strcspn(words, " ");
		char word[64];

		if (n < sizeof(word) && n > skip) {
			memcpy(word, words + skip, n - skip);
			word[n - skip] = '\0';
			put_option(b, strcmp(word, "http-basic") == 0 ? "http" : word, word,
				strlen(now) == n && strncmp(now, words, n) == 0);
		}
		words += n;
	}
}

static void put_select(struct buf *b, const struct admin_field *f, const struct key *k, const char *words,
	const char *now)
{
	const bool yes = strcmp(now, "Yes") == 0;

	buf_printf(b, "<select name=\"%s\">", f->form);
	if (k->type == KEY_BOOL) {
		put_option(b, "1", "Yes", yes);
		put_option(b, "0", "No", !yes);
	} else {
		put_options(b, words, f->how == FIELD_LANGUAGE ? "html/" : "", now);
	}
	buf_puts(b, "</select>");
}

static void put_input(struct buf *b, const char *type, const char *name, const char *value)
{
	buf_printf(b, "<input type=\"%s\" name=\"%s\" value=\"", type, name);
	template_put_html(b, value);
	buf_puts(b, "\">");
}

static void put_box(struct buf *b, const char *name, bool on)
{
	buf_printf(b, "<input type=\"checkbox\" name=\"%s\" value=\"1\"%s>", name, on ? " checked" : "");
}

static void put_control(struct buf *b, const struct admin_field *f, const struct key *k, const char *now)
{
	const char *words = k->words;

	if (f->how == FIELD_BOX)
		put_box(b, f->form, strcmp(now, "Yes") == 0);
	else if (f->how == FIELD_SECRET)
		put_input(b, "password", f->form, "");
	else if ((k->flags & KEY_READONLY) != 0)
		put_input(b, "text", f->form, now);     /* a name old tools know, without effect */
	else if (k->type == KEY_BOOL || words != NULL)
		put_select(b, f, k, words, now);
	else
		put_input(b, k->type == KEY_U32 ? "number" : "text", f->form, now);
}

static void put_field(struct buf *b, const struct settings *st, const struct admin_field *f, const char *lang)
{
	const struct key *k = key_find_any(f->key);
	struct buf now;

	if (k == NULL)
		return;
	buf_init(&now, SETTINGS_LONG + 1);
	key_write(k, st, &now);
	buf_printf(b, "<tr><th>%s</th><td><label>", k->name);
	put_control(b, f, k, buf_cstr(&now));
	buf_puts(b, " ");
	template_put_html(b, template_text(lang, k->doc));
	buf_puts(b, "</label></td></tr>\n");
	if (now.err != ST_OK)
		b->err = now.err;
	buf_fini(&now);
}

/* What a root does once, when the form is sent. */
static void put_actions(struct buf *b)
{
	static const struct {
		const char *form, *doc;
	} actions[] = {
		{ "brroot", "A root: send message and interval to the broadcasters now." },
		{ "getupd", "With that: ask them for news at once." },
	};

	for (size_t i = 0; i < NELEM(actions); i++) {
		buf_printf(b, "<tr><th>%s</th><td><label>", actions[i].form);
		put_box(b, actions[i].form, false);
		buf_printf(b, " %s</label></td></tr>\n", actions[i].doc);
	}
}

/* --- lists ------------------------------------------------------------------------------------ */

static void put_filter(struct buf *b, size_t i, const struct settings_filter *f)
{
	static const char *const kinds[] = { "bn", "pr", "nw", "di" };
	static const char *const names[] = { "banned", "private", "relay", "play" };
	const bool on[] = { f->ban, f->is_private, f->network, f->direct };
	char name[32];

	snprintf(name, sizeof(name), "filt_ip%zu", i);
	buf_puts(b, "<tr><td>");
	put_input(b, "text", name, f->ip);
	buf_puts(b, "</td>");
	for (size_t k = 0; k < NELEM(kinds); k++) {
		snprintf(name, sizeof(name), "filt_%s%zu", kinds[k], i);
		buf_puts(b, "<td><label>");
		put_box(b, name, on[k]);
		buf_printf(b, " %s</label></td>", names[k]);
	}
	buf_puts(b, "</tr>\n");
}

static void put_lists(struct buf *b, const struct settings *st)
{
	static const struct settings_filter none;
	const struct settings_filter *v;
	const struct settings_feed *feed;
	size_t n;

	v = settings_filters(st, &n);
	buf_puts(b, "</table>\n<h2>Filters</h2>\n<table>\n");
	for (size_t i = 0; i < n + MORE_FILTERS; i++)
		put_filter(b, i, i < n ? &v[i] : &none);
	feed = settings_feeds(st, &n);
	buf_puts(b, "</table>\n<h2>Yellow pages</h2>\n<table>\n");
	for (size_t i = 0; i <= n; i++) {
		buf_puts(b, "<tr><td>");
		put_input(b, "text", "channel_feed_url", i < n ? feed[i].url : "");
		buf_puts(b, "</td></tr>\n");
	}
}

enum status admin_form(struct node *n, const struct request *rq, struct response *rs)
{
	const struct settings *st = conf_get(n->conf);
	const char *lang = page_path_language(rq->path);
	struct buf form, *b = &form;
	enum status err;

	buf_init(&form, FORM_MAX);
	buf_puts(b, "<table>\n");
	for (size_t i = 0; i < admin_fields_n; i++)
		put_field(b, st, &admin_fields[i], lang);
	put_actions(b);
	put_lists(b, st);
	buf_puts(b, "</table>\n");
	settings_unref(&st);
	page_put(n, rq, rs, "pages/settings.html", lang,
		(const struct template_value[]){ { "FORM", buf_cstr(b) }, { NULL, NULL } });
	err = b->err != ST_OK ? b->err : rs->body.err;
	buf_fini(&form);
	return err;
}

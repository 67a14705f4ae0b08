/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request of a stranger: request line, headers, empty line, form. It never gets in, and whatever it is
 * answered is well-formed and leads nowhere else. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/node/node.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/auth.h"
#include "http/login.h"
#include "http/password.h"
#include "http/session.h"

#define PASSWORD "nobody finds this one"

static struct node node;
static struct servent sv;

static void node_up(void)
{
	struct settings *draft = settings_new(false);
	struct conf *conf;

	ASSERT(draft != NULL && settings_set(draft, "password", PASSWORD, NULL) == ST_OK);
	ASSERT(settings_set(draft, "allowedHosts", "peca.example, other.example", NULL) == ST_OK);
	ASSERT(conf_of(&conf, draft) == ST_OK);
	ASSERT(node_init(&node, conf, chanmgr_new(), servmgr_new()) == ST_OK);
	log_set_level(LOG_OFF);
}

/* Every header line of an answer is one, and a Location is a path of ours. */
static void check_head(const struct response *rs)
{
	static const char location[] = "Location: ";
	struct buf head;
	char *at, *end;

	buf_init(&head, 1 << 20);
	response_head(rs, &head);
	ASSERT(head.err == ST_OK && rs->status >= 200);
	(void)buf_cstr(&head);
	for (at = (char *)head.p; (end = strstr(at, "\r\n")) != at; at = end + 2) {
		ASSERT(end != NULL);
		for (char *c = at; c < end; c++)
			ASSERT((uint8_t)*c >= 0x20 && *c != 0x7f);
		if (strncmp(at, location, sizeof(location) - 1) == 0)
			ASSERT(at[10] == '/' && at[11] != '/' && at[11] != '\\');
	}
	ASSERT(at + 2 == (char *)head.p + head.len);
	buf_fini(&head);
}

/* What was put into the login page opens no tag, and ends no attribute. */
static void check_page(struct response *rs)
{
	static const char before[] = "name=\"requested_path\" value=\"", after[] = "\">\n";
	const char *page = buf_cstr(&rs->body), *at = strstr(page, before), *end;

	if (at == NULL)
		return;
	at += sizeof(before) - 1;
	end = at + strcspn(at, "\"<>");
	/* '>' alone is harmless within an attribute */
	while (*end == '>')
		end += 1 + strcspn(end + 1, "\"<>");
	ASSERT(strncmp(end, after, sizeof(after) - 1) == 0);
}

static void answer(struct request *rq, const char *form)
{
	struct response rs;
	char path[256];
	enum auth why;
	size_t i;

	why = auth_admin(&node, &sv, rq, form);
	ASSERT(why != AUTH_OK);
	for (i = 0; i < 3; i++) {
		response_init(&rs, 1 << 16);
		if (i == 0)
			login_refuse(&node, rq, form, why, &rs);
		else if (i == 1)
			login_serve(&node, &sv, rq, form, &rs);
		else
			logout_serve(&node, &sv, rq, &rs);
		check_head(&rs);
		check_page(&rs);
		response_fini(&rs);
	}
	for (i = 0; i < 16; i++)
		(void)auth_cross_site(rq, (int)i);
	if (auth_referer_path(rq, path, sizeof(path)) != NULL)
		ASSERT(path[0] == '/' && path[1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint32_t count;
	char *text = malloc(size + 1), *head, *form;
	struct request rq;

	if (text == NULL)
		return 0;
	if (node.conf == NULL)
		node_up();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	(void)password_is_hash(text);
	(void)auth_host_is_valid(text);
	(void)auth_host_is_ours(text, "a.example,,b");
	/* another address each time: wrong passwords are counted */
	count++;
	sv.peer = host_v4(198, (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count, 1);

	head = strchr(text, '\n');
	if (head != NULL)
		*head++ = '\0';
	form = head != NULL ? strstr(head, "\n\n") : NULL;
	if (form != NULL)
		*form = '\0';
	request_init(&rq);
	if (request_line(&rq, text) == ST_OK &&
	    (head == NULL || request_headers(&rq, head, strlen(head)) == ST_OK))
		answer(&rq, form != NULL ? form + 2 : "");
	request_fini(&rq);
	free(text);
	return 0;
}

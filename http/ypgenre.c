/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/ypgenre.h"

#include <string.h>

#include "core/sys/text.h"

/* The namespace at the front, its colon included; 0 = there is none. One too long to be asked for is
 * none either, or nobody could see the channel. */
static size_t namespace_of(struct ypgenre *g, const char *text)
{
	size_t n = 0;

	while (ascii_isalnum((uint8_t)text[n]))
		n++;
	if (text[n] != ':' || n >= sizeof(g->ns))
		return 0;
	memcpy(g->ns, text, n);
	g->ns[n] = '\0';
	return n + 1;
}

void ypgenre_parse(struct ypgenre *g, const char *prefix, const char *text)
{
	const size_t n = strlen(prefix);

	*g = (struct ypgenre){ .genre = text };
	g->listed = strncmp(text, prefix, n) == 0;
	if (!g->listed)
		return;
	text += n;
	if (n > 0)
		text += namespace_of(g, text);
	for (; *text == '?' || *text == '@'; text++) {
		if (*text == '?')
			g->hidden = true;
		else if (g->limit < YP_FAST)
			g->limit++;
	}
	g->genre = text;
}

const char *yplimit_label(enum yplimit l)
{
	static const char *const labels[] = {
		[YP_FREE] = NULL, [YP_OPEN] = "Open", [YP_OVER] = "Over", [YP_FAST] = "2M Over",
	};

	return labels[l];
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xml/yp4g.h"

#include "xml/xmlout.h"

static void text(struct buf *out, const char *before, const char *value)
{
	buf_puts(out, before);
	xmlout_escape(out, value);
}

void yp4g_emit(const struct yp4g *y, struct buf *out)
{
	const bool over = y->speed_kbps >= y->fast_kbps;

	buf_puts(out, "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<yp4g>\n");
	text(out, "\t<yp name=\"", y->name);
	text(out, "\" />\n\t<host ip=\"", y->ip);
	buf_printf(out, "\" port_open=\"%d\" speed=\"%u\" over=\"%d\" />\n", y->port_open,
		over ? y->fast_kbps : y->speed_kbps, over);
	buf_printf(out, "\t<uptest checkable=\"%d\" remain=\"%u\" />\n", y->checkable && !over,
		y->remain_s);
	text(out, "\t<uptest_srv addr=\"", y->addr);
	buf_printf(out, "\" port=\"%u\"", y->port);
	text(out, " object=\"", y->object);
	buf_printf(out, "\" post_size=\"%u\" limit=\"%u\" interval=\"%u\" enabled=\"%d\" />\n",
		y->post_size, y->limit_kbps, y->interval_s, y->enabled);
	buf_puts(out, "</yp4g>\n");
}

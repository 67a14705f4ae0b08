/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/promtext.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *prom_accept(const char *accept, bool *open)
{
	*open = accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
	return *open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	             : "text/plain; version=0.0.4; charset=utf-8";
}

void prom_family(struct prom *p, enum prom_type type, const char *name, const char *help)
{
	/* OpenMetrics names the family without the suffix of its samples */
	const char *suffix = type == PROM_COUNTER && !p->open ? "_total" : "";

	p->name = name;
	p->type = type;
	buf_printf(p->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
		type == PROM_COUNTER ? "counter" : "gauge");
}

static void put_value(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			buf_puts(out, "\\n");
		else if (*text == '\\' || *text == '"')
			buf_printf(out, "\\%c", *text);
		else
			buf_u8(out, (uint8_t)*text);
	}
}

static void put_number(struct buf *out, double v)
{
	/* whole numbers as such, up to where a double has no fractions any more */
	if (fabs(v) < 9007199254740992.0 && v - (double)(int64_t)v == 0.0)
		buf_printf(out, " %lld\n", (long long)v);
	else
		buf_printf(out, " %.15g\n", v);
}

void prom_put(struct prom *p, double v, ...)
{
	char before = '{';
	const char *k;
	va_list ap;

	buf_puts(p->out, p->name);
	if (p->type == PROM_COUNTER)
		buf_puts(p->out, "_total");
	va_start(ap, v);
	while ((k = va_arg(ap, const char *)) != NULL) {
		buf_printf(p->out, "%c%s=\"", before, k);
		put_value(p->out, va_arg(ap, const char *));
		buf_u8(p->out, '"');
		before = ',';
	}
	va_end(ap);
	if (before == ',')
		buf_u8(p->out, '}');
	put_number(p->out, v);
}

void prom_one(struct prom *p, enum prom_type type, const char *name, const char *help, double v)
{
	prom_family(p, type, name, help);
	prom_put(p, v, NULL);
}

void prom_end(struct prom *p)
{
	if (p->open)
		buf_puts(p->out, "# EOF\n");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics as text: the Prometheus format 0.0.4, or OpenMetrics 1.0 for those who ask for it.
 *
 * Samples of a family follow its head at once. Names are ours and need no check; label values are
 * escaped. Faults are those of the buffer.
 */
#ifndef HTTP_PROMTEXT_H
#define HTTP_PROMTEXT_H

#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"

enum prom_type { PROM_GAUGE, PROM_COUNTER };

struct prom {
	struct buf *out;
	bool open;                      /* OpenMetrics */
	const char *name;               /* of the family */
	enum prom_type type;
};

/* Does this Accept header (NULL = none) ask for OpenMetrics? Then *open. Returns the Content-Type. */
const char *prom_accept(const char *accept, bool *open);

/* Begin a family. name without "_total", which counters get here; help: one line. */
void prom_family(struct prom *p, enum prom_type type, const char *name, const char *help);
/* A sample of it, with labels: names and values by turns, up to a NULL. */
void prom_put(struct prom *p, double v, ...) SENTINEL;
/* A family of one sample without labels. */
void prom_one(struct prom *p, enum prom_type type, const char *name, const char *help, double v);
/* The end of the document. */
void prom_end(struct prom *p);

#endif

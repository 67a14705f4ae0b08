/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Immutable, counted bytes: one copy for any number of mailboxes or requests. */
#ifndef CORE_SYS_BLOB_H
#define CORE_SYS_BLOB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/cc.h"

struct blob {
	_Atomic uint32_t refs;  /* relaxed up, acq_rel down: the last one frees */
	uint32_t len;
	uint8_t data[];
};

/* A copy of n bytes with one reference; NULL when out of memory. */
struct blob *blob_new(const void *p, size_t n) NODISCARD;
struct blob *blob_ref(struct blob *b);
/* Drops the reference and nulls *b; *b may be NULL. */
void blob_unref(struct blob **b);

#endif

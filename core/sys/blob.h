/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Immutable, counted bytes: one copy for any number of mailboxes. */
#ifndef CORE_SYS_BLOB_H
#define CORE_SYS_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sys/bytes.h"
#include "core/sys/cc.h"

struct blob {
	_Atomic uint32_t refs;  /* relaxed up, acq_rel down: the last one frees */
	uint32_t len;
	/* How it waits in a mailbox (core/sys/mailq.h); set, if at all, before it is shared. */
	uint64_t key;           /* what it is about; 0 = nothing that a newer one could replace */
	uint32_t lane;          /* whose it is; 0 = the node's own */
	bool urgent;            /* stands in a line apart */
	uint8_t data[];
};

/* A copy of n bytes with one reference: the node's own, for no mailbox in particular. NULL when out of
 * memory. */
struct blob *blob_new(const void *p, size_t n) NODISCARD;
/* The same without the copy: what is appended between the two, at most max bytes, is the blob's. blob_end()
 * frees b; NULL when something did not fit, or out of memory. Nobody may reset or replace b meanwhile. */
void blob_begin(struct buf *b, size_t max);
struct blob *blob_end(struct buf *b) NODISCARD;
struct blob *blob_ref(struct blob *b);
/* Drops the reference and nulls *b; *b may be NULL. */
void blob_unref(struct blob **b);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random bytes from the kernel. */
#ifndef CORE_SYS_RNG_H
#define CORE_SYS_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Fill n bytes; aborts when the kernel cannot (it always can after boot). */
void rng_bytes(void *p, size_t n);
/* A number below n (n > 0), unbiased. */
uint32_t rng_below(uint32_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/heap.h"

#include <malloc.h>
#include <stddef.h>

#define LARGE (128 * 1024)              /* bytes; glibc's own figure, before it grows by itself */
#define SPARE ((size_t)4 << 20)         /* bytes that are not worth the trouble */

void heap_init(void)
{
#ifdef M_ARENA_MAX
	/* two cores or four: an arena for each would only cost memory */
	(void)mallopt(M_ARENA_MAX, 2);
#endif
#ifdef M_MMAP_THRESHOLD
	/* what is large goes back when it is freed: glibc would soon keep it, and in pieces */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
bool heap_trim(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.fordblks > SPARE && m.fordblks > m.uordblks && malloc_trim(0) == 1;
}
#else
bool heap_trim(void)
{
	return false;
}
#endif

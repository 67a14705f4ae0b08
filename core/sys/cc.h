/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiler support: attributes, clang's thread-safety annotations, checked sums.
 *
 * gcc sees the thread-safety macros as nothing; clang checks them under -Wthread-safety
 * -Wthread-safety-beta. This header is the only place that names a compiler extension.
 */
#ifndef CORE_SYS_CC_H
#define CORE_SYS_CC_H

#include <stdbool.h>
#include <stddef.h>

#define NODISCARD           __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)   __attribute__((format(printf, f, a)))
#define NORETURN            __attribute__((noreturn))
#define SENTINEL            __attribute__((sentinel))
#define NOINLINE            __attribute__((noinline))
#define UNUSED              __attribute__((unused))
#define PACKED              __attribute__((packed))

/* 1 when a sanitizer is built in: it needs more of the system than we do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define NELEM(a)            (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)           ((a) < (b) ? (a) : (b))
#define MAX(a, b)           ((a) > (b) ? (a) : (b))

/* The object of type t whose member m is at p. */
#define CONTAINER_OF(p, t, m) ((t *)(void *)((char *)(p) - offsetof(t, m)))

#if defined(__clang__)
#define TS_ATTR(x) __attribute__((x))
#else
#define TS_ATTR(x)
#endif

#define CAPABILITY(name)    TS_ATTR(capability(name))
#define GUARDED_BY(l)       TS_ATTR(guarded_by(l))
#define PT_GUARDED_BY(l)    TS_ATTR(pt_guarded_by(l))
#define AFTER(...)          TS_ATTR(acquired_after(__VA_ARGS__))
#define REQUIRES(...)       TS_ATTR(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)       TS_ATTR(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...)       TS_ATTR(acquire_capability(__VA_ARGS__))
#define RELEASES(...)       TS_ATTR(release_capability(__VA_ARGS__))
/* Bodies of the lock wrappers alone; any other use carries its reason beside it. */
#define LOCK_IMPL           TS_ATTR(no_thread_safety_analysis)

/* *sum = a + b, *prod = a * b; true when the result does not fit. */
static inline bool NODISCARD ckd_add_size(size_t *sum, size_t a, size_t b)
{
	return __builtin_add_overflow(a, b, sum);
}

static inline bool NODISCARD ckd_mul_size(size_t *prod, size_t a, size_t b)
{
	return __builtin_mul_overflow(a, b, prod);
}

#endif

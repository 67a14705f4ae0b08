/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sys/cc.h"

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

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

static bool limit(unsigned int what, rlim_t n)
{
	const struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	return setrlimit(what, &r) == 0;
}

#ifdef ARCH
#define PASS(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* Only with this first argument, of which the kernel takes the low half (we are little-endian). */
#define PASS_WITH(nr, arg) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4), \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (arg), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Everything else fails with EPERM; what another kind of processor calls ends the process. */
static bool filter_calls(void)
{
	const uint32_t self = (uint32_t)getpid();
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		PASS(__NR_read), PASS(__NR_write), PASS(__NR_recvfrom), PASS(__NR_sendto), PASS(__NR_close),
		PASS(__NR_mmap), PASS(__NR_munmap), PASS(__NR_mremap), PASS(__NR_mprotect),
		PASS(__NR_madvise), PASS(__NR_brk), PASS(__NR_futex), PASS(__NR_rt_sigreturn),
		PASS(__NR_rt_sigprocmask),
		PASS(__NR_clock_gettime), PASS(__NR_gettimeofday), PASS(__NR_getrandom), PASS(__NR_getrusage),
		PASS_WITH(__NR_prlimit64, 0), PASS(__NR_getpid), PASS(__NR_gettid),
		PASS_WITH(__NR_tgkill, self),
		PASS(__NR_restart_syscall), PASS(__NR_exit), PASS(__NR_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog prog = { .len = NELEM(f), .filter = f };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}
#else
static bool filter_calls(void)
{
	return true;
}
#endif

bool sandbox_enter(size_t memory)
{
	bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;

	ok = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && ok;
	ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ok;
	if (SANITIZED)
		return ok;
	ok = limit(RLIMIT_NOFILE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_AS, memory) && ok;
	return prctl(PR_SET_DUMPABLE, 0) == 0 && filter_calls() && ok;
}

void sandbox_allow_cpu(unsigned seconds)
{
	struct rusage used;
	struct rlimit r;

	if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &r) != 0)
		return;
	r.rlim_cur = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + seconds;
	(void)setrlimit(RLIMIT_CPU, &r);
}

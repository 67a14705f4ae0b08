/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/cc.h"

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
/* SPEC_ALLOW: the kernel's defence against guessed reads of our own memory would slow down every call. */
static bool filter_with(const struct sock_filter *f, size_t n)
{
	const struct sock_fprog prog = {
		.len = (unsigned short)n, .filter = (struct sock_filter *)(uintptr_t)f,
	};

	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) == 0;
}

/* What another kind of processor calls ends the process. */
#define HEAD \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)), \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
/* The low half of an argument: we are little-endian. */
#define ARGUMENT(i) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * (i))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define FAIL(e)      RETURN(SECCOMP_RET_ERRNO | (e))
#define IS(nr, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, (skip))
#define PASS(nr) \
	IS(nr, 1), RETURN(SECCOMP_RET_ALLOW)
/* Only with this first argument. */
#define PASS_WITH(nr, arg) \
	IS(nr, 4), ARGUMENT(0), IS(arg, 1), RETURN(SECCOMP_RET_ALLOW), FAIL(EPERM)

/* Everything else fails with EPERM. */
static bool filter_calls(void)
{
	const uint32_t self = (uint32_t)getpid();
	const struct sock_filter f[] = {
		HEAD,
		PASS(__NR_read), PASS(__NR_write), PASS(__NR_recvfrom), PASS(__NR_sendto), PASS(__NR_close),
		PASS(__NR_mmap), PASS(__NR_munmap), PASS(__NR_mremap), PASS(__NR_mprotect),
		PASS(__NR_madvise), PASS(__NR_brk), PASS(__NR_futex), PASS(__NR_rt_sigreturn),
		PASS(__NR_rt_sigprocmask),
		PASS(__NR_clock_gettime), PASS(__NR_gettimeofday), PASS(__NR_getrandom), PASS(__NR_getrusage),
		PASS_WITH(__NR_prlimit64, 0), PASS(__NR_getpid), PASS(__NR_gettid),
		PASS_WITH(__NR_tgkill, self),
		PASS(__NR_restart_syscall), PASS(__NR_exit), PASS(__NR_exit_group),
		FAIL(EPERM),
	};

	return filter_with(f, NELEM(f));
}

/* What a streaming node never calls. Some are not on every processor, some newer than the headers. */
static const unsigned never[] = {
	/* other processes */
	__NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise, __NR_kcmp,
	__NR_pidfd_getfd,
	/* file systems and namespaces */
	__NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_move_mount, __NR_open_tree, __NR_fsopen,
	__NR_fsconfig, __NR_fsmount, __NR_fspick, __NR_mount_setattr, __NR_swapon, __NR_swapoff, __NR_unshare,
	__NR_setns, __NR_quotactl, __NR_quotactl_fd, __NR_acct, __NR_open_by_handle_at,
	__NR_name_to_handle_at, __NR_fanotify_init, __NR_fanotify_mark,
	/* the kernel and the machine */
	__NR_kexec_load, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_reboot, __NR_bpf,
	__NR_perf_event_open, __NR_userfaultfd, __NR_syslog, __NR_personality, __NR_sethostname,
	__NR_setdomainname, __NR_settimeofday, __NR_clock_settime, __NR_clock_adjtime, __NR_adjtimex,
	__NR_vhangup, __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_migrate_pages,
	__NR_move_pages, __NR_mbind, __NR_set_mempolicy, __NR_remap_file_pages,
	/* keys, shared memory */
	__NR_add_key, __NR_request_key, __NR_keyctl, __NR_shmget, __NR_shmat,
	/* to be somebody else; the owner of a file by its name, for which Landlock has no rule */
	__NR_setuid, __NR_setgid, __NR_setreuid, __NR_setregid, __NR_setresuid, __NR_setresgid,
	__NR_setgroups, __NR_setfsuid, __NR_setfsgid, __NR_capset, __NR_fchownat, __NR_mknodat,
	__NR_setxattr, __NR_lsetxattr, __NR_fsetxattr, __NR_removexattr, __NR_lremovexattr,
	__NR_fremovexattr,
#ifdef __NR_kexec_file_load
	__NR_kexec_file_load,
#endif
#ifdef __NR_memfd_secret
	__NR_memfd_secret,
#endif
#ifdef __NR_lookup_dcookie
	__NR_lookup_dcookie,
#endif
#ifdef __x86_64__
	__NR_iopl, __NR_ioperm, __NR_modify_ldt, __NR_uselib, __NR_ustat, __NR_sysfs, __NR_chown, __NR_lchown,
	__NR_mknod,
#endif
};

/* What ordinary commands call: programs without a file, mode and times of one by its name, for which Landlock
 * has no rule. */
static const unsigned no_commands[] = {
	__NR_memfd_create, __NR_execveat, __NR_fchmodat, __NR_utimensat,
#ifdef __NR_fchmodat2
	__NR_fchmodat2,
#else
	452,
#endif
#ifdef __x86_64__
	__NR_chmod, __NR_utime, __NR_utimes, __NR_futimesat,
#endif
};

#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)

static const unsigned networks[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

/* To type into the terminal we were started from. */
static const unsigned typing[] = { TIOCSTI, TIOCLINUX };

struct calls {
	struct sock_filter f[320];
	size_t n;
};

static void put(struct calls *c, struct sock_filter one)
{
	ASSERT(c->n < NELEM(c->f));
	c->f[c->n++] = one;
}

#define PUT(c, ...) put((c), (struct sock_filter)__VA_ARGS__)

static void fail(struct calls *c, unsigned nr, unsigned error)
{
	PUT(c, IS(nr, 1));
	PUT(c, FAIL(error));
}

/* When of the bits `mask` of argument i all of `bits` are set, or, with any, one of them. */
static void fail_bits(struct calls *c, unsigned nr, unsigned i, unsigned bits, bool any)
{
	PUT(c, IS(nr, any ? 4 : 5));
	PUT(c, ARGUMENT(i));
	if (any) {
		PUT(c, BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
	} else {
		PUT(c, BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits));
		PUT(c, IS(bits, 1));
	}
	PUT(c, FAIL(EPERM));
	PUT(c, RETURN(SECCOMP_RET_ALLOW));
}

/* Argument i is one of these, or, with `in` false, none of them. */
static void one_of(struct calls *c, unsigned nr, unsigned i, const unsigned *v, size_t n, bool in,
	unsigned error)
{
	PUT(c, IS(nr, (uint8_t)(2 * n + 2)));
	PUT(c, ARGUMENT(i));
	for (size_t k = 0; k < n; k++) {
		PUT(c, IS(v[k], 1));
		PUT(c, RETURN(in ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | error));
	}
	PUT(c, RETURN(in ? SECCOMP_RET_ERRNO | error : SECCOMP_RET_ALLOW));
}

bool sandbox_calls(bool commands)
{
	static const struct sock_filter head[] = { HEAD };
	struct calls c = { .n = 0 };

	for (size_t i = 0; i < NELEM(head); i++)
		put(&c, head[i]);
#ifdef __x86_64__
	/* x32: other numbers for the same calls */
	PUT(&c, BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
	PUT(&c, FAIL(ENOSYS));
#endif
	for (size_t i = 0; i < NELEM(never); i++)
		fail(&c, never[i], EPERM);
	for (size_t i = 0; i < NELEM(no_commands) && !commands; i++)
		fail(&c, no_commands[i], EPERM);
	/* its flags are in memory, where a filter does not see them; glibc does without it */
	fail(&c, __NR_clone3, ENOSYS);
	fail_bits(&c, __NR_clone, 0, NAMESPACES, true);
	if (!commands) {
		/* memory is for data or for code; compilers at run time (node, java) want both */
		fail_bits(&c, __NR_mmap, 2, PROT_WRITE | PROT_EXEC, false);
		fail_bits(&c, __NR_mprotect, 2, PROT_EXEC, true);
		fail_bits(&c, __NR_pkey_mprotect, 2, PROT_EXEC, true);
	}
	one_of(&c, __NR_socket, 0, networks, NELEM(networks), true, EAFNOSUPPORT);
	one_of(&c, __NR_ioctl, 1, typing, NELEM(typing), false, EPERM);
	PUT(&c, RETURN(SECCOMP_RET_ALLOW));
	return filter_with(c.f, c.n);
}
#else
static bool filter_calls(void)
{
	return true;
}

bool sandbox_calls(bool commands)
{
	(void)commands;
	errno = ENOSYS;
	return false;
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node in a world that fails: linked in the place of library calls, it lets those fail that a test names.
 * Test and node share the file named by PEERCAST_FAULT; without it all is well. The layout of struct control
 * is also in test/box/fault.py. */
/* wrap: malloc calloc realloc reallocarray strdup strndup */
/* wrap: pthread_create socket eventfd epoll_create1 accept4 connect open mkostemp write fsync ftruncate rename */
/* wrap: recv sendmsg send poll clock_gettime pipe2 posix_spawn posix_spawnp */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libxml/xmlmemory.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum kind { MEMORY, THREAD, SOCKET, ACCEPT, CONNECT, RECV, SEND, POLL, WRITE, SYNC, RENAME, OPEN, SPAWN,
	STALL };

struct control {
	_Atomic uint32_t kinds;         /* bit 1 << kind: these fail */
	_Atomic int32_t err;            /* with this errno; 0: half of it is done, or the peer is gone */
	_Atomic int64_t skip;           /* calls that still go well */
	_Atomic int64_t left;           /* and then so many fail */
	_Atomic int64_t hits;           /* have failed */
	_Atomic int64_t wall_s;         /* the wall clock is wrong by that */
};

static struct control *control;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("PEERCAST_FAULT");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd == -1)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

/* Relaxed throughout: which of two threads' calls fails is all one. */
static bool fails(enum kind k)
{
	if (control == NULL ||
	    !(atomic_load_explicit(&control->kinds, memory_order_relaxed) & 1u << k))
		return false;
	if (atomic_fetch_sub_explicit(&control->skip, 1, memory_order_relaxed) > 0 ||
	    atomic_fetch_sub_explicit(&control->left, 1, memory_order_relaxed) <= 0)
		return false;
	(void)atomic_fetch_add_explicit(&control->hits, 1, memory_order_relaxed);
	errno = atomic_load_explicit(&control->err, memory_order_relaxed);
	return true;
}

/* The call and its real one, which the linker names. */
#define WRAP(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* --- memory ------------------------------------------------------------------------------------ */

static bool no_memory(void)
{
	const int e = errno;

	if (!fails(MEMORY)) {
		errno = e;
		return false;
	}
	errno = ENOMEM;
	return true;
}

WRAP(void *, malloc, size_t n)
{
	return no_memory() ? NULL : __real_malloc(n);
}

WRAP(void *, calloc, size_t n, size_t size)
{
	return no_memory() ? NULL : __real_calloc(n, size);
}

WRAP(void *, realloc, void *p, size_t n)
{
	return no_memory() ? NULL : __real_realloc(p, n);
}

WRAP(void *, reallocarray, void *p, size_t n, size_t size)
{
	return no_memory() ? NULL : __real_reallocarray(p, n, size);
}

WRAP(char *, strdup, const char *s)
{
	return no_memory() ? NULL : __real_strdup(s);
}

WRAP(char *, strndup, const char *s, size_t n)
{
	return no_memory() ? NULL : __real_strndup(s, n);
}

/* The libraries' own memory too. */
__attribute__((constructor)) static void starve_libraries(void)
{
	(void)xmlMemSetup(free, __wrap_malloc, __wrap_realloc, __wrap_strdup);
	json_set_alloc_funcs(__wrap_malloc, free);
}

/* libxml2 2.9 forgets an element's name when it cannot note it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xmlTextWriterStartElement\n";
}

/* --- threads and files ------------------------------------------------------------------------- */

WRAP(int, pthread_create, pthread_t *id, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	return fails(THREAD) ? EAGAIN : __real_pthread_create(id, a, fn, arg);
}

WRAP(int, socket, int family, int type, int protocol)
{
	return fails(SOCKET) ? -1 : __real_socket(family, type, protocol);
}

WRAP(int, eventfd, unsigned n, int flags)
{
	return fails(SOCKET) ? -1 : __real_eventfd(n, flags);
}

WRAP(int, epoll_create1, int flags)
{
	return fails(SOCKET) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, accept4, int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return fails(ACCEPT) ? -1 : __real_accept4(fd, sa, len, flags);
}

WRAP(int, connect, int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails(CONNECT) ? -1 : __real_connect(fd, sa, len);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
	return fails(OPEN) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, mkostemp, char *template, int flags)
{
	return fails(OPEN) ? -1 : __real_mkostemp(template, flags);
}

int __real_poll(struct pollfd *pf, nfds_t n, int ms);

/* A disk that does not get on: what writes to a file waits until the test has done. */
static void stall(int fd)
{
	const int e = errno;
	struct stat sb;

	while (control != NULL && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && fails(STALL))
		(void)__real_poll(NULL, 0, 5);
	errno = e;
}

WRAP(ssize_t, write, int fd, const void *p, size_t n)
{
	stall(fd);
	if (!fails(WRITE))
		return __real_write(fd, p, n);
	return errno != 0 ? -1 : __real_write(fd, p, (n + 1) / 2);
}

WRAP(int, fsync, int fd)
{
	return fails(SYNC) ? -1 : __real_fsync(fd);
}

WRAP(int, ftruncate, int fd, off_t n)
{
	return fails(SYNC) ? -1 : __real_ftruncate(fd, n);
}

WRAP(int, rename, const char *from, const char *to)
{
	return fails(RENAME) ? -1 : __real_rename(from, to);
}

WRAP(int, pipe2, int fd[2], int flags)
{
	return fails(SPAWN) ? -1 : __real_pipe2(fd, flags);
}

WRAP(int, posix_spawn, pid_t *pid, const char *path, const posix_spawn_file_actions_t *fa,
	const posix_spawnattr_t *at, char *const argv[], char *const env[])
{
	return fails(SPAWN) ? errno : __real_posix_spawn(pid, path, fa, at, argv, env);
}

WRAP(int, posix_spawnp, pid_t *pid, const char *path, const posix_spawn_file_actions_t *fa,
	const posix_spawnattr_t *at, char *const argv[], char *const env[])
{
	return fails(SPAWN) ? errno : __real_posix_spawnp(pid, path, fa, at, argv, env);
}

/* --- the network ------------------------------------------------------------------------------- */

WRAP(ssize_t, recv, int fd, void *p, size_t n, int flags)
{
	if (!fails(RECV))
		return __real_recv(fd, p, n, flags);
	return errno != 0 ? -1 : 0;
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *m, int flags)
{
	struct iovec one;
	struct msghdr half;

	if (m->msg_iovlen == 0 || !fails(SEND))
		return __real_sendmsg(fd, m, flags);
	if (errno != 0)
		return -1;
	one = (struct iovec){ m->msg_iov[0].iov_base, (m->msg_iov[0].iov_len + 1) / 2 };
	half = (struct msghdr){ .msg_iov = &one, .msg_iovlen = 1 };
	return __real_sendmsg(fd, &half, flags);
}

WRAP(ssize_t, send, int fd, const void *p, size_t n, int flags)
{
	if (!fails(SEND))
		return __real_send(fd, p, n, flags);
	return errno != 0 ? -1 : __real_send(fd, p, (n + 1) / 2, flags);
}

WRAP(int, poll, struct pollfd *pf, nfds_t n, int ms)
{
	if (!fails(POLL))
		return __real_poll(pf, n, ms);
	if (errno == 0)
		errno = EINTR;
	return -1;
}

/* --- the clock --------------------------------------------------------------------------------- */

WRAP(int, clock_gettime, clockid_t id, struct timespec *ts)
{
	const int rc = __real_clock_gettime(id, ts);

	if (rc == 0 && id == CLOCK_REALTIME && control != NULL)
		ts->tv_sec += atomic_load_explicit(&control->wall_s, memory_order_relaxed);
	return rc;
}

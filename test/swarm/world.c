/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap: clock_gettime poll recv send sendmsg socket connect setsockopt getsockopt fcntl close shutdown */
/* wrap: eventfd eventfd_read eventfd_write thr_start thr_rename rng_bytes rng_below ready_park ready_leave */
#include "test/swarm/world.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "core/sys/thr.h"

#define FD_FIRST  (1 << 24)             /* below are real ones */
#define STACK     THR_STACK             /* of a fiber, as of a thread; only touched pages cost memory */
#define STACKS    64                    /* mapped at a time */
#define CANARY    UINT64_C(0x5ca1ab1e0ddba11)
#define POLL_MAX  4
#define WALL_S    1700000000            /* the wall clock when the world begins */

struct readyd;
struct ready;

/* The originals, and what stands in for them. */
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __real_fcntl(int fd, int cmd, ...);
int __real_close(int fd);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_poll(struct pollfd *pf, nfds_t n, int ms);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
/* Bytes that what is sent stands for. */
static size_t on_the_wire(const struct msghdr *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++) {
		const struct iovec *v = &m->msg_iov[i];

		n += v->iov_len >= WORLD_LONG && memcmp(v->iov_base, "chan", 4) == 0 ? WORLD_PACKET : v->iov_len;
	}
	return n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_close(int fd);
int __wrap_shutdown(int fd, int how);
int __wrap_eventfd(unsigned v, int flags);
int __wrap_eventfd_read(int fd, eventfd_t *v);
int __wrap_eventfd_write(int fd, eventfd_t v);
enum status __wrap_thr_start(struct thr *t, const char *name, void (*fn)(void *), void *arg);
void __wrap_thr_rename(const char *name);
void __wrap_rng_bytes(void *p, size_t n);
uint32_t __wrap_rng_below(uint32_t n);
bool __wrap_ready_park(struct readyd *d, struct ready *r);
void __wrap_ready_leave(struct readyd *d, struct ready *r);

struct event {
	nsec at;
	uint64_t seq;                   /* first come, first served within a moment */
	void (*fn)(void *ctx, uint64_t n);
	void *ctx;
	uint64_t n;
};

struct fiber {
	ucontext_t at;
	uint8_t *stack;
	void (*fn)(void *);
	void *arg;
	struct machine *m;
	struct fiber *prev, *next;      /* of its machine */
	struct fiber *free;
	uint64_t sleeps;                /* times it has waited: tells a late event from its own */
	bool sleeping, woken, over;
};

/* Bytes under way to, or unread at, a socket. */
struct seg {
	struct seg *next;
	int fd;                         /* whose */
	uint32_t gen;
	size_t n, off;                  /* 0 bytes: the end */
	uint8_t bytes[];
};

enum kind { FREE, EVENT, SOCKET };
enum state { FRESH, CONNECTING, OPEN, FAILED };

struct vfd {
	enum kind kind;
	uint32_t gen;                   /* of the number */
	struct machine *m;
	struct fiber *waiter;
	uint64_t count;                 /* EVENT */

	enum state state;
	int peer;                       /* -1 = none */
	uint32_t peer_gen;
	int err;
	bool eof, no_read, no_write;
	struct seg *first, *last;       /* arrived */
	size_t unread;                  /* arrived, or under way */
	nsec arrival;                   /* of the last one */
	int idle_s, interval_s, probes; /* keepalive */
	int next_free;
};

static struct {
	nsec now;
	uint64_t seq;
	struct event *heap;
	size_t n_heap, cap_heap;
	struct vfd *fds;
	int n_fds, cap_fds, free_fds;
	struct machine **machines;      /* by number */
	size_t cap_machines;
	struct machine *here;
	struct fiber *running;          /* NULL = an event */
	struct fiber *idle;
	ucontext_t loop;
	uint64_t chance;
	uint32_t latency_us;
	world_accept *accept;
	uint32_t trace;
	struct world_sums sums;
} w;

/* --- chance ------------------------------------------------------------------------------------- */

/* splitmix64: good enough for a model, and the same everywhere. */
static uint64_t draw(void)
{
	uint64_t z = (w.chance += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t world_chance(uint32_t n)
{
	ASSERT(n > 0);
	return (uint32_t)((draw() >> 32) * n >> 32);
}

uint32_t __wrap_rng_below(uint32_t n)
{
	return world_chance(n);
}

void __wrap_rng_bytes(void *p, size_t n)
{
	uint8_t *to = p;

	while (n > 0) {
		const uint64_t v = draw();
		const size_t k = MIN(n, sizeof(v));

		memcpy(to, &v, k);
		to += k;
		n -= k;
	}
}

/* --- time and events ---------------------------------------------------------------------------- */

nsec world_now(void)
{
	return w.now;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	ts->tv_sec = (time_t)(w.now / NSEC_PER_SEC) + (id == CLOCK_REALTIME ? WALL_S : 0);
	ts->tv_nsec = (long)(w.now % NSEC_PER_SEC);
	return 0;
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void *grow(void *p, size_t n)
{
	p = realloc(p, n);
	ASSERT(p != NULL);
	return p;
}

void world_at(nsec at, void (*fn)(void *ctx, uint64_t n), void *ctx, uint64_t n)
{
	const struct event e = { .at = MAX(at, w.now), .seq = w.seq++, .fn = fn, .ctx = ctx, .n = n };
	size_t i = w.n_heap++;

	if (w.n_heap > w.cap_heap) {
		w.cap_heap = MAX(2 * w.cap_heap, (size_t)1024);
		w.heap = grow(w.heap, w.cap_heap * sizeof(*w.heap));
	}
	for (; i > 0 && is_before(&e, &w.heap[(i - 1) / 2]); i = (i - 1) / 2)
		w.heap[i] = w.heap[(i - 1) / 2];
	w.heap[i] = e;
}

static struct event take_event(void)
{
	const struct event top = w.heap[0], e = w.heap[--w.n_heap];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < w.n_heap) {
		k += k + 1 < w.n_heap && is_before(&w.heap[k + 1], &w.heap[k]);
		if (!is_before(&w.heap[k], &e))
			break;
		w.heap[i] = w.heap[k];
		i = k;
	}
	w.heap[i] = e;
	return top;
}

void world_run(nsec until)
{
	ASSERT(w.running == NULL);
	while (w.n_heap > 0 && w.heap[0].at <= until) {
		const struct event e = take_event();

		w.now = e.at;
		w.here = NULL;
		w.sums.events++;
		e.fn(e.ctx, e.n);
	}
	w.now = until;
	w.here = NULL;
}

void world_sums(struct world_sums *s)
{
	*s = w.sums;
}

void world_trace(uint32_t number)
{
	w.trace = number;
}

void world_be(struct machine *m)
{
	w.here = m;
}

struct machine *world_here(void)
{
	return w.here;
}

/* --- fibers -------------------------------------------------------------------------------------- */

static void fiber_main(void)
{
	struct fiber *f = w.running;

	f->fn(f->arg);
	f->over = true;
	(void)swapcontext(&f->at, &w.loop);
}

static void forget_fiber(struct fiber *f)
{
	struct machine *m = f->m;

	ASSERT(m != NULL);
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		m->fibers = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	f->sleeps++;
	f->sleeping = false;
	f->m = NULL;
	f->free = w.idle;
	w.idle = f;
	w.sums.fibers--;
}

static nsec real_now(void)
{
	struct timespec ts;

	(void)__real_clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Go on with f until it waits or ends. */
static void resume(struct fiber *f)
{
	const nsec began = real_now();

	if (w.trace != 0)
		log_set_level(f->m->number == w.trace ? LOG_DEBUG : LOG_OFF);
	f->sleeping = f->woken = false;
	f->sleeps++;
	w.running = f;
	w.here = f->m;
	w.sums.switches++;
	ASSERT(swapcontext(&w.loop, &f->at) == 0);
	w.running = NULL;
	f->m->cpu_ns += (uint64_t)(real_now() - began);
	ASSERT(*(uint64_t *)(void *)f->stack == CANARY);        /* it has not left its stack */
	if (f->over)
		forget_fiber(f);
}

/* n: the sleep it is woken from. */
static void on_wake(void *ctx, uint64_t n)
{
	struct fiber *f = ctx;

	if (f->sleeping && f->sleeps == n)
		resume(f);
}

static void wake(struct fiber *f)
{
	if (f == NULL || !f->sleeping || f->woken)
		return;
	f->woken = true;
	world_at(w.now, on_wake, f, f->sleeps);
}

/* Wait to be woken, or until then. */
static void sleep_until(nsec at)
{
	struct fiber *f = w.running;

	ASSERT(f != NULL);              /* an event must not wait */
	f->sleeping = true;
	if (at != NSEC_NEVER)
		world_at(at, on_wake, f, f->sleeps);
	ASSERT(swapcontext(&f->at, &w.loop) == 0);
}

static void map_stacks(void)
{
	uint8_t *p = mmap(NULL, (size_t)STACKS * STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	ASSERT(p != MAP_FAILED);
	for (int i = 0; i < STACKS; i++) {
		struct fiber *f = calloc(1, sizeof(*f));

		ASSERT(f != NULL);
		f->stack = p + (size_t)i * STACK;
		f->free = w.idle;
		w.idle = f;
	}
}

/* Nobody ever goes back to here: makecontext() follows. */
static NOINLINE int begin_context(ucontext_t *at)
{
	return getcontext(at);
}

static void start_fiber(struct machine *m, void (*fn)(void *), void *arg)
{
	struct fiber *f;

	if (w.idle == NULL)
		map_stacks();
	f = w.idle;
	w.idle = f->free;
	f->fn = fn;
	f->arg = arg;
	f->m = m;
	f->over = false;
	f->prev = NULL;
	f->next = m->fibers;
	if (f->next != NULL)
		f->next->prev = f;
	m->fibers = f;
	*(uint64_t *)(void *)f->stack = CANARY;
	ASSERT(begin_context(&f->at) == 0);
	f->at.uc_stack.ss_sp = f->stack + 64;
	f->at.uc_stack.ss_size = STACK - 64;
	f->at.uc_link = NULL;
	makecontext(&f->at, fiber_main, 0);
	w.sums.fibers++;
	w.sums.fibers_peak = MAX(w.sums.fibers_peak, w.sums.fibers);
	f->sleeping = true;
	f->woken = false;
	wake(f);
}

enum status __wrap_thr_start(struct thr *t, const char *name, void (*fn)(void *), void *arg)
{
	ASSERT(t == NULL && w.here != NULL);    /* nobody here waits for a thread's end */
	start_fiber(w.here, fn, arg);
	return ST_OK;
}

void __wrap_thr_rename(const char *name)
{
}

/* There is no thread that reads for others: each waits for itself. */
bool __wrap_ready_park(struct readyd *d, struct ready *r)
{
	return false;
}

void __wrap_ready_leave(struct readyd *d, struct ready *r)
{
}

/* --- machines ------------------------------------------------------------------------------------ */

void world_init(uint64_t seed, uint32_t latency_us, world_accept *accept)
{
	w.now = 1000 * NSEC_PER_SEC;    /* 0 stands for "never" */
	w.chance = seed * UINT64_C(0xd1342543de82ef95) + 1;
	w.latency_us = latency_us;
	w.accept = accept;
	w.free_fds = -1;
}

void machine_init(struct machine *m, uint32_t number, uint32_t upload_kbps, bool shut)
{
	*m = (struct machine){ .number = number, .upload_kbps = upload_kbps, .shut = shut, .listens = true };
	m->x = world_chance(65536);
	m->y = world_chance(65536);
	if (number >= w.cap_machines) {
		const size_t cap = MAX(2 * w.cap_machines, (size_t)number + 1);

		w.machines = grow(w.machines, cap * sizeof(struct machine *));
		memset(w.machines + w.cap_machines, 0, (cap - w.cap_machines) * sizeof(struct machine *));
		w.cap_machines = cap;
	}
	w.machines[number] = m;
}

struct host machine_host(const struct machine *m, uint16_t port)
{
	return host_v4(20, (uint8_t)(m->number >> 16), (uint8_t)(m->number >> 8), (uint8_t)m->number, port);
}

struct machine *machine_at(const struct host *h)
{
	const uint8_t *p = h->ip + 12;
	const size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

	return host_is_v4(h) && p[0] == 20 && n < w.cap_machines ? w.machines[n] : NULL;
}

/* A third of the mean to get to the net and out of it, the rest by distance along the streets of a square,
 * which is 2/3 of its side between two places taken at random. */
nsec machine_latency(const struct machine *a, const struct machine *b)
{
	const uint64_t dx = a->x > b->x ? a->x - b->x : b->x - a->x;
	const uint64_t dy = a->y > b->y ? a->y - b->y : b->y - a->y;

	return (nsec)(w.latency_us * (uint64_t)1000 / 3 + w.latency_us * (dx + dy) * 1000 / 65536);
}

/* --- descriptors --------------------------------------------------------------------------------- */

static struct vfd *vfd_of(int fd)
{
	return fd >= FD_FIRST && fd - FD_FIRST < w.n_fds && w.fds[fd - FD_FIRST].kind != FREE ?
		&w.fds[fd - FD_FIRST] : NULL;
}

/* The one that had that number then; NULL = it is closed. */
static struct vfd *vfd_was(int fd, uint32_t gen)
{
	struct vfd *v = vfd_of(fd);

	return v != NULL && v->gen == gen ? v : NULL;
}

static int vfd_new(enum kind kind, struct machine *m)
{
	int i = w.free_fds;
	uint32_t gen;

	if (i != -1) {
		w.free_fds = w.fds[i].next_free;
	} else {
		if (w.n_fds == w.cap_fds) {
			w.cap_fds = MAX(2 * w.cap_fds, 1024);
			w.fds = grow(w.fds, (size_t)w.cap_fds * sizeof(*w.fds));
		}
		i = w.n_fds++;
		w.fds[i].gen = 0;
	}
	gen = w.fds[i].gen + 1;
	w.fds[i] = (struct vfd){ .kind = kind, .gen = gen, .m = m, .peer = -1, .idle_s = 7200, .interval_s = 75, .probes = 9 };
	return i + FD_FIRST;
}

static void drop_segs(struct vfd *v)
{
	while (v->first != NULL) {
		struct seg *s = v->first;

		v->first = s->next;
		free(s);
	}
}

static int vfd_free(int fd)
{
	struct vfd *v = vfd_of(fd);

	ASSERT(v != NULL);
	drop_segs(v);
	v->kind = FREE;
	v->next_free = w.free_fds;
	w.free_fds = fd - FD_FIRST;
	return 0;
}

int world_dummy(void)
{
	const int fd = vfd_new(SOCKET, w.here);

	vfd_of(fd)->state = OPEN;
	return fd;
}

static short ready_of(const struct vfd *v)
{
	const struct vfd *peer;
	short ev = 0;

	if (v->kind == EVENT)
		return v->count > 0 ? POLLIN : 0;
	if (v->err != 0 || v->state == FAILED)
		return POLLIN | POLLOUT | POLLERR;
	if (v->state == CONNECTING)
		return 0;
	if (v->first != NULL || v->eof || v->no_read)
		ev |= POLLIN;
	peer = v->peer != -1 ? vfd_was(v->peer, v->peer_gen) : NULL;
	if (peer == NULL || peer->unread < WORLD_WINDOW)
		ev |= POLLOUT;
	return ev;
}

static int look(struct pollfd *pf, nfds_t n)
{
	int ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		const struct vfd *v = pf[i].fd == -1 ? NULL : vfd_of(pf[i].fd);

		pf[i].revents = 0;
		if (pf[i].fd == -1)
			continue;
		if (v == NULL)
			pf[i].revents = POLLNVAL;
		else
			pf[i].revents = (short)(ready_of(v) & (pf[i].events | POLLERR | POLLHUP));
		ready += pf[i].revents != 0;
	}
	return ready;
}

static void listen_to(struct pollfd *pf, nfds_t n, struct fiber *f)
{
	for (nfds_t i = 0; i < n; i++) {
		struct vfd *v = pf[i].fd == -1 ? NULL : vfd_of(pf[i].fd);

		if (v != NULL)
			v->waiter = f;
	}
}

int __wrap_poll(struct pollfd *pf, nfds_t n, int ms)
{
	const nsec end = ms < 0 ? NSEC_NEVER : w.now + ms * NSEC_PER_MSEC;
	int ready = look(pf, n);

	ASSERT(n <= POLL_MAX);
	while (ready == 0 && w.now < end) {
		listen_to(pf, n, w.running);
		sleep_until(end);
		listen_to(pf, n, NULL);
		ready = look(pf, n);
	}
	return ready;
}

int __wrap_eventfd(unsigned v, int flags)
{
	const int fd = vfd_new(EVENT, w.here);

	vfd_of(fd)->count = v;
	return fd;
}

int __wrap_eventfd_read(int fd, eventfd_t *v)
{
	struct vfd *e = vfd_of(fd);

	*v = e->count;
	e->count = 0;
	if (*v > 0)
		return 0;
	errno = EAGAIN;
	return -1;
}

int __wrap_eventfd_write(int fd, eventfd_t v)
{
	struct vfd *e = vfd_of(fd);

	e->count += v;
	wake(e->waiter);
	return 0;
}

int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	if (fd >= FD_FIRST)
		return cmd == F_GETFL ? O_RDWR | O_NONBLOCK : 0;
	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return __real_fcntl(fd, cmd, arg);
}

int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	struct vfd *s = vfd_of(fd);

	ASSERT(s != NULL);
	if (level == IPPROTO_TCP && name == TCP_KEEPIDLE)
		memcpy(&s->idle_s, v, sizeof(int));
	else if (level == IPPROTO_TCP && name == TCP_KEEPINTVL)
		memcpy(&s->interval_s, v, sizeof(int));
	else if (level == IPPROTO_TCP && name == TCP_KEEPCNT)
		memcpy(&s->probes, v, sizeof(int));
	return 0;
}

/* How long until it notices that the machine at the other end has vanished. */
static nsec alarm_of(const struct vfd *v)
{
	return (nsec)(v->idle_s + v->probes * v->interval_s) * NSEC_PER_SEC;
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len)
{
	struct vfd *s = vfd_of(fd);

	ASSERT(level == SOL_SOCKET && name == SO_ERROR);
	memcpy(v, &s->err, sizeof(s->err));
	s->err = 0;
	return 0;
}

/* --- connections --------------------------------------------------------------------------------- */

static void break_off(struct vfd *v, int err)
{
	if (v->kind != SOCKET || v->state == FAILED)
		return;
	v->err = err;
	v->state = FAILED;
	wake(v->waiter);
}

/* The socket fd of that generation, for an event: both in one number. */
static uint64_t name_of(int fd, uint32_t gen)
{
	return (uint64_t)(uint32_t)fd << 32 | gen;
}

static struct vfd *vfd_named(uint64_t n)
{
	return vfd_was((int)(n >> 32), (uint32_t)n);
}

static void on_reset(void *ctx, uint64_t n)
{
	struct vfd *v = vfd_named(n);

	if (v != NULL && !v->m->mute)
		break_off(v, ECONNRESET);
}

static void on_mute(void *ctx, uint64_t n)
{
	struct vfd *v = vfd_named(n);

	if (v != NULL && !v->m->mute)
		break_off(v, ETIMEDOUT);
}

static void on_arrival(void *ctx, uint64_t n)
{
	struct seg *s = ctx;
	struct vfd *v = vfd_was(s->fd, s->gen);

	(void)n;
	if (v == NULL || v->m->mute || v->state == FAILED || v->no_read) {
		free(s);
		return;
	}
	v->m->received += s->n;
	if (s->n == 0) {
		v->eof = true;
		free(s);
	} else {
		s->next = NULL;
		if (v->first == NULL)
			v->first = s;
		else
			v->last->next = s;
		v->last = s;
	}
	wake(v->waiter);
}

static void post(struct vfd *v, struct seg *s, nsec busy)
{
	struct vfd *peer = vfd_was(v->peer, v->peer_gen);
	nsec at = w.now + busy;

	s->fd = v->peer;
	s->gen = v->peer_gen;
	if (peer != NULL) {
		at = MAX(at + machine_latency(v->m, peer->m), peer->arrival);
		peer->arrival = at;
		peer->unread += s->n;
	}
	world_at(at, on_arrival, s, 0);
}

static struct seg *seg_new(size_t n)
{
	struct seg *s = malloc(sizeof(*s) + n);

	ASSERT(s != NULL);
	*s = (struct seg){ .n = n };
	return s;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct vfd *v = vfd_of(fd), *peer;
	size_t total = 0, room, got = 0;
	nsec busy = 0;
	struct seg *s;

	ASSERT(v != NULL && v->kind == SOCKET);
	for (size_t i = 0; i < m->msg_iovlen; i++)
		total += m->msg_iov[i].iov_len;
	if (v->state != OPEN || v->no_write) {
		errno = EPIPE;
		return -1;
	}
	peer = v->peer != -1 ? vfd_was(v->peer, v->peer_gen) : NULL;
	w.sums.sends++;
	v->m->sent += total;
	if (peer == NULL) {
		/* closed there: it will say so */
		if (v->peer != -1)
			world_at(w.now + 2 * (nsec)w.latency_us * 1000, on_reset, NULL, name_of(fd, v->gen));
		return (ssize_t)total;
	}
	room = WORLD_WINDOW - MIN(peer->unread, (size_t)WORLD_WINDOW);
	if (room == 0) {
		errno = EAGAIN;
		return -1;
	}
	s = seg_new(MIN(total, room));
	for (size_t i = 0; i < m->msg_iovlen && got < s->n; i++) {
		const size_t k = MIN(m->msg_iov[i].iov_len, s->n - got);

		if (k > 0)
			memcpy(s->bytes + got, m->msg_iov[i].iov_base, k);
		got += k;
	}
	if (v->m->upload_kbps > 0) {
		v->m->uplink = MAX(v->m->uplink, w.now) +
			(nsec)on_the_wire(m) * 8 * NSEC_PER_MSEC / v->m->upload_kbps;
		busy = v->m->uplink - w.now;
	}
	post(v, s, busy);
	return (ssize_t)got;
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	const struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return __wrap_sendmsg(fd, &m, flags);
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
	struct vfd *v = vfd_of(fd), *peer;
	size_t got = 0;

	ASSERT(v != NULL && v->kind == SOCKET);
	if (flags & MSG_PEEK) {
		/* whether somebody begins like a PCP client: nobody's first bytes are here so soon */
		ASSERT(v->first == NULL);
		errno = EAGAIN;
		return -1;
	}
	while (got < n && v->first != NULL) {
		struct seg *s = v->first;
		const size_t k = MIN(n - got, s->n - s->off);

		memcpy((uint8_t *)p + got, s->bytes + s->off, k);
		got += k;
		s->off += k;
		if (s->off == s->n) {
			v->first = s->next;
			free(s);
		}
	}
	if (got > 0) {
		v->unread -= got;
		peer = v->peer != -1 ? vfd_was(v->peer, v->peer_gen) : NULL;
		if (peer != NULL && v->unread + got >= WORLD_WINDOW)
			wake(peer->waiter);
		return (ssize_t)got;
	}
	if (v->err != 0 || v->state == FAILED) {
		errno = v->err != 0 ? v->err : ECONNRESET;
		v->err = 0;
		return -1;
	}
	if (v->eof || v->no_read)
		return 0;
	errno = EAGAIN;
	return -1;
}

/* Say the end to the other side, once. */
static void say_end(struct vfd *v)
{
	if (v->state == OPEN && v->peer != -1 && !v->no_write)
		post(v, seg_new(0), 0);
	v->no_write = true;
}

int __wrap_shutdown(int fd, int how)
{
	struct vfd *v = vfd_of(fd);

	if (v == NULL || v->state != OPEN) {
		errno = ENOTCONN;
		return -1;
	}
	if (how != SHUT_RD)
		say_end(v);
	if (how != SHUT_WR)
		v->no_read = true;
	wake(v->waiter);
	return 0;
}

int __wrap_close(int fd)
{
	struct vfd *v = vfd_of(fd);

	if (fd < FD_FIRST)
		return __real_close(fd);
	ASSERT(v != NULL);
	if (v->kind == SOCKET)
		say_end(v);
	return vfd_free(fd);
}

int __wrap_socket(int family, int type, int protocol)
{
	ASSERT(w.here != NULL);
	return vfd_new(SOCKET, w.here);
}

/* The answer is back where it was asked for: 0 or why not. */
static void on_connected(void *ctx, uint64_t n)
{
	struct vfd *v = vfd_named(n);

	if (v == NULL || v->m->mute || v->state != CONNECTING)
		return;
	if (ctx != NULL) {
		break_off(v, ECONNREFUSED);
		return;
	}
	v->state = OPEN;
	wake(v->waiter);
}

struct knock {
	struct machine *to;
	struct host from;
};

/* Somebody knocks; n is his socket. */
static void on_knock(void *ctx, uint64_t n)
{
	static int no;
	const struct knock k = *(struct knock *)ctx;
	struct vfd *from = vfd_named(n);
	nsec back;
	int fd;

	free(ctx);
	if (from == NULL || from->m->mute)
		return;
	back = w.now + machine_latency(k.to, from->m);
	if (k.to->mute || k.to->shut) {
		from->m->unanswered++;
		return;
	}
	if (!k.to->listens) {
		from->m->refused++;
		world_at(back, on_connected, &no, n);
		return;
	}
	fd = vfd_new(SOCKET, k.to);
	from = vfd_named(n);            /* the table may have moved */
	from->peer = fd;
	from->peer_gen = vfd_of(fd)->gen;
	/* keepalive as its listener hands it down: sock_set_opts() */
	*vfd_of(fd) = (struct vfd){ .kind = SOCKET, .gen = from->peer_gen, .m = k.to, .state = OPEN, .idle_s = 30, .interval_s = 10, .probes = 3,
		.peer = (int)(n >> 32), .peer_gen = (uint32_t)n };
	world_at(back, on_connected, NULL, n);
	k.to->accepted++;
	w.here = k.to;
	w.accept(k.to, fd, &k.from);
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	const struct host to = host_from_sockaddr(sa);
	struct vfd *v = vfd_of(fd);
	struct knock *k = malloc(sizeof(*k));

	ASSERT(v != NULL && v->state == FRESH && k != NULL);
	w.sums.connects++;
	v->m->dialled++;
	v->state = CONNECTING;
	errno = EINPROGRESS;
	*k = (struct knock){ .to = machine_at(&to), .from = machine_host(v->m, (uint16_t)(20000 + fd % 40000)) };
	if (k->to == NULL) {
		v->m->unanswered++;
		free(k);
		return -1;              /* nobody answers */
	}
	world_at(w.now + machine_latency(v->m, k->to), on_knock, k, name_of(fd, v->gen));
	return -1;
}

void machine_kill(struct machine *m, bool mute)
{
	m->listens = false;
	while (m->fibers != NULL)
		forget_fiber(m->fibers);
	for (int i = 0; i < w.n_fds; i++) {
		struct vfd *v = &w.fds[i];

		if (v->kind == FREE || v->m != m)
			continue;
		v->waiter = NULL;
		if (mute && v->kind == SOCKET && v->peer != -1) {
			const struct vfd *peer = vfd_was(v->peer, v->peer_gen);

			if (peer != NULL)
				world_at(w.now + alarm_of(peer), on_mute, NULL, name_of(v->peer, v->peer_gen));
		} else {
			(void)__wrap_close(i + FD_FIRST);
		}
	}
	m->mute = m->mute || mute;
}

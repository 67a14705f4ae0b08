/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sys/tls.h"

#include <stddef.h>

#ifdef HAVE_GNUTLS

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "core/sys/assert.h"
#include "core/sys/file.h"
#include "core/sys/log.h"

#define VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define HELLO_MAX 32768         /* bytes of one message of a handshake */

/* --- the library ------------------------------------------------------------------------------- */

#define FUNCTIONS(F)                                                                             \
	F(alert_send_appropriate) F(bye) F(certificate_allocate_credentials)                     \
	F(certificate_free_credentials) F(certificate_set_x509_key_mem2) F(check_version)        \
	F(credentials_set) F(deinit) F(error_is_fatal) F(handshake)                              \
	F(handshake_set_max_packet_length) F(init) F(priority_init) F(priority_set)              \
	F(record_check_pending) F(record_get_direction) F(record_recv) F(record_send)            \
	F(strerror) F(transport_set_errno) F(transport_set_ptr)                                  \
	F(transport_set_pull_function) F(transport_set_pull_timeout_function)                    \
	F(transport_set_push_function) F(x509_crt_deinit) F(x509_crt_import) F(x509_crt_init)

#define MEMBER(name) __typeof__(gnutls_##name) *name;
#define ROW(name) { "gnutls_" #name, offsetof(struct api, name) },

static struct api {
	FUNCTIONS(MEMBER)
} api;

static const struct {
	const char *name;
	size_t at;
} functions[] = { FUNCTIONS(ROW) };

static gnutls_priority_t versions;
static const char *missing;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* It stays loaded: threads may be in it until the node ends. */
static void load(void)
{
	void *lib = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);

	missing = "GnuTLS (libgnutls30 in Debian) is not installed";
	if (lib == NULL)
		return;
	missing = "GnuTLS is too old (3.6.5 is needed)";
	for (size_t i = 0; i < NELEM(functions); i++) {
		void *p = dlsym(lib, functions[i].name);

		if (p == NULL)
			return;
		/* an object pointer for a function: POSIX lets it be copied into one */
		memcpy((char *)&api + functions[i].at, &p, sizeof(p));
	}
	if (api.check_version("3.6.5") == NULL)
		return;
	missing = "GnuTLS does not know TLS 1.2";
	if (api.priority_init(&versions, VERSIONS, NULL) == 0)
		missing = NULL;
}

const char *tls_missing(void)
{
	(void)pthread_once(&once, load);
	return missing;
}

/* --- certificates ------------------------------------------------------------------------------ */

/* One good pair; sessions hold references. */
struct pair {
	_Atomic uint32_t refs;          /* relaxed up, acq_rel down: the last one frees */
	gnutls_certificate_credentials_t cred;
};

/* By these a file is known to be the one that was read. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct tls_cert {
	struct mtx mtx;                         /* lk_leaf */
	char *path[2];                          /* certificate, key; constant */
	struct pair *pair GUARDED_BY(lk_leaf);  /* NULL = none was good yet */
	struct mark tried[2] GUARDED_BY(lk_leaf); /* the files that were read last, good or not */
	bool told_missing GUARDED_BY(lk_leaf);
};

LOCK_DEFINE(cert, struct tls_cert, mtx, lk_leaf)

static void pair_unref(struct pair **p)
{
	if (*p != NULL && atomic_fetch_sub_explicit(&(*p)->refs, 1, memory_order_acq_rel) == 1) {
		api.certificate_free_credentials((*p)->cred);
		free(*p);
	}
	*p = NULL;
}

struct tls_cert *tls_cert_new(const char *crt, const char *key)
{
	struct tls_cert *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	mtx_init(&c->mtx, &lk_leaf);
	c->path[0] = strdup(crt);
	c->path[1] = strdup(key);
	if (c->path[0] == NULL || c->path[1] == NULL)
		tls_cert_free(&c);
	return c;
}

void tls_cert_free(struct tls_cert **c) LOCK_IMPL /* nobody else uses it any more */
{
	if (*c == NULL)
		return;
	pair_unref(&(*c)->pair);
	mtx_fini(&(*c)->mtx);
	free((*c)->path[0]);
	free((*c)->path[1]);
	free(*c);
	*c = NULL;
}

static bool mark_of(const char *path, struct mark *m, mode_t *mode)
{
	struct stat sb;

	memset(m, 0, sizeof(*m));
	if (stat(path, &sb) == -1)
		return false;
	m->dev = sb.st_dev;
	m->ino = sb.st_ino;
	m->size = sb.st_size;
	m->changed = sb.st_ctim;
	*mode = sb.st_mode;
	return true;
}

static bool mark_same(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
		a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Is the first certificate of a text one? GnuTLS loses memory when it finds out later that it is not. */
static int first_is_good(const gnutls_datum_t *text)
{
	gnutls_x509_crt_t crt;
	int e = api.x509_crt_init(&crt);

	if (e < 0)
		return e;
	e = api.x509_crt_import(crt, text, GNUTLS_X509_FMT_PEM);
	api.x509_crt_deinit(crt);
	return e;
}

/* Make a pair of two files' texts; NULL with *why. */
static struct pair *pair_of(const struct buf text[2], const char **why)
{
	gnutls_datum_t datum[2];
	struct pair *p = calloc(1, sizeof(*p));
	int e;

	*why = "out of memory";
	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	if (api.certificate_allocate_credentials(&p->cred) < 0) {
		free(p);
		return NULL;
	}
	for (int i = 0; i < 2; i++)
		datum[i] = (gnutls_datum_t){ .data = text[i].p, .size = (unsigned int)text[i].len };
	e = first_is_good(&datum[0]);
	if (e >= 0)
		e = api.certificate_set_x509_key_mem2(
			p->cred, &datum[0], &datum[1], GNUTLS_X509_FMT_PEM, NULL, 0);
	if (e < 0) {
		*why = api.strerror(e);
		pair_unref(&p);
	}
	return p;
}

/* Read and understand both files; NULL after a word in the log. */
static struct pair *pair_read(struct tls_cert *c)
{
	const char *why = NULL;
	struct buf text[2];
	struct pair *p = NULL;
	enum status st = ST_OK;

	for (int i = 0; i < 2; i++)
		buf_init(&text[i], TLS_FILE_MAX);
	for (int i = 0; i < 2 && st == ST_OK; i++) {
		st = file_read(c->path[i], &text[i]);
		if (st != ST_OK)
			log_error("tls: %s: %s", c->path[i], status_str(st));
	}
	if (st == ST_OK) {
		p = pair_of(text, &why);
		if (p == NULL)
			log_error("tls: %s with %s: %s", c->path[0], c->path[1], why);
		else
			log_info("tls: %s is in use", c->path[0]);
	}
	for (int i = 0; i < 2; i++) {
		if (text[i].p != NULL)
			explicit_bzero(text[i].p, text[i].cap);
		buf_fini(&text[i]);
	}
	return p;
}

/* Have the newest pair in place. */
static void refresh(struct tls_cert *c) EXCLUDES(lk_leaf)
{
	struct mark now[2];
	struct pair *fresh, *old = NULL;
	mode_t mode = 0;
	bool there, same, tell;

	there = mark_of(c->path[0], &now[0], &mode) && mark_of(c->path[1], &now[1], &mode);
	cert_lock(c);
	same = there && mark_same(&now[0], &c->tried[0]) && mark_same(&now[1], &c->tried[1]);
	tell = !there && !c->told_missing && c->pair == NULL;
	c->told_missing = !there;
	if (there && !same)     /* in one thread */
		memcpy(c->tried, now, sizeof(now));
	cert_unlock(c);
	if (tell)
		log_error("tls: %s or %s is not there: TLS cannot be spoken", c->path[0], c->path[1]);
	if (!there || same)
		return;
	if ((mode & 077) != 0)
		log_warn("tls: %s may be read by others", c->path[1]);
	fresh = pair_read(c);
	if (fresh == NULL)
		return;
	cert_lock(c);
	old = c->pair;
	c->pair = fresh;
	cert_unlock(c);
	pair_unref(&old);
}

static struct pair *current(struct tls_cert *c) EXCLUDES(lk_leaf)
{
	struct pair *p;

	cert_lock(c);
	p = c->pair;
	if (p != NULL)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	cert_unlock(c);
	return p;
}

bool tls_cert_ready(struct tls_cert *c)
{
	struct pair *p;
	bool yes;

	if (tls_missing() != NULL)
		return false;
	refresh(c);
	p = current(c);
	yes = p != NULL;
	pair_unref(&p);
	return yes;
}

/* --- a session --------------------------------------------------------------------------------- */

struct tls {
	gnutls_session_t s;
	struct pair *pair;
	int fd;
	uint8_t *early;                 /* bytes that were read before; owned */
	size_t early_at, early_len;
	size_t unsent;                  /* bytes of a record the kernel did not take whole */
	int error;                      /* of GnuTLS, of what failed */
	bool open;                      /* the handshake is done, and nothing failed since */
};

static ssize_t pull(gnutls_transport_ptr_t ctx, void *p, size_t n)
{
	struct tls *t = ctx;
	ssize_t k;

	if (t->early_at < t->early_len) {
		n = MIN(n, t->early_len - t->early_at);
		memcpy(p, t->early + t->early_at, n);
		t->early_at += n;
		if (t->early_at == t->early_len) {
			free(t->early);
			t->early = NULL;
			t->early_at = t->early_len = 0;
		}
		return (ssize_t)n;
	}
	k = recv(t->fd, p, n, MSG_DONTWAIT);
	if (k == -1)
		api.transport_set_errno(t->s, errno);
	return k;
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *p, size_t n)
{
	struct tls *t = ctx;
	const ssize_t k = send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (k == -1)
		api.transport_set_errno(t->s, errno);
	return k;
}

static int pull_ready(gnutls_transport_ptr_t ctx, unsigned int ms)
{
	struct tls *t = ctx;
	struct pollfd pf = { .fd = t->fd, .events = POLLIN };

	(void)ms;               /* we never wait in here */
	return t->early_at < t->early_len ? 1 : poll(&pf, 1, 0);
}

static bool start(struct tls *t, const void *p, size_t n)
{
	t->early = malloc(n > 0 ? n : 1);
	if (t->early == NULL || api.init(&t->s, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		return false;
	if (n > 0)
		memcpy(t->early, p, n);
	t->early_len = n;
	api.transport_set_ptr(t->s, t);
	api.transport_set_pull_function(t->s, pull);
	api.transport_set_push_function(t->s, push);
	api.transport_set_pull_timeout_function(t->s, pull_ready);
	api.handshake_set_max_packet_length(t->s, HELLO_MAX);
	return api.priority_set(t->s, versions) == 0 &&
		api.credentials_set(t->s, GNUTLS_CRD_CERTIFICATE, t->pair->cred) == 0;
}

struct tls *tls_new(struct tls_cert *c, int fd, const void *p, size_t n)
{
	struct tls *t;

	if (!tls_cert_ready(c))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->fd = fd;
	t->pair = current(c);
	if (!start(t, p, n))
		tls_free(&t);
	return t;
}

void tls_free(struct tls **t)
{
	if (*t == NULL)
		return;
	if ((*t)->s != NULL)
		api.deinit((*t)->s);
	pair_unref(&(*t)->pair);
	free((*t)->early);
	free(*t);
	*t = NULL;
}

const char *tls_why(const struct tls *t)
{
	return api.strerror(t->error);
}

/* What an error of GnuTLS means. */
static enum tls_step step_of(struct tls *t, int e)
{
	if (e == GNUTLS_E_AGAIN || e == GNUTLS_E_INTERRUPTED)
		return api.record_get_direction(t->s) == 0 ? TLS_WAIT_IN : TLS_WAIT_OUT;
	t->open = false;
	t->error = e;
	/* many say no farewell; whoever counts bytes sees what is missing */
	return e == GNUTLS_E_PREMATURE_TERMINATION ? TLS_END : TLS_FAILED;
}

enum tls_step tls_handshake(struct tls *t)
{
	const int e = api.handshake(t->s);
	enum tls_step step;

	if (e == GNUTLS_E_SUCCESS) {
		t->open = true;
		return TLS_DONE;
	}
	step = step_of(t, e);
	if (step == TLS_FAILED)         /* why: once, as far as the socket takes it */
		(void)api.alert_send_appropriate(t->s, e);
	return step;
}

enum tls_step tls_recv(struct tls *t, void *p, size_t n, size_t *got)
{
	const ssize_t k = api.record_recv(t->s, p, n);

	*got = k > 0 ? (size_t)k : 0;
	if (k > 0)
		return TLS_DONE;
	return k == 0 ? TLS_END : step_of(t, (int)k);
}

enum tls_step tls_flush(struct tls *t)
{
	ssize_t k;

	if (t->unsent == 0)
		return TLS_DONE;
	k = api.record_send(t->s, NULL, 0);     /* goes on with the record it has */
	if (k < 0)
		return step_of(t, (int)k);
	t->unsent = 0;
	return TLS_DONE;
}

enum tls_step tls_send(struct tls *t, const void *p, size_t n, size_t *sent)
{
	const enum tls_step step = tls_flush(t);
	ssize_t k;

	*sent = 0;
	if (step != TLS_DONE)
		return step;
	n = MIN(n, (size_t)TLS_RECORD);
	k = api.record_send(t->s, p, n);
	if (k == GNUTLS_E_AGAIN || k == GNUTLS_E_INTERRUPTED) {
		t->unsent = n;          /* the record is made: its bytes are not ours any more */
		k = (ssize_t)n;
	}
	if (k < 0)
		return step_of(t, (int)k);
	*sent = (size_t)k;
	return TLS_DONE;
}

enum tls_step tls_bye(struct tls *t)
{
	enum tls_step step;
	int e;

	if (!t->open)
		return TLS_FAILED;
	step = tls_flush(t);
	if (step != TLS_DONE)
		return step;
	e = api.bye(t->s, GNUTLS_SHUT_WR);
	return e == GNUTLS_E_SUCCESS ? TLS_DONE : step_of(t, e);
}

bool tls_has_input(const struct tls *t)
{
	return t->early_at < t->early_len || api.record_check_pending(t->s) > 0;
}

bool tls_has_output(const struct tls *t)
{
	return t->unsent > 0;
}

#else

#include <stdlib.h>

const char *tls_missing(void)
{
	return "this build has no GnuTLS";
}

/* Never made without the library: the functions below are there to be linked. */
struct tls_cert {
	char none;
};

struct tls_cert *tls_cert_new(const char *crt, const char *key)
{
	return calloc(1, sizeof(struct tls_cert));
}

void tls_cert_free(struct tls_cert **c)
{
	free(*c);
	*c = NULL;
}

bool tls_cert_ready(struct tls_cert *c)
{
	return false;
}

struct tls *tls_new(struct tls_cert *c, int fd, const void *p, size_t n)
{
	return NULL;
}

void tls_free(struct tls **t)
{
	*t = NULL;
}

const char *tls_why(const struct tls *t)
{
	return tls_missing();
}

enum tls_step tls_handshake(struct tls *t)
{
	return TLS_FAILED;
}

enum tls_step tls_recv(struct tls *t, void *p, size_t n, size_t *got)
{
	*got = 0;
	return TLS_FAILED;
}

enum tls_step tls_flush(struct tls *t)
{
	return TLS_FAILED;
}

enum tls_step tls_send(struct tls *t, const void *p, size_t n, size_t *sent)
{
	*sent = 0;
	return TLS_FAILED;
}

enum tls_step tls_bye(struct tls *t)
{
	return TLS_FAILED;
}

bool tls_has_input(const struct tls *t)
{
	return false;
}

bool tls_has_output(const struct tls *t)
{
	return false;
}

#endif

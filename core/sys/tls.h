/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's side of TLS, with GnuTLS: certificates, and one session over a non-blocking socket.
 *
 * The session's calls never wait: they do what can be done now and say what to wait for. Deadlines are
 * core/sys/sock.c's, the only caller of them; everybody else has sock_accept_tls().
 *
 * The library is loaded when TLS is first spoken: it costs start-up time and memory that most nodes never
 * need. Built without its headers (no HAVE_GNUTLS), or without the library at run time, there is none,
 * and tls_missing() says so in a person's words.
 *
 * lock     lk_leaf in the certificates, for a moment; files are read outside it.
 * source   http.md 1.1; node.md 1.3, 12 F31
 */
#ifndef CORE_SYS_TLS_H
#define CORE_SYS_TLS_H

#include <stdint.h>

#include "core/sys/cc.h"
#include "core/sys/lock.h"
#include "core/sys/status.h"

#define TLS_FILE_MAX (256 * 1024)       /* bytes of a certificate chain, of a key */
#define TLS_RECORD   16384              /* bytes in one record */

/* Why no TLS can be spoken; NULL = it can. The first call takes milliseconds. */
const char *tls_missing(void);

/* --- certificate and key, PEM files that may change at any time ----------------------------------- */

struct tls_cert;

/* The paths are copied; nothing is read yet. NULL when out of memory. */
struct tls_cert *tls_cert_new(const char *crt, const char *key) NODISCARD;
/* Sessions that use them may still be there. */
void tls_cert_free(struct tls_cert **c);
/* Read the files when they are not those that were read last. What cannot be used is logged once, and the
 * last good pair goes on. False: there is none. Blocks on the disk. */
bool tls_cert_ready(struct tls_cert *c) EXCLUDES(lk_leaf);

/* --- one session ---------------------------------------------------------------------------------- */

struct tls;

enum tls_step {
	TLS_DONE,
	TLS_WAIT_IN,            /* again when the socket is readable */
	TLS_WAIT_OUT,           /* writable */
	TLS_END,                /* the peer has ended its side */
	TLS_FAILED,             /* no use any more; tls_why() */
};

/* Over fd (borrowed), of which n bytes at p were read already (copied). NULL: no usable certificate, no
 * library, or no memory. */
struct tls *tls_new(struct tls_cert *c, int fd, const void *p, size_t n) NODISCARD EXCLUDES(lk_leaf);
void tls_free(struct tls **t);
const char *tls_why(const struct tls *t);       /* what failed, for the log; static */

enum tls_step tls_handshake(struct tls *t) NODISCARD;
/* Up to n bytes (n > 0); *got > 0 with TLS_DONE. */
enum tls_step tls_recv(struct tls *t, void *p, size_t n, size_t *got) NODISCARD;
/* Take bytes to send, as many as go into one record; *sent > 0 with TLS_DONE. Taken bytes are on their
 * way even when the socket is full: tls_flush() until TLS_DONE says that the kernel has them. */
enum tls_step tls_send(struct tls *t, const void *p, size_t n, size_t *sent) NODISCARD;
enum tls_step tls_flush(struct tls *t) NODISCARD;
/* Say that nothing more comes from us. */
enum tls_step tls_bye(struct tls *t) NODISCARD;

/* Can tls_recv() give something without the socket being readable? */
bool tls_has_input(const struct tls *t);
/* Are there taken bytes the kernel does not have yet? */
bool tls_has_output(const struct tls *t);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream of atoms out of a socket: however it is cut, the same atoms come of it and the same end; between
 * two atoms, and only there, nothing is kept of it. Input: the kind of connection, how it is cut, the stream. */
#include "test/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "servent/pcpio.h"

#define STREAM_MAX ((size_t)100 * 1024) /* a socket takes it at once */

/* All atoms that are here. */
static enum status take(struct pcpio *io, uint64_t *hash)
{
	struct atom a;
	enum status st;

	while ((st = pcpio_next(io, &a)) == ST_OK)
		*hash = fuzz_hash(fuzz_hash(*hash, &a.size, sizeof(a.size)), a.whole, a.size);
	return st;
}

/* Read to the end in pieces of up to `most` bytes. */
static enum status run(const uint8_t *p, size_t n, size_t most, bool fetch, uint64_t *hash)
{
	const struct host peer = host_v4(198, 51, 100, 1, 1);
	struct pcpio io;
	struct sock s;
	enum status st = ST_TIMEOUT;
	uint32_t dice = (uint32_t)most;
	int fd[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	sock_init(&s, fd[0], &peer, NULL);
	pcpio_init(&io, &s, fetch ? &atomlimits_fetch : &atomlimits_control);
	*hash = FUZZ_HASH;
	while (st == ST_TIMEOUT) {
		size_t k;

		dice = dice * 1103515245u + 12345;
		k = MIN(n, 1 + (dice >> 16) % most);
		if (n > 0)
			ASSERT(send(fd[1], p, k, MSG_NOSIGNAL) == (ssize_t)k);
		else
			ASSERT(shutdown(fd[1], SHUT_WR) == 0);
		p += k;
		n -= k;
		do {
			st = pcpio_pump(&io, 0);
			if (st == ST_OK)
				st = take(&io, hash);
			if (st == ST_TIMEOUT && io.in.len == io.at && !io.full)
				ASSERT(pcpio_is_dry(&io) && (fetch || io.in.p == NULL));
			if (st == ST_TIMEOUT)
				ASSERT((pcpio_deadline(&io) == NSEC_NEVER) == (io.in.len == io.at));
		} while (st == ST_TIMEOUT && io.full);
	}
	pcpio_fini(&io);
	sock_close(&s);
	ASSERT(close(fd[1]) == 0);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole, cut;
	enum status st;
	bool fetch;

	if (size < 2 || size - 2 > STREAM_MAX)
		return 0;
	fetch = data[0] & 1;
	st = run(data + 2, size - 2, STREAM_MAX, fetch, &whole);
	ASSERT(run(data + 2, size - 2, 1 + (size_t)data[1] * 4, fetch, &cut) == st && cut == whole);
	return 0;
}

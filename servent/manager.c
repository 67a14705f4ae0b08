/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/manager.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/sys/log.h"
#include "core/sys/sock.h"
#include "core/sys/text.h"

#define FIRST_FD 3              /* SD_LISTEN_FDS_START */
#define NAME_MAX_LEN 64
#define RTMP "rtmp"

/* Constant after manager_begin(), but for the sockets, which main's thread takes at start. */
static struct {
	struct sockaddr_un to;
	socklen_t to_len;               /* 0 = nobody listens */
	nsec watchdog;
	struct {
		int fd;                 /* -1 = taken */
		char name[NAME_MAX_LEN];
	} sock[MANAGER_SOCKETS];
	size_t n_sock;
} the;

static bool read_address(const char *path)
{
	const size_t n = path != NULL ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(the.to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return false;
	the.to.sun_family = AF_UNIX;
	memcpy(the.to.sun_path, path, n);
	if (path[0] == '@')
		the.to.sun_path[0] = '\0';
	the.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

/* Is it meant for this process? A variable that is not there means any. */
static bool is_ours(const char *pid, bool needed)
{
	uint32_t v;

	if (pid == NULL)
		return !needed;
	return num_u32(pid, 1, INT32_MAX, &v) && (pid_t)v == getpid();
}

/* Only what can be accepted from. */
static bool listens(int fd)
{
	int type = 0, on = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 || type != SOCK_STREAM)
		return false;
	len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

static void take_in(int fd, const char *name)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return;                 /* it was not passed at all */
	(void)!fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!listens(fd) || the.n_sock == MANAGER_SOCKETS) {
		log_warn("start: socket %d of the service manager is of no use", fd);
		(void)close(fd);
		return;
	}
	(void)!fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	sock_set_opts(fd);
	the.sock[the.n_sock].fd = fd;
	(void)text_copy(the.sock[the.n_sock].name, NAME_MAX_LEN, name);
	the.n_sock++;
}

/* The names are separated by colons. */
static void read_sockets(void)
{
	const char *names = getenv("LISTEN_FDNAMES"), *count = getenv("LISTEN_FDS");
	uint32_t n;

	if (count == NULL || !is_ours(getenv("LISTEN_PID"), true) || !num_u32(count, 1, 1024, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		const size_t len = names != NULL ? strcspn(names, ":") : 0;
		char name[NAME_MAX_LEN] = "";

		if (len > 0 && len < sizeof(name))
			memcpy(name, names, len);
		if (names != NULL)
			names += len + (names[len] == ':');
		take_in(FIRST_FD + (int)i, name);
	}
}

void manager_begin(void)
{
	static const char *const vars[] = {
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
		"LISTEN_FDNAMES",
	};
	const char *usec = getenv("WATCHDOG_USEC");
	uint64_t v;

	memset(&the, 0, sizeof(the));
	if (read_address(getenv("NOTIFY_SOCKET")) && usec != NULL && is_ours(getenv("WATCHDOG_PID"), false) &&
	    num_u64(usec, 1, (uint64_t)INT64_MAX / 1000, &v))
		the.watchdog = (nsec)v * 1000;
	read_sockets();
	for (size_t i = 0; i < NELEM(vars); i++)
		(void)!unsetenv(vars[i]);
}

void manager_tell(const char *lines)
{
	int fd;

	if (the.to_len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	(void)!sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&the.to, the.to_len);
	(void)close(fd);
}

void manager_tell_reloading(void)
{
	char lines[80];

	(void)snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)(clk_now() / 1000));
	manager_tell(lines);
}

nsec manager_watchdog(void)
{
	return the.watchdog;
}

int manager_take_socket(const char *name)
{
	for (size_t i = 0; i < the.n_sock; i++) {
		const int fd = the.sock[i].fd;
		const bool named = strcmp(the.sock[i].name, RTMP) == 0;

		if (fd == -1 || (name[0] != '\0' ? strcmp(the.sock[i].name, name) != 0 : named))
			continue;
		the.sock[i].fd = -1;
		return fd;
	}
	return -1;
}

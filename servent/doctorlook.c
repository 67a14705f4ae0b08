/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/doctorlook.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/node/servmgr.h"
#include "core/sys/sock.h"
#include "pcp/pcp.h"
#include "servent/listen.h"
#include "servent/pcpio.h"

#define SOCKETS_MAX 8           /* of one port: IPv4, IPv6, by address */
#define LINES_MAX   1000000     /* of a table of the kernel that are read */
#define OWN_FILES   100         /* the node's own: logs, mailboxes, listeners, fetches */

/* --- who has a port --------------------------------------------------------------------------- */

struct inodes {
	unsigned long v[SOCKETS_MAX];
	size_t n;
};

/* The listening sockets on that port in a table of the kernel (proc(5)). */
static void find_inodes(const char *table, uint16_t port, struct inodes *found)
{
	FILE *f = fopen(table, "re");
	char line[512];

	if (f == NULL)
		return;
	for (int i = 0; i < LINES_MAX && found->n < SOCKETS_MAX && fgets(line, sizeof(line), f) != NULL;
		i++) {
		unsigned local, state;
		unsigned long inode;

		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
			    &local, &state, &inode) == 3 &&
			local == port && state == 0x0a && inode != 0)
			found->v[found->n++] = inode;
	}
	(void)fclose(f);
}

/* Is one of these sockets among the files of that process? */
static bool has_one(const char *pid, const struct inodes *sockets)
{
	char path[64 + 2 * NAME_MAX], link[64];
	const struct dirent *e;
	bool yes = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	if (d == NULL)
		return false;
	while (!yes && (e = readdir(d)) != NULL) {
		ssize_t n;
		unsigned long inode;

		(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		if (sscanf(link, "socket:[%lu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < sockets->n; i++)
			yes = yes || sockets->v[i] == inode;
	}
	(void)closedir(d);
	return yes;
}

static void name_of(const char *pid, char who[DOCTOR_WHO])
{
	char path[64 + NAME_MAX], comm[32] = "", name[32];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(comm, sizeof(comm), f) != NULL)
			comm[strcspn(comm, "\n")] = '\0';
		(void)fclose(f);
	}
	/* a process may call itself anything */
	(void)text_clean(name, sizeof(name), comm, strlen(comm));
	(void)snprintf(who, DOCTOR_WHO, "%s (process %.10s)", name, pid);
}

int doctor_owner(uint16_t port, char who[DOCTOR_WHO])
{
	struct inodes sockets = { .n = 0 };
	const struct dirent *e;
	uint32_t pid = 0;
	DIR *d;

	who[0] = '\0';
	find_inodes("/proc/net/tcp", port, &sockets);
	find_inodes("/proc/net/tcp6", port, &sockets);
	d = sockets.n > 0 ? opendir("/proc") : NULL;
	while (d != NULL && pid == 0 && (e = readdir(d)) != NULL) {
		uint32_t v;

		if (num_u32(e->d_name, 1, INT32_MAX, &v) && has_one(e->d_name, &sockets)) {
			name_of(e->d_name, who);
			pid = v;
		}
	}
	if (d != NULL)
		(void)closedir(d);
	return (int)pid;
}

/* --- ports ------------------------------------------------------------------------------------ */

/* From here: an address for "all of them" is this machine's. */
static struct host from_here(const struct host *at)
{
	return host_is_set(at) ? *at : host_v4(127, 0, 0, 1, at->port);
}

/* As a port test comes: any node answers at once, and it is counted nowhere. */
static void knock(struct doctor_port *p, struct gnuid *sid, nsec deadline)
{
	const struct helo h = { .sid = gnuid_random(0) };
	const struct host to = from_here(&p->at);
	struct pcpio io;
	struct oleh o;
	struct sock s;
	uint32_t quit;

	p->bound = outcome_of(sock_connect(&s, &to, NULL, deadline));
	if (p->bound.st != ST_OK)
		return;
	pcpio_init(&io, &s, &atomlimits_control);
	p->node = pcpio_greet(&io, &h, PCP_PROTO_V4, &o, &quit, deadline) == ST_OK;
	if (p->node) {
		pcpio_quit(&s, PCP_QUIT);
		(void)text_copy(p->agent, sizeof(p->agent), o.agent);
		*sid = o.sid;
	}
	pcpio_fini(&io);
	sock_close(&s);
}

/* Does anybody listen there? */
static void call(struct doctor_port *p, nsec deadline)
{
	const struct host to = from_here(&p->at);
	struct sock s;

	p->bound = outcome_of(sock_connect(&s, &to, NULL, deadline));
	if (p->bound.st == ST_OK)
		sock_close(&s);
}

/* Bind it ourselves; with keep the listener stays. */
static void take(struct doctor_port *p, int *fd, bool keep)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	int mine;

	p->bound = outcome_of(sock_listen(&mine, &p->at));
	if (p->bound.st != ST_OK)
		return;
	p->both = !host_is_set(&p->at) && getsockname(mine, (struct sockaddr *)&ss, &len) == 0 &&
		ss.ss_family == AF_INET6;
	if (keep)
		*fd = mine;
	else
		(void)close(mine);
}

/* Ours are not to be had: say who has it, and whether that is a node. */
static void blame(struct doctor_port *p, nsec deadline)
{
	struct outcome was = p->bound;
	struct gnuid other;

	(void)doctor_owner(p->at.port, p->who);
	knock(p, &other, deadline);
	p->bound = was;
}

static void look_at_port(struct doctor_facts *f, int *fd, struct gnuid *sid, nsec deadline)
{
	struct doctor_port *p = &f->port;

	p->wanted = true;
	p->unusable = !listen_wanted(f->set, &p->at);
	p->near = !f->set->auto_serve || host_is_loopback(&p->at);
	if (p->unusable)
		return;
	if (f->runs) {
		knock(p, sid, deadline);
		if (p->bound.st == ST_OK && !p->node)
			(void)doctor_owner(p->at.port, p->who);
		return;
	}
	take(p, fd, true);
	if (p->bound.st == ST_SYS && p->bound.err == EADDRINUSE)
		blame(p, deadline);
}

static void look_at_rtmp(struct doctor_facts *f, nsec deadline)
{
	struct doctor_port *p = &f->rtmp;

	p->wanted = f->set->rtmp_server;
	if (!p->wanted)
		return;
	if (f->set->rtmp_bind[0] != '\0')
		p->unusable = !host_parse(&p->at, f->set->rtmp_bind, 0);
	p->at.port = (uint16_t)f->set->rtmp_port;
	if (p->unusable)
		return;
	if (f->runs) {
		call(p, deadline);
		return;
	}
	take(p, NULL, false);
	if (p->bound.st == ST_SYS && p->bound.err == EADDRINUSE)
		(void)doctor_owner(p->at.port, p->who);
}

/* --- limits ----------------------------------------------------------------------------------- */

static uint64_t limit_of(int pid, enum __rlimit_resource what)
{
	struct rlimit r;

	/* a node raises its soft one to the hard one */
	if (prlimit(pid, what, NULL, &r) == -1 && getrlimit(what, &r) == -1)
		return UINT64_MAX;
	return r.rlim_max == RLIM_INFINITY ? UINT64_MAX : r.rlim_max;
}

static void look_at_limits(struct doctor_facts *f)
{
	char who[DOCTOR_WHO];
	const int pid = f->runs && f->port.node ? doctor_owner(f->port.at.port, who) : 0;
	struct limits l;
	uint64_t n;

	limits_of(f->set, &l);
	n = (uint64_t)l.max_serv_in + l.max_relays + l.max_direct + l.max_control;
	n = MIN(n, (uint64_t)SERVENT_MAX);
	/* the socket of each, and what wakes its thread */
	f->files = 2 * n + OWN_FILES;
	f->threads = n + OWN_FILES;
	f->files_max = limit_of(pid, RLIMIT_NOFILE);
	f->threads_max = geteuid() == 0 && pid == 0 ? UINT64_MAX : limit_of(pid, RLIMIT_NPROC);
}

void doctor_look(struct doctor_facts *f, int *fd, struct gnuid *sid, nsec deadline)
{
	*fd = -1;
	look_at_port(f, fd, sid, deadline);
	look_at_rtmp(f, deadline);
	look_at_limits(f);
}

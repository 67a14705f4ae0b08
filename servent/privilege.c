/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sys/text.h"

static const struct passwd *find(const char *user)
{
	const struct passwd *pw = getpwnam(user);
	uint32_t id;

	if (pw == NULL && num_u32(user, 0, UINT32_MAX - 1, &id))
		pw = getpwuid((uid_t)id);
	return pw;
}

/* Of all rights that one. */
static int keep_low_ports(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	data[0].effective = data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
	return (int)syscall(SYS_capset, &head, data);
}

/* Neither can it be undone, nor does a program we start get anything by its file's owner. */
static int change(const struct passwd *pw)
{
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 || initgroups(pw->pw_name, pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 0) == -1 || keep_low_ports() == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	/* as after any start by that user; without it we could not start ourselves by /proc/self/exe */
	if (prctl(PR_SET_DUMPABLE, 1) == -1)
		return -1;
	if (setuid(0) != -1) {
		errno = EPERM;          /* still able to be root: not what was asked for */
		return -1;
	}
	return 0;
}

enum status privilege_drop(const char *user, FILE *err)
{
	const struct passwd *pw = find(user);

	if (pw == NULL) {
		fprintf(err, "peercast: --user: there is no user %s\n", user);
		return ST_PROTO;
	}
	if (pw->pw_uid == 0) {
		fprintf(err, "peercast: --user: %s is root\n", user);
		return ST_PROTO;
	}
	if (geteuid() == pw->pw_uid && getuid() == pw->pw_uid)
		return ST_OK;
	/* where he looks for his files; others' XDG folders are not his */
	if (setenv("HOME", pw->pw_dir, 1) == -1 || unsetenv("XDG_CONFIG_HOME") == -1 ||
	    unsetenv("XDG_STATE_HOME") == -1 || change(pw) == -1) {
		fprintf(err, "peercast: --user: cannot become %s: %s\n", user, strerror(errno));
		return ST_SYS;
	}
	return ST_OK;
}

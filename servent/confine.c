/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/confine.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "servent/landlock.h"
#include "servent/sandbox.h"

#define PLACES 32               /* folders whose rights are remembered */
#define SELF   "/proc/self/exe"

/* What a system is read for: libraries, certificates, names, time zones, our own figures. Not all are
 * everywhere. */
static const char *const readable[] = {
	"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/nix/store", "/gnu/store",
	"/sys/devices/system/cpu", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/run/nscd", "/var/cache/nscd", "/var/lib/ca-certificates", "/dev/random", "/dev/urandom",
};

/* Constant after confine(). */
static struct {
	bool files, programs;           /* is what follows all there is? may nothing be started? */
	struct {
		char path[PATH_MAX];    /* with the slash at its end */
		unsigned kinds;
	} place[PLACES];
	size_t n;
} the;

/* --- where ------------------------------------------------------------------------------------ */

/* The folder a path is in, links on the way resolved. */
static bool folder_of(char dst[PATH_MAX], const char *path)
{
	char copy[PATH_MAX];
	char *slash;

	if (!text_copy(copy, sizeof(copy), path))
		return false;
	slash = strrchr(copy, '/');
	if (slash == NULL)
		return realpath(".", dst) != NULL;
	slash[slash == copy] = '\0';
	return realpath(copy, dst) != NULL;
}

static void remember(const char *real, unsigned kinds)
{
	char *to = the.place[the.n].path;

	if (the.n == PLACES ||
	    (size_t)snprintf(to, PATH_MAX, "%s/", strcmp(real, "/") == 0 ? "" : real) >= PATH_MAX)
		return;
	the.place[the.n++].kinds = kinds;
}

static bool is_remembered(const char *real, unsigned kinds)
{
	char path[PATH_MAX + 1];

	(void)snprintf(path, sizeof(path), "%s/", strcmp(real, "/") == 0 ? "" : real);
	for (size_t i = 0; i < the.n; i++)
		if ((the.place[i].kinds & kinds) == kinds &&
		    strncmp(path, the.place[i].path, strlen(the.place[i].path)) == 0)
			return true;
	return false;
}

/* --- allowing ---------------------------------------------------------------------------------- */

static void folder(struct landlock *l, const char *path, unsigned kinds)
{
	char real[PATH_MAX];

	if (path == NULL || path[0] == '\0')
		return;
	if (realpath(path, real) == NULL || !landlock_allow(l, real, kinds))
		log_warn("sandbox: %s: %s; it cannot be used until the next start", path, strerror(errno));
	else
		remember(real, kinds);
}

/* A file that is replaced, renamed or made anew, and so its folder; a link's, and that of what it leads to. A
 * device or a pipe is there or not. */
static void file(struct landlock *l, const char *path, unsigned kinds)
{
	char real[PATH_MAX], dir[PATH_MAX];
	struct stat sb;

	if (path == NULL || path[0] == '\0')
		return;
	if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode)) {
		/* a pipe that has no name needs no leave */
		(void)landlock_allow(l, path, kinds);
		return;
	}
	if (!folder_of(dir, path)) {
		log_warn("sandbox: the folder of %s: %s; it cannot be used until the next start", path,
			strerror(errno));
		return;
	}
	folder(l, dir, kinds);
	if (file_follow(real, sizeof(real), path) == ST_OK && folder_of(dir, real) &&
	    !is_remembered(dir, kinds))
		folder(l, dir, kinds);
}

static void beside(struct landlock *l, const char *ini, const char *name, unsigned kinds)
{
	char *path = file_beside(ini, name);

	if (path != NULL)
		file(l, path, kinds);
	free(path);
}

/* Each folder of a list with colons. */
static void list(struct landlock *l, const char *text, unsigned kinds)
{
	char one[PATH_MAX];

	while (text != NULL && *text != '\0') {
		const size_t n = strcspn(text, ":");

		if (n > 0 && n < sizeof(one)) {
			memcpy(one, text, n);
			one[n] = '\0';
			(void)landlock_allow(l, one, kinds);
		}
		text += n + (text[n] == ':');
	}
}

/* The loader named in our own head, which starts us again; in the folder it is in, as it may have been
 * replaced by then. */
static void loader(struct landlock *l)
{
	const ElfW(Phdr) *h = (const void *)getauxval(AT_PHDR);
	const size_t n = getauxval(AT_PHNUM);
	uintptr_t base = 0;
	char real[PATH_MAX], dir[PATH_MAX];

	for (size_t i = 0; h != NULL && i < n; i++)
		if (h[i].p_type == PT_PHDR)
			base = (uintptr_t)h - h[i].p_vaddr;
	for (size_t i = 0; h != NULL && i < n; i++)
		if (h[i].p_type == PT_INTERP &&
		    realpath((const char *)(base + h[i].p_vaddr), real) != NULL && folder_of(dir, real))
			(void)landlock_allow(l, dir, LANDLOCK_EXECUTE);
}

/* --- what the settings need ---------------------------------------------------------------------- */

static bool has_commands(const struct settings *set)
{
	bool yes = (set->fetch_allow & FETCHALLOW_PIPE) != 0;
	const struct settings_hook *hook;
	size_t n;

	hook = settings_hooks(set, &n);
	for (size_t i = 0; i < n && !yes; i++)
		yes = hook[i].command[0] != '\0';
	return yes;
}

static bool limit_files(const struct settings *set, const struct confine_paths *p, bool commands)
{
	const unsigned both = LANDLOCK_READ | LANDLOCK_WRITE;
	unsigned kinds = LANDLOCK_ALL;
	struct landlock l;

	if (commands)
		kinds &= ~(unsigned)(LANDLOCK_READ | LANDLOCK_EXECUTE);
	if (SANITIZED)                  /* they start a program that names the places of a report */
		kinds &= ~(unsigned)LANDLOCK_EXECUTE;
	if (!landlock_begin(&l, kinds))
		return false;
	file(&l, p->ini, both);
	file(&l, p->log, both);
	file(&l, p->pid, LANDLOCK_REMOVE);
	file(&l, set->chan_log, both);
	folder(&l, set->record_dir, both);
	(void)landlock_allow(&l, "/dev/null", both);

	file(&l, set->ban_list, LANDLOCK_READ);
	file(&l, set->livesync_key, LANDLOCK_READ);
	beside(&l, p->ini, "server.crt", LANDLOCK_READ);
	beside(&l, p->ini, "server.key", LANDLOCK_READ);
	folder(&l, set->media_dir, LANDLOCK_READ);
	folder(&l, p->ui, LANDLOCK_READ);
	for (size_t i = 0; i < NELEM(readable); i++)
		(void)landlock_allow(&l, readable[i], LANDLOCK_READ);
	file(&l, "/etc/resolv.conf", LANDLOCK_READ);
	list(&l, getenv("LD_LIBRARY_PATH"), LANDLOCK_READ);
	(void)landlock_allow(&l, SELF, LANDLOCK_READ | LANDLOCK_EXECUTE);
	loader(&l);
	return landlock_enforce(&l);
}

void confine(const struct settings *set, const struct confine_paths *paths)
{
	const bool commands = has_commands(set);
	const char *files = "on", *calls = SANITIZED ? "left out" : "on";

	if (set->sandbox == SANDBOX_OFF)
		return;
	if (set->sandbox == SANDBOX_AUTO && commands) {
		log_info("sandbox: off, as commands may be run (sandbox = strict locks them up as well)");
		return;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_warn("sandbox: %s", strerror(errno));
		return;
	}
	the.files = limit_files(set, paths, commands);
	the.programs = the.files && !commands && !SANITIZED;
	if (!the.files)
		files = errno == EOPNOTSUPP || errno == ENOSYS ? "not in this kernel" : strerror(errno);
	if (!SANITIZED && !sandbox_calls(commands))
		calls = errno == ENOSYS || errno == EINVAL ? "not in this kernel" : strerror(errno);
	log_info("sandbox: files: %s, system calls: %s", files, calls);
}

/* --- later ------------------------------------------------------------------------------------- */

static void look(const char *key, const char *dir, const char *path, unsigned kinds)
{
	char real[PATH_MAX];
	struct stat sb;

	if (path[0] == '\0' || (dir == NULL && stat(path, &sb) == 0 && !S_ISREG(sb.st_mode)))
		return;
	if (!(dir != NULL ? realpath(dir, real) != NULL : folder_of(real, path)) ||
	    !is_remembered(real, kinds))
		log_warn("settings: %s: the sandbox keeps %s closed until the next start", key, path);
}

void confine_look(const struct settings *set)
{
	if (the.programs && has_commands(set))
		log_warn("settings: commands are allowed, but the sandbox starts none until the next start");
	if (!the.files)
		return;
	look("chanLog", NULL, set->chan_log, LANDLOCK_WRITE);
	look("banList", NULL, set->ban_list, LANDLOCK_READ);
	look("livesyncKey", NULL, set->livesync_key, LANDLOCK_READ);
	look("mediaDir", set->media_dir, set->media_dir, LANDLOCK_READ);
	look("recordDir", set->record_dir, set->record_dir, LANDLOCK_WRITE);
}

bool confine_closes(const char *dir)
{
	char real[PATH_MAX];

	return the.files && realpath(dir, real) != NULL && !is_remembered(real, LANDLOCK_WRITE);
}

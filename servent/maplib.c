/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/maplib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(HAVE_MINIUPNPC) || defined(HAVE_NATPMP)
struct function {
	const char *name;
	size_t at;
};

/* They stay loaded: threads may be in them until the node ends. */
static bool load(const char *soname, const struct function *f, size_t n, void *api)
{
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (lib == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		void *p = dlsym(lib, f[i].name);

		if (p == NULL)
			return false;
		/* an object pointer for a function: POSIX lets it be copied into one */
		memcpy((char *)api + f[i].at, &p, sizeof(p));
	}
	return true;
}
#endif

#ifdef HAVE_MINIUPNPC
#define UPNP(name) { #name, offsetof(struct upnp_lib, name) }

static struct upnp_lib upnp;
static bool have_upnp;
static pthread_once_t upnp_once = PTHREAD_ONCE_INIT;

static void load_upnp(void)
{
	static const struct function all[] = {
		UPNP(parserootdesc), UPNP(ParseNameValue), UPNP(GetValueFromNameValueList),
		UPNP(ClearNameValueList),
	};
	char soname[32];

	(void)snprintf(soname, sizeof(soname), "libminiupnpc.so.%d", MINIUPNPC_API_VERSION);
	have_upnp = load(soname, all, NELEM(all), &upnp);
}

const struct upnp_lib *upnp_lib(void)
{
	(void)pthread_once(&upnp_once, load_upnp);
	return have_upnp ? &upnp : NULL;
}
#endif

#ifdef HAVE_NATPMP
#define NATPMP(name) { #name, offsetof(struct natpmp_lib, name) }

static struct natpmp_lib natpmp;
static bool have_natpmp;
static pthread_once_t natpmp_once = PTHREAD_ONCE_INIT;

static void load_natpmp(void)
{
	static const struct function all[] = {
		NATPMP(initnatpmp), NATPMP(closenatpmp), NATPMP(sendpublicaddressrequest),
		NATPMP(sendnewportmappingrequest), NATPMP(getnatpmprequesttimeout),
		NATPMP(readnatpmpresponseorretry),
	};

	have_natpmp = load("libnatpmp.so.1", all, NELEM(all), &natpmp);
}

const struct natpmp_lib *natpmp_lib(void)
{
	(void)pthread_once(&natpmp_once, load_natpmp);
	return have_natpmp ? &natpmp : NULL;
}
#endif

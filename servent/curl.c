/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/curl.h"

#include <stddef.h>

#ifdef HAVE_CURL

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "core/sys/cc.h"

/* Debian's name of the GnuTLS build, then everybody's name of whatever build is there. */
static const char *const sonames[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };

#define FN(name) { "curl_" #name, offsetof(struct curl_api, name) }

static const struct {
	const char *name;
	size_t at;
} functions[] = {
	FN(easy_init), FN(easy_cleanup), FN(easy_reset), FN(easy_setopt), FN(easy_getinfo), FN(easy_perform),
	FN(easy_pause), FN(easy_strerror), FN(multi_init), FN(multi_cleanup), FN(multi_add_handle),
	FN(multi_remove_handle), FN(multi_perform), FN(multi_poll), FN(multi_wakeup), FN(multi_info_read),
	FN(slist_append), FN(slist_free_all), FN(url), FN(url_cleanup), FN(url_get), FN(url_set), FN(free),
};

static struct curl_api api;
static const char *missing;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* dlsym() gives an object pointer for a function: POSIX lets it be copied into one. */
static bool symbol(void *lib, const char *name, void *fn, size_t size)
{
	void *p = dlsym(lib, name);

	if (p == NULL || size != sizeof(p))
		return false;
	memcpy(fn, &p, sizeof(p));
	return true;
}

static bool uses_gnutls(void *lib)
{
	curl_version_info_data *(*version_info)(CURLversion);

	if (!symbol(lib, "curl_version_info", &version_info, sizeof(version_info)))
		return false;
	const curl_version_info_data *v = version_info(CURLVERSION_NOW);

	return v != NULL && v->ssl_version != NULL && strstr(v->ssl_version, "GnuTLS") != NULL;
}

static bool take(void *lib)
{
	CURLcode (*global_init)(long);

	for (size_t i = 0; i < NELEM(functions); i++) {
		if (!symbol(lib, functions[i].name, (char *)&api + functions[i].at, sizeof(void *)))
			return false;
	}
	return symbol(lib, "curl_global_init", &global_init, sizeof(global_init)) &&
	       global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static void load(void)
{
	missing = "libcurl (its GnuTLS build, libcurl3-gnutls in Debian) is not installed";
	for (size_t i = 0; i < NELEM(sonames); i++) {
		void *lib = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);

		if (lib == NULL)
			continue;
		if (uses_gnutls(lib)) {
			missing = take(lib) ? NULL : "libcurl is too old (7.68 is needed)";
			return;         /* it stays: threads may be in it until the node ends */
		}
		(void)dlclose(lib);
	}
}

const struct curl_api *curl_api(void)
{
	(void)pthread_once(&once, load);
	return missing == NULL ? &api : NULL;
}

const char *curl_missing(void)
{
	return curl_api() == NULL ? missing : NULL;
}

#else

const char *curl_missing(void)
{
	return "this build has no libcurl";
}

#endif

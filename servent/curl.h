/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl, for what a node fetches over HTTP and HTTPS: YP feeds, speed tests, sources by URL.
 *
 * The library is loaded when it is first asked for: with all it brings it costs more memory and start-up
 * time than the rest of the node, and most nodes never need it. Only one that uses GnuTLS is taken. Built
 * without libcurl's headers (no HAVE_CURL), or without the library at run time, there is none, and
 * curl_missing() says so in a person's words.
 *
 *	const struct curl_api *curl = curl_api();
 *
 *	if (curl == NULL)
 *		return ST_SYS;
 *	CURL *h = curl->easy_init();
 *
 * Numbers in calls with variable arguments are longs (1L), as libcurl wants them.
 */
#ifndef SERVENT_CURL_H
#define SERVENT_CURL_H

#ifdef HAVE_CURL
#include <curl/curl.h>

struct curl_api {
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *);
	void (*easy_reset)(CURL *);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	CURLcode (*easy_perform)(CURL *);
	CURLcode (*easy_pause)(CURL *, int);
	const char *(*easy_strerror)(CURLcode);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_cleanup)(CURLM *);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_perform)(CURLM *, int *);
	CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned int, int, int *);
	CURLMcode (*multi_wakeup)(CURLM *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
	CURLU *(*url)(void);
	void (*url_cleanup)(CURLU *);
	CURLUcode (*url_get)(const CURLU *, CURLUPart, char **, unsigned int);
	CURLUcode (*url_set)(CURLU *, CURLUPart, const char *, unsigned int);
	void (*free)(void *);
};

/* The library, loaded and ready; NULL = there is none. Any thread; the first call takes milliseconds. */
const struct curl_api *curl_api(void);
#endif

/* Why there is no libcurl; NULL = there is. As curl_api() otherwise. */
const char *curl_missing(void);

#endif

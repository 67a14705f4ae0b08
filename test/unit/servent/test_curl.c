/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/curl.h"

#include <string.h>

#include "test/unit/unit.h"

#ifdef HAVE_CURL

START_TEST(loads)
{
	const struct curl_api *curl = curl_api();

	ck_assert_msg(curl != NULL, "%s", curl_missing());
	ck_assert_ptr_null(curl_missing());
	ck_assert_ptr_eq(curl, curl_api());

	CURL *h = curl->easy_init();

	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(curl->easy_setopt(h, CURLOPT_URL, "http://127.0.0.1:1/"), CURLE_OK);
	ck_assert_int_eq(curl->easy_setopt(h, CURLOPT_NOSIGNAL, 1L), CURLE_OK);
	curl->easy_cleanup(h);
}
END_TEST

/* Each pointer is the function of its own name. */
START_TEST(functions_are_their_own)
{
	const struct curl_api *curl = curl_api();

	ck_assert_ptr_nonnull(curl);
	CURLU *u = curl->url();
	char *host;

	ck_assert_ptr_nonnull(u);
	ck_assert_int_eq(curl->url_set(u, CURLUPART_URL, "https://example.org:8443/a?b", 0), CURLUE_OK);
	ck_assert_int_eq(curl->url_get(u, CURLUPART_HOST, &host, 0), CURLUE_OK);
	ck_assert_str_eq(host, "example.org");
	curl->free(host);
	curl->url_cleanup(u);
	ck_assert_str_eq(curl->easy_strerror(CURLE_OK), "No error");

	struct curl_slist *list = curl->slist_append(NULL, "X-A: b");

	ck_assert_ptr_nonnull(list);
	ck_assert_str_eq(list->data, "X-A: b");
	curl->slist_free_all(list);

	CURLM *m = curl->multi_init();
	int running = -1;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(curl->multi_perform(m, &running), CURLM_OK);
	ck_assert_int_eq(running, 0);
	ck_assert_int_eq(curl->multi_wakeup(m), CURLM_OK);
	ck_assert_int_eq(curl->multi_poll(m, NULL, 0, 60 * 1000, NULL), CURLM_OK);
	ck_assert_ptr_null(curl->multi_info_read(m, &running));
	ck_assert_int_eq(curl->multi_cleanup(m), CURLM_OK);
}
END_TEST

#else

START_TEST(says_that_it_is_not_there)
{
	ck_assert_ptr_nonnull(strstr(curl_missing(), "libcurl"));
}
END_TEST

#endif

Suite *unit_suite(void)
{
	Suite *s = suite_create("servent/curl");
	TCase *t = tcase_create("curl");

#ifdef HAVE_CURL
	tcase_add_test(t, loads);
	tcase_add_test(t, functions_are_their_own);
#else
	tcase_add_test(t, says_that_it_is_not_there);
#endif
	suite_add_tcase(s, t);
	return s;
}

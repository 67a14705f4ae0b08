/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "test/unit/unit.h"

#include <signal.h>
#include <stdlib.h>

int main(void)
{
	SRunner *r = srunner_create(unit_suite());
	int bad;

	signal(SIGPIPE, SIG_IGN);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	srunner_set_fork_status(r, CK_NOFORK);
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	srunner_set_fork_status(r, CK_NOFORK);
#endif
#endif
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

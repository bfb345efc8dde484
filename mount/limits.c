/* SPDX-License-Identifier: MIT */
#include "mount/limits.h"

#include <sys/resource.h>

/* Each request blocks in a thread of its own, so that one waiting for a slow disk does
 * not stall the others. */
enum { WANTED = 1024, THREADS_MAX = 512 };

struct limits limits_take(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit = (struct rlimit){WANTED, WANTED};
	rlim_t most = limit.rlim_max < WANTED ? limit.rlim_max : WANTED; /* RLIM_INFINITY is the largest */
	if (limit.rlim_cur < most) {
		rlim_t before = limit.rlim_cur;
		limit.rlim_cur = most;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	unsigned n = limit.rlim_cur < WANTED ? (unsigned)limit.rlim_cur : WANTED;
	struct limits ret = {.files = n / 4, .sources = n / 4, .threads = n / 8 > 1 ? n / 8 : 2};
	if (n == WANTED) {
		ret.files = n / 2;
		ret.threads = THREADS_MAX;
	}
	return ret;
}

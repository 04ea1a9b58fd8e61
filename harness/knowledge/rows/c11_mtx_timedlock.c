/* mtx_timedlock: a lock, waited for until a time */
#include "row.h"

#include <threads.h>

static mtx_t lock;

static void
before(void)
{
	must(mtx_init(&lock, mtx_timed) == thrd_success);
}

static void
take(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(mtx_timedlock(&lock, &until) == thrd_success);
}

static void
give(void)
{
	must(mtx_unlock(&lock) == thrd_success);
}

static void
after(void)
{
	mtx_destroy(&lock);
}

LOCK_ROW(before, take, give, after)

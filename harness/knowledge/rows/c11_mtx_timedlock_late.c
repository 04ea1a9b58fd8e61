/* mtx_timedlock, thrd_timedout: a lock that was not free in time */
#include "row.h"

#include <threads.h>

static mtx_t lock;

static void
too_late(void)
{
	struct timespec until = IN_A_MOMENT(CLOCK_REALTIME);

	must(mtx_timedlock(&lock, &until) == thrd_timedout);
}

static void
before(void)
{
	must(mtx_init(&lock, mtx_timed) == thrd_success);
	must(mtx_lock(&lock) == thrd_success);
	in_another_thread(too_late);
	must(mtx_unlock(&lock) == thrd_success);
}

static void
take(void)
{
	must(mtx_lock(&lock) == thrd_success);
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

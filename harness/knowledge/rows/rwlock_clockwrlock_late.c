/* pthread_rwlock_clockwrlock, ETIMEDOUT: a lock that was not free in time */
#include "row.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
take(void)
{
	must(pthread_rwlock_wrlock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_rwlock_unlock(&lock) == 0);
}

static void
too_late(void)
{
	struct timespec until = IN_A_MOMENT(CLOCK_MONOTONIC);

	must(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &until) ==
	    ETIMEDOUT);
}

static void
before(void)
{
	must(pthread_rwlock_rdlock(&lock) == 0);
	in_another_thread(too_late);
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

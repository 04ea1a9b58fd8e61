/*
 * pthread_rwlock_clockwrlock: a lock to write, waited for until a time of a
 * clock
 */
#include "row.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
take(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_MONOTONIC);

	must(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &until) == 0);
}

static void
give(void)
{
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

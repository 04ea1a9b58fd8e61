/* pthread_mutex_clocklock, ETIMEDOUT: a lock that was not free in time */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
too_late(void)
{
	struct timespec until = IN_A_MOMENT(CLOCK_MONOTONIC);

	must(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &until) ==
	    ETIMEDOUT);
}

static void
before(void)
{
	must(pthread_mutex_lock(&lock) == 0);
	in_another_thread(too_late);
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

/* pthread_mutex_clocklock: a lock, waited for until a time of a clock */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_MONOTONIC);

	must(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &until) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

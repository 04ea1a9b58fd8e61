/* pthread_mutex_clocklock, CLOCK_REALTIME: the same by the time of day */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(pthread_mutex_clocklock(&lock, CLOCK_REALTIME, &until) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

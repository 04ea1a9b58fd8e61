/* pthread_mutex_clocklock, PTHREAD_PRIO_INHERIT: the same, by a clock */
#include "row.h"

static pthread_mutex_t lock;

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

static void
before(void)
{
	pthread_mutexattr_t kind;

	must(pthread_mutexattr_init(&kind) == 0);
	must(pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT) == 0);
	must(pthread_mutex_init(&lock, &kind) == 0);
	must(pthread_mutexattr_destroy(&kind) == 0);
}

LOCK_ROW(before, take, give, nothing)

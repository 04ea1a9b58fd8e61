/* pthread_mutex_timedlock, EOWNERDEAD: a dead owner's lock, with a time */
#include "row.h"

static pthread_mutex_t lock;

static void
take(void)
{
	int err;
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	err = pthread_mutex_timedlock(&lock, &until);
	if (err == EOWNERDEAD)
		err = pthread_mutex_consistent(&lock);
	must(err == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
die_with_it(void)
{
	must(pthread_mutex_lock(&lock) == 0);
}

static void
before(void)
{
	pthread_mutexattr_t kind;

	must(pthread_mutexattr_init(&kind) == 0);
	must(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0);
	must(pthread_mutex_init(&lock, &kind) == 0);
	must(pthread_mutexattr_destroy(&kind) == 0);
	in_another_thread(die_with_it);
}

LOCK_ROW(before, take, give, nothing)

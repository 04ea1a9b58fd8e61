/* pthread_mutex_trylock: a lock, asked for until it is free */
#include "row.h"

#include <sched.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take(void)
{
	int err;

	while ((err = pthread_mutex_trylock(&lock)) == EBUSY)
		sched_yield();
	must(err == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

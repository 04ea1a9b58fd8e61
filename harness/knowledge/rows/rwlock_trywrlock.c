/* pthread_rwlock_trywrlock: a lock, asked for to write until it is free */
#include "row.h"

#include <sched.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
take(void)
{
	int err;

	while ((err = pthread_rwlock_trywrlock(&lock)) == EBUSY)
		sched_yield();
	must(err == 0);
}

static void
give(void)
{
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

/* pthread_spin_trylock: the same, asked for until it is free */
#include "row.h"

#include <sched.h>

static pthread_spinlock_t lock;

static void
before(void)
{
	must(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0);
}

static void
take(void)
{
	int err;

	while ((err = pthread_spin_trylock(&lock)) == EBUSY)
		sched_yield();
	must(err == 0);
}

static void
give(void)
{
	must(pthread_spin_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

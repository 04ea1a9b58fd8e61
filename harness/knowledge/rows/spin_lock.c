/* pthread_spin_lock: a lock that never sleeps */
#include "row.h"

static pthread_spinlock_t lock;

static void
before(void)
{
	must(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0);
}

static void
take(void)
{
	must(pthread_spin_lock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_spin_unlock(&lock) == 0);
}

static void
after(void)
{
	must(pthread_spin_destroy(&lock) == 0);
}

LOCK_ROW(before, take, give, after)

/*
 * pthread_rwlock_trywrlock, pthread_rwlock_tryrdlock, EBUSY: a lock that was
 * not free
 */
#include "row.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
take(void)
{
	must(pthread_rwlock_wrlock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_rwlock_unlock(&lock) == 0);
}

static void
too_late(void)
{
	must(pthread_rwlock_trywrlock(&lock) == EBUSY);
	must(pthread_rwlock_tryrdlock(&lock) == EBUSY);
}

static void
before(void)
{
	must(pthread_rwlock_wrlock(&lock) == 0);
	in_another_thread(too_late);
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

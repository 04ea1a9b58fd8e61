/* pthread_rwlock_wrlock: a lock, taken to write */
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
after(void)
{
	must(pthread_rwlock_destroy(&lock) == 0);
}

LOCK_ROW(nothing, take, give, after)

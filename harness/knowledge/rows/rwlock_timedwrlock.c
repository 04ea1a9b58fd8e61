/* pthread_rwlock_timedwrlock: a lock to write, waited for until a time */
#include "row.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
take(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(pthread_rwlock_timedwrlock(&lock, &until) == 0);
}

static void
give(void)
{
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

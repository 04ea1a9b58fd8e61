/* pthread_mutex_lock, pthread_mutex_unlock: a lock */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
after(void)
{
	must(pthread_mutex_destroy(&lock) == 0);
}

LOCK_ROW(nothing, take, give, after)

/* PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP: the same without an init call */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
	must(pthread_mutex_lock(&lock) == EDEADLK);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

/* PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP: the same without an init call */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
	must(pthread_mutex_lock(&lock) == 0);
	must(pthread_mutex_trylock(&lock) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)

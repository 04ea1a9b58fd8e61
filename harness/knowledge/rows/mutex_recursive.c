/* PTHREAD_MUTEX_RECURSIVE: a lock that its holder takes again */
#include "row.h"

static pthread_mutex_t lock;

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

static void
before(void)
{
	pthread_mutexattr_t kind;

	must(pthread_mutexattr_init(&kind) == 0);
	must(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE) == 0);
	must(pthread_mutex_init(&lock, &kind) == 0);
	must(pthread_mutexattr_destroy(&kind) == 0);
}

static void
after(void)
{
	must(pthread_mutex_destroy(&lock) == 0);
}

LOCK_ROW(before, take, give, after)

/*
 * PTHREAD_MUTEX_ERRORCHECK, EPERM: it refuses to be unlocked by a thread that
 * does not hold it
 */
#include "row.h"

static pthread_mutex_t lock;

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
not_mine(void)
{
	must(pthread_mutex_unlock(&lock) == EPERM);
}

static void
before(void)
{
	pthread_mutexattr_t kind;

	must(pthread_mutexattr_init(&kind) == 0);
	must(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK) == 0);
	must(pthread_mutex_init(&lock, &kind) == 0);
	must(pthread_mutexattr_destroy(&kind) == 0);
	not_mine();
	must(pthread_mutex_lock(&lock) == 0);
	in_another_thread(not_mine);
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

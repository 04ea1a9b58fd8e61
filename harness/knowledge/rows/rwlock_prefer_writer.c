/*
 * PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP: a lock that lets writers go
 * first
 */
#include "row.h"

static pthread_rwlock_t lock;

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
before(void)
{
	pthread_rwlockattr_t kind;

	must(pthread_rwlockattr_init(&kind) == 0);
	must(pthread_rwlockattr_setkind_np(
		 &kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
	must(pthread_rwlock_init(&lock, &kind) == 0);
	must(pthread_rwlockattr_destroy(&kind) == 0);
}

static void
after(void)
{
	must(pthread_rwlock_destroy(&lock) == 0);
}

LOCK_ROW(before, take, give, after)

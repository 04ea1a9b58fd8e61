/* pthread_rwlock_rdlock: two readers at once, and one thread twice */
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
second_reader(void)
{
	must(pthread_rwlock_rdlock(&lock) == 0);
	must(pthread_rwlock_unlock(&lock) == 0);
}

static void
before(void)
{
	must(pthread_rwlock_rdlock(&lock) == 0);
	must(pthread_rwlock_rdlock(&lock) == 0);
	in_another_thread(second_reader);
	must(pthread_rwlock_unlock(&lock) == 0);
	must(pthread_rwlock_unlock(&lock) == 0);
}

LOCK_ROW(before, take, give, nothing)

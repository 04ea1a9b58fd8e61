/*
 * lock_order: takes two locks in one order, then in the other. It never hangs,
 * since one thread does both, but two threads could. `make doctor` runs it to
 * see that Helgrind works on this machine.
 */
#include <pthread.h>

static void
lock_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

int
main(void)
{
	static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
	static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;

	lock_both(&a, &b);
	lock_both(&b, &a);
	return 0;
}

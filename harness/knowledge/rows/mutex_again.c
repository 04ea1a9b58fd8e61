/*
 * pthread_mutex_destroy, pthread_mutex_init: one lock after another in one
 * place
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
use_it(void)
{
	take();
	give();
}

static void
before(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		must(pthread_mutex_init(&lock, NULL) == 0);
		in_another_thread(use_it);
		must(pthread_mutex_destroy(&lock) == 0);
	}
	must(pthread_mutex_init(&lock, NULL) == 0);
}

LOCK_ROW(before, take, give, nothing)

/*
 * A lost wakeup: the condition is looked at, and set, outside the mutex, so
 * that the signal can come between the look and the wait. Ten hand-overs; the
 * exit status is 1 if one of them got stuck although the flag was set.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum { ROUNDS = 10, STUCK_NS = 500000000, SECOND_NS = 1000000000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static atomic_bool flag;

static void *
setter(void *unused)
{
	(void)unused;
	atomic_store(&flag, true);
	pthread_cond_signal(&cond);
	return NULL;
}

/* Wait for the flag, the wrong way. Returns 1 where the wakeup was lost. */
static int
wait_wrongly(void)
{
	struct timespec until;
	int err = 0;

	if (atomic_load(&flag))
		return 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += STUCK_NS;
	if (until.tv_nsec >= SECOND_NS) {
		until.tv_nsec -= SECOND_NS;
		until.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	err = pthread_cond_timedwait(&cond, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	return err == ETIMEDOUT && atomic_load(&flag);
}

int
main(void)
{
	pthread_t thread;
	int round, lost;

	for (round = 0; round < ROUNDS; round++) {
		atomic_store(&flag, false);
		if (pthread_create(&thread, NULL, setter, NULL) != 0)
			return 2;
		lost = wait_wrongly();
		pthread_join(thread, NULL);
		if (lost)
			return 1;
	}
	return 0;
}

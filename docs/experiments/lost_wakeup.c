/*
 * lost_wakeup - the look at the flag and the wait are not one: the signal
 * comes in between, wakes nobody, and is gone
 *
 * The signaller is let in just there. Both sides use an atomic flag, so there
 * is no data race. The wait has a time-out, so that the program ends.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_int ready;
static sem_t looked, signalled;

static void *
signaller(void *unused)
{
	sem_wait(&looked);
	ready = 1; /* the bug: not under the lock */
	pthread_cond_signal(&changed);
	sem_post(&signalled);
	return unused;
}

/* Waits for ready, for 100 ms at most; 0 or ETIMEDOUT. */
static int
wait_for_ready(void)
{
	struct timespec instant;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &instant);
	instant.tv_nsec += 100000000;
	instant.tv_sec += instant.tv_nsec / 1000000000;
	instant.tv_nsec %= 1000000000;

	pthread_mutex_lock(&lock);
	if (!ready) {
		sem_post(&looked);    /* the signaller happens to come */
		sem_wait(&signalled); /* just now, before the wait */
		do
			error =
			    pthread_cond_timedwait(&changed, &lock, &instant);
		while (error == 0);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

int
main(void)
{
	pthread_t thread;

	sem_init(&looked, 0, 0);
	sem_init(&signalled, 0, 0);
	if (pthread_create(&thread, NULL, signaller, NULL) != 0)
		errx(1, "no thread");
	if (wait_for_ready() == ETIMEDOUT)
		printf("ready is %d, but nobody woke me\n", ready);
	pthread_join(thread, NULL);
	return 0;
}

/*
 * timed_wait - a wait for a condition until an instant of the monotonic
 * clock, which nobody can set
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* on CLOCK_MONOTONIC, see main */
static bool done;              /* guarded by lock; nobody sets it here */

/* The instant so many milliseconds from now. */
static struct timespec
time_after(long ms)
{
	struct timespec instant;

	clock_gettime(CLOCK_MONOTONIC, &instant);
	instant.tv_sec += ms / 1000;
	instant.tv_nsec += ms % 1000 * 1000000;
	if (instant.tv_nsec >= 1000000000) {
		instant.tv_sec++;
		instant.tv_nsec -= 1000000000;
	}
	return instant;
}

/* Waits until done, or for so long; is it done? */
static bool
wait_until_done(long timeout_ms)
{
	/* Once, before the loop: a wakeup must not begin it anew. */
	struct timespec instant = time_after(timeout_ms);
	int error = 0;
	bool result;

	pthread_mutex_lock(&lock);
	while (!done && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&changed, &lock, &instant);
	result = done;
	pthread_mutex_unlock(&lock);
	return result;
}

int
main(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attributes);
	pthread_condattr_destroy(&attributes);

	printf("done: %s\n", wait_until_done(50) ? "yes" : "not in 50 ms");
	pthread_cond_destroy(&changed);
	return 0;
}

/*
 * signal_forgotten - a condition variable has no memory: a signal that
 * nobody waits for is gone; a semaphore counts it
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec
in_100_ms(void)
{
	struct timespec instant;

	clock_gettime(CLOCK_REALTIME, &instant);
	instant.tv_nsec += 100000000;
	instant.tv_sec += instant.tv_nsec / 1000000000;
	instant.tv_nsec %= 1000000000;
	return instant;
}

int
main(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	struct timespec instant = in_100_ms();
	sem_t semaphore;
	int error;

	pthread_cond_signal(&condition); /* before anybody waits */
	pthread_mutex_lock(&lock);
	do
		error = pthread_cond_timedwait(&condition, &lock, &instant);
	while (error == 0); /* woken without a reason: wait on */
	pthread_mutex_unlock(&lock);
	printf("condition: %s\n", strerror(error));

	sem_init(&semaphore, 0, 0);
	sem_post(&semaphore); /* before anybody waits */
	instant = in_100_ms();
	while ((error = sem_timedwait(&semaphore, &instant)) != 0 &&
	    errno == EINTR)
		;
	printf("semaphore: %s\n",
	    error == 0 ? "goes on at once" : strerror(errno));
	return 0;
}

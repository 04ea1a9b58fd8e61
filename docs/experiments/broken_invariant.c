/*
 * broken_invariant - two accounts hold 100 together, except in the middle of
 * a transfer; who looks without the lock sees the middle
 *
 * The one that transfers is held in the middle until somebody has looked.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int left = 70, right = 30; /* guarded by lock: 100 together */
static sem_t in_the_middle, looked;

static void *
transfer(void *unused)
{
	pthread_mutex_lock(&lock);
	left -= 10;
	sem_post(&in_the_middle);
	sem_wait(&looked);
	right += 10;
	pthread_mutex_unlock(&lock);
	return unused;
}

int
main(void)
{
	pthread_t thread;

	sem_init(&in_the_middle, 0, 0);
	sem_init(&looked, 0, 0);
	if (pthread_create(&thread, NULL, transfer, NULL) != 0)
		errx(1, "no thread");
	sem_wait(&in_the_middle);
	printf("without the lock: %d\n", left + right);
	sem_post(&looked);

	pthread_mutex_lock(&lock); /* waits until the transfer is complete */
	printf("with the lock: %d\n", left + right);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}

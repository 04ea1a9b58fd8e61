/*
 * three_permits - a semaphore of three lets three threads in, and a fourth
 * only when one has left
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 8, PERMITS = 3 };

static sem_t permits;
static sem_t entered; /* counts those that are in */
static sem_t leave;   /* counts those that may leave */

static void *
visit(void *unused)
{
	sem_wait(&permits);
	sem_post(&entered);
	sem_wait(&leave);
	sem_post(&permits);
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];
	int more;

	sem_init(&permits, 0, PERMITS);
	sem_init(&entered, 0, 0);
	sem_init(&leave, 0, 0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, visit, NULL) != 0)
			errx(1, "no thread");

	for (int i = 0; i < PERMITS; i++)
		sem_wait(&entered);
	more = sem_trywait(&permits);
	printf("%d of %d are in; one more: %s\n", PERMITS, THREADS,
	    more == 0 ? "yes" : strerror(errno));

	sem_post(&leave); /* one leaves */
	sem_wait(&entered);
	puts("one left, and another came in");
	for (int i = 1; i < THREADS; i++)
		sem_post(&leave);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/*
 * argument_shared - the bug: every thread gets the address of one variable
 *
 * The threads look at it a little late, as they may. Here a semaphore sees
 * to that; on a busy machine the scheduler does.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

static sem_t all_started;

/* Starts a thread, or ends the program: errors are returned, not in errno. */
static pthread_t
start(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, function, argument);

	if (error != 0)
		errx(1, "pthread_create: %s", strerror(error));
	return thread;
}

/* A thread, which believes that it has a number of its own. */
static void *
work(void *argument)
{
	sem_wait(&all_started);
	printf("I am number %d\n", *(int *)argument);
	return NULL;
}

int
main(void)
{
	pthread_t threads[3];
	int i;

	sem_init(&all_started, 0, 0);
	for (i = 0; i < 3; i++)
		threads[i] = start(work, &i); /* the bug */
	for (int j = 0; j < 3; j++)
		sem_post(&all_started);
	for (int j = 0; j < 3; j++)
		pthread_join(threads[j], NULL);
	return 0;
}

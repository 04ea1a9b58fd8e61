/*
 * main_returns - when main returns, the process ends, with all its threads
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sem_t begun;

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

/* Begins, and never gets to its end. */
static void *
work(void *argument)
{
	(void)argument;
	printf("thread: I have begun\n");
	sem_post(&begun);
	sleep(60);
	printf("thread: I have done my work\n");
	return NULL;
}

int
main(void)
{
	sem_init(&begun, 0, 0);
	start(work, NULL);
	sem_wait(&begun);
	printf("main: returns\n");
	return 0;
}

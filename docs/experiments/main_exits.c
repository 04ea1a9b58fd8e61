/*
 * main_exits - pthread_exit ends main's thread and leaves the others alone
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_t main_thread;

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

/* Waits for the end of main's thread, and goes on after it. */
static void *
work(void *argument)
{
	(void)argument;
	pthread_join(main_thread, NULL);
	printf("thread: main has ended, I have not\n");
	return NULL;
}

int
main(void)
{
	main_thread = pthread_self();
	start(work, NULL);
	printf("main: calls pthread_exit\n");
	pthread_exit(NULL);
}

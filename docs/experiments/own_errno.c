/*
 * own_errno - a call that fails in one thread leaves errno of others alone
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Fails, and has the reason in its own errno. */
static void *
fail(void *argument)
{
	(void)argument;
	if (open("/no/such/file", O_RDONLY) < 0)
		printf("thread: %s\n", strerror(errno));
	return NULL;
}

int
main(void)
{
	if (close(-1) < 0)
		printf("main:   %s\n", strerror(errno));
	pthread_join(start(fail, NULL), NULL);
	printf("main:   still %s\n", strerror(errno));
	return 0;
}

/*
 * shared_descriptors - a child closes its copy, a thread closes ours
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fds[2]; /* a pipe's ends */

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

/* Says whether the pipe can still be written to. */
static void
try_to_write(const char *when)
{
	if (write(fds[1], "x", 1) == 1)
		printf("%s: it is open\n", when);
	else
		printf("%s: %s\n", when, strerror(errno));
}

/* The thread. */
static void *
close_it(void *argument)
{
	(void)argument;
	close(fds[1]);
	return NULL;
}

int
main(void)
{
	pid_t child;

	if (pipe(fds) < 0)
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		close(fds[1]);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	try_to_write("after a child has closed it");

	pthread_join(start(close_it, NULL), NULL);
	try_to_write("after a thread has closed it");
	return 0;
}

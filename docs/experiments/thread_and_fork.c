/*
 * thread_and_fork - a thread changes our variable, a child process its own
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int global = 1;

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

/* What the thread does: argument is the address of main's variable. */
static void *
change(void *argument)
{
	int *local = argument;

	global = 2;
	*local = 2;
	return NULL;
}

int
main(void)
{
	int local = 1;
	pid_t child;

	pthread_join(start(change, &local), NULL);
	printf("after a thread has set both to 2: %d %d\n", global, local);
	fflush(stdout);

	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		global = 3;
		local = 3;
		printf(
		    "a child sets both to 3, and sees: %d %d\n", global, local);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	printf("after that its parent has: %d %d\n", global, local);
	return 0;
}

/*
 * fork_of_threads - a child has one thread, and the locks as they were
 *
 * The child breaks a rule on purpose: after a fork of a process with threads
 * it may call async-signal-safe functions only (fork(2)), and
 * pthread_mutex_trylock is none.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all; /* main and two threads */

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

/* One of two threads: number 1 holds the lock during the fork. */
static void *
live(void *argument)
{
	if (argument != NULL)
		pthread_mutex_lock(&lock);
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all); /* in between main forks */
	if (argument != NULL)
		pthread_mutex_unlock(&lock);
	return NULL;
}

/* How many threads this process has: each is a directory in task (proc(5)). */
static int
count_threads(void)
{
	struct stat task;

	if (stat("/proc/self/task", &task) < 0)
		return -1;
	return (int)task.st_nlink - 2;
}

/* Forks; the child's exit status says what it has found. */
static int
look_in_a_child(void)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0)
		_exit(count_threads() * 10 +
		    (pthread_mutex_trylock(&lock) == EBUSY));
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

int
main(void)
{
	pthread_t a, b;
	int seen;

	pthread_barrier_init(&all, NULL, 3);
	a = start(live, &lock);
	b = start(live, NULL);
	pthread_barrier_wait(&all);
	seen = look_in_a_child();
	printf("threads in the parent: %d\n", count_threads());
	printf("threads in the child: %d\n", seen / 10);
	printf("the lock in the child: %s\n",
	    seen % 10 ? "locked, and its owner does not exist" : "free");
	pthread_barrier_wait(&all);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}

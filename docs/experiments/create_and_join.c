/*
 * create_and_join - a function runs in another thread and returns a result
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A piece of work: what the thread gets, and where it puts the result. */
struct task {
	int first, last; /* in */
	long sum;        /* out */
};

/* The code that is to run in another thread: its form is prescribed. */
static void *
add_up(void *argument)
{
	struct task *task = argument;

	for (int i = task->first; i <= task->last; i++)
		task->sum += i;
	return task;
}

int
main(void)
{
	struct task mine = {1, 500, 0};
	struct task other = {501, 1000, 0};
	pthread_t thread;
	int error;

	error = pthread_create(&thread, NULL, add_up, &other);
	if (error != 0)
		errx(1, "pthread_create: %s", strerror(error));
	add_up(&mine); /* meanwhile: the same function, in this thread */

	error = pthread_join(thread, NULL);
	if (error != 0)
		errx(1, "pthread_join: %s", strerror(error));
	printf("%ld + %ld = %ld\n", mine.sum, other.sum, mine.sum + other.sum);
	return 0;
}

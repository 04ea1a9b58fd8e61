/*
 * argument_own - three ways to give each thread an argument of its own
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a thread is to do. */
struct task {
	int number;
};

static int seen[6]; /* each thread counts in the place of its number */

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

/* Gets a struct that main keeps until it has joined us. */
static void *
from_array(void *argument)
{
	const struct task *task = argument;

	seen[task->number]++;
	return NULL;
}

/* Gets a struct from malloc, which is ours now: we free it. */
static void *
from_heap(void *argument)
{
	struct task *task = argument;

	seen[task->number]++;
	free(task);
	return NULL;
}

/* Gets no address at all, but a number in a pointer's clothes. */
static void *
by_value(void *argument)
{
	seen[(intptr_t)argument]++;
	return NULL;
}

int
main(void)
{
	struct task tasks[2]; /* lives until main returns */
	pthread_t threads[6];

	for (int i = 0; i < 2; i++) {
		struct task *task = malloc(sizeof(*task));

		if (task == NULL)
			err(1, "malloc");
		tasks[i].number = i;
		threads[i] = start(from_array, &tasks[i]);
		task->number = 2 + i;
		threads[2 + i] = start(from_heap, task);
		threads[4 + i] = start(by_value, (void *)(intptr_t)(4 + i));
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		printf("number %d: seen %d time\n", i, seen[i]);
	}
	return 0;
}

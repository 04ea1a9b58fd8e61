/*
 * own_copy - a variable for all threads, and one for each
 */

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 3, TIMES = 100 };

static atomic_int for_all;
static _Thread_local int own; /* each thread has one, 0 at its start */

static void *
count(void *unused)
{
	for (int i = 0; i < TIMES; i++) {
		for_all++;
		own++;
	}
	printf("in a thread: own %d\n", own);
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, count, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("in main: own %d, for all %d\n", own, for_all);
	return 0;
}

/* Four threads add 1 to a counter 1,000,000 times each; nothing may be lost. */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, TIMES = 1000000 };

static atomic_int counter;
static pthread_barrier_t start;

static void *
count(void *unused)
{
	pthread_barrier_wait(&start);
	for (int i = 0; i < TIMES; i++) {
		/* GAP */
	}
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, count, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d\n", counter);
	return 0;
}

/*
 * barrier_rounds - nobody begins the second round before all have ended the
 * first
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 3 };

static pthread_barrier_t all_here;

static void *
play(void *unused)
{
	puts("first round");
	if (pthread_barrier_wait(&all_here) == PTHREAD_BARRIER_SERIAL_THREAD)
		puts("all are through"); /* said by one of them */
	pthread_barrier_wait(&all_here);
	puts("second round");
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&all_here, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, play, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all_here);
	return 0;
}

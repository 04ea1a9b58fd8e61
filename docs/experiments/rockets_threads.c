/*
 * rockets_threads - five rockets, a thread for each: the longest one decides
 *
 * What comes in which order is up to the scheduler, except within a rocket.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { ROCKETS = 5, TICK_MS = 40 };

struct rocket {
	int number;
	int delay_ms;
	int countdown; /* ticks */
};

static struct rocket rockets[ROCKETS] = {
    {0, 20, 0}, {1, 4, 4}, {2, 56, 2}, {3, 80, 1}, {4, 40, 3}};

static void
wait_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&pause, &pause) != 0)
		; /* a signal came: sleep for the rest */
}

/* What each thread does; the argument is its own rocket. */
static void *
rocket_run(void *argument)
{
	const struct rocket *rocket = argument;

	wait_ms(rocket->delay_ms);
	for (int n = rocket->countdown; n > 0; n--) {
		printf("rocket %d: %d...\n", rocket->number, n);
		wait_ms(TICK_MS);
	}
	printf("rocket %d: launched\n", rocket->number);
	return NULL;
}

/* Start all, then wait for all: two loops. */
static void
launch(void)
{
	pthread_t threads[ROCKETS];

	for (int i = 0; i < ROCKETS; i++) {
		errno =
		    pthread_create(&threads[i], NULL, rocket_run, &rockets[i]);
		if (errno != 0)
			err(1, "start rocket %d", i);
	}
	for (int i = 0; i < ROCKETS; i++)
		pthread_join(threads[i], NULL);
}

int
main(void)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	launch();
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("sum 0.60 s, longest 0.16 s, took %.2f s\n",
	    (double)(end.tv_sec - start.tv_sec) +
		(double)(end.tv_nsec - start.tv_nsec) / 1e9);
	return 0;
}

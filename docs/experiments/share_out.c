/*
 * share_out - four threads share out twelve jobs of 30 ms by a counter:
 * three rounds, and nobody is idle while there is work
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 4, JOBS = 12, JOB_MS = 30 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int next_job;   /* guarded by lock */
static int done[JOBS]; /* each written by who took the job */

/* The number of a job that nobody else gets, or -1. */
static int
take_job(void)
{
	int job;

	pthread_mutex_lock(&lock);
	job = next_job < JOBS ? next_job++ : -1;
	pthread_mutex_unlock(&lock);
	return job;
}

static void *
work(void *unused)
{
	struct timespec pause = {0, JOB_MS * 1000000L};
	int job;

	while ((job = take_job()) != -1) {
		nanosleep(&pause, NULL); /* without the lock */
		done[job]++;
	}
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];
	struct timespec start, end;
	int once = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (int i = 0; i < JOBS; i++)
		once += done[i] == 1;
	printf("%d of %d jobs were done once, in %.0f ms\n", once, JOBS,
	    (double)(end.tv_sec - start.tv_sec) * 1e3 +
		(double)(end.tv_nsec - start.tv_nsec) / 1e6);
	return 0;
}

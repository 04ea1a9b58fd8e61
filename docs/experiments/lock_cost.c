/*
 * lock_cost - nanoseconds for adding 1, in one thread and in two at once
 *
 * Of several rounds the middle one counts: in some, somebody else had the
 * processor.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TIMES = 30000, ROUNDS = 11 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_long atomic;
static long guarded; /* by mutex; below rwlock it is only read */
static pthread_barrier_t start;

static void *
with_atomic(void *unused)
{
	pthread_barrier_wait(&start);
	for (int i = 0; i < TIMES; i++)
		atomic_fetch_add(&atomic, 1);
	return unused;
}

static void *
with_mutex(void *unused)
{
	pthread_barrier_wait(&start);
	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&mutex);
		guarded++;
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

static void *
with_rwlock(void *unused)
{
	long sum = 0;

	pthread_barrier_wait(&start);
	for (int i = 0; i < TIMES; i++) {
		pthread_rwlock_rdlock(&rwlock);
		sum += guarded; /* only looks */
		pthread_rwlock_unlock(&rwlock);
	}
	return sum < 0 ? NULL : unused;
}

/* Nanoseconds for a turn of the loop, in each of the threads. */
static double
measure_once(void *(*loop)(void *), unsigned threads)
{
	struct timespec begin, end;
	pthread_t ids[2];

	pthread_barrier_init(&start, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, loop, NULL) != 0)
			errx(1, "no thread");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	pthread_barrier_destroy(&start);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 +
		   (double)(end.tv_nsec - begin.tv_nsec)) /
	    TIMES;
}

static int
compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double
measure(void *(*loop)(void *), unsigned threads)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ns[i] = measure_once(loop, threads);
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	return ns[ROUNDS / 2];
}

static void
report(const char *name, void *(*loop)(void *))
{
	double alone = measure(loop, 1), both = measure(loop, 2);

	printf(
	    "%-16s %6.0f ns alone %6.0f ns with another\n", name, alone, both);
}

int
main(void)
{
	report("atomic", with_atomic);
	report("mutex", with_mutex);
	report("rwlock, reading", with_rwlock);
	return 0;
}

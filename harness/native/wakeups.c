/*
 * How late this machine wakes threads now: many of them sleep until moments
 * that are known beforehand, as lab 03's rockets do. What this program cannot
 * keep, no program can.
 *
 *	wakeups THREADS TICK_MS
 *
 * Each thread sleeps until five moments, a tick apart, and writes a line at
 * each: the moment, in nanoseconds of CLOCK_MONOTONIC. The reader of a
 * line, checks/lab_03_rockets/instants.py, knows by that how late it has come.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOMENTS = 5, STACK_BYTES = 64 << 10, LINE_SIZE = 32 };
static const long long NS = 1000000000;

static long long tick_ns; /* set before there is a thread */

struct sleeper {
	pthread_t thread;
	long long first_ns; /* its first moment */
};

static long long
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

/* A thread's life; argument is its struct sleeper. */
static void *
sleeper_main(void *argument)
{
	struct sleeper *sleeper = argument;
	char line[LINE_SIZE];

	for (int i = 0; i < MOMENTS; i++) {
		long long due = sleeper->first_ns + i * tick_ns;
		struct timespec until = {due / NS, due % NS};
		int length = snprintf(line, sizeof(line), "%lld\n", due);

		while (clock_nanosleep(
			   CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
			continue;
		if (write(STDOUT_FILENO, line, (size_t)length) < 0)
			break;
	}
	return NULL;
}

int
main(int argc, char *argv[])
{
	int count = argc == 3 ? atoi(argv[1]) : 0, started = 0;
	struct sleeper *sleepers;
	pthread_attr_t attr;
	long long begin_ns;

	sleepers = calloc((size_t)count + 1, sizeof(*sleepers));
	if (count <= 0 || sleepers == NULL)
		return 2;
	tick_ns = atoi(argv[2]) * 1000000LL;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	begin_ns = now_ns() + tick_ns;
	for (; started < count; started++) {
		struct sleeper *one = &sleepers[started];

		one->first_ns = begin_ns + 5 * tick_ns * started / count;
		if (pthread_create(&one->thread, &attr, sleeper_main, one) != 0)
			break;
	}
	for (int i = 0; i < started; i++)
		pthread_join(sleepers[i].thread, NULL);
	return started < count;
}

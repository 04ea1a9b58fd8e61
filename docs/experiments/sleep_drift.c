/*
 * sleep_drift - ten rounds of 20 ms, in each of which 5 ms of work are done:
 * relative sleeps add the work up, deadlines swallow it
 */

#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum { ROUNDS = 10, ROUND_MS = 20, WORK_MS = 5 };

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* "For so long, from now": whatever was lost before stays lost. */
static void
sleep_for(int ms)
{
	struct timespec pause = {0, ms * 1000000L};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* "Until then": an instant that is past is no wait at all. */
static void
sleep_until(double ms)
{
	long long ns = (long long)(ms * 1e6);
	struct timespec instant = {ns / 1000000000, ns % 1000000000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, NULL);
}

static void
measure(const char *name, bool deadlines)
{
	double start = now_ms();

	for (int i = 1; i <= ROUNDS; i++) {
		sleep_for(WORK_MS); /* stands for work: time goes by */
		if (deadlines)
			sleep_until(start + i * ROUND_MS);
		else
			sleep_for(ROUND_MS);
	}
	printf("%s: %.0f ms late after %d rounds\n", name,
	    now_ms() - start - ROUNDS * ROUND_MS, ROUNDS);
}

int
main(void)
{
	measure("relative sleeps", false);
	measure("deadlines", true);
	return 0;
}

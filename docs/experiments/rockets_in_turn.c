/*
 * rockets_in_turn - five rockets, one after another: their times add up
 *
 * A tick is 40 ms here, so that nobody has to wait for long.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

enum { ROCKETS = 5, TICK_MS = 40 };

struct rocket {
	int delay_ms;
	int countdown; /* ticks */
};

static const struct rocket plan[ROCKETS] = {
    {20, 0}, {4, 4}, {56, 2}, {80, 1}, {40, 3}};

static void
wait_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&pause, &pause) != 0)
		; /* a signal came: sleep for the rest */
}

static void
rocket_fly(int number)
{
	wait_ms(plan[number].delay_ms);
	for (int n = plan[number].countdown; n > 0; n--) {
		printf("rocket %d: %d...\n", number, n);
		wait_ms(TICK_MS);
	}
	printf("rocket %d: launched\n", number);
}

int
main(void)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < ROCKETS; i++)
		rocket_fly(i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("sum 0.60 s, longest 0.16 s, took %.2f s\n",
	    (double)(end.tv_sec - start.tv_sec) +
		(double)(end.tv_nsec - start.tv_nsec) / 1e9);
	return 0;
}

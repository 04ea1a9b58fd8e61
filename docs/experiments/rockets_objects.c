/*
 * rockets_objects - each rocket owns its thread: a thread class, in C
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROCKETS = 5, TICK_MS = 40 };

struct rocket {
	int number;
	int delay_ms;
	int countdown;    /* ticks */
	pthread_t thread; /* from rocket_start until rocket_join */
};

static void
wait_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&pause, &pause) != 0)
		; /* a signal came: sleep for the rest */
}

/* What the rocket's thread does: `run` in other languages. */
static void *
rocket_run(void *self)
{
	struct rocket *rocket = self;

	wait_ms(rocket->delay_ms);
	for (int n = rocket->countdown; n > 0; n--) {
		printf("rocket %d: %d...\n", rocket->number, n);
		wait_ms(TICK_MS);
	}
	printf("rocket %d: launched\n", rocket->number);
	return NULL;
}

/*
 * From here on the rocket flies in a thread of its own. It must stay where
 * it is until rocket_join. Returns 0 or an error number.
 */
static int
rocket_start(struct rocket *rocket)
{
	return pthread_create(&rocket->thread, NULL, rocket_run, rocket);
}

/* Waits until the rocket is up. */
static void
rocket_join(struct rocket *rocket)
{
	pthread_join(rocket->thread, NULL);
}

int
main(void)
{
	struct rocket rockets[ROCKETS] = {{.delay_ms = 20, .countdown = 0},
	    {.delay_ms = 4, .countdown = 4}, {.delay_ms = 56, .countdown = 2},
	    {.delay_ms = 80, .countdown = 1}, {.delay_ms = 40, .countdown = 3}};

	for (int i = 0; i < ROCKETS; i++) {
		int error;

		rockets[i].number = i;
		error = rocket_start(&rockets[i]);
		if (error != 0)
			errx(1, "start rocket %d: %s", i, strerror(error));
	}
	for (int i = 0; i < ROCKETS; i++)
		rocket_join(&rockets[i]);
	puts("all are up");
	return 0;
}

/*
 * Three rockets are to fly at the same time, each in a thread of its own. Yet
 * they fly one after another, and their threads have nothing to do.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { ROCKETS = 3 };

struct rocket {
	int number;
	void *(*run)(void *self); /* what the rocket's thread is to do */
	pthread_t thread;
};

static void *
fly(void *self)
{
	const struct rocket *rocket = self;
	const struct timespec pause = {0, 50000000};

	nanosleep(&pause, NULL);
	printf("rocket %d: launched\n", rocket->number);
	return NULL;
}

static void *
thread_main(void *result)
{
	return result;
}

static void
rocket_start(struct rocket *rocket)
{
	void *result = rocket->run(rocket);

	if (pthread_create(&rocket->thread, NULL, thread_main, result) != 0)
		errx(1, "no thread for rocket %d", rocket->number);
}

int
main(void)
{
	struct rocket rockets[ROCKETS];

	for (int i = 0; i < ROCKETS; i++) {
		rockets[i].number = i;
		rockets[i].run = fly;
		rocket_start(&rockets[i]);
	}
	for (int i = 0; i < ROCKETS; i++)
		pthread_join(rockets[i].thread, NULL);
	return 0;
}

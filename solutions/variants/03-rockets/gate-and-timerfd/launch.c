/*
 * Rockets behind a gate: all threads are started first and wait at a barrier of
 * mutex and condition; the launch is the moment at which it opens. A rocket
 * sleeps in pthread_cond_timedwait on a condition of its own, which nobody
 * signals; in mode sequential main reads from a timer's descriptor.
 */
#define _DEFAULT_SOURCE

#include "control.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { STACK_BYTES = 1 << 17 };

static struct timespec launch; /* (G) set when the gate opens */
static int is_open;            /* (G) */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* guards (G) */
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;

static struct timespec
after(struct timespec start, long long us)
{
	long long ns = start.tv_nsec + us % 1000000 * 1000;

	start.tv_sec += us / 1000000 + ns / 1000000000;
	start.tv_nsec = ns % 1000000000;
	return start;
}

static void
say(const struct rocket *rocket, int n)
{
	flockfile(stdout);
	if (control.verbose)
		printf("rocket %d: ", rocket->number);
	if (n > 0)
		printf("%d...\n", n);
	else
		puts("Rocket launched!");
	fflush(stdout);
	funlockfile(stdout);
}

static void *
life(void *argument)
{
	const struct rocket *rocket = argument;
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_condattr_t monotonic;
	pthread_cond_t never;
	struct timespec start;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&never, &monotonic);
	pthread_condattr_destroy(&monotonic);

	pthread_mutex_lock(&gate);
	while (!is_open)
		pthread_cond_wait(&opened, &gate);
	start = launch;
	pthread_mutex_unlock(&gate);

	for (int n = rocket->countdown; n >= 0; n--) {
		struct timespec due = after(start,
		    (rocket->delay + 1000LL * (rocket->countdown - n)) *
			control.tick_ms);

		pthread_mutex_lock(&mutex);
		while (pthread_cond_timedwait(&never, &mutex, &due) == 0)
			continue;
		pthread_mutex_unlock(&mutex);
		say(rocket, n);
	}
	pthread_cond_destroy(&never);
	pthread_mutex_destroy(&mutex);
	return NULL;
}

static void
open_gate(void)
{
	pthread_mutex_lock(&gate);
	clock_gettime(CLOCK_MONOTONIC, &launch);
	is_open = 1;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&gate);
}

int
rocket_start(struct rocket *rocket)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	err = pthread_create(&rocket->thread, &attr, life, rocket);
	pthread_attr_destroy(&attr);
	return err;
}

void
rocket_join(struct rocket *rocket)
{
	pthread_join(rocket->thread, NULL);
}

int
launch_together(struct rocket *rockets)
{
	int started = 0, err = 0;

	while (started < control.count) {
		err = rocket_start(&rockets[started]);
		if (err != 0)
			break;
		started++;
	}
	if (err != 0)
		fprintf(stderr,
		    "rockets: thread %d of %d: %s\n"
		    "rockets: started: %d\n",
		    started + 1, control.count, strerror(err), started);
	open_gate();
	for (int i = 0; i < started; i++)
		rocket_join(&rockets[i]);
	return started;
}

int
launch_in_order(struct rocket *rockets)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	long long passed = 0;

	if (timer < 0) {
		perror("rockets: timerfd_create");
		return 0;
	}
	open_gate();
	for (int i = 0; i < control.count; i++) {
		passed += rockets[i].delay;
		for (int n = rockets[i].countdown; n >= 0; n--) {
			struct itimerspec due = {.it_value = after(launch,
						     passed * control.tick_ms)};
			uint64_t times;

			timerfd_settime(timer, TFD_TIMER_ABSTIME, &due, NULL);
			while (read(timer, &times, sizeof(times)) < 0)
				continue;
			say(&rockets[i], n);
			if (n > 0)
				passed += 1000;
		}
	}
	close(timer);
	return control.count;
}

double
seconds_since_launch(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - launch.tv_sec) +
	    (double)(now.tv_nsec - launch.tv_nsec) / 1e9;
}

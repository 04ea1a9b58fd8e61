/*
 * start_or_run - who calls `run` flies the rocket; who calls `start` has it
 * flown by another thread
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>

struct rocket {
	const char *name;
	pthread_t thread;
};

static pthread_t main_thread;

static void *
rocket_run(void *self)
{
	const struct rocket *rocket = self;

	printf("%s flies in %s\n", rocket->name,
	    pthread_equal(pthread_self(), main_thread) ? "main's thread"
						       : "its own thread");
	return NULL;
}

static int
rocket_start(struct rocket *rocket)
{
	return pthread_create(&rocket->thread, NULL, rocket_run, rocket);
}

int
main(void)
{
	struct rocket first = {.name = "first"};
	struct rocket second = {.name = "second"};

	main_thread = pthread_self();
	rocket_run(&first); /* a function call, nothing more */
	if (rocket_start(&second) != 0)
		errx(1, "no thread");
	pthread_join(second.thread, NULL);
	return 0;
}

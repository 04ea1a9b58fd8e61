/*
 * Waits for a thread before it prints what the thread wrote. The thread takes
 * its time, so that who doesn't wait for it comes too early on a busy machine,
 * too.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static int number;

static void *
run(void *unused)
{
	const struct timespec while_main_prints = {0, 300000000};

	nanosleep(&while_main_prints, NULL);
	number = 7;
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	/* GAP */
	printf("%d\n", number);
	return 0;
}

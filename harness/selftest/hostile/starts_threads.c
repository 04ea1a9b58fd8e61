/*
 * Starts threads that sleep, for as long as it gets some: but not more than
 * MOST, so that a harness which cannot stop it does not take the machine down
 * with it. Not outside a process namespace of its own.
 */
#include "hostile.h"

#include <limits.h>
#include <pthread.h>

enum { MOST = 9000, STACK = 2 * PTHREAD_STACK_MIN };

static void *
thread_main(void *argument)
{
	pause();
	return argument;
}

int
main(void)
{
	pthread_attr_t small;
	pthread_t thread;
	int count = 0;

	if (getpid() > 100)
		return 1;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	while (count < MOST &&
	    pthread_create(&thread, &small, thread_main, NULL) == 0)
		count++;
	fprintf(stderr, "%d threads\n", count);
	pause();
}

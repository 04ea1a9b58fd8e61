/*
 * threads MOST: starts up to MOST threads that wait, and prints how many there
 * were and, if not all, why: `make doctor` runs it where programs under test
 * run, because no file tells which of all limits holds there.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK = 2 * PTHREAD_STACK_MIN };

static void *
thread_main(void *unused)
{
	pause();
	return unused;
}

int
main(int argc, char *argv[])
{
	int most = argc > 1 ? atoi(argv[1]) : 0;
	int started = 0, error = 0;
	pthread_attr_t small;
	pthread_t thread;

	if (pthread_attr_init(&small) != 0 ||
	    pthread_attr_setstacksize(&small, STACK) != 0)
		return 2;
	while (started < most && error == 0) {
		error = pthread_create(&thread, &small, thread_main, NULL);
		started += error == 0;
	}
	printf("%d %s\n", started, error == 0 ? "" : strerror(error));
	fflush(stdout);
	_exit(0); /* the threads end with it */
}

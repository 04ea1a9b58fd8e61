/*
 * One number in an eventfd wakes every thread that polls it, those too that
 * come to poll(2) only later: nobody reads it, so it stays.
 */

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	THREADS = 3,
};

static int stop;

/* Waits for a client or for the end. */
static void *
thread_main(void *client)
{
	struct pollfd polled[] = {
	    {.fd = stop, .events = POLLIN},
	    {.fd = *(int *)client, .events = POLLIN},
	};

	poll(polled, 2, -1);
	return polled[0].revents != 0 ? "stop" : "client";
}

int
main(void)
{
	pthread_t threads[THREADS];
	uint64_t one = 1;
	int silent[2];
	void *reason;

	stop = eventfd(0, 0);
	if (pipe(silent) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(
			&threads[i], NULL, thread_main, &silent[0]) != 0)
			return 1;
		if (i == 1 && write(stop, &one, sizeof(one)) < 0)
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &reason);
		printf("thread %d was woken by: %s\n", i, (char *)reason);
	}
}

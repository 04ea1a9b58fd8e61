/*
 * A thread writes a plain variable and prints a line; the main thread waits by
 * epoll for a byte that it has written itself, and reads the variable. A race:
 * what is printed leaves the process, and nobody in it has heard of the line.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static int payload;
static atomic_bool printed;

static void *
worker(void *unused)
{
	payload = 42;
	printf("done\n");
	fflush(stdout);
	/* Says when, and orders nothing. */
	atomic_store_explicit(&printed, true, memory_order_relaxed);
	return unused;
}

int
main(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2], set = epoll_create1(0), heard;
	pthread_t thread;

	if (pipe(ends) || write(ends[1], "x", 1) != 1 ||
	    epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event))
		abort();
	if (pthread_create(&thread, NULL, worker, NULL))
		return 2;
	while (!atomic_load_explicit(&printed, memory_order_relaxed))
		usleep(1000);
	if (epoll_wait(set, &event, 1, -1) != 1)
		abort();
	heard = payload; /* RACE */
	pthread_join(thread, NULL);
	return heard != 42;
}

/*
 * never_joined - a thread that has ended keeps its stack until it is joined
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	THREADS = 50,
	STACK = 1 << 20, /* bytes */
};

/* A thread that ends at once. */
static void *
do_nothing(void *argument)
{
	return argument;
}

/* The size of our address space, in stacks (/proc/self/statm, proc(5)). */
static long
address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long pages;

	if (statm == NULL || fscanf(statm, "%ld", &pages) != 1)
		errx(1, "/proc/self/statm");
	fclose(statm);
	return pages * sysconf(_SC_PAGESIZE) / STACK;
}

/* Waits until main's thread is the only one that has not ended. */
static void
wait_for_the_others(void)
{
	struct stat task;

	while (stat("/proc/self/task", &task) == 0 && task.st_nlink > 3)
		poll(NULL, 0, 1);
}

/* Starts THREADS threads, one after another; returns the room they keep. */
static long
use_threads(int join)
{
	long before = address_space();
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		int error =
		    pthread_create(&thread, &attributes, do_nothing, NULL);

		if (error != 0)
			errx(1, "pthread_create: %s", strerror(error));
		if (join)
			pthread_join(thread, NULL);
	}
	pthread_attr_destroy(&attributes);
	wait_for_the_others();
	return address_space() - before;
}

int
main(void)
{
	address_space(); /* stdio's memory should not count */
	printf("%d threads, never joined: stacks kept: %ld\n", THREADS,
	    use_threads(0));
	printf("%d threads, each joined: stacks kept: %ld\n", THREADS,
	    use_threads(1));
	return 0;
}

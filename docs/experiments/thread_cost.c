/*
 * thread_cost - what it takes to start and join a thread, and what 1,000
 * sleeping ones take of address space and of memory
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 1000 };

static sem_t end;

static void *
wait_for_end(void *unused)
{
	sem_wait(&end);
	return unused;
}

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Address space and memory of this process, in KiB, see proc(5). */
static void
read_sizes(long *address_space, long *memory)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long page = sysconf(_SC_PAGESIZE) / 1024;

	if (file == NULL || fscanf(file, "%ld %ld", address_space, memory) != 2)
		err(1, "/proc/self/statm");
	fclose(file);
	*address_space *= page;
	*memory *= page;
}

int
main(void)
{
	static pthread_t threads[THREADS];
	long space[2], memory[2];
	double start = now_us(), started;

	sem_init(&end, 0, 0);
	read_sizes(&space[0], &memory[0]);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, wait_for_end, NULL) != 0)
			errx(1, "%d threads started, and no more", i);
	started = now_us();
	read_sizes(&space[1], &memory[1]);
	for (int i = 0; i < THREADS; i++)
		sem_post(&end);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("each: %.0f us to start, %ld KiB of address space, "
	       "%ld KiB of memory\n",
	    (started - start) / THREADS, (space[1] - space[0]) / THREADS,
	    (memory[1] - memory[0]) / THREADS);
	return 0;
}

/*
 * threads_run_out - with 200 MiB of address space and stacks of 8 MiB there
 * are some twenty threads; those that were started are joined
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { MOST = 1000, MIB = 1 << 20 };

static sem_t end;

static void *
wait_for_end(void *unused)
{
	sem_wait(&end);
	return unused;
}

int
main(void)
{
	static pthread_t threads[MOST];
	const struct rlimit space = {200 * MIB, 200 * MIB};
	pthread_attr_t attributes;
	int started = 0, error = 0;

	if (setrlimit(RLIMIT_AS, &space) != 0)
		err(1, "setrlimit");
	sem_init(&end, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 8 * MIB);
	while (started < MOST && error == 0) {
		error = pthread_create(
		    &threads[started], &attributes, wait_for_end, NULL);
		if (error == 0)
			started++;
	}
	printf("%d started, then: %s\n", started, strerror(error));
	for (int i = 0; i < started; i++)
		sem_post(&end);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	puts("all that were started have been joined");
	return 0;
}

/*
 * Starts 20 threads on small stacks cut from one piece of memory, joins the
 * first half and has the others created detached. Prints how many have run.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 20, STACK_BYTES = 64 * 1024 };

static sem_t done;

static void *
post(void *unused)
{
	sem_post(&done);
	return unused;
}

int
main(void)
{
	char *stacks = aligned_alloc(STACK_BYTES, COUNT * STACK_BYTES);
	pthread_t threads[COUNT];
	pthread_attr_t attr;
	int i, err;

	sem_init(&done, 0, 0);
	pthread_attr_init(&attr);
	for (i = 0; i < COUNT; i++) {
		if (i == COUNT / 2)
			pthread_attr_setdetachstate(
			    &attr, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstack(
		    &attr, stacks + i * STACK_BYTES, STACK_BYTES);
		err = pthread_create(&threads[i], &attr, post, NULL);
		if (err) {
			printf("thread %d: %s\n", i, strerror(err));
			return 1;
		}
	}
	for (i = 0; i < COUNT; i++)
		sem_wait(&done);
	for (i = 0; i < COUNT / 2; i++)
		pthread_join(threads[i], NULL);
	printf("%d\n", COUNT);
	return 0; /* with the stacks: a detached thread may still be on its own */
}

/* 10,000 threads, all alive at once. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 10000, STACK_BYTES = 64 * 1024 };

static pthread_barrier_t barrier;
static pthread_t threads[COUNT];

static void *
meet(void *unused)
{
	pthread_barrier_wait(&barrier);
	return unused;
}

int
main(void)
{
	pthread_attr_t attr;
	int i, err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_barrier_init(&barrier, NULL, COUNT + 1);
	for (i = 0; i < COUNT; i++) {
		err = pthread_create(&threads[i], &attr, meet, NULL);
		if (err) {
			printf("%d threads: %s\n", i, strerror(err));
			return 2;
		}
	}
	pthread_barrier_wait(&barrier);
	for (i = 0; i < COUNT; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

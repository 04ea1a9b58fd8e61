/*
 * hand_over - a flag that is written last and read first hands over what was
 * written before it
 */

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

static int result; /* written before ready is set, read after it was seen */
static atomic_int ready;

static void *
compute(void *unused)
{
	result = 6 * 7;
	atomic_store_explicit(&ready, 1, memory_order_release);
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, compute, NULL) != 0)
		errx(1, "no thread");
	while (!atomic_load_explicit(&ready, memory_order_acquire))
		sched_yield(); /* only here: a real wait would sleep */
	printf("result: %d\n", result);
	pthread_join(thread, NULL);
	return 0;
}

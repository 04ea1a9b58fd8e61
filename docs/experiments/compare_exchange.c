/*
 * compare_exchange - "if it is still what I saw, change it" in one step, and
 * a loop around it: four threads look for the greatest number
 */

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, TIMES = 25000 };

static atomic_int greatest;

/* Raises greatest to value, unless it is as great already. */
static void
raise_greatest(int value)
{
	int seen = atomic_load(&greatest);

	while (seen < value &&
	    !atomic_compare_exchange_weak(&greatest, &seen, value))
		; /* somebody was quicker: seen is now what is there */
}

static void *
count_up(void *first)
{
	const int *start = first;

	for (int i = 0; i < TIMES; i++)
		raise_greatest(*start + i * THREADS);
	return NULL;
}

int
main(void)
{
	static const int first[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];
	atomic_int value = 7;
	int expected = 5;

	if (!atomic_compare_exchange_strong(&value, &expected, 8))
		printf("not 5: expected is now %d, value stays %d\n", expected,
		    atomic_load(&value));
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(
			&threads[i], NULL, count_up, (void *)&first[i]) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("the greatest is %d\n", atomic_load(&greatest));
	return 0;
}

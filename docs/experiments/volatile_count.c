/*
 * volatile_count - volatile does not make counter++ one step
 *
 * Two threads count, again and again, until an update has been lost. That is
 * a data race, on purpose.
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>

enum { TIMES = 100000, MOST_ROUNDS = 1000 };

static volatile int counter;

static void *
count(void *unused)
{
	for (int i = 0; i < TIMES; i++)
		counter++;
	return unused;
}

int
main(void)
{
	int round = 0;

	do {
		pthread_t one, two;

		counter = 0;
		if (pthread_create(&one, NULL, count, NULL) != 0 ||
		    pthread_create(&two, NULL, count, NULL) != 0)
			errx(1, "no thread");
		pthread_join(one, NULL);
		pthread_join(two, NULL);
		round++;
	} while (counter == 2 * TIMES && round < MOST_ROUNDS);
	printf("round %d: counted %d of %d\n", round, counter, 2 * TIMES);
	puts(counter < 2 * TIMES ? "updates were lost" : "nothing was lost");
	return 0;
}

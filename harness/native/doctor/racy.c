/*
 * racy: two threads count without a lock. `make doctor` runs it to see that
 * ThreadSanitizer starts on this machine and finds a race.
 */
#include <pthread.h>

static int counter; /* shared, and on purpose guarded by nothing */

static void *
count(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		counter++;
	return NULL;
}

int
main(void)
{
	pthread_t one, two;

	if (pthread_create(&one, NULL, count, NULL) != 0)
		return 2;
	if (pthread_create(&two, NULL, count, NULL) != 0)
		return 2;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	return 0;
}

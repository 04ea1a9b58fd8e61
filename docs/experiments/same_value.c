/*
 * same_value - both threads write the same value: a data race all the same,
 * as ThreadSanitizer says
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>

static int found;

static void *
find(void *unused)
{
	found = 1; /* the bug: by both, with nothing to order them */
	return unused;
}

int
main(void)
{
	pthread_t one, two;

	if (pthread_create(&one, NULL, find, NULL) != 0 ||
	    pthread_create(&two, NULL, find, NULL) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf("found: %d\n", found);
	return 0;
}

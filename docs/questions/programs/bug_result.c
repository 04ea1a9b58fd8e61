/* Adds up 1 to 100 in a thread. One line of it is wrong. */

#include <pthread.h>
#include <stdio.h>

/* The thread: argument is the last number. */
static void *
add_up(void *argument)
{
	const int *last = argument;
	long sum = 0;

	for (int i = 1; i <= *last; i++)
		sum += i;
	return &sum;
}

int
main(void)
{
	int last = 100;
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, add_up, &last) != 0)
		return 1;
	if (pthread_join(thread, &result) != 0)
		return 1;
	printf("%ld\n", *(long *)result);
	return 0;
}

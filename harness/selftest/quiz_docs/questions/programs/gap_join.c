/* Waits for a thread before it prints what the thread wrote. */
#include <pthread.h>
#include <stdio.h>

static int number;

static void *
run(void *unused)
{
	number = 7;
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	/* GAP */
	printf("%d\n", number);
	return 0;
}

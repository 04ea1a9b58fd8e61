/*
 * A thread sees a variable of main, and main what the thread wrote, once it
 * has been joined.
 */
#include <pthread.h>
#include <stdio.h>

static int number = 1;

static void *
run(void *unused)
{
	number = 2;
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	pthread_join(thread, NULL);
	printf("number is %d\n", number);
	printf("bye\n");
	return 0;
}

/* Starts a thread. One line of it is wrong. */

#include <err.h>
#include <pthread.h>
#include <stdio.h>

/* The thread. */
static void *
work(void *argument)
{
	printf("%s\n", (const char *)argument);
	return NULL;
}

/* Starts a thread that prints text, and waits for it; 0, or -1. */
static int
print_in_thread(char *text)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, text) < 0) {
		warnx("no thread");
		return -1;
	}
	if (pthread_join(thread, NULL) != 0)
		return -1;
	return 0;
}

int
main(void)
{
	char text[] = "from another thread";

	return print_in_thread(text) < 0;
}

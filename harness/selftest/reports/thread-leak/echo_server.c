/* Threads that nobody joins or detaches. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *
serve_client(void *arg)
{
	(void)arg;
	return NULL;
}

static void
start_client(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve_client, NULL) != 0)
		abort();
}

int
main(void)
{
	for (int i = 0; i < 5; i++)
		start_client();
	usleep(50000);
	return 0;
}

/* Bug: a thread is joined by who sees it end, and once more at the stop. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static void *
serve_client(void *argument)
{
	return argument;
}

static void
client_leave(pthread_t thread)
{
	pthread_join(thread, NULL);
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve_client, NULL) != 0)
		return 1;
	client_leave(thread);
	client_leave(thread);
	return 0;
}

/* Bug: a thread that was detached is joined. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static void *
serve_client(void *argument)
{
	return argument;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve_client, NULL) != 0)
		return 1;
	pthread_detach(thread);
	pthread_join(thread, NULL);
	return 0;
}

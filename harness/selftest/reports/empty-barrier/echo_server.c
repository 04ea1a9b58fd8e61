/* Bug: a barrier for nobody, whose making has failed, is waited at. */
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
	pthread_barrier_t all;
	pthread_t thread;

	pthread_barrier_init(&all, NULL, 0);
	if (pthread_create(&thread, NULL, serve_client, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	pthread_barrier_wait(&all);
	return 0;
}

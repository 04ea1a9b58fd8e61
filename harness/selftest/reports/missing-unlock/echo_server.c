/* A thread that returns on an error with the lock still held. */
#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int served;

static void *
serve_client(void *arg)
{
	pthread_mutex_lock(&lock);
	if (arg == NULL)
		return NULL;
	served++;
	pthread_mutex_unlock(&lock);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, serve_client, NULL);
	pthread_join(thread, NULL);
	return 0;
}

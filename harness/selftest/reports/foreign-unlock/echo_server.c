/* A lock that one thread takes and another releases. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *
serve_client(void *arg)
{
	(void)arg;
	usleep(1000);
	pthread_mutex_unlock(&lock);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	pthread_create(&thread, NULL, serve_client, NULL);
	pthread_join(thread, NULL);
	return 0;
}

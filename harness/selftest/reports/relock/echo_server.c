/* A lock made with pthread_mutex_init and taken twice. */
#include <pthread.h>

static pthread_mutex_t lock;

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	pthread_mutex_lock(&lock);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_mutex_init(&lock, NULL);
	pthread_create(&thread, NULL, serve_client, NULL);
	pthread_join(thread, NULL);
	return 0;
}

/* main destroys the lock while a client still uses it. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock;

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	usleep(100000);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_mutex_init(&lock, NULL);
	pthread_create(&thread, NULL, serve_client, NULL);
	usleep(50000);
	pthread_mutex_destroy(&lock);
	pthread_join(thread, NULL);
	return 0;
}

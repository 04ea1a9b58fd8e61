/* A thread publishes the address of its own thread-local buffer. */
#include <pthread.h>
#include <unistd.h>

static _Thread_local int received;
static int *last;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	last = &received;
	pthread_mutex_unlock(&lock);
	usleep(50000);
	received++;
	usleep(100000);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, serve_client, NULL);
	usleep(20000);
	pthread_mutex_lock(&lock);
	*last = 0;
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}

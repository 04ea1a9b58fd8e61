/* A condition signalled without its lock: correct here, if unusual. */
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool ready;

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	ready = true;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&changed);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	pthread_create(&thread, NULL, serve_client, NULL);
	while (!ready)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}

/* A function that takes the lock which its caller holds. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int clients;

static int
count_clients(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = clients;
	pthread_mutex_unlock(&lock);
	return n;
}

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	clients++;
	if (count_clients() > 10)
		clients--;
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

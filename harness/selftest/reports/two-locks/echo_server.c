/* One variable, two locks: each thread holds another one. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t in_lock;
static pthread_mutex_t out_lock;
static long bytes;

static void *
receive(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&in_lock);
	bytes++;
	pthread_mutex_unlock(&in_lock);
	usleep(20000);
	return NULL;
}

static void *
send_back(void *arg)
{
	(void)arg;
	usleep(10000);
	pthread_mutex_lock(&out_lock);
	bytes++;
	pthread_mutex_unlock(&out_lock);
	return NULL;
}

int
main(void)
{
	pthread_t in, out;

	pthread_mutex_init(&in_lock, NULL);
	pthread_mutex_init(&out_lock, NULL);
	pthread_create(&in, NULL, receive, NULL);
	pthread_create(&out, NULL, send_back, NULL);
	pthread_join(in, NULL);
	pthread_join(out, NULL);
	return 0;
}

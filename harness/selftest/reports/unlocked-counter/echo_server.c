/* A counter that is locked when a client comes, not when it leaves. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int clients;	/* guarded by lock */

static void *
serve_client(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	clients++;
	pthread_mutex_unlock(&lock);
	usleep(20000);
	clients--;
	return NULL;
}

int
main(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, serve_client, NULL);
		usleep(5000);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("%d clients\n", clients);
	return 0;
}

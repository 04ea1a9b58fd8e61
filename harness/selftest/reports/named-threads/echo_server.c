/* Two threads with names of their own share a static buffer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static const char *
peer_name(int fd)
{
	static char name[32];

	snprintf(name, sizeof(name), "client %d", fd);
	return name;
}

static void *
serve_client(void *arg)
{
	int fd = (int)(long)arg;

	pthread_setname_np(pthread_self(), "client thread");
	usleep(10000 * (unsigned)fd);
	puts(peer_name(fd));
	return NULL;
}

static void *
start_clients(void *arg)
{
	pthread_t threads[2];

	(void)arg;
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, serve_client, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, start_clients, NULL);
	pthread_join(thread, NULL);
	return 0;
}

/* A thread that works with a variable of a function that has returned. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_t thread;

static void *
serve_client(void *arg)
{
	usleep(50000);
	printf("client %d\n", *(int *)arg);
	return NULL;
}

static void
start_client(int fd)
{
	int connfd = fd;

	pthread_create(&thread, NULL, serve_client, &connfd);
}

int
main(void)
{
	start_client(5);
	pthread_join(thread, NULL);
	return 0;
}

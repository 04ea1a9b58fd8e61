/* Every thread gets a pointer to the same variable of main. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *
serve_client(void *arg)
{
	int fd = *(int *)arg;

	printf("client %d\n", fd);
	return NULL;
}

static int
next_client(void)
{
	static int fd = 3;

	usleep(2000);
	return fd++;
}

int
main(void)
{
	pthread_t threads[4];
	int connfd;

	for (int i = 0; i < 4; i++) {
		connfd = next_client();
		pthread_create(&threads[i], NULL, serve_client, &connfd);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

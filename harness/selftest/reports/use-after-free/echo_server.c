/* The thread frees its client; main looks at it once more. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct client {
	int fd;
	int bytes;
};

static void *
serve_client(void *arg)
{
	struct client *c = arg;

	c->bytes += 10;
	free(c);
	return NULL;
}

int
main(void)
{
	struct client *c = malloc(sizeof(*c));
	pthread_t thread;

	if (c == NULL)
		return 1;
	c->fd = 5;
	c->bytes = 0;
	pthread_create(&thread, NULL, serve_client, c);
	pthread_join(thread, NULL);
	printf("%d bytes\n", c->bytes);
	return 0;
}

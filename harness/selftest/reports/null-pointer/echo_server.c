/* A pointer that nobody set. */
#include <pthread.h>
#include <stddef.h>

struct client {
	int fd;
	int bytes;
};

static void *
serve_client(void *arg)
{
	struct client *c = arg;

	c->bytes = 1;
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

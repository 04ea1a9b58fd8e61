/* One thread frees a record that another has just written. */
#include <pthread.h>
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
	usleep(100000);
	return NULL;
}

int
main(void)
{
	struct client *c = calloc(1, sizeof(*c));
	pthread_t thread;

	if (c == NULL)
		return 1;
	pthread_create(&thread, NULL, serve_client, c);
	usleep(50000);
	free(c);
	pthread_join(thread, NULL);
	return 0;
}

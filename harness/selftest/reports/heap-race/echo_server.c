/* A client's record on the heap that two threads write. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct client {
	int fd;
	int closing;
	char name[32];
};

static struct client *
client_new(int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->fd = fd;
	return c;
}

static void *
serve_client(void *arg)
{
	struct client *c = arg;

	usleep(10000);
	memcpy(c->name, "guest", 6);
	while (!c->closing)
		usleep(1000);
	return NULL;
}

int
main(void)
{
	struct client *c = client_new(5);
	pthread_t thread;

	pthread_create(&thread, NULL, serve_client, c);
	usleep(50000);
	strcpy(c->name, "nobody");
	c->closing = 1;
	pthread_join(thread, NULL);
	free(c);
	return 0;
}

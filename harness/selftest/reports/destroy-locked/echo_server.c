/* A lock that is destroyed while it is held. */
#include <pthread.h>
#include <stdlib.h>

struct client {
	pthread_mutex_t lock;
	int fd;
};

static void
client_free(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int
main(void)
{
	struct client *c = malloc(sizeof(*c));

	if (c == NULL)
		return 1;
	pthread_mutex_init(&c->lock, NULL);
	client_free(c);
	return 0;
}
